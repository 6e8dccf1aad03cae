"""Calibrations side by side, each in a file of its own, so that an interrupted study goes on where it stopped."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from osim_nmscal.electrodes.record import Inputs, Job, make_record
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.provenance.code import code_version, library_versions
from osim_nmscal.provenance.values import digest_of

# Told (finished, all known so far, name of the calibration) after each calibration.
StudyProgress = Callable[[int, int, str], None]


class Bench:
    """Runs calibrations, side by side where allowed, and remembers them on disk."""

    def __init__(self, inputs: Inputs, out: Path, workers: int, progress: StudyProgress | None) -> None:
        self._inputs, self._progress = inputs, progress
        self._workers = workers or os.cpu_count() or 1
        self._folder = out / "calibrations"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._digest = _digest(inputs)
        self._done = self._known = 0

    def run(self, jobs: Sequence[Job]) -> dict[Job, dict[str, Any]]:
        """Return the record of each job, from disk where it is there."""
        self._known += len(jobs)
        records: dict[Job, dict[str, Any]] = {}
        for job in jobs:
            record = self._stored(job)
            if record is not None:
                records[job] = record
                self._tell(job)
        missing = [job for job in jobs if job not in records]
        if self._workers == 1 or len(missing) == 1:
            for job in missing:
                records[job] = self._keep(job, make_record(self._inputs, job))
        elif missing:
            workers = min(self._workers, len(missing))
            with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker, initargs=(self._inputs,)) as pool:
                futures = {pool.submit(_record_in_worker, job): job for job in missing}
                for future in as_completed(futures):
                    records[futures[future]] = self._keep(futures[future], future.result())
        return records

    def _path(self, job: Job) -> Path:
        key = digest_of(self._digest, job.method, sorted(job.removed))[:16]
        return self._folder / f"{job.method}_{len(self._inputs.mapping.channels) - len(job.removed):02d}_{key}.json"

    def _keep(self, job: Job, record: dict[str, Any]) -> dict[str, Any]:
        write_text_atomically(self._path(job), json.dumps({"record": record, "digest": digest_of(record)}))
        self._tell(job)
        return record

    def _stored(self, job: Job) -> dict[str, Any] | None:
        """Return the record that an earlier study left, None if there is none or it is not as we wrote it."""
        try:
            stored = json.loads(self._path(job).read_text(encoding="utf-8"))
            record: dict[str, Any] = stored["record"]
            return record if stored["digest"] == digest_of(record) else None
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def _tell(self, job: Job) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._known, job.name)


_worker_inputs: list[Inputs] = []


def _start_worker(inputs: Inputs) -> None:
    threadpool_limits(1)  # numpy's; side by side they would fight for the cores
    _worker_inputs.append(inputs)


def _record_in_worker(job: Job) -> dict[str, Any]:
    return make_record(_worker_inputs[-1], job)


def _digest(inputs: Inputs) -> str:
    """Name everything a calibration depends on, code and libraries included, so that what has changed is calibrated anew."""
    return digest_of(inputs, library_versions(), code_version(__name__))
