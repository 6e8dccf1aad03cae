"""How well OpenSim's own run of a model agrees with what calibration predicted of it, in numbers that mean the same in every trial.

An error of a joint moment is told as a share of the range which inverse dynamics gives this degree of freedom over ALL trials: within
one trial the moment may hardly change, and half a N·m would read as 20 %. A range that is small against those of the other degrees of
freedom, or against the person, is replaced by a floor, for the same reason.
The muscle named with a degree of freedom is the one whose force error moves this moment most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.results import VerificationMetrics
from osim_nmscal.errors import SignalError

FloatArray = NDArray[np.float64]

# A range is at least this share of the largest one. Source: choice; inverse dynamics errs at every joint by what forces and
# markers have in them, not by a share of this joint's moment.
LEAST_SHARE = 0.1
# And at least this, N·m per kg of body mass. Source: choice; 7 N·m for an adult, of which 5 % are 0.4 N·m.
LEAST_PER_MASS = 0.1


@dataclass(frozen=True, kw_only=True)
class ComparedTrial:
    """One trial's counted samples: run by OpenSim, and as predicted."""

    name: str
    dofs: tuple[str, ...]
    muscles: tuple[str, ...]
    moment: FloatArray  # (time, dof), N·m, of OpenSim's run
    predicted_moment: FloatArray  # (time, dof), N·m
    inverse_dynamics: FloatArray  # (time, dof), N·m
    force: FloatArray  # (time, muscle), N, tendon forces of OpenSim's run
    predicted_force: FloatArray  # (time, muscle), N
    max_isometric_force: FloatArray  # (muscle,), N
    moment_arm: FloatArray  # (time, dof, muscle), m, of OpenSim's run

    def __post_init__(self) -> None:
        count = (len(self.moment), len(self.dofs), len(self.muscles))
        expected = {
            "moment": count[:2],
            "predicted_moment": count[:2],
            "inverse_dynamics": count[:2],
            "force": count[::2],
            "predicted_force": count[::2],
            "max_isometric_force": count[2:],
            "moment_arm": count,
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise SignalError(f"{self.name}: {name} has shape {getattr(self, name).shape}, expected {shape}.")


def moment_ranges(inverse_dynamics: Sequence[Mapping[str, FloatArray]], mass: float) -> dict[str, float]:
    """Return what an error about each degree of freedom is a share of: its range over all trials, or the floor.

    Args:
        inverse_dynamics: for each trial, verified or not, the moment (time,) of each of its degrees of freedom, N·m.
        mass: of the person, kg.

    Returns:
        N·m per degree of freedom.
    """
    parts: dict[str, list[FloatArray]] = {}
    for moments in inverse_dynamics:
        for dof, moment in moments.items():
            parts.setdefault(dof, []).append(moment)
    ranges = {dof: float(np.ptp(np.concatenate(found))) for dof, found in parts.items()}
    floor = max(LEAST_PER_MASS * mass, LEAST_SHARE * max(ranges.values(), default=0.0))
    return {dof: max(found, floor) for dof, found in ranges.items()}


def verification_metrics(trials: Sequence[ComparedTrial], ranges: Mapping[str, float]) -> tuple[VerificationMetrics, ...]:
    """Compare OpenSim's runs with the predictions.

    Args:
        trials: the verified ones.
        ranges: of `moment_ranges`, N·m.

    Returns:
        One per trial and degree of freedom: RMS error of the moment, the same as a share of the range, R2 against inverse dynamics, and
        the muscle that errs most about this degree of freedom with the RMS error of its force as a share of its maximum.
    """
    return tuple(_metrics(trial, column, ranges[dof]) for trial in trials for column, dof in enumerate(trial.dofs))


def _metrics(trial: ComparedTrial, column: int, scale: float) -> VerificationMetrics:
    moment, target = trial.moment[:, column], trial.inverse_dynamics[:, column]
    rmse = _rms(moment - trial.predicted_moment[:, column])
    missed = trial.force - trial.predicted_force
    culprit = int(_rms(trial.moment_arm[:, column] * missed).argmax())
    if not trial.moment_arm[:, column, culprit].any():  # no force is off: a muscle that crosses it all the same
        culprit = int(_rms(trial.moment_arm[:, column]).argmax())
    spread = float(np.sum((target - target.mean()) ** 2))
    return VerificationMetrics(
        trial=trial.name,
        dof=trial.dofs[column],
        rmse=float(rmse),
        nrmse=float(rmse) / scale,
        r2_vs_inverse_dynamics=1.0 - float(np.sum((moment - target) ** 2)) / max(spread, 1e-12),
        largest_force_error=float(_rms(missed)[culprit] / trial.max_isometric_force[culprit]),
        muscle=trial.muscles[culprit],
    )


def _rms(values: FloatArray) -> FloatArray:
    """Root mean square over time."""
    found: FloatArray = np.sqrt(np.mean(values**2, axis=0))
    return found
