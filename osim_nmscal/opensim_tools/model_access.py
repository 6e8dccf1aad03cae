"""A model opened in OpenSim: its coordinates with their couplers, its muscles.

Runs inside the worker process; no object of OpenSim leaves `opensim_tools/`. Keep what `open_model` returns in a variable for as
long as anything of it is used: OpenSim's Python objects do not keep their owner alive.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from osim_nmscal.errors import FileFormatError, UnknownNameError, did_you_mean, listed

# Coordinate::MotionType
ROTATIONAL, TRANSLATIONAL = 1, 2


@dataclass(frozen=True, kw_only=True)
class Coupler:
    """A coordinate that is a function of others."""

    dependent: str
    independent: tuple[str, ...]
    function: Any  # opensim.Function
    scale: float

    def value(self, values: Sequence[float]) -> float:
        """Return the dependent coordinate."""
        import opensim

        return self.scale * float(self.function.calcValue(opensim.Vector(list(map(float, values)))))

    def derivative(self, values: Sequence[float], which: int) -> float:
        """Return its derivative by one of the independent coordinates."""
        import opensim

        order = opensim.StdVectorInt([which])
        return self.scale * float(self.function.calcDerivative(order, opensim.Vector(list(map(float, values)))))


def constraints_beside_couplers(model: Any) -> Iterator[tuple[str, str]]:
    """Yield name and class of every enforced constraint that is no coupler of coordinates."""
    import opensim

    for component in model.getComponentsList():
        constraint = opensim.Constraint.safeDownCast(component)
        if constraint is not None and constraint.get_isEnforced() and constraint.getConcreteClassName() != "CoordinateCouplerConstraint":
            yield constraint.getName(), constraint.getConcreteClassName()


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """The coordinates of a model."""

    names: tuple[str, ...]
    rotational: tuple[str, ...]
    translational: tuple[str, ...]
    locked: tuple[str, ...]
    defaults: tuple[float, ...]  # rad, m
    couplers: tuple[Coupler, ...]  # a coupler stands behind those it depends on

    @property
    def dependent(self) -> tuple[str, ...]:
        """Names of those that a coupler determines."""
        return tuple(coupler.dependent for coupler in self.couplers)

    def default(self, name: str) -> float:
        """Return the default value of one, rad or m."""
        return self.defaults[self.names.index(name)]


def open_model(path: Path) -> Any:
    """Load a model.

    Args:
        path: .osim file.

    Returns:
        opensim.Model; keep it in a variable as long as anything of it is used.

    Raises:
        FileFormatError: missing or not XML.
    """
    import opensim

    if not path.is_file():
        raise FileFormatError(f"{path} does not exist, expected an OpenSim model; check the path.")
    try:
        root = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)).getroot()
    except etree.XMLSyntaxError as error:
        raise FileFormatError(f"{path} is no XML file: {error}; save the model again from OpenSim.") from None
    if root.tag != "OpenSimDocument" or root.find("Model") is None:
        raise FileFormatError(f"{path} holds <{root.tag}> without <Model>, expected an OpenSim model; name another file.")
    return opensim.Model(str(path))


def coordinates_of(model: Any) -> Coordinates:
    """Describe the coordinates of a model, in the order of its coordinate set.

    Args:
        model: opensim.Model, connected.
    """
    found = [model.getCoordinateSet().get(i) for i in range(model.getCoordinateSet().getSize())]
    return Coordinates(
        names=tuple(c.getName() for c in found),
        rotational=tuple(c.getName() for c in found if c.getMotionType() == ROTATIONAL),
        translational=tuple(c.getName() for c in found if c.getMotionType() == TRANSLATIONAL),
        locked=tuple(c.getName() for c in found if c.getDefaultLocked()),
        defaults=tuple(float(c.getDefaultValue()) for c in found),
        couplers=_couplers(model),
    )


def free_coordinates(model: Any) -> None:
    """Unlock and unclamp every coordinate, so that a recorded posture is taken as it is; call before `initSystem`."""
    for i in range(model.getCoordinateSet().getSize()):
        coordinate = model.updCoordinateSet().get(i)
        coordinate.setDefaultLocked(False)
        coordinate.setDefaultClamped(False)
        coordinate.setDefaultIsPrescribed(False)


def muscles_of(model: Any) -> list[Any]:
    """Return every muscle of a model, those under `<components>` too (`getMuscles()` misses them)."""
    import opensim

    found = [opensim.Muscle.safeDownCast(component) for component in model.getComponentsList()]
    return [muscle for muscle in found if muscle is not None]


def require_coordinate(name: str, coordinates: Coordinates, model_name: str) -> None:
    """Refuse a degree of freedom that has no moment of its own.

    Raises:
        UnknownNameError: the model lacks it, it is locked, or another coordinate determines it.
    """
    if name not in coordinates.names:
        raise UnknownNameError(
            f"{model_name} has no coordinate {name!r}.{did_you_mean(name, coordinates.names)} It has: {listed(coordinates.names, 50)}."
        )
    if name in coordinates.locked:
        raise UnknownNameError(
            f"Coordinate {name!r} is locked in {model_name}, so it has no moment to explain; leave it out of the dofs, or set <locked> to "
            "false and run inverse kinematics again."
        )
    for coupler in coordinates.couplers:
        if coupler.dependent == name:
            raise UnknownNameError(
                f"Coordinate {name!r} of {model_name} is determined by {', '.join(coupler.independent)}; name that one instead."
            )


def _couplers(model: Any) -> tuple[Coupler, ...]:
    import opensim

    waiting: list[Coupler] = []
    for component in model.getComponentsList():
        constraint = opensim.CoordinateCouplerConstraint.safeDownCast(component)
        if constraint is None or not constraint.get_isEnforced():
            continue
        names = constraint.getIndependentCoordinateNames()
        waiting.append(
            Coupler(
                dependent=constraint.getDependentCoordinateName(),
                independent=tuple(names.get(i) for i in range(names.getSize())),
                function=constraint.getFunction(),
                scale=float(opensim.PropertyHelper.getValueDouble(constraint.getPropertyByName("scale_factor"))),
            )
        )
    ordered: list[Coupler] = []
    while waiting:  # a coupler of a coupled coordinate comes behind it
        still = {coupler.dependent for coupler in waiting}
        ready = [coupler for coupler in waiting if not still & set(coupler.independent)] or waiting
        ordered += ready
        waiting = [coupler for coupler in waiting if coupler not in ready]
    return tuple(ordered)
