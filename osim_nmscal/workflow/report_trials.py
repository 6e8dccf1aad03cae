"""The trials of a results folder as its report shows them, from the files of the predictions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import NmscalError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.report.data import TrialView
from osim_nmscal.workflow import names
from osim_nmscal.workflow.predictions import (
    INVERSE_DYNAMICS,
    STATES,
    UNCALIBRATED_STATES,
    PredictionFiles,
    ligaments_in,
    prediction_files,
    prediction_of,
    read_index,
)


def trial_views(path: Callable[[str], Path], measured: Mapping[str, Sequence[str]] | None = None) -> tuple[TrialView, ...]:
    """Read every trial that was evaluated; none if the run did not come so far.

    Args:
        path: returns where a file of the results folder lies.
        measured: recording -> degrees of freedom whose moment was measured; those of a recording that it lacks all were.
    """
    folder = path(names.PREDICTION_INDEX).parent
    try:
        rows = read_index(folder)
    except NmscalError:
        return ()
    recorded: dict[str, TimeSeries | None] = {}
    views = []
    for row in rows:
        recording = row["trial"].rpartition("/")[0]
        if recording not in recorded:
            recorded[recording] = _excitations(path(names.excitations(recording)))
        try:
            view = _view(folder, row["trial"], row["role"], row["first_counted"], tuple(row["dofs"]), recorded[recording])
            views.append(_as_measured(view, (measured or {}).get(recording, view.dofs)))
        except NmscalError:
            continue  # a damaged file of one trial does not take the others away
    return tuple(views)


def _as_measured(view: TrialView, measured: Sequence[str]) -> TrialView:
    unmeasured = [dof not in measured for dof in view.dofs]
    return view if not any(unmeasured) else replace(view, joint_moment=np.where(unmeasured, np.nan, view.joint_moment))


def _excitations(path: Path) -> TimeSeries | None:
    try:
        return read_storage(path)
    except NmscalError:
        return None


def _view(folder: Path, trial: str, role: str, first_counted: int, dofs: tuple[str, ...], recorded: TimeSeries | None) -> TrialView:
    files = prediction_files(folder, trial)
    activation, force, moment = (read_storage(path) for path in (files.activation, files.tendon_force, files.joint_moment))
    states = read_storage(files.states)
    muscles, time = activation.labels, activation.time
    values = {state: states.select([f"{muscle}_{state}" for muscle in muscles]).values for state in STATES}
    prediction = TrialPrediction(
        trial=trial,
        time=time,
        first_counted=first_counted,
        muscles=muscles,
        dofs=dofs,
        activation=activation.values,
        tendon_force=force.select(muscles).values,
        joint_moment=moment.select(dofs).values,
        ligament_moment=ligaments_in(moment, dofs),
        **values,
    )
    excitation = np.zeros((len(time), len(muscles)))
    for column, muscle in enumerate(muscles):
        if recorded is not None and muscle in recorded.labels:
            excitation[:, column] = np.interp(time, recorded.time, recorded.column(muscle))
    return TrialView(
        name=trial,
        role="held_out" if role == "held_out" else "calibration",
        time=time,
        first_counted=first_counted,
        muscles=muscles,
        dofs=dofs,
        excitation=excitation,
        joint_moment=moment.select([INVERSE_DYNAMICS.format(dof=dof) for dof in dofs]).values,
        calibrated=prediction,
        uncalibrated_moment=read_storage(files.uncalibrated_moment).select(dofs).values if files.uncalibrated_moment.is_file() else None,
        uncalibrated=_uncalibrated(files, first_counted, muscles, dofs),
    )


def _uncalibrated(files: PredictionFiles, first_counted: int, muscles: tuple[str, ...], dofs: tuple[str, ...]) -> TrialPrediction | None:
    """Read what the muscles did before calibration; None where it was not kept."""
    if not files.uncalibrated_states.is_file() or not files.uncalibrated_moment.is_file():
        return None
    states = (read_storage(files.uncalibrated_states), UNCALIBRATED_STATES)
    return prediction_of(files.trial, first_counted, muscles, states=states, moments=read_storage(files.uncalibrated_moment).select(dofs))
