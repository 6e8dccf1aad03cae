"""Which electrodes can be left off, and for how much loss: the electrode study of Hambly et al. (2025).

Channels are ordered by the calibration error of the EMG-driven model that lacks each, and left off in that order, the
least missed first; at every number of channels both methods are calibrated. Held-out trials are predicted from EMG
alone. Departures: the order comes from the calibration trials, so that held-out trials stay unseen by every choice;
a muscle that several channels drive stays recorded as long as one of them is left; the methods are compared over paired trials,
each degree of freedom for itself (`electrodes/paired_tests.py`).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.electrodes.answer import answer, deciding_data
from osim_nmscal.electrodes.bench import Bench, StudyProgress
from osim_nmscal.electrodes.findings import (
    ElectrodeStudy,
    StudyComparison,
    StudyData,
    StudyExcitation,
    StudyMethod,
    StudyMetric,
    StudyModel,
)
from osim_nmscal.electrodes.paired_tests import compare_methods
from osim_nmscal.electrodes.record import Inputs, Job
from osim_nmscal.errors import CalibrationError, UnknownNameError, did_you_mean, listed


def electrode_study(
    trials: TrialSet,
    muscles: MuscleTable,
    mapping: EmgMapping,
    settings: CalibrationSettings | None = None,
    *,
    out: Path,
    candidates: Sequence[str] = (),
    fewest: int = 1,
    workers: int = 0,
    progress: StudyProgress | None = None,
) -> ElectrodeStudy:
    """Run the study, or go on with it.

    Args:
        trials: calibration and held-out trials with the excitations of all channels.
        muscles: at least the trials' muscles.
        mapping: the channels and the muscles they drive.
        settings: of every calibration.
        out: folder for one JSON file per calibration, and for the study's own results.
        candidates: channels that may be left off; none named means all.
        fewest: number of channels at which to stop, if the candidates reach so far.
        workers: processes; 0 for one per core, 1 to stay in this process.
        progress: told after every calibration.

    Raises:
        CalibrationError: fewer than two channels, or `fewest` is not among the possible numbers.
        UnknownNameError: a candidate is no channel of the mapping.

    Example:
        >>> mapping = EmgMapping(channels=("RF", "BF"), muscles=muscles.names, weights=np.eye(2))
        >>> quick = CalibrationSettings(gauss_newton={"maximum_iterations": 2})
        >>> study = electrode_study(trials, muscles, mapping, quick, out=Path("study"), workers=1)
        >>> sorted(study.order), len(study.models)
        (['BF', 'RF'], 4)
    """
    offered = study_candidates(mapping.channels, candidates, fewest)
    inputs = Inputs(trials, muscles, mapping, settings or CalibrationSettings())
    bench = Bench(inputs, out, workers, progress)
    methods: tuple[StudyMethod, StudyMethod] = ("emg_driven", "synergy_hybrid")
    first = [Job(method, ()) for method in methods] + [Job("emg_driven", (channel,)) for channel in offered]
    records = bench.run(first)
    errors = {channel: _mean_error(records[Job("emg_driven", (channel,))]) for channel in offered}
    order = tuple(sorted(offered, key=lambda channel: errors[channel]))
    most = min(len(mapping.channels) - fewest, len(order))
    jobs = [Job(method, order[:gone]) for gone in range(most + 1) for method in methods]
    records |= bench.run([job for job in jobs if job not in records])
    return _study(inputs, order, errors, jobs, records)


def study_candidates(channels: Sequence[str], candidates: Sequence[str] = (), fewest: int = 1) -> tuple[str, ...]:
    """Return the channels that a study may leave off.

    Args:
        channels: of the mapping.
        candidates: the user's choice; none named means all.
        fewest: number of channels at which to stop.

    Raises:
        CalibrationError: fewer than two channels, or `fewest` is not among the possible numbers.
        UnknownNameError: a candidate is none of the channels.
    """
    count = len(channels)
    if count < 2 or not 1 <= fewest < count:
        raise CalibrationError(f"An electrode study needs 1 <= fewest < channels, but fewest = {fewest} and there are {count} channel(s).")
    for name in candidates:
        if name not in channels:
            raise UnknownNameError(
                f"The electrode study is to leave off channel {name!r}, which the mapping does not name.{did_you_mean(name, channels)} "
                f"Mapped channels: {listed(channels)}."
            )
    return tuple(channel for channel in channels if channel in candidates or not candidates)


def _mean_error(record: dict[str, Any]) -> float:
    errors = [row["rmse"] for row in record["metrics"] if row["data"] == "calibration"]
    return float(np.mean(errors)) if errors else float("inf")


def _study(
    inputs: Inputs, order: tuple[str, ...], errors: dict[str, float], jobs: Sequence[Job], records: dict[Job, dict[str, Any]]
) -> ElectrodeStudy:
    channels = inputs.mapping.channels
    models, metrics, resemblance = [], [], []
    for job in jobs:
        record, left = records[job], len(channels) - len(job.removed)
        distance, compared = _distance(record, records[Job(job.method, ())])
        kept = tuple(channel for channel in channels if channel not in job.removed)
        models.append(
            StudyModel(
                method=job.method,
                count=left,
                kept=kept,
                removed=job.removed,
                synergies=record["synergies"],
                seconds=record["seconds"],
                sentence=record["sentence"],
                failed=record["failed"],
                parameter_distance=distance,
                parameters_compared=compared,
            )
        )
        metrics += [StudyMetric(method=job.method, count=left, removed=job.removed, **row) for row in record["metrics"]]
        resemblance += [_excitation(left, job.removed, row) for row in record["excitations"]]
    comparisons = _comparisons(metrics)
    return ElectrodeStudy(
        channels=channels,
        order=order,
        order_errors=tuple(errors[channel] for channel in order),
        models=tuple(models),
        metrics=tuple(metrics),
        excitations=tuple(resemblance),
        comparisons=comparisons,
        sentences=answer(channels, order, comparisons, deciding_data(metrics)),
    )


def _excitation(count: int, removed: tuple[str, ...], row: Mapping[str, Any]) -> StudyExcitation:
    correlation = float("nan") if row["correlation"] is None else row["correlation"]
    return StudyExcitation(count=count, removed=removed, **{**row, "correlation": correlation})


def _distance(record: dict[str, Any], reference: dict[str, Any]) -> tuple[float, int]:
    """Return the mean distance of shared parameters in units of their allowed range, and their number."""
    there = {(owner, name): value for owner, name, value, _ in reference["parameters"]}
    moved = [abs(value - there[owner, name]) / width for owner, name, value, width in record["parameters"] if (owner, name) in there]
    return (float(np.mean(moved)) if moved else float("nan")), len(moved)


def _comparisons(metrics: Sequence[StudyMetric]) -> tuple[StudyComparison, ...]:
    kinds: tuple[StudyData, ...] = ("calibration", "held_out")
    measures: tuple[Literal["rmse", "r2"], ...] = ("rmse", "r2")
    return tuple(row for data in kinds for measure in measures for row in compare_methods(metrics, data, measure))
