"""Does OpenSim take a model file, and what does it hold then?

Source: OpenSim 4.6. Departure: OpenSim drops an object of a class it does not know with a line in its log; here it is an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from lxml import etree
from numpy.typing import NDArray

from osim_nmscal.errors import MuscleModelError, listed
from osim_nmscal.opensim_tools.model_access import muscles_of, open_model
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.verification import VerificationChoice, VerificationRun, VerificationSettings, verify_model

__all__ = ["LoadedModel", "VerificationChoice", "VerificationRun", "VerificationSettings", "load_model_check", "verify_model"]

FloatArray = NDArray[np.float64]


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
    return in_worker(_load, path, log=Path(log), doing=f"loading {path}", model=path)


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
