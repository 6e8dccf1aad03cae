"""MTU lengths and moment arms over a motion.

Moment arms come from lengthening speeds (path_geometry.py): 2 ms per frame for 40 MTUs and 5 degrees of freedom with everything
around it, where `computeMomentArm` for every pair takes 37 ms.
Source: OpenSim 4.6, whose MuscleAnalysis this equals except for MTUs that wrap over two objects (their wrapping is iterated; up to
2 mm).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.errors import FileFormatError, SignalError
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.opensim_objects import ModelSource, TableSource, takes_model
from osim_nmscal.opensim_tools.given import motion_of
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, open_model, require_coordinate
from osim_nmscal.opensim_tools.motion import read_motion
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod, PathGeometry, require_couplers_only
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.settings import Settings, setting

FloatArray = NDArray[np.float64]
Window = tuple[float, float]  # first and last time, s

LENGTH_FILE = "mtu_length.sto"
MOMENT_ARM_FILE = "moment_arm_{dof}.sto"
# Postures looked at to tell which MTUs cross a coordinate, and where length and moment arm are compared.
SAMPLED_FRAMES = 15
# Step of the central difference of the length, rad; and the disagreement that is said, m.
PROBE_STEP = 1e-4
DISAGREEMENT = 1.5e-3

_log = logging.getLogger(__name__)


class MuscleAnalysisSettings(Settings):
    """Which MTU lengths and moment arms are found, and how.

    Example:
        >>> MuscleAnalysisSettings(dofs=("knee_angle_r",), muscles=("soleus_r",)).method
        'lengthening_speed'
    """

    dofs: tuple[str, ...] = setting(..., unit="-", description="Coordinates whose moment arms are needed.", source="user", min_length=1)
    muscles: tuple[str, ...] = setting(
        (),
        unit="-",
        description="MTUs; none named means every MTU that crosses one of the dofs: in a run only those with EMG, but for synergy_hybrid.",
        source="choice: the others do nothing about the dofs",
    )
    method: MomentArmMethod | Literal["surrogate"] = setting(
        "lengthening_speed",
        unit="-",
        description="Moment arms from the MTU's lengthening speed (fast), or from OpenSim's computeMomentArm; 'surrogate': lengths and "
        "moment arms from polynomials fitted to OpenSim's over the motion's range.",
        source="measured: equal but for gastrocnemii that wrap twice",
    )
    lowpass_cutoff: float = setting(
        6.0,
        unit="Hz",
        description="Cut-off of the zero-lag low-pass (effective order 6) of the coordinates; 0 for none.",
        source="choice: the motion that inverse dynamics sees",
        ge=0,
    )
    missing_coordinates: Literal["refuse", "default"] = setting(
        "refuse",
        unit="-",
        description="What to do with a coordinate of the model that the motion lacks.",
        source="choice: a posture that nobody measured would pass unseen",
    )


@dataclass(frozen=True, kw_only=True)
class _Job:
    model: Path
    coordinates: Path | TimeSeries
    out: Path
    settings: MuscleAnalysisSettings
    windows: tuple[Window, ...]
    among: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    geometry: MuscleGeometry
    findings: tuple[str, ...]


@takes_model
def run_muscle_analysis(
    model: ModelSource,
    coordinates: TableSource,
    out: Path | str,
    *,
    settings: MuscleAnalysisSettings,
    windows: Sequence[Window] = (),
    among: Sequence[str] = (),
) -> MuscleGeometry:
    """Find MTU lengths and moment arms over a motion, and write them as OpenSim files.

    Args:
        model: .osim file or `opensim.Model`.
        coordinates: .mot or .sto file, `TimeSeries`, `opensim.TimeSeriesTable` or `Storage`; in degrees if it says so.
        out: folder; gets `mtu_length.sto`, `moment_arm_<dof>.sto` and `muscle_analysis.log`.
        settings: dofs, MTUs, method.
        windows: parts of the motion that are needed; default all of it. Filters see the whole motion, and MTUs are those that cross a
            dof anywhere in it, so that what is found is the same with and without windows.
        among: where `settings` names no MTUs, those of interest; default all. Where none of them crosses a dof, all that do are kept.

    Returns:
        Lengths (time, muscle) and moment arms (time, dof, muscle), m, on the motion's clock, frames outside the windows left out.
        Where OpenSim's own length and moment arm of an MTU disagree, a warning is logged.

    Raises:
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a muscle or dof is not in the model, or locked.
        SignalError: implausible units, gaps; no frame lies in the windows.
        MuscleModelError: the model has constraints for which only method = "moment_arm_solver" is right.
        OpenSimToolError: OpenSim failed; with its log.

    Example:
        >>> geometry = run_muscle_analysis(arm, elbow, "geometry", settings=MuscleAnalysisSettings(dofs=("elbow_flexion_r",)))
        >>> geometry.muscles
        ('triceps_long_r', 'triceps_lateral_r', 'triceps_medial_r', 'biceps_long_r', 'biceps_short_r', 'brachialis_r', 'brachioradialis_r')
        >>> geometry.moment_arm.shape
        (51, 1, 7)
    """
    out, coordinates = Path(out).absolute(), motion_of(coordinates)
    job = _Job(
        model=Path(model).absolute(),
        coordinates=coordinates,
        out=out,
        settings=settings,
        windows=tuple(windows),
        among=tuple(among),
    )
    motion = coordinates.source if isinstance(coordinates, TimeSeries) else coordinates
    outcome = in_worker(
        _analyze, job, log=out / "muscle_analysis.log", doing=f"muscle analysis of {motion} on {job.model}", model=job.model
    )
    for finding in outcome.findings:
        _log.warning("%s", finding)
    return outcome.geometry


def read_muscle_analysis(folder: Path | str, dofs: Sequence[str], muscles: Sequence[str] = ()) -> MuscleGeometry:
    """Read MTU lengths and moment arms from our own folder or from one of OpenSim's AnalyzeTool.

    Args:
        folder: holds `mtu_length.sto` and `moment_arm_<dof>.sto`, or `*_MuscleAnalysis_Length.sto` and
            `*_MuscleAnalysis_MomentArm_<dof>.sto`.
        dofs: coordinates.
        muscles: default all that the length file has.

    Raises:
        FileFormatError: a file is missing.
        UnknownNameError: a muscle is absent.
        SignalError: the files have different clocks.

    Example:
        >>> lengths = TimeSeries(time=time, labels=("extensor",), values=np.full((len(time), 1), 0.30))
        >>> arms = TimeSeries(time=time, labels=("extensor",), values=np.full((len(time), 1), 0.04))
        >>> _ = write_storage("analysis/mtu_length.sto", lengths, header_name="Length")
        >>> _ = write_storage("analysis/moment_arm_knee.sto", arms, header_name="MomentArm")
        >>> read_muscle_analysis("analysis", ["knee"]).moment_arm.shape
        (100, 1, 1)
    """
    folder = Path(folder)
    lengths = read_storage(_one_file(folder, LENGTH_FILE, "*_MuscleAnalysis_Length.sto"))
    names = tuple(muscles) or lengths.labels
    arms = []
    for dof in dofs:
        series = read_storage(_one_file(folder, MOMENT_ARM_FILE.format(dof=dof), f"*_MuscleAnalysis_MomentArm_{dof}.sto"))
        if len(series.time) != len(lengths.time) or np.abs(series.time - lengths.time).max() > 1e-6:
            raise SignalError(f"{series.source} has other times than {lengths.source}; run the muscle analysis again.")
        arms.append(series.select(names).values)
    return MuscleGeometry(
        time=lengths.time,
        muscles=names,
        dofs=tuple(dofs),
        mtu_length=lengths.select(names).values,
        moment_arm=np.stack(arms, axis=1),
    )


def _one_file(folder: Path, ours: str, pattern: str) -> Path:
    if not folder.is_dir():
        raise FileFormatError(f"{folder} is no folder, expected one with the results of a muscle analysis; check the path.")
    if (folder / ours).is_file():
        return folder / ours
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise FileFormatError(f"{folder} holds {len(found)} files {ours} or {pattern}, expected one; run the muscle analysis again.")
    return found[0]


def _analyze(job: _Job) -> _Outcome:
    model = open_model(job.model)
    coordinates = coordinates_of(model)
    for dof in job.settings.dofs:
        require_coordinate(dof, coordinates, str(job.model))
    if job.settings.method != "moment_arm_solver":
        require_couplers_only(model, str(job.model))
    free_coordinates(model)
    geometer = PathGeometry(model, coordinates, job.settings.dofs)
    motion = read_motion(
        job.coordinates,
        coordinates,
        model_name=str(job.model),
        lowpass_cutoff=job.settings.lowpass_cutoff,
        missing=job.settings.missing_coordinates,
    )
    geometer.keep(job.settings.muscles or _wanted(geometer, motion, job), str(job.model))
    inside = _inside(motion, job.windows)
    used = replace(motion, time=motion.time[inside], values=motion.values[inside])
    if job.settings.method == "surrogate":
        return _surrogate(model, geometer, motion, inside, job)
    lengths, arms = geometer.over(used.values, job.settings.method)
    geometry = MuscleGeometry(time=used.time, muscles=geometer.names, dofs=job.settings.dofs, mtu_length=lengths, moment_arm=arms)
    _write(geometry, job.out)
    return _Outcome(geometry=geometry, findings=_disagreements(geometer, used, _spread(len(used.time)), arms))


def _wanted(geometer: PathGeometry, motion: TimeSeries, job: _Job) -> tuple[str, ...]:
    """Return the MTUs of interest that cross a dof."""
    crossing = geometer.crossing(motion.values[_spread(len(motion.time))], str(job.model))
    return tuple(name for name in crossing if name in job.among) or crossing


def _surrogate(model: Any, geometer: PathGeometry, motion: TimeSeries, inside: NDArray[np.bool_], job: _Job) -> _Outcome:
    from osim_nmscal.opensim_tools.surrogate_fit import surrogate_over  # it loads torch

    found = surrogate_over(model, geometer.coordinates, job.settings.dofs, geometer.names, motion, str(job.model))
    geometry = MuscleGeometry(
        time=motion.time[inside],
        muscles=geometer.names,
        dofs=job.settings.dofs,
        mtu_length=found.mtu_length[inside],
        moment_arm=found.moment_arm[inside],
    )
    _write(geometry, job.out)
    worst = max(found.errors, key=lambda error: error.arm_rms)
    finding = (
        f"Lengths and moment arms of {job.model.name} are polynomials; the worst, {worst.muscle}, is {1e3 * worst.length_rms:.2g} mm of "
        f"length and {1e3 * worst.arm_rms:.2g} mm of moment arm off OpenSim's (RMS)."
    )
    return _Outcome(geometry=geometry, findings=(finding,))


def _spread(count: int) -> NDArray[np.intp]:
    """Return some frames, from the first to the last."""
    return np.unique(np.linspace(0, count - 1, SAMPLED_FRAMES).round().astype(np.intp))


def _inside(motion: TimeSeries, windows: Sequence[Window]) -> NDArray[np.bool_]:
    """Return the frames that are needed."""
    if not windows:
        return np.ones(len(motion.time), dtype=np.bool_)
    inside = np.zeros(len(motion.time), dtype=np.bool_)
    for start, end in windows:
        inside |= (motion.time >= start - 1e-9) & (motion.time <= end + 1e-9)
    if not inside.any():
        raise SignalError(
            f"{motion.source} has no frame from {min(windows)[0]:g} to {max(end for _, end in windows):g} s, where trials lie; it runs "
            f"from {motion.time[0]:g} to {motion.time[-1]:g} s. Correct the segments, or the clock."
        )
    return inside


def _disagreements(geometer: PathGeometry, motion: TimeSeries, frames: NDArray[np.intp], arms: FloatArray) -> tuple[str, ...]:
    """Say which MTUs have a moment arm that is not -dL/dq of their own length (OpenSim's double wrapping)."""
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for frame in frames:
        posture = motion.values[frame].tolist()
        for j, dof in enumerate(geometer.dofs):
            ahead, behind = (geometer.lengths_beside(posture, dof, step) for step in (PROBE_STEP, -PROBE_STEP))
            slopes = -(ahead - behind) / (2 * PROBE_STEP)
            for m, name in enumerate(geometer.names):
                difference = abs(slopes[m] - arms[frame, j, m])
                if difference > max(DISAGREEMENT, worst.get((name, dof), (0.0, ""))[0]):
                    text = f"{1e3 * arms[frame, j, m]:.1f} mm against {1e3 * slopes[m]:.1f} mm from its length at {motion.time[frame]:g} s"
                    worst[name, dof] = (difference, text)
    return tuple(
        f"OpenSim's moment arm of {name} about {dof} is {text}: its path wraps over two objects and length and moment arm disagree; "
        "change its wrapping, or do not trust its passive force there."
        for (name, dof), (_, text) in worst.items()
    )


def _write(geometry: MuscleGeometry, folder: Path) -> None:
    lengths = TimeSeries(time=geometry.time, labels=geometry.muscles, values=geometry.mtu_length)
    write_storage(folder / LENGTH_FILE, lengths, header_name="Length")
    for j, dof in enumerate(geometry.dofs):
        arms = TimeSeries(time=geometry.time, labels=geometry.muscles, values=geometry.moment_arm[:, j])
        write_storage(folder / MOMENT_ARM_FILE.format(dof=dof), arms, header_name=f"MomentArm_{dof}")
