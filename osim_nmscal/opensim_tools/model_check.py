"""Does OpenSim take a model file, and does the model in OpenSim do what calibration promised?

`load_model_check` opens a written model; `verify_model` moves it through a recorded motion, drives its muscles with calibrated
activations, and returns the tendon forces and joint moments of OpenSim's own muscles.
Source: OpenSim 4.6. Departure: OpenSim drops an object of a class it does not know with a line in its log; here it is an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import MuscleModelError, SignalError, listed
from osim_nmscal.opensim_tools.model_access import coordinates_of, free_coordinates, muscles_of, open_model, require_coordinate
from osim_nmscal.opensim_tools.motion import read_motion
from osim_nmscal.opensim_tools.muscle_simulation import DrivenMuscles, prepare_muscles
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod, PathGeometry
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.settings import Settings, setting

FloatArray = NDArray[np.float64]


class VerificationSettings(Settings):
    """How a personalized model is run in OpenSim."""

    accuracy: float = setting(
        1e-6,
        unit="-",
        description="Relative tolerance of the integration of fiber states.",
        source="measured: joint moments of a run to 0.01 N·m",
        gt=0,
        lt=1e-2,
    )
    method: MomentArmMethod = setting(
        "lengthening_speed", unit="-", description="Moment arms, as in the muscle analysis.", source="as the muscle analysis"
    )
    lowpass_cutoff: float = setting(
        6.0,
        unit="Hz",
        description="Cut-off of the coordinates, as in the muscle analysis; 0 for none.",
        source="as the muscle analysis",
        ge=0,
    )
    missing_coordinates: Literal["refuse", "default"] = setting(
        "refuse", unit="-", description="What to do with a coordinate of the model that the motion lacks.", source="choice"
    )


class VerificationChoice(Settings):
    """How the personalized model is confirmed by OpenSim at the end of a run."""

    enabled: bool = setting(True, unit="-", description="Whether OpenSim runs the personalized model.", source="choice")
    tolerance: float = setting(
        0.05, unit="-", description="Largest difference of joint moments from those predicted, / range.", source="choice", gt=0
    )
    trials: int = setting(6, unit="-", description="Trials verified at most, calibration trials first; 0: all.", source="choice", ge=0)


@dataclass(frozen=True, kw_only=True)
class VerificationRun:
    """What OpenSim's muscles did."""

    tendon_force: TimeSeries  # (time, muscle), N
    joint_moment: TimeSeries  # (time, dof), N·m


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """What OpenSim holds after loading a model."""

    path: Path
    mass: float  # kg
    coordinates: tuple[str, ...]
    muscles: tuple[str, ...]
    muscle_classes: tuple[str, ...]
    max_isometric_force: FloatArray  # (muscle,), N
    optimal_fiber_length: FloatArray  # (muscle,), m
    tendon_slack_length: FloatArray  # (muscle,), m


def load_model_check(path: Path | str, *, log: Path | str) -> LoadedModel:
    """Load a model in OpenSim and build its system, as every tool would.

    Args:
        path: .osim file.
        log: file for OpenSim's log.

    Returns:
        What OpenSim read.

    Raises:
        FileFormatError: missing, not XML, no model.
        MuscleModelError: OpenSim left out force objects of the file, because it does not know their class.
        OpenSimToolError: OpenSim refused the model; with its log.
    """
    path = Path(path).absolute()
    return in_worker(_load, path, log=Path(log), doing=f"loading {path}")


def verify_model(
    model: Path | str,
    coordinates: Path | str | TimeSeries,
    activation: TimeSeries,
    dofs: Sequence[str],
    *,
    settings: VerificationSettings,
    log: Path | str,
) -> VerificationRun:
    """Run a model's own muscles in OpenSim over the time of the activations, from static equilibrium at their first sample.

    Args:
        model: .osim file, opened as it is.
        coordinates: the whole motion, .mot or .sto file, or in rad and m; it may be longer than the activations.
        activation: (time, muscle), 0 to 1, used in place of the model's activation dynamics; below a muscle's
            `minimum_activation` OpenSim uses that.
        dofs: coordinates whose moments are returned.
        settings: integration, filter and moment arms.
        log: file for OpenSim's log.

    Returns:
        Tendon forces, and what they sum to about each degree of freedom, at the activations' times.

    Raises:
        FileFormatError: a file is missing or malformed.
        UnknownNameError: a muscle or dof is not in the model.
        SignalError: activation outside 0 to 1; the motion does not cover it.
        OpenSimToolError: a muscle cannot be simulated; with OpenSim's log.
    """
    path = Path(model).absolute()
    motion = coordinates if isinstance(coordinates, TimeSeries) else Path(coordinates).absolute()
    doing = f"verification of {path} with {activation.source}"
    return in_worker(_verify, path, motion, activation, tuple(dofs), settings, log=Path(log), doing=doing)


def _verify(
    path: Path, source: Path | TimeSeries, activation: TimeSeries, dofs: tuple[str, ...], settings: VerificationSettings
) -> VerificationRun:
    if not (np.isfinite(activation.values).all() and activation.values.min() >= 0 and activation.values.max() <= 1 + 1e-9):
        raise SignalError(f"{activation.source}: an activation is outside 0 to 1; calibrate again.")
    model = open_model(path)
    coordinates = coordinates_of(model)
    for dof in dofs:
        require_coordinate(dof, coordinates, str(path))
    free_coordinates(model)
    prepare_muscles(model, activation.labels)
    geometer = PathGeometry(model, coordinates, dofs)
    geometer.keep(activation.labels, str(path))
    motion = read_motion(
        source, coordinates, model_name=str(path), lowpass_cutoff=settings.lowpass_cutoff, missing=settings.missing_coordinates
    )
    _require_covered(motion, activation)
    driven = DrivenMuscles(model, motion, activation)
    forces = driven.tendon_forces(settings.accuracy)
    geometer.state = driven.state  # the model has been initialised anew
    _, arms = geometer.over(driven.posture(activation.time), settings.method)
    return VerificationRun(
        tendon_force=TimeSeries(time=activation.time, labels=activation.labels, values=forces, source=f"{path.name} in OpenSim"),
        joint_moment=TimeSeries(
            time=activation.time, labels=dofs, values=np.einsum("tm,tdm->td", forces, arms), source=f"{path.name} in OpenSim"
        ),
    )


def _require_covered(motion: TimeSeries, activation: TimeSeries) -> None:
    step = 1 / motion.rate
    if activation.time[0] < motion.time[0] - step or activation.time[-1] > motion.time[-1] + step:
        raise SignalError(
            f"{motion.source} runs from {motion.time[0]:g} to {motion.time[-1]:g} s, the activations from {activation.time[0]:g} to "
            f"{activation.time[-1]:g} s; give the motion of the same recording."
        )


def _load(path: Path) -> LoadedModel:
    model = open_model(path)
    _require_complete(model, path)
    state = model.initSystem()
    muscles = muscles_of(model)
    return LoadedModel(
        path=path,
        mass=float(model.getTotalMass(state)),
        coordinates=tuple(model.getCoordinateSet().get(i).getName() for i in range(model.getCoordinateSet().getSize())),
        muscles=tuple(muscle.getName() for muscle in muscles),
        muscle_classes=tuple(muscle.getConcreteClassName() for muscle in muscles),
        max_isometric_force=np.array([muscle.get_max_isometric_force() for muscle in muscles]),
        optimal_fiber_length=np.array([muscle.get_optimal_fiber_length() for muscle in muscles]),
        tendon_slack_length=np.array([muscle.get_tendon_slack_length() for muscle in muscles]),
    )


def _require_complete(model: Any, path: Path) -> None:
    tree = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))
    stated = [node for node in tree.getroot().iterfind("Model/ForceSet/objects/*") if isinstance(node.tag, str)]
    held = {model.getForceSet().get(i).getName() for i in range(model.getForceSet().getSize())}
    lost = [f"{node.tag} {node.get('name')!r}" for node in stated if node.get("name") not in held]
    if lost:
        raise MuscleModelError(f"OpenSim leaves {listed(lost)} of {path} out, because it does not know the class; remove or replace it.")
