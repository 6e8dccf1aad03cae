"""What every calibration hands on, whichever method found it: rows of parameters, muscles, activation dynamics, findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.calibration.identifiability import IDENTIFIABLE_BELOW, Posterior, unclear_pairs
from osim_nmscal.calibration.ligaments import beside_muscles, calibrated_ligaments
from osim_nmscal.calibration.optimizers import Minimum
from osim_nmscal.calibration.parameter_space import ParameterBlock, ParameterSpace, calibrated_muscles, neural_parameters
from osim_nmscal.calibration.prior import Prior
from osim_nmscal.calibration.subsets import Subset
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult, SynergyResult
from osim_nmscal.errors import CalibrationError

# A parameter this close to a bound, in ranges, is reported as lying on it.
_AT_BOUND = 1e-4


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Where a calibration of the muscles of a table ended."""

    method: Literal["emg_driven", "synergy_hybrid"]
    optimizer: str
    table: MuscleTable  # starting values
    space: ParameterSpace
    z: Tensor  # (parameter,), of the muscles alone
    time_step: float  # s
    minimum: Minimum
    loss: float
    loss_initial: float
    evaluations: int
    posterior: Posterior
    prior: Prior
    seconds: float
    findings: tuple[str, ...]
    synergy: SynergyResult | None = None
    subsets: tuple[Subset, ...] = ()  # calibrations without some of the trials

    def result(self) -> CalibrationResult:
        """Return it as users see it.

        Raises:
            CalibrationError: a user's own optimiser recorded no iteration.
        """
        if not self.minimum.history:
            raise CalibrationError(f"The optimiser {self.optimizer!r} returned an empty history; record at least its start (see Journal).")
        space, z = self.space, self.z
        return CalibrationResult(
            method=self.method,
            optimizer=self.optimizer,
            status=self.minimum.status,
            sentence=self.minimum.sentence,
            seconds=self.seconds,
            iterations=self.minimum.iterations,
            evaluations=self.evaluations,
            loss_initial=self.loss_initial,
            loss_final=self.loss,
            start_muscles=self.table,
            muscles=calibrated_muscles(self.table, space, z),
            strength_coefficient=space.muscle_values(z, "strength_coefficient").numpy(),
            start_neural=neural_parameters(space, space.start(), self.time_step),
            neural=neural_parameters(space, z, self.time_step),
            parameters=Rows(parameter_rows(space, z, self.posterior, self.subsets)),
            history=Rows(self.minimum.history),
            findings=(
                *self.findings,
                *nuisance_sentences(space, z),
                *beside_muscles(space),
                *unclear_pairs(self.posterior, parameter_labels(space)),
            ),
            synergy=self.synergy,
            working_points=Rows(working_point_rows(self.table, self.prior, z, self.posterior, self.subsets)),
            correlation=parameter_correlation(space, self.posterior),
            starts=self.minimum.starts,
            start_ligaments=space.ligaments,
            ligaments=calibrated_ligaments(space, z),
        )


def nuisance_sentences(space: ParameterSpace, z: Tensor) -> tuple[str, ...]:
    """Say what the fit allowed for that no prediction has."""
    sentences = []
    for block in space.free_blocks:
        if block.kind.nuisance:
            share = 100.0 * (block.internal(z)[block.column >= 0] - 1.0)
            sentences.append(
                f"The fit let {block.name} differ from the model's by {float(share.min()):+.0f} to {float(share.max()):+.0f} %; it is "
                "reported, and no prediction and no written model has it: there moment arms are the model's own."
            )
    return tuple(sentences)


def parameter_labels(space: ParameterSpace) -> list[str]:
    """Return `owner parameter` for each entry of z."""
    labels = [""] * space.size
    for block in space.free_blocks:
        for owner, column in zip(block.owners, block.column.tolist(), strict=True):
            if column >= 0:
                labels[column] = f"{owner} {block.name}"
    return labels


def parameter_rows(
    space: ParameterSpace, z: Tensor, posterior: Posterior, subsets: Sequence[Subset] = ()
) -> tuple[CalibratedParameter, ...]:
    """Return one row per owner of every free kind of parameter, in units of the .osim.

    Args:
        space: the parameters.
        z: (parameter,), calibrated.
        posterior: their expected error.
        subsets: calibrations without some of the trials.
    """
    rows: list[CalibratedParameter] = []
    for block in space.free_blocks:
        rows.extend(_block_rows(space, block, z, posterior, subsets))
    return tuple(rows)


def working_point_rows(
    table: MuscleTable, prior: Prior, z: Tensor, posterior: Posterior, subsets: Sequence[Subset] = ()
) -> tuple[CalibratedParameter, ...]:
    """Return one row per muscle whose working point the prior looks at, in optimal fiber lengths; arguments as of `parameter_rows`."""
    if prior.points is None:
        return ()
    point = prior.working_points(z)
    without = [prior.working_points(subset.z) for subset in subsets]
    rows = prior.working_point_rows(z)
    error = torch.einsum("mp,pq,mq->m", rows, posterior.covariance, rows).clamp_min(0.0).sqrt()
    deviations = [torch.einsum("mp,pq,mq->m", rows, subset.variance, rows).clamp_min(1e-300).sqrt() for subset in subsets]
    moving = rows.any(dim=1)
    return tuple(
        CalibratedParameter(
            owner=name,
            name="working_point",
            unit="optimal fiber lengths",
            start=float(prior.points.start[i]),
            calibrated=float(point[i]),
            lower=0.0,
            upper=np.inf,
            at_bound="" if bool(moving[i]) else "fixed",
            standard_error=float(error[i]),
            identifiable=bool(moving[i]) and float(error[i]) < IDENTIFIABLE_BELOW * float(prior.points.width[i]),
            prior_deviation=float(prior.points.width[i]),
            **_apart(
                [
                    (subset.left_out, float(other[i]), float(other[i] - point[i]) / float(deviation[i]))
                    for subset, other, deviation in zip(subsets, without, deviations, strict=True)
                    if moving[i]
                ]
            ),
        )
        for i, name in enumerate(table.names)
    )


def parameter_correlation(space: ParameterSpace, posterior: Posterior) -> np.ndarray:
    """Return how the errors of the parameters go together, (parameter, parameter) in the order of `parameter_rows`; nan where fixed."""
    columns = np.concatenate([np.asarray(block.column) for block in space.free_blocks])
    whole = posterior.correlation().numpy()[np.ix_(columns, columns)]  # column -1 stands for an owner that is held fixed
    moving = columns >= 0
    found: np.ndarray = np.where(moving[:, None] & moving[None, :], whole, np.nan)
    return found


def _apart(without: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    """Return the fields of the trials without which a value moves most.

    Args:
        without: what was left out, the value then, and how far it moved in standard errors, each.
    """
    if not without:
        return {}
    label, value, distance = max(without, key=lambda one: abs(one[2]))
    return {"disagreement": abs(distance), "left_out": label, "calibrated_without": value}


def _block_rows(
    space: ParameterSpace, block: ParameterBlock, z: Tensor, posterior: Posterior, subsets: Sequence[Subset]
) -> list[CalibratedParameter]:
    # as lists: an entry of a tensor costs more to read than all of a list to make
    columns, units = block.column.tolist(), block.owner_reference().tolist()
    start, lower, upper = block.start.tolist(), block.lower.tolist(), block.upper.tolist()
    internal, slope = space.internal(z, block.name).tolist(), block.slope(z).tolist()
    places, error = z.tolist(), posterior.standard_error.tolist()
    identifiable, believed = posterior.identifiable.tolist(), posterior.prior_width.tolist()
    absolute = float(block.reference.max()) == 1.0
    assumed = block.assumed.tolist()
    others = [
        (one.left_out, space.internal(one.z, block.name).tolist(), ((one.z - z) / one.variance.diagonal().sqrt()).tolist())
        for one in subsets
    ]
    rows = []
    for i, (owner, column, unit) in enumerate(zip(block.owners, columns, units, strict=True)):
        place = places[column] if column >= 0 else np.nan
        bound = "fixed" if column < 0 else "lower" if place <= _AT_BOUND else "upper" if place >= 1.0 - _AT_BOUND else ""
        rows.append(
            CalibratedParameter(
                owner=owner,
                name=block.name,
                unit=block.kind.unit if unit != 1.0 or absolute else "of start",
                start=start[i] * unit,
                calibrated=internal[i] * unit,
                lower=lower[i] * unit,
                upper=upper[i] * unit,
                at_bound=bound,  # type: ignore[arg-type]
                standard_error=error[column] * slope[i] * unit if column >= 0 else 0.0,
                identifiable=identifiable[column] if column >= 0 else False,
                prior_deviation=believed[column] * slope[i] * unit if column >= 0 else 0.0,
                **_apart([(label, value[i] * unit, far[column]) for label, value, far in others if column >= 0 and not assumed[i]]),
            )
        )
    return rows
