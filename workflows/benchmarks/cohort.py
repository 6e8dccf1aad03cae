"""Are calibrated parameters the person's? Errors and coverage over virtual people of a wide population, by recording protocol.

Run: python workflows/benchmarks/cohort.py [--people report] [--count 6] [--protocols gait dynamometer] [--cache results/cohort]
[--settings FILE.toml: its [calibration] table instead of the package's defaults, to try a prior on the tuning people]
Needs no data. The first run makes the people: about 20 CPU-seconds a base (OpenSim) and 15 to 25 a person, kept in the cache; a
calibration takes 3 to 10. `--seconds` bounds the CPU time: people that no longer fit are left out, and the table says how many it
is of.

People (cohort_people.py): fiber lengths SD 12 %, working points 0.08, strengths 0.27 (log), moment arms 7 %, tendon strain 3-7 %,
time constants 15-60 ms, other curves than the model's, EMG with crosstalk, gains that drift and MVCs that are none. Those for tuning
and those for reporting share neither bones nor instruments nor muscles.

Columns: mean squared error calibrated / scaled, over all people and owners (below 1: truer than scaling); mean error of the strengths
that the protocol tells, scaled -> calibrated; share of 95 % intervals that hold the truth, of all and of "identifiable" parameters;
held-out error of the joint moments of walking over their range. Time constants and
gains: errors are logarithms, of muscles with an electrode.
"""

import argparse
import functools
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from cohort_people import REPORT, TUNING, Person, person_of
from numpy.typing import NDArray

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.calibration.synergy.prediction import predict_hybrid
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.virtual_subject.truth import TIME_CONSTANTS, time_constants

FloatArray = NDArray[np.float64]

PROTOCOLS = ("gait", "dynamometer")  # the second is walking, passive sweeps and maximal efforts
# Strengths that walking tells: groups whose muscles carry it and have electrodes.
TOLD = ("triceps_surae", "quadriceps", "hamstrings", "dorsiflexors", "hip_extensors")
INTERVAL = 1.96


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Errors of one kind of parameter over owners (of all people)."""

    owners: tuple[str, ...]
    before: FloatArray  # scaled - true: relative, of the working point absolute
    after: FloatArray  # calibrated - true
    deviation: FloatArray  # reported standard error, nan if none
    identifiable: NDArray[np.bool_]

    @property
    def ratio(self) -> float:
        """Mean squared error after / before."""
        return float((self.after**2).sum() / (self.before**2).sum())

    def coverage(self, identifiable: bool = False) -> float:
        """Share of 95 % intervals that hold the truth, nan if there is none."""
        some = np.isfinite(self.deviation) & (self.deviation > 0.0) & (self.identifiable | (not identifiable))
        return float((np.abs(self.after[some]) <= INTERVAL * self.deviation[some]).mean()) if some.any() else float("nan")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one calibration of one person came to."""

    kinds: dict[str, Errors]
    nrmse: float  # of held-out walking
    nrmse_by_dof: FloatArray
    seconds: float  # CPU
    notes: dict[str, float] = field(default_factory=dict)


Method = Callable[[Person, TrialSet], tuple[CalibrationResult, Sequence[TrialPrediction], dict[str, FloatArray]]]


def trials_of(person: Person, protocol: str) -> TrialSet:
    """Return the calibration trials of a protocol: EMG by the best second of the MVC; dynamometer runs as the laboratory knows them."""
    walking = tuple(replace(trial, excitation=np.clip(trial.excitation * person.best_second, 0.0, 1.0)) for trial in person.trials.trials)
    efforts = [effort.as_recorded() for effort in person.efforts] if protocol == "dynamometer" else []
    return TrialSet(trials=(*walking, *efforts))


def by_settings(
    person: Person, trials: TrialSet, *, table: dict[str, object]
) -> tuple[CalibrationResult, Sequence[TrialPrediction], dict[str, FloatArray]]:
    """Calibrate with the package's defaults but for some settings, unrecorded muscles driven by synergies."""
    settings = CalibrationSettings.model_validate({"method": "synergy_hybrid", "groups": person.groups, **table})
    result = calibrate_synergy_hybrid(trials, person.table, settings)
    points = np.array([row.standard_error for row in result.working_points]) if result.working_points else None
    deviations = {} if points is None else {"working_point": points}
    return result, predict_hybrid(trials.held_out, result, settings, mode="from_emg"), deviations


def assess(person: Person, trials: TrialSet, method: Method) -> Outcome:
    """Calibrate one person and compare with the truth."""
    began = time.process_time()
    result, predictions, deviations = method(person, trials)
    seconds = time.process_time() - began
    held_out = trials.held_out.with_muscles(result.muscles.names)
    metrics = moment_metrics(held_out, predictions, model="calibrated")
    by_dof = np.array([np.mean([m.nrmse for m in metrics if m.dof == dof]) for dof in held_out.dofs])
    kinds = {kind: _parameter_errors(person, result, kind) for kind in _KINDS}
    kinds["working_point"] = _working_points(person, result, deviations.get("working_point"))
    kinds |= {kind: _of_activation(person, trials, result, kind) for kind in (*TIME_CONSTANTS, "shape_factor", "emg_scale")}
    told = [i for i, owner in enumerate(kinds["strength_coefficient"].owners) if owner in TOLD]
    kinds["told_strength"] = _part(kinds["strength_coefficient"], told)
    return Outcome(kinds=kinds, nrmse=float(by_dof.mean()), nrmse_by_dof=by_dof, seconds=seconds, notes=_activation_delay(person, result))


_KINDS = ("strength_coefficient", "optimal_fiber_length", "tendon_slack_length", "tendon_strain_at_one_norm_force")


def _part(errors: Errors, index: list[int]) -> Errors:
    return Errors(
        owners=tuple(errors.owners[i] for i in index),
        before=errors.before[index],
        after=errors.after[index],
        deviation=errors.deviation[index],
        identifiable=errors.identifiable[index],
    )


def _parameter_errors(person: Person, result: CalibrationResult, kind: str) -> Errors:
    rows = [row for row in result.parameters if row.name == kind and row.at_bound != "fixed"]
    truths = np.array([_true_value(person, kind, row.owner) for row in rows])
    return Errors(
        owners=tuple(row.owner for row in rows),
        before=np.array([row.start for row in rows]) / truths - 1.0,
        after=np.array([row.calibrated for row in rows]) / truths - 1.0,
        deviation=np.array([row.standard_error for row in rows]) / truths,
        identifiable=np.array([row.identifiable for row in rows], dtype=bool),
    )


def _true_value(person: Person, kind: str, owner: str) -> float:
    names = person.true.muscles.names
    if kind == "strength_coefficient":
        return float(np.mean([person.true.strength_coefficient[names.index(name)] for name in person.groups.get(owner, (owner,))]))
    muscle = person.true.muscles.muscles[names.index(owner)]
    return float(getattr(muscle.properties if kind == "tendon_strain_at_one_norm_force" else muscle, kind))


def _of_activation(person: Person, trials: TrialSet, result: CalibrationResult, kind: str) -> Errors:
    """Compare what makes activation of EMG, of muscles with an electrode; errors are logarithms, but for the shape factor."""
    names, neural = person.true.muscles.names, person.true.neural
    truths = {}
    for name in person.recorded:
        i = names.index(name)
        if kind in TIME_CONSTANTS:
            pair = time_constants(float(neural.c1[i]), float(neural.c2[i]), neural.time_step)
            truths[name] = pair[TIME_CONSTANTS.index(kind)]
        elif kind == "shape_factor":
            truths[name] = float(np.asarray(neural.shape_factor)[i])
        else:
            truths[name] = _true_gain(person, trials, name)
    rows = [row for row in result.parameters if row.name == kind and row.at_bound != "fixed" and row.owner in truths]
    true = np.array([truths[row.owner] for row in rows])
    start, found = np.array([row.start for row in rows]), np.array([row.calibrated for row in rows])
    deviation = np.array([row.standard_error for row in rows])
    share = kind == "shape_factor"
    return Errors(
        owners=tuple(row.owner for row in rows),
        before=start / true - 1.0 if share else np.log(start / true),
        after=found / true - 1.0 if share else np.log(found / true),
        deviation=np.abs(deviation / (true if share else found)),
        identifiable=np.array([row.identifiable for row in rows], dtype=bool),
    )


def _true_gain(person: Person, trials: TrialSet, muscle: str) -> float:
    """Return the factor by which a muscle's EMG comes nearest to its true excitation over the calibration trials of walking."""
    walking = [trial for trial in trials.calibration.trials if trial.kind == "motion"]
    i = trials.muscles.index(muscle)
    measured = np.concatenate([trial.excitation[:, i] for trial in walking])
    true = np.concatenate([person.true_trials[trial.name].excitation[:, i] for trial in walking])
    return float((measured * true).sum() / (measured**2).sum())


def mean_lengths(trials: TrialSet) -> dict[str, float]:
    """Return each muscle's mean MTU length over the counted samples of the calibration trials of walking, m."""
    walking = [trial for trial in trials.calibration.trials if trial.name.startswith("walk")]
    mean = np.concatenate([trial.mtu_length[trial.first_counted :] for trial in walking]).mean(axis=0)
    return dict(zip(trials.muscles, mean.tolist(), strict=True))


def working_point(muscles: MuscleTable, lengths: dict[str, float]) -> FloatArray:
    """Return normalized fiber lengths behind rigid tendons at given MTU lengths, (muscle,)."""
    values = []
    for muscle in muscles.muscles:
        along = max(lengths[muscle.name] - muscle.tendon_slack_length, 0.05 * muscle.optimal_fiber_length)
        values.append(np.hypot(along / muscle.optimal_fiber_length, np.sin(muscle.pennation_angle_at_optimal)))
    return np.array(values)


def _working_points(person: Person, result: CalibrationResult, deviation: FloatArray | None) -> Errors:
    """Compare the normalized fiber length at mid-pose: the truth on true geometry, the estimates on the laboratory's."""
    names = result.muscles.names
    believed, real = mean_lengths(person.trials), mean_lengths(person.true_trials)
    true = working_point(person.true.muscles.select(names), real)
    none = np.full(len(names), np.nan)
    return Errors(
        owners=names,
        before=working_point(person.table.select(names), believed) - true,
        after=working_point(result.muscles, believed) - true,
        deviation=none if deviation is None else deviation,
        identifiable=np.zeros(len(names), dtype=bool),
    )


def _activation_delay(person: Person, result: CalibrationResult) -> dict[str, float]:
    """Return the median sum of both time constants of recorded muscles, true and calibrated, s, and the median error."""
    step = result.neural.time_step
    names = person.true.muscles.names
    recorded = [i for i, name in enumerate(result.muscles.names) if name in person.recorded]

    def delay(c1: FloatArray, c2: FloatArray) -> FloatArray:
        return -step / np.log(np.clip(-c1, 1e-3, 0.999)) - step / np.log(np.clip(-c2, 1e-3, 0.999))

    where = [names.index(result.muscles.names[i]) for i in recorded]
    true = delay(person.true.neural.c1[where], person.true.neural.c2[where])
    found = delay(np.asarray(result.neural.c1)[recorded], np.asarray(result.neural.c2)[recorded])
    return {"delay_true": float(np.median(true)), "delay": float(np.median(found)), "delay_error": float(np.median(np.abs(found - true)))}


def together(outcomes: Sequence[Outcome]) -> dict[str, Errors]:
    """Return the errors of all people in one."""
    kinds = {}
    for kind in outcomes[0].kinds:
        every = [outcome.kinds[kind] for outcome in outcomes]
        kinds[kind] = Errors(
            owners=tuple(owner for one in every for owner in one.owners),
            before=np.concatenate([one.before for one in every]),
            after=np.concatenate([one.after for one in every]),
            deviation=np.concatenate([one.deviation for one in every]),
            identifiable=np.concatenate([one.identifiable for one in every]),
        )
    return kinds


def print_table(label: str, outcomes: Sequence[Outcome]) -> None:
    """Print one protocol's table."""
    kinds = together(outcomes)
    seconds = np.mean([outcome.seconds for outcome in outcomes])
    print(f"{label}: {len(outcomes)} people, {seconds:.1f} CPU-seconds each")
    for kind, errors in kinds.items():
        clear = int(errors.identifiable.sum())
        print(
            f"  {kind:22} ratio {errors.ratio:5.2f}   mean {100 * np.abs(errors.before).mean():5.1f} -> "
            f"{100 * np.abs(errors.after).mean():5.1f} %   inside {errors.coverage():.2f}   identifiable {clear}"
            + (
                f", inside {errors.coverage(True):.2f}, mean {100 * np.abs(errors.after[errors.identifiable]).mean():.1f} %"
                if clear
                else ""
            )
        )
    dofs = np.mean([outcome.nrmse_by_dof for outcome in outcomes], axis=0)
    print(f"  held-out nRMSE {100 * dofs.mean():.2f} % ({' / '.join(f'{100 * value:.1f}' for value in dofs)})")
    notes = {key: np.mean([outcome.notes[key] for outcome in outcomes]) for key in outcomes[0].notes}
    print("  " + ", ".join(f"{key} {1000 * value:.0f} ms" for key, value in notes.items()), flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", choices=("report", "tuning"), default="report")
    parser.add_argument("--count", type=int, default=6)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--cache", type=Path, default=Path("results/cohort"))
    parser.add_argument("--settings", type=Path, help="TOML file with a [calibration] table")
    parser.add_argument("--seconds", type=float, default=1800.0, help="CPU-seconds at most")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = tomllib.loads(options.settings.read_text(encoding="utf-8"))["calibration"] if options.settings else {}
    label = options.settings.name if options.settings else "package defaults"
    method = functools.partial(by_settings, table=table)
    chosen = (REPORT if options.people == "report" else TUNING)[: options.count]
    for protocol in options.protocols:
        outcomes: list[Outcome] = []
        for base, seed in chosen:
            if time.process_time() > options.seconds:
                break
            person = person_of(base, seed, options.cache)
            outcomes.append(assess(person, trials_of(person, protocol), method))
        if outcomes:
            print_table(f"{protocol}, {label}", outcomes)


if __name__ == "__main__":
    main()
