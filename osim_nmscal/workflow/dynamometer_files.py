"""What the tables of a dynamometer say of a model: postures in its coordinates, and the moments measured about some of them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import ConfigError, NmscalError, SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.moment_table import MOMENT, MomentTable, read_moment_table
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.signals import resample
from osim_nmscal.trials.sweeps import DynamometerRun, MeasuredPostures, runs_of
from osim_nmscal.workflow.recording_files import moments_by_coordinate

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.trials.dynamometer_settings import DynamometerSettings

# A joint that turns by less than this over a whole table, in degrees, was written in radians. Source: choice; half a turn is 3.14 rad.
LEAST_SPAN = 3.2


def dynamometer_runs(config: "WorkflowConfig", recording: "DynamometerSettings") -> tuple[DynamometerRun, ...]:
    """Read one recording of a dynamometer as sweeps and poses.

    Raises:
        NmscalError: what is wrong with its files.
    """
    return runs_of(recording.name, recorded_postures(config, recording), recording, config.trials.time_step)


def dynamometer_problems(config: "WorkflowConfig", recording: "DynamometerSettings") -> Iterator[NmscalError]:
    """Yield what is wrong with one recording, as far as its files and the model tell."""
    known = read_muscles(config.model.file, config.model.substitute_muscle_class).names
    for name in recording.agonists:
        if name not in known:
            yield UnknownNameError(
                f"{config.source}: agonists of recording {recording.name!r} name {name!r}, which is no muscle of {config.model.file}."
                f"{did_you_mean(name, known)}"
            )
    try:
        dynamometer_runs(config, recording)
    except NmscalError as error:
        yield error


def recorded_postures(config: "WorkflowConfig", recording: "DynamometerSettings") -> MeasuredPostures:
    """Read postures and moments of a recording, whatever files it has.

    Raises:
        FileFormatError, SignalError, UnknownNameError, ConfigError: what is wrong, where, and what to change.
    """
    coordinates = {one.name: one for one in read_coordinates(config.model.file) if not one.coupled}
    if recording.table is None:
        given = _of_opensim_files(config, recording, coordinates)
    else:
        given = _of_table(config, recording, read_moment_table(recording.table), coordinates)
    return _with_pose(config, recording, given, coordinates)


def _of_table(
    config: "WorkflowConfig", recording: "DynamometerSettings", table: MomentTable, coordinates: Mapping[str, Coordinate]
) -> MeasuredPostures:
    moved = [label for label in table.labels if label in coordinates]
    turning = [label.removesuffix(MOMENT) for label in table.labels if label not in moved and label.endswith(MOMENT)]
    for label in table.labels:
        if label not in moved and label.removesuffix(MOMENT) not in coordinates:
            known = (*coordinates, *(f"{name}{MOMENT}" for name in coordinates))
            raise UnknownNameError(
                f"{table.source}: column {label!r} is no coordinate of {config.model.file.name}, nor the moment about one."
                f"{did_you_mean(label, known)} Rename it, or take it out."
            )
    measured = recording.dofs or tuple(turning)
    for dof in measured:
        if dof not in turning:
            raise UnknownNameError(f"{table.source} has no column '{dof}{MOMENT}', which recording {recording.name!r} names under dofs.")
        if dof not in config.muscle_analysis.dofs:
            raise ConfigError(
                f"{table.source}: the moment about {dof!r} was measured, which [muscle_analysis] dofs does not have; add it there, or name "
                f"the others under dofs of recording {recording.name!r}."
            )
    turns = [label for label in moved if coordinates[label].rotational]
    if table.is_text:
        _require_degrees(table, [label for label in turns if label in measured])
    rows = np.arange(len(table.values), dtype=np.float64) if table.time is None else table.time
    angles = TimeSeries(time=rows, labels=table.labels, values=table.values, source=table.source, in_degrees=table.in_degrees)
    values = (_from_degrees(angles, turns) if table.is_text else in_radians(angles, turns)).select(moved).values
    return MeasuredPostures(
        coordinates=tuple(moved),
        values=values,
        measured=measured,
        moments=table.values[:, [table.labels.index(f"{dof}{MOMENT}") for dof in measured]],
        time=table.time,
        source=table.source,
    )


def _require_degrees(table: MomentTable, turning: list[str]) -> None:
    for label in turning:
        angles = table.values[:, table.labels.index(label)]
        if 0.0 < np.ptp(angles) < LEAST_SPAN:
            raise SignalError(
                f"{table.source}: {label!r} goes from {angles.min():.3g} to {angles.max():.3g} degrees only, which looks like radians; "
                "write degrees, or leave out rows of nearly the same angle."
            )


def _from_degrees(angles: TimeSeries, turning: list[str]) -> TimeSeries:
    turns = np.isin(angles.labels, turning)
    return replace(angles, values=np.where(turns, np.deg2rad(angles.values), angles.values), in_degrees=False)


def _of_opensim_files(
    config: "WorkflowConfig", recording: "DynamometerSettings", coordinates: Mapping[str, Coordinate]
) -> MeasuredPostures:
    assert recording.joint_angles is not None
    assert recording.joint_moments is not None
    angles = read_storage(recording.joint_angles)
    names = [label.split("/")[-2] if label.startswith("/") and label.endswith("/value") else label for label in angles.labels]
    columns = [i for i, name in enumerate(names) if name in coordinates]
    if not columns:
        raise UnknownNameError(f"{angles.source} has no column that is a coordinate of {config.model.file}; name another file.")
    known = replace(angles, labels=tuple(names[i] for i in columns), values=angles.values[:, columns])
    known = in_radians(known, [name for name, one in coordinates.items() if one.rotational])
    moments = moments_by_coordinate(read_storage(recording.joint_moments), recording.dofs)
    start, end = max(known.time[0], moments.time[0]), min(known.time[-1], moments.time[-1])
    inside = (known.time >= start) & (known.time <= end)
    if inside.sum() < 2:
        raise SignalError(
            f"Recording {recording.name!r}: {known.source} ({known.time[0]:g} to {known.time[-1]:g} s) and {moments.source} "
            f"({moments.time[0]:g} to {moments.time[-1]:g} s) share no time; bring them to one clock."
        )
    series = TimeSeries(time=known.time[inside], labels=known.labels, values=known.values[inside], source=known.source)
    return MeasuredPostures(
        coordinates=series.labels,
        values=series.values,
        measured=recording.dofs,
        moments=resample(moments, series.time).values,
        time=series.time,
        source=series.source,
    )


def _with_pose(
    config: "WorkflowConfig", recording: "DynamometerSettings", given: MeasuredPostures, coordinates: Mapping[str, Coordinate]
) -> MeasuredPostures:
    """Add the coordinates that were held; those of every dof must be known."""
    for name in recording.pose:
        if name not in coordinates:
            raise UnknownNameError(
                f"{config.source}: pose of recording {recording.name!r} names {name!r}, which is no free coordinate of "
                f"{config.model.file.name}.{did_you_mean(name, coordinates)}"
            )
        if name in given.coordinates:
            raise ConfigError(
                f"{config.source}: pose of recording {recording.name!r} names {name!r}, which {given.source} has as well; keep "
                "one of the two."
            )
    unknown = [dof for dof in config.muscle_analysis.dofs if dof not in (*given.coordinates, *recording.pose)]
    if unknown:
        example = ", ".join(f"{dof} = 0" for dof in unknown)
        raise ConfigError(
            f"Recording {recording.name!r}: nothing says how {listed(unknown)} {'was' if len(unknown) == 1 else 'were'} held, on "
            "which lengths "
            f"of muscles depend; add a column to {given.source}, or pose = {{ {example} }} (degrees) with the right numbers."
        )
    held = [np.deg2rad(value) if coordinates[name].rotational else value for name, value in recording.pose.items()]
    return replace(
        given,
        coordinates=(*given.coordinates, *recording.pose),
        values=np.hstack([given.values, np.tile(held, (len(given.values), 1))]) if held else given.values,
    )
