"""OpenSim's confirmation: the personalized model, run by OpenSim's own muscles, against what calibration predicted.

Activations replace the file's activation dynamics, which are not ours; fiber dynamics are OpenSim's.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Noun
from osim_nmscal.data.results import VerificationMetrics
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import FileFormatError, OpenSimToolError, WriteBackError, listed
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.opensim_tools.agreement import ComparedTrial, moment_ranges, verification_metrics
from osim_nmscal.opensim_tools.verification import (
    TrialToVerify,
    VerificationChoice,
    VerificationRun,
    VerificationSettings,
    verify_trials,
)
from osim_nmscal.osim_model.reader import read_body_mass, read_muscles
from osim_nmscal.worker.folder import job_folder
from osim_nmscal.worker.threads import in_threads
from osim_nmscal.workflow.names import motion
from osim_nmscal.workflow.opened import Results, open_results
from osim_nmscal.workflow.predictions import (
    AGAIN,
    INVERSE_DYNAMICS,
    PredictionFiles,
    damaged,
    ligaments_in,
    prediction_files,
    read_index,
    read_json,
)
from osim_nmscal.workflow.progress import jobs as allowed_jobs
from osim_nmscal.workflow.results import ResultsFolder, read_calibrated_muscles

# Calibrated values survive the .osim to rounding.
_SAME = 1e-12
# What makes a muscle the calibrated one and is not a matter of its curves, which OpenSim's run judges.
_WRITTEN = (
    "muscle_class",
    "max_isometric_force",
    "optimal_fiber_length",
    "tendon_slack_length",
    "pennation_angle_at_optimal",
    "ignore_tendon_compliance",
)
# OpenSim 4.6 divides by the activation where a De Groote muscle has an elastic tendon (explicit dynamics), and never comes to an end at
# 0; other classes stop at their own minimum. Measured on a run: 0.001 and 0.01 give the same moments to 0.01 % of their range.
_LEAST_ACTIVATION = {"DeGrooteFregly2016Muscle": 0.001}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Verification(Noun):
    """How well OpenSim confirms a personalized model.

    Example:
        >>> agreed = VerificationMetrics(
        ...     trial="walk/stance_01", dof="knee", rmse=0.6, nrmse=0.012, r2_vs_inverse_dynamics=0.9,
        ...     largest_force_error=0.01, muscle="soleus")
        >>> found = Verification(metrics=(agreed,), tolerance=0.05)
        >>> found.confirmed, found.worst
        (True, 0.012)
    """

    metrics: tuple[VerificationMetrics, ...]
    tolerance: float
    failure: str = ""  # which trials OpenSim could not run, and why; `metrics` holds the others

    @property
    def worst(self) -> float:
        """Largest nrmse."""
        return max((metric.nrmse for metric in self.metrics), default=0.0)

    @property
    def confirmed(self) -> bool:
        """Whether OpenSim could run the model and every moment lies within the tolerance."""
        return not self.failure and self.worst <= self.tolerance


@dataclass(frozen=True, kw_only=True)
class VerifiedFiles:
    """What a verification reads, and where OpenSim's logs go."""

    model: Path  # personalized.osim
    motions: Mapping[str, Path]  # recording -> joint angles
    predictions: Path  # folder
    logs: Path  # folder


@dataclass(frozen=True, kw_only=True)
class _FolderSettings:
    """What a results folder was made with."""

    choice: VerificationChoice
    run: VerificationSettings
    substitute_muscle_class: str | None


def downstream_files(root: Path | str) -> tuple[PredictionFiles, ...]:
    """Return the prediction files of every trial of a results folder, to continue with in OpenSim.

    The activation files hold one column per muscle, as OpenSim's controls: for a forward simulation with prescribed
    activations (`ignore_activation_dynamics`), the joint reaction analysis, or a Moco tracking problem.

    Raises:
        FileFormatError: the folder holds no finished results, or they were edited.

    Example:
        >>> downstream_files("models")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.FileFormatError: ...models has no finished results (no results.json); give the folder of a run.
    """
    folder = open_results(root).folder
    return tuple(prediction_files(folder.predictions, row["trial"]) for row in read_index(folder.predictions))


def verify_results(
    root: Path | str, *, choice: VerificationChoice | None = None, every: bool = False, full: bool = False, jobs: int = 1
) -> Verification:
    """Let OpenSim run the personalized model of a results folder over its trials; nothing is written there.

    Args:
        root: a results folder of `personalize`.
        choice: tolerance and number of trials; default: those the folder was made with.
        every: all trials, whatever their number in `choice`.
        full: OpenSim simulates the whole model, not its muscles alone on paths that its geometry prescribes.
        jobs: trials run at the same time, each in a process of its own.

    Raises:
        FileFormatError: the folder has no finished results, or a file of them is missing, edited or damaged; says which.
        WriteBackError: personalized.osim no longer holds the calibrated muscles.
        OpenSimToolError: OpenSim cannot run it.

    Example:
        It needs the results of a run, so it does not run here:

        >>> verify_results("results/running", every=True, jobs=2).confirmed  # doctest: +SKIP
    """
    results = open_results(root, damaged=True)
    folder, made = results.folder, _read_settings(results.folder)
    choice = choice or made.choice
    muscles = read_calibrated_muscles(folder.sidecar)
    _require_unedited(folder, muscles, made.substitute_muscle_class)
    index = read_index(folder.predictions)
    results.require_intact()
    with job_folder() as logs:
        files = VerifiedFiles(model=folder.personalized_model, motions=_motions(results, index), predictions=folder.predictions, logs=logs)
        try:
            found = verify_files(files, muscles, choice=choice, settings=made.run, every=every, full=full, jobs=jobs)
        except OpenSimToolError as error:  # it quotes the log's end; the log itself goes
            raise OpenSimToolError(str(error).replace(f"{logs}{os.sep}", "")) from error
        found = replace(found, failure=found.failure.replace(f"{logs}{os.sep}", ""))
    results.require_unchanged()
    return found


def verify_files(
    files: VerifiedFiles,
    muscles: MuscleTable,
    *,
    choice: VerificationChoice,
    settings: VerificationSettings,
    every: bool = False,
    full: bool = False,
    jobs: int = 0,
) -> Verification:
    """Let OpenSim run a model over the trials that were predicted; see `verify_results`.

    Args:
        files: model, motions, predictions.
        muscles: calibrated.
        choice: tolerance and number of trials.
        settings: how OpenSim runs it.
        every: all trials.
        full: the whole model is simulated.
        jobs: trials at the same time; 0: as many as the run allows.

    Returns:
        The metrics of the trials that OpenSim could run, and in `failure` what became of the others.

    Raises:
        OpenSimToolError: OpenSim could run none.
    """
    index = read_index(files.predictions)
    driven = [_driven(files, row, muscles) for row in _chosen(index, 0 if every else choice.trials)]
    log, workers = files.logs / "verification.log", jobs or allowed_jobs()
    # in a thread, so that Ctrl-C ends the workers at once
    (found,) = in_threads(
        lambda trials: verify_trials(files.model, trials, settings=settings, log=log, full=full, jobs=workers),
        [[one.trial for one in driven]],
        1,
    )
    failed = [verified for verified in found if verified.failure is not None]
    if failed and len(failed) == len(found) and failed[0].failure is not None:
        raise failed[0].failure
    compared = [_compared(one, verified.run) for one, verified in zip(driven, found, strict=True) if verified.run is not None]
    ranges = moment_ranges([_inverse_dynamics(files, row) for row in index], read_body_mass(files.model))
    metrics = verification_metrics(compared, ranges)
    failure = f"{listed([one.name for one in failed])} of {len(found)} trials: {failed[0].failure}" if failed else ""
    return Verification(metrics=metrics, tolerance=choice.tolerance, failure=failure)


def _motions(results: Results, index: Sequence[Mapping[str, Any]]) -> dict[str, Path]:
    """Return the joint angles of every recording that has trials."""
    found = {}
    for recording in dict.fromkeys(row["trial"].split("/")[0] for row in index):
        if motion(recording) not in results.record.files:
            raise FileFormatError(
                f"{results.folder.root / motion(recording)} is missing, so OpenSim cannot repeat {recording}; give the workflow markers or "
                "joint_angles and run again."
            )
        found[recording] = results.folder.root / motion(recording)
    return found


def _chosen(index: Sequence[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """Return the trials to verify: those that calibrated first, then held-out ones spread over the rest."""
    calibration = [row for row in index if row["role"] == "calibration"]
    held_out = [row for row in index if row["role"] != "calibration"]
    if most == 0 or len(index) <= most:
        return [*calibration, *held_out]
    calibration = calibration[:most]
    left = min(most - len(calibration), len(held_out))
    spread = [round(i * (len(held_out) - 1) / max(left - 1, 1)) for i in range(left)]
    return [*calibration, *(held_out[i] for i in dict.fromkeys(spread))]


@dataclass(frozen=True, kw_only=True)
class _Driven:
    """One trial as OpenSim shall run it, and what was predicted of its counted samples."""

    trial: TrialToVerify
    counted: slice  # samples of OpenSim's run
    moment: TimeSeries  # predicted and from inverse dynamics, counted
    force: TimeSeries  # predicted, counted
    strength: NDArray[np.float64]  # (muscle,), N


def _driven(files: VerifiedFiles, row: Mapping[str, Any], muscles: MuscleTable) -> _Driven:
    name, dofs, first = row["trial"], tuple(row["dofs"]), row["first_counted"]
    predicted = prediction_files(files.predictions, name)
    activation, moment, force = (read_storage(path) for path in (predicted.activation, predicted.joint_moment, predicted.tendon_force))
    _require_of_one_trial(predicted, activation, moment, force, dofs)
    driving = muscles.select(activation.labels)
    begin = _first_taut(force, driving, first)
    moved = _drivable(activation, driving).between(activation.time[begin], activation.time[-1])
    return _Driven(
        trial=TrialToVerify(name=name, coordinates=files.motions[name.split("/")[0]], activation=moved, dofs=dofs),
        counted=slice(first - begin, None),
        moment=replace(moment, time=moment.time[first:], values=moment.values[first:]),
        force=replace(force, time=force.time[first:], values=force.values[first:]),
        strength=driving.values("max_isometric_force"),
    )


def _compared(driven: _Driven, run: VerificationRun) -> ComparedTrial:
    """Compare the muscles; ligaments, which the model does not have, are added to what OpenSim's muscles give as to what ours gave."""
    dofs, counted = driven.trial.dofs, driven.counted
    ligaments = ligaments_in(driven.moment, dofs)
    return ComparedTrial(
        name=driven.trial.name,
        dofs=dofs,
        muscles=driven.force.labels,
        moment=run.joint_moment.values[counted] + (0.0 if ligaments is None else ligaments),
        predicted_moment=driven.moment.select(dofs).values,
        inverse_dynamics=driven.moment.select([INVERSE_DYNAMICS.format(dof=dof) for dof in dofs]).values,
        force=run.tendon_force.values[counted],
        predicted_force=driven.force.values,
        max_isometric_force=driven.strength,
        moment_arm=run.moment_arm[counted],
    )


def _inverse_dynamics(files: VerifiedFiles, row: Mapping[str, Any]) -> dict[str, NDArray[np.float64]]:
    """Return the counted moments of inverse dynamics of a trial, by degree of freedom."""
    path = prediction_files(files.predictions, row["trial"]).joint_moment
    moment = read_storage(path)
    labels = {dof: INVERSE_DYNAMICS.format(dof=dof) for dof in row["dofs"]}
    if missing := [label for label in labels.values() if label not in moment.labels]:
        raise FileFormatError(f"{path} lacks {listed(missing)}; {AGAIN}.")
    return {dof: moment.column(label)[row["first_counted"] :] for dof, label in labels.items()}


def _drivable(activation: TimeSeries, muscles: MuscleTable) -> TimeSeries:
    """Return activations that OpenSim can simulate the muscles with."""
    least = [_LEAST_ACTIVATION.get(muscle.muscle_class, 0.0) for muscle in muscles.muscles]
    return replace(activation, values=np.maximum(activation.values, least))


def _first_taut(force: TimeSeries, muscles: MuscleTable, first_counted: int) -> int:
    """Return the sample of the lead-in at which OpenSim can start: behind the last at which a tendon would push.

    De Groote's tendon curve is negative below its slack length, and OpenSim finds no static equilibrium there. Other classes start
    at the first sample: their slack tendons pull by zero up to rounding, and a later start costs them time to settle.
    """
    pushes = np.array([muscle.muscle_class == "DeGrooteFregly2016Muscle" for muscle in muscles.muscles])
    pushing = np.flatnonzero((force.values[:first_counted, pushes] < 0).any(axis=1))
    return int(pushing[-1]) + 1 if len(pushing) else 0


def _require_of_one_trial(
    files: PredictionFiles, activation: TimeSeries, moment: TimeSeries, force: TimeSeries, dofs: Sequence[str]
) -> None:
    """Refuse prediction files that were edited, or mixed up with those of another run."""
    columns = {*dofs, *(INVERSE_DYNAMICS.format(dof=dof) for dof in dofs)}
    for path, series, missing in (
        (files.tendon_force, force, set() if force.labels == activation.labels else {"the muscles of the activations, in their order"}),
        (files.joint_moment, moment, columns - set(moment.labels)),
    ):
        if missing:
            raise FileFormatError(f"{path} lacks {listed(sorted(missing))}; {AGAIN}.")
        if not np.array_equal(series.time, activation.time):
            raise FileFormatError(f"{path} has other times than {files.activation.name}; {AGAIN}.")


def _require_unedited(folder: ResultsFolder, calibrated: MuscleTable, substitute: str | None) -> None:
    """Refuse a personalized.osim whose muscles are no longer those of the calibration."""
    if not folder.personalized_model.is_file():
        raise FileFormatError(f"{folder.personalized_model} is missing; run the workflow again with --from write_back.")
    found = read_muscles(folder.personalized_model, substitute)
    for muscle in calibrated.muscles:
        if muscle.name not in found.names:
            raise WriteBackError(f"{folder.personalized_model} has no muscle {muscle.name!r} any more; run again with --from write_back.")
        now = found.muscles[found.index(muscle.name)]
        for name in _WRITTEN:
            value, expected = getattr(now, name), getattr(muscle, name)
            if value != expected and not (isinstance(value, float) and abs(value - expected) <= _SAME * abs(expected)):
                stated = [f"{one:.9g}" if isinstance(one, float) else str(one) for one in (value, expected)]
                raise WriteBackError(
                    f"{folder.personalized_model}: {name} of {muscle.name!r} is {stated[0]}, but the sidecar says {stated[1]}: "
                    "the model was edited since. Run again with --from write_back, or keep the edited model under another name."
                )


def _read_settings(folder: ResultsFolder) -> _FolderSettings:
    remedy = "run the workflow again with --from calibration"
    document = read_json(folder.sidecar, remedy)
    try:
        settings = document["settings"]
        analysis = {name: settings["muscle_analysis"][name] for name in ("method", "lowpass_cutoff", "missing_coordinates")}
        return _FolderSettings(
            choice=VerificationChoice(**settings.get("verification", {})),
            run=VerificationSettings(**analysis),
            substitute_muscle_class=settings["model"]["substitute_muscle_class"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(folder.sidecar, error, remedy) from error
