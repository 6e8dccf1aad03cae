"""Which electrodes can be left off, and for how much loss: the electrode study of Hambly et al. (2025).

Channels are ordered by the calibration error of the EMG-driven model that lacks each, and left off in that order, the
least missed first; at every number of channels both methods are calibrated. Held-out trials are predicted from EMG
alone. Departures: the order comes from the calibration trials, so that held-out trials stay unseen by every choice;
a muscle that several channels drive stays recorded as long as one of them is left; the methods are compared over paired trials,
each degree of freedom for itself (`summaries/paired_tests.py`).
Calibrations run side by side and each leaves a file, so that an interrupted study goes on where it stopped.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from osim_nmscal.calibration.fewer_channels import calibrate_without, predictions, without_channels
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.electrode_study import (
    ElectrodeStudy,
    StudyComparison,
    StudyData,
    StudyExcitation,
    StudyMethod,
    StudyMetric,
    StudyModel,
)
from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult, TrialPrediction
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, NmscalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.provenance.code import code_version, library_versions
from osim_nmscal.provenance.values import digest_of
from osim_nmscal.summaries.electrode_answer import answer, deciding_data
from osim_nmscal.summaries.paired_tests import compare_methods

# Told (finished, all known so far, name of the calibration) after each calibration.
StudyProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class _Inputs:
    trials: TrialSet
    muscles: MuscleTable
    mapping: EmgMapping
    settings: CalibrationSettings


@dataclass(frozen=True)
class _Job:
    method: StudyMethod
    removed: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.method} without {', '.join(self.removed)}" if self.removed else f"{self.method} with all channels"


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
    inputs = _Inputs(trials, muscles, mapping, settings or CalibrationSettings())
    bench = _Bench(inputs, out, workers, progress)
    methods: tuple[StudyMethod, StudyMethod] = ("emg_driven", "synergy_hybrid")
    first = [_Job(method, ()) for method in methods] + [_Job("emg_driven", (channel,)) for channel in offered]
    records = bench.run(first)
    errors = {channel: _mean_error(records[_Job("emg_driven", (channel,))]) for channel in offered}
    order = tuple(sorted(offered, key=lambda channel: errors[channel]))
    most = min(len(mapping.channels) - fewest, len(order))
    jobs = [_Job(method, order[:gone]) for gone in range(most + 1) for method in methods]
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


class _Bench:
    """Runs calibrations, side by side where allowed, and remembers them on disk."""

    def __init__(self, inputs: _Inputs, out: Path, workers: int, progress: StudyProgress | None) -> None:
        self._inputs, self._progress = inputs, progress
        self._workers = workers or os.cpu_count() or 1
        self._folder = out / "calibrations"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._digest = _digest(inputs)
        self._done = self._known = 0

    def run(self, jobs: Sequence[_Job]) -> dict[_Job, dict[str, Any]]:
        """Return the record of each job, from disk where it is there."""
        self._known += len(jobs)
        records: dict[_Job, dict[str, Any]] = {}
        for job in jobs:
            record = self._stored(job)
            if record is not None:
                records[job] = record
                self._tell(job)
        missing = [job for job in jobs if job not in records]
        if self._workers == 1 or len(missing) == 1:
            for job in missing:
                records[job] = self._keep(job, _calibrate(self._inputs, job))
        elif missing:
            workers = min(self._workers, len(missing))
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self._inputs,)) as pool:
                futures = {pool.submit(_calibrate_in_worker, job): job for job in missing}
                for future in as_completed(futures):
                    records[futures[future]] = self._keep(futures[future], future.result())
        return records

    def _path(self, job: _Job) -> Path:
        key = digest_of(self._digest, job.method, sorted(job.removed))[:16]
        return self._folder / f"{job.method}_{len(self._inputs.mapping.channels) - len(job.removed):02d}_{key}.json"

    def _keep(self, job: _Job, record: dict[str, Any]) -> dict[str, Any]:
        write_text_atomically(self._path(job), json.dumps({"record": record, "digest": digest_of(record)}))
        self._tell(job)
        return record

    def _stored(self, job: _Job) -> dict[str, Any] | None:
        """Return the record that an earlier study left, None if there is none or it is not as we wrote it."""
        try:
            stored = json.loads(self._path(job).read_text(encoding="utf-8"))
            record: dict[str, Any] = stored["record"]
            return record if stored["digest"] == digest_of(record) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _tell(self, job: _Job) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._known, job.name)


_worker_inputs: list[_Inputs] = []


def _start_worker(inputs: _Inputs) -> None:
    threadpool_limits(1)  # numpy's; side by side they would fight for the cores
    _worker_inputs.append(inputs)


def _calibrate_in_worker(job: _Job) -> dict[str, Any]:
    return _calibrate(_worker_inputs[-1], job)


def _digest(inputs: _Inputs) -> str:
    """Name everything a calibration depends on, code and libraries included, so that what has changed is calibrated anew."""
    return digest_of(inputs, library_versions(), code_version(__name__))


def _calibrate(inputs: _Inputs, job: _Job) -> dict[str, Any]:
    """Return the record of one calibration: plain numbers and texts."""
    hybrid = job.method == "synergy_hybrid"
    try:
        fewer = without_channels(inputs.trials, inputs.mapping, job.removed)
        result, trials = calibrate_without(fewer, inputs.muscles, inputs.settings, hybrid=hybrid)
        made = predictions(result, trials, inputs.settings, hybrid=hybrid)
    except NmscalError as error:
        return {"failed": True, "sentence": str(error), "seconds": 0.0, "synergies": 0, "metrics": [], "excitations": [], "parameters": []}
    metrics, resemblance = [], []
    for data, predicted in made.items():
        chosen = inputs.trials.calibration if data == "calibration" else inputs.trials.held_out
        for row in moment_metrics(chosen, predicted, model="calibrated"):
            metrics.append({"data": data, "trial": row.trial, "dof": row.dof, "rmse": row.rmse, "nrmse": row.nrmse, "r2": row.r2})
        if result.synergy is not None:
            resemblance += _resemblance(chosen, predicted, result, data)
    return {
        "failed": False,
        "sentence": result.sentence,
        "seconds": result.seconds,
        "synergies": 0 if result.synergy is None else len(result.synergy.weights),
        "metrics": metrics,
        "excitations": resemblance,
        "parameters": [[p.owner, p.name, p.calibrated, p.upper - p.lower] for p in result.parameters if p.at_bound != "fixed"],
    }


def _resemblance(trials: TrialSet, predicted: tuple[TrialPrediction, ...], result: CalibrationResult, data: str) -> list[dict[str, Any]]:
    """Compare what drove each withheld muscle with its EMG over the counted samples of all trials."""
    rows = []
    for muscle in result.synergy.withheld if result.synergy is not None else ():
        pairs = [
            (trial.excitation[trial.first_counted :, trial.muscles.index(muscle)], p.excitation[p.first_counted :, p.muscles.index(muscle)])
            for trial, p in zip(trials.trials, predicted, strict=True)
        ]
        recorded, made = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
        spread = float(recorded.std() * made.std())
        covariance = float(np.mean((recorded - recorded.mean()) * (made - made.mean())))
        rows.append(
            {
                "data": data,
                "muscle": muscle,
                "correlation": covariance / spread if spread > 0 else None,
                "rmse": float(np.sqrt(np.mean((recorded - made) ** 2))),
            }
        )
    return rows


def _mean_error(record: dict[str, Any]) -> float:
    errors = [row["rmse"] for row in record["metrics"] if row["data"] == "calibration"]
    return float(np.mean(errors)) if errors else float("inf")


def _study(
    inputs: _Inputs, order: tuple[str, ...], errors: dict[str, float], jobs: Sequence[_Job], records: dict[_Job, dict[str, Any]]
) -> ElectrodeStudy:
    channels = inputs.mapping.channels
    models, metrics, resemblance = [], [], []
    for job in jobs:
        record, left = records[job], len(channels) - len(job.removed)
        distance, compared = _distance(record, records[_Job(job.method, ())])
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


def write_study(study: ElectrodeStudy, out: Path) -> tuple[Path, ...]:
    """Write electrode_study.json and one CSV per table.

    Args:
        study: the results.
        out: folder.

    Returns:
        the files.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "electrode_study.json"]
    write_text_atomically(paths[0], json.dumps(_strict(asdict(study)), indent=1))
    for name in ("models", "metrics", "excitations", "comparisons"):
        rows = [asdict(row) for row in getattr(study, name)]
        path = out / f"electrode_study_{name}.csv"
        lines = [",".join(rows[0])] if rows else []
        lines += [",".join(_cell(value) for value in row.values()) for row in rows]
        write_text_atomically(path, "\n".join(lines) + "\n")
        paths.append(path)
    return tuple(paths)


def _strict(value: Any) -> Any:
    """JSON has no NaN: what is no number becomes null."""
    if isinstance(value, dict):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _cell(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text
