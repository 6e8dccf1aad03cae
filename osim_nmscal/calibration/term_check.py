"""Whether a user's loss term is what it declares: its residuals' shape, what they depend on, and that torch can differentiate it.

Each term is tried once, by central differences of its function: muscles that a subset leaves out must not change, nor
other DOFs, nor other trials; what does change must do so as forward-mode differentiation says.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from osim_nmscal.calibration.losses import MOVING_SIGNALS, MUSCLE_SIGNALS, Term, TermInputs
from osim_nmscal.errors import CalibrationError

# Signals are first moved by this part of their size, so that no sample lies on a kink (a tendon strain of exactly 0).
_OFF_KINKS = 1e-3
# Step of the differences, in sizes of the signals; what they may differ by, relative to the largest.
_STEP = 1e-6
_TOLERANCE = 1e-4
# One-sided differences that disagree by more than this part have a kink between them and prove nothing.
_KINK = 1e-3


@dataclass(frozen=True)
class _Trial:
    """A term at one place, ready to be moved."""

    term: Term
    at: TermInputs
    size: dict[str, float]
    generator: torch.Generator

    def change(self, fields: Sequence[str], chosen: Tensor | None = None, trial: int | None = None) -> TermInputs:
        """Draw a change of some fields, of chosen entries of the last axis, of one trial."""
        drawn: dict[str, Any] = {}
        for field in MOVING_SIGNALS:
            signal = getattr(self.at, field)
            drawn[field] = torch.zeros_like(signal)
            if field in fields:
                noise = self.size[field] * torch.randn(signal.shape, generator=self.generator, dtype=signal.dtype)
                if chosen is not None:
                    noise = noise * chosen
                if trial is not None:
                    noise = noise * (torch.arange(signal.shape[1]) == trial)[:, None]
                drawn[field] = noise
        return replace(self.at, **drawn)

    def differences(self, change: TermInputs) -> tuple[Tensor, Tensor]:
        """Return central differences of the residuals along a change, and where they are smooth."""
        ahead, here, behind = (self.term.residual(_moved(self.at, change, step)) for step in (_STEP, 0.0, -_STEP))
        forward, backward = (ahead - here) / _STEP, (here - behind) / _STEP
        smooth = (forward - backward).abs() <= _KINK * (forward.abs() + backward.abs()) + _TOLERANCE * forward.abs().max()
        return 0.5 * (forward + backward), smooth


def require_declared_axis(term: Term, outputs: TermInputs, *, trials_apart: bool = False) -> None:
    """Refuse a term whose residuals are not what it declares.

    Args:
        term: the user's.
        outputs: of the model at the start.
        trials_apart: whether residuals of one trial must not depend on another trial.

    Raises:
        CalibrationError: a wrong shape, a dependence that is not declared, or a derivative that torch does not know.
    """
    muscles, dofs = outputs.muscles, outputs.dofs
    generator = torch.Generator().manual_seed(0)
    size = {field: float(getattr(outputs, field).square().mean().sqrt()) + 1e-12 for field in MOVING_SIGNALS}
    place = _Trial(term, outputs, size, generator)
    place = _Trial(term, _moved(outputs, place.change(MOVING_SIGNALS), _OFF_KINKS), size, generator)
    _require_shape(term, place.at, len(muscles), len(dofs))
    _require_derivative(place)
    if term.axis == "muscle":
        for chosen in _subsets(len(muscles)):
            _require_still(place, place.change(MUSCLE_SIGNALS, chosen), ~chosen, muscles, "the signals of other muscles")
        everyone = torch.ones(len(muscles), dtype=torch.bool)
        _require_still(place, place.change(("joint_moment",)), everyone, muscles, "the joint moments")
    elif term.axis == "dof":
        everyone = torch.ones(len(dofs), dtype=torch.bool)
        _require_still(place, place.change(MUSCLE_SIGNALS), everyone, dofs, "the signals of muscles")
        for i in range(len(dofs)):
            chosen = torch.arange(len(dofs)) == i
            change = place.change(("joint_moment",), chosen)
            _require_still(place, change, ~chosen, dofs, "the joint moments of other DOFs")
            _require_sample_by_sample(place, change, dofs[i])
    if trials_apart and outputs.activation.shape[1] > 1:
        moved, _ = place.differences(place.change(MOVING_SIGNALS, trial=0))
        if bool((moved[:, 1:].abs() > _TOLERANCE * moved.abs().max()).any()):
            raise CalibrationError(
                f"Loss term {term.name!r}: its residuals in one trial change with another trial; in a synergy-hybrid calibration each "
                "may depend on its own trial alone."
            )


def _moved(at: TermInputs, change: TermInputs, step: float) -> TermInputs:
    moved: dict[str, Any] = {field: getattr(at, field) + step * getattr(change, field) for field in MOVING_SIGNALS}
    return replace(at, **moved)


def _subsets(count: int) -> Iterator[Tensor]:
    """Yield subsets of muscles, (muscle,) bool, so that of any two one is in some subset without the other."""
    index = torch.arange(count)
    for bit in range(max(1, math.ceil(math.log2(max(count, 2))))):
        chosen = (index >> bit) % 2 == 1
        yield chosen
        yield ~chosen


def _require_shape(term: Term, at: TermInputs, muscles: int, dofs: int) -> None:
    shape = tuple(term.residual(at).shape)
    head = tuple(at.activation.shape[:2])
    expected = {"muscle": (*head, muscles), "dof": (*head, dofs), "coupled": (*head, shape[-1] if shape else 0)}[term.axis]
    if shape != expected or len(shape) != len(head) + 1:
        last = {"muscle": f"{muscles} muscles", "dof": f"{dofs} DOFs", "coupled": "any number"}[term.axis]
        raise CalibrationError(
            f"Loss term {term.name!r} (axis = {term.axis!r}) returns residuals of shape {shape}, expected (time, trial, {last}) = "
            f"{(*head, '...') if term.axis == 'coupled' else expected}; change the function or the axis."
        )


def _require_derivative(place: _Trial) -> None:
    change = place.change(MOVING_SIGNALS)
    found, smooth = place.differences(change)
    try:
        expected = place.term.along(place.at, change)
    except RuntimeError as error:
        raise CalibrationError(
            f"Loss term {place.term.name!r} cannot be differentiated by torch ({error}); write its function in torch operations."
        ) from error
    wrong = smooth & ~((expected - found).abs() <= _TOLERANCE * torch.maximum(found.abs().max(), expected.abs().max()))
    if bool(wrong.any()):
        raise CalibrationError(
            f"Loss term {place.term.name!r}: its derivative by torch is {float(expected[wrong][0]):.4g} where finite differences give "
            f"{float(found[wrong][0]):.4g}; write its function in torch operations, without detach, item or in-place changes."
        )


def _require_still(place: _Trial, change: TermInputs, still: Tensor, names: Sequence[str], of_what: str) -> None:
    moved, _ = place.differences(change)
    scale = max(float(moved.abs().max()), float(place.term.residual(place.at).abs().max()))
    loose = (moved.abs() > _TOLERANCE * scale).flatten(0, 1).any(dim=0) & still
    if bool(loose.any()):
        raise CalibrationError(
            f"Loss term {place.term.name!r} is declared with axis = {place.term.axis!r}, but its residual of "
            f"{names[int(loose.nonzero()[0])]!r} changes with {of_what}; declare axis = 'coupled'."
        )


def _require_sample_by_sample(place: _Trial, change: TermInputs, dof: str) -> None:
    found, smooth = place.differences(change)
    expected = place.term.moment_derivative(place.at) * change.joint_moment
    wrong = smooth & ((expected - found).abs() > _TOLERANCE * found.abs().max())
    if bool(wrong.any()):
        raise CalibrationError(
            f"Loss term {place.term.name!r} is declared with axis = 'dof', but its residual of {dof!r} changes with the moment of other "
            "samples; declare axis = 'coupled'."
        )
