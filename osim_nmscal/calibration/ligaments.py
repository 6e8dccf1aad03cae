"""Ligaments and capsule in a calibration: what they add to the muscles' moments, as stated or with free moments.

A double exponential about each degree of freedom (nms/passive_joint_moment.py), fixed in its angles and widths. Its moments at both ends
of a range may be free: a block of the parameter space, whose owners are joint ends where those of other blocks are muscles. What they
add does not depend on muscles and is linear in what is free, so that its derivative is itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from osim_nmscal.calibration.ligament_settings import LigamentSettings
from osim_nmscal.calibration.parameter_kinds import LOGARITHMIC, ParameterKind
from osim_nmscal.calibration.parameter_space import ParameterBlock, ParameterSpace
from osim_nmscal.calibration.stacking import StackedTrials
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, starting_ligaments
from osim_nmscal.data.trials import Trial
from osim_nmscal.errors import CalibrationError, listed
from osim_nmscal.nms.passive_joint_moment import joint_moment_parameters, moment_by_end

FloatArray = NDArray[np.float64]

# An end that gives less than this in every counted sample is not looked for, N·m. Source: choice, a hundredth of what anybody measures.
_LEAST_SEEN = 0.02

LIGAMENT_MOMENT = ParameterKind(
    name="ligament_moment",
    unit="N·m",
    description="Moment of ligaments and capsule at one end of a joint's range.",
    source="choice: three standard deviations",
    lower=0.1,
    upper=10.0,
    bounds="relative",
    start=1.0,
    transform=LOGARITHMIC,
    enters="",
)


def with_ligaments(space: ParameterSpace, trials: Sequence[Trial], settings: LigamentSettings) -> ParameterSpace:
    """Return a parameter space whose model has ligaments, with their moments behind the muscles' parameters where they are free.

    Args:
        space: of the muscles.
        trials: all that calibrate.
        settings: which ligaments.

    Raises:
        CalibrationError: a trial has no joint angles.
    """
    if settings.moments == "none":
        return space
    stated = stated_ligaments(trials, settings)
    ends = _ends(stated)
    column = np.full(len(ends), -1)
    if settings.moments == "free":
        seen = _largest(stated, trials)[ends] >= _LEAST_SEEN
        column[seen] = space.size + np.arange(seen.sum())
    full = torch.ones(len(ends), dtype=torch.float64)
    width = settings.moment_width * full
    block = ParameterBlock(
        kind=LIGAMENT_MOMENT,
        owners=tuple(f"{stated.dofs[end % len(stated.dofs)]} {'lower' if end < len(stated.dofs) else 'upper'} end" for end in ends),
        owner_of_muscle=torch.arange(len(ends)),
        reference=torch.from_numpy(_moments(stated)[ends]),
        start=full,
        lower=LIGAMENT_MOMENT.lower * full,
        upper=LIGAMENT_MOMENT.upper * full,
        prior_width=width,
        column=torch.from_numpy(column),
        assumed=torch.zeros(len(ends), dtype=torch.bool),
        believed_width=width,
    )
    return ParameterSpace([*space.blocks.values(), block], space.base, space.time_step, known=space.known, ligaments=stated)


def stated_ligaments(trials: Sequence[Trial], settings: LigamentSettings) -> PassiveJointMoment:
    """Return the ligaments that a calibration starts from, of the trials' degrees of freedom.

    Args:
        trials: all that calibrate.
        settings: published ones, or free ones, which start with their share of what a relaxed joint resists.

    Raises:
        CalibrationError: a trial has no joint angles, or nothing is known of any of its joints.
    """
    require_angles(trials)
    dofs = trials[0].dofs
    knees = [i for i, dof in enumerate(dofs) if "knee" in dof]
    stated = starting_ligaments(dofs, settings.moments, knee_sign=-1.0 if knees and _flexes_negatively(trials, knees[0]) else 1.0)
    if not _moments(stated).any():
        raise CalibrationError(
            f"Nothing is known of the ligaments of {listed(dofs)}, as no table has a coordinate of that name; set [calibration.ligaments] "
            "moments = 'none'."
        )
    return stated


def calibrated_ligaments(space: ParameterSpace, z: Tensor) -> PassiveJointMoment | None:
    """Return the ligaments at z; None where the model has none."""
    if space.ligaments is None:
        return None
    stated = space.ligaments
    moments = _moments(stated)
    moments[_ends(stated)] *= space.internal(z, LIGAMENT_MOMENT.name).numpy()
    low, high = np.split(moments, 2)
    return replace(stated, low_moment=low, high_moment=high)


def beside_muscles(space: ParameterSpace) -> tuple[str, ...]:
    """Say in a sentence that muscles were calibrated beside ligaments, if they were."""
    if space.ligaments is None:
        return ()
    return (
        "Muscles were calibrated beside moments of ligaments and capsule, which the written .osim does not have: the sidecar holds them, "
        "each with the expression of an ExpressionBasedCoordinateForce that adds it to the model.",
    )


def require_angles(trials: Iterable[Trial]) -> None:
    """Refuse trials without joint angles.

    Raises:
        CalibrationError: names the trial.
    """
    for trial in trials:
        if trial.joint_angle is None:
            raise CalibrationError(
                f"Trial {trial.name!r} has no joint angles, on which the moments of ligaments depend; give joint_angle (time, dof), or its "
                "recording markers or joint_angles, or set [calibration.ligaments] moments = 'none'."
            )


class LigamentMoments:
    """What the ligaments of a parameter space add in some trials."""

    def __init__(self, space: ParameterSpace, stated: PassiveJointMoment, angle: Tensor) -> None:
        """Work out what every end gives.

        Args:
            space: whose block of ligaments says what is free; a space without one has them as stated.
            stated: the ligaments at the start, of the trials' degrees of freedom.
            angle: (time, trial, dof), rad.
        """
        by_end = moment_by_end(angle, joint_moment_parameters(stated)).flatten(-2)
        ends, self._dofs = _ends(stated), angle.shape[-1]
        self._block = space.blocks.get(LIGAMENT_MOMENT.name)
        self._dof = torch.from_numpy(ends % self._dofs)  # (end,)
        self._by_end = by_end[..., ends]  # (time, trial, end), N·m at the start

    @classmethod
    def of(cls, space: ParameterSpace, trials: StackedTrials) -> "LigamentMoments | None":
        """Return the ligaments of a space in trials; None where it has none.

        Raises:
            CalibrationError: a trial has no joint angles.
        """
        if space.ligaments is None:
            return None
        if trials.joint_angle is None:
            raise CalibrationError("Moments of ligaments need trials with joint angles; set [calibration.ligaments] moments = 'none'.")
        return cls(space, space.ligaments, trials.joint_angle)

    def moment(self, z: Tensor) -> Tensor:
        """Return the moments at z, (time, trial, dof), N·m."""
        return self._about_dofs(self._by_end if self._block is None else self._by_end * self._block.internal(z))

    def along(self, z: Tensor, column: int) -> Tensor:
        """Return the derivative of the moments by one entry of z, (time, trial, dof), N·m."""
        return self._about_dofs(self._slopes(z) * (self._columns() == column))

    def columns_about(self, dof: int) -> Tensor:
        """Return the positions in z of what is free about one degree of freedom."""
        columns = self._columns()
        return columns[(self._dof == dof) & (columns >= 0)]

    def add_rows(self, rows: Tensor, z: Tensor, counted: Tensor, weight: Tensor) -> None:
        """Add the derivatives of weighted moments of counted samples to a transposed Jacobian, in place.

        Args:
            rows: (parameter, counted * dof).
            z: where.
            counted: (time, trial), bool.
            weight: of each moment, (counted, dof).
        """
        slopes, columns = self._slopes(z)[counted], self._columns()  # (counted, end)
        by_dof = rows.view(len(rows), len(weight), self._dofs)
        for end in (columns >= 0).nonzero().squeeze(-1).tolist():
            dof = self._dof[end]
            by_dof[columns[end], :, dof] += slopes[:, end] * weight[:, dof]

    def _slopes(self, z: Tensor) -> Tensor:
        """Return d moment of each end / dz, (time, trial, end)."""
        return torch.zeros_like(self._by_end) if self._block is None else self._by_end * self._block.slope(z)

    def _columns(self) -> Tensor:
        """Return the position of each end in z, -1 if fixed, (end,)."""
        return torch.full_like(self._dof, -1) if self._block is None else self._block.column

    def _about_dofs(self, by_end: Tensor) -> Tensor:
        return by_end.new_zeros((*by_end.shape[:-1], self._dofs)).index_add_(-1, self._dof, by_end)


def _moments(stated: PassiveJointMoment) -> FloatArray:
    """Return the moments at all ends, lower ones first, (2 * dof,), N·m."""
    return np.concatenate([stated.low_moment, stated.high_moment])


def _ends(stated: PassiveJointMoment) -> NDArray[np.intp]:
    """Return the ends that have a moment, as positions among all."""
    return np.flatnonzero(_moments(stated) > 0.0)


def _counted_angles(trial: Trial) -> FloatArray:
    require_angles([trial])
    return np.asarray(trial.joint_angle)[trial.first_counted :]


def _flexes_negatively(trials: Sequence[Trial], knee: int) -> bool:
    """Tell whether a knee bends with negative angles, as that of gait2392: they are those that go farther."""
    angles = np.concatenate([_counted_angles(trial)[:, knee] for trial in trials])
    return bool(-angles.min() > angles.max())


def _largest(stated: PassiveJointMoment, trials: Sequence[Trial]) -> FloatArray:
    """Return the largest moment of every end over the counted samples in which it was measured, (2 * dof,), N·m."""
    parameters, found = joint_moment_parameters(stated), []
    for trial in trials:
        moments = moment_by_end(torch.from_numpy(_counted_angles(trial)), parameters).abs().amax(dim=0)
        found.append((moments * torch.from_numpy(trial.is_measured)).flatten().numpy())
    return np.max(found, axis=0)
