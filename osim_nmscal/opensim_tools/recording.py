"""Everything that OpenSim does with one recording in one worker: inverse kinematics, muscle analysis and inverse dynamics.

Each step is the function that also stands alone (`run_inverse_kinematics`, `run_muscle_analysis`, `run_inverse_dynamics`), reads the
file that the step before has written, and writes the same files with the same bits. Two starts of Python and OpenSim are saved, which
cost more CPU than the steps themselves; logs go to one file.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsResult, InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsResult, InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, Window, run_muscle_analysis
from osim_nmscal.opensim_tools.run import in_worker

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class KinematicsStep:
    """Joint angles from markers; the arguments of `run_inverse_kinematics`."""

    markers: Path | MarkerTrajectories
    out: Path  # .mot
    settings: InverseKinematicsSettings
    start: float | None = None  # s
    end: float | None = None


@dataclass(frozen=True, kw_only=True)
class DynamicsStep:
    """Joint moments; the arguments of `run_inverse_dynamics`."""

    out: Path  # .sto
    settings: InverseDynamicsSettings
    start: float | None = None  # s
    end: float | None = None


@dataclass(frozen=True, kw_only=True)
class MusclesStep:
    """Lengths and moment arms; the arguments of `run_muscle_analysis`."""

    out: Path  # folder
    settings: MuscleAnalysisSettings
    windows: Sequence[Window] = ()  # default: the whole recording


@dataclass(frozen=True, kw_only=True)
class RecordingAnalysis:
    """What came of the steps asked for."""

    kinematics: InverseKinematicsResult | None = None
    dynamics: InverseDynamicsResult | None = None
    muscles: MuscleGeometry | None = None


def analyze_recording(
    model: Path | str,
    motion: KinematicsStep | TimeSeries | Path | str,
    *,
    dynamics: DynamicsStep | None = None,
    muscles: MusclesStep | None = None,
    log: Path | str,
) -> RecordingAnalysis:
    """Take one recording through OpenSim, in one worker.

    Args:
        model: scaled .osim file.
        motion: how to find the joint angles, or a .mot or .sto file of them, or coordinates in rad and m.
        dynamics: whether and how joint moments are found.
        muscles: whether and how lengths and moment arms are found.
        log: file for OpenSim's log of all steps.

    Returns:
        What the single functions return. Their findings are logged.

    Raises:
        NmscalError: as the single functions; files of the steps before are then there.
    """
    path = Path(model).absolute()
    if isinstance(motion, KinematicsStep):
        marked = motion.markers if isinstance(motion.markers, MarkerTrajectories) else motion.markers.absolute()
        settings = motion.settings.model_copy(update={"setup": motion.settings.setup.absolute()})
        motion = replace(motion, markers=marked, out=motion.out.absolute(), settings=settings)
    elif not isinstance(motion, TimeSeries):
        motion = Path(motion).absolute()
    if dynamics is not None:
        loads = dynamics.settings.external_loads
        absolute = dynamics.settings.model_copy(update={"external_loads": loads.absolute() if loads else None})
        dynamics = replace(dynamics, out=dynamics.out.absolute(), settings=absolute)
    if muscles is not None:
        muscles = replace(muscles, out=muscles.out.absolute())
    return in_worker(_analyze, path, motion, dynamics, muscles, log=Path(log), doing=f"the analysis of a recording on {path}")


def _analyze(
    model: Path, motion: KinematicsStep | TimeSeries | Path, dynamics: DynamicsStep | None, muscles: MusclesStep | None
) -> RecordingAnalysis:
    """Do the steps inside the worker, where each runs at once."""
    found = RecordingAnalysis()
    if isinstance(motion, KinematicsStep):
        kinematics = run_inverse_kinematics(model, motion.markers, motion.out, settings=motion.settings, start=motion.start, end=motion.end)
        found, motion = replace(found, kinematics=kinematics), kinematics.path
    if muscles is not None:
        geometry = run_muscle_analysis(model, motion, muscles.out, settings=muscles.settings, windows=muscles.windows)
        found = replace(found, muscles=geometry)
    if dynamics is not None:
        moments = run_inverse_dynamics(model, motion, dynamics.out, settings=dynamics.settings, start=dynamics.start, end=dynamics.end)
        found = replace(found, dynamics=moments)
    return found
