"""The muscles, coordinates, body masses and markers that an .osim states, without OpenSim.

Source: OpenSim 4.6; that these functions return what OpenSim itself reports is tested on whole models.
Departures: a muscle name written twice is an error (OpenSim renames the second); Millard's `minimum_value` is what the
file says, where OpenSim sets it to 0 on loading a muscle with damping (`nms/muscle_models` does the same when computing).
"""

import dataclasses
import functools
import math
import re
from collections.abc import Iterable
from pathlib import Path

from lxml import etree

from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.errors import FileFormatError, MuscleModelError, did_you_mean, listed
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.osim_model.document import ModelDocument, read_document
from osim_nmscal.osim_model.properties import (
    COMMON_DEFAULTS,
    PROPERTIES_TYPES,
    element_text,
    number_of,
    property_element,
    property_paths,
    resolved_values,
    truth_of,
)

# Every muscle class of OpenSim 1 to 4.6 ends like this, and nothing else in <objects> or <components> does.
_MUSCLE_TAG = re.compile(r"Muscle(V\d+)?(_Deprecated)?$")
# Its tendon does not stretch, whatever its properties say.
_RIGID_TENDON_CLASS = "RigidTendonMuscle"

# Which coordinates of a joint rotate, in their order. Source: OpenSim 4.6, Coordinate::getMotionType of each joint.
_ROTATIONAL: dict[str, tuple[bool, ...]] = {
    "PinJoint": (True,),
    "SliderJoint": (False,),
    "UniversalJoint": (True,) * 2,
    "BallJoint": (True,) * 3,
    "GimbalJoint": (True,) * 3,
    "EllipsoidJoint": (True,) * 3,
    "ScapulothoracicJoint": (True,) * 4,
    "PlanarJoint": (True, False, False),
    "FreeJoint": (True,) * 3 + (False,) * 3,
}


@takes_model
def read_muscles(path: ModelSource, substitute_muscle_class: str | None = None) -> MuscleTable:
    """Read every muscle of a model, in the file's order, each property resolved.

    Args:
        path: an .osim file or an `opensim.Model`.
        substitute_muscle_class: the class as which muscles of a class we do not know are read; `None`: they are an error.

    Raises:
        FileFormatError: no .osim, or a property that is not a number.
        MuscleModelError: an unknown muscle class, no muscles at all, a name missing or written twice, impossible values.

    Example:
        >>> table = read_muscles(Path("models/virtual_arm.osim"))
        >>> table.names[:2], table.muscles[0].muscle_class
        (('deltoid_anterior_r', 'deltoid_middle_r'), 'Millard2012EquilibriumMuscle')
    """
    return muscles_of(read_document(path), substitute_muscle_class)


@takes_model
def read_coordinates(path: ModelSource) -> tuple[Coordinate, ...]:
    """Read every coordinate of a model, in the file's order; the model is an .osim file or an `opensim.Model`.

    Raises:
        FileFormatError: no .osim, a value that is not a number, or a joint whose kind of motion we do not know.

    Example:
        >>> elbow = read_coordinates(Path("models/virtual_arm.osim"))[-1]
        >>> elbow.name, np.degrees(elbow.range).round(1)
        ('elbow_flexion_r', array([ -5., 150.]))
    """
    return _coordinates_of(read_document(path))


@functools.lru_cache(maxsize=3)
def _coordinates_of(document: ModelDocument) -> tuple[Coordinate, ...]:
    couplings = _couplings(document)
    return tuple(_coordinate(document, element, couplings) for element in document.elements("Coordinate") if element.get("name"))


def read_body_masses(path: Path) -> dict[str, float]:
    """Read the mass of every body of a model, kg.

    Raises:
        FileFormatError: no .osim, or a body without a mass.
    """
    document = read_document(path)
    bodies = [element for element in document.elements("Body") if element.get("name")]
    return {str(body.get("name")): _numbers(document, body, "mass", 1, (math.nan,))[0] for body in bodies}


def read_body_mass(path: Path) -> float:
    """Return the mass of a whole model, kg: the sum over its bodies.

    Raises:
        FileFormatError: as `read_body_masses`.
    """
    return math.fsum(read_body_masses(path).values())


def read_marker_names(path: Path) -> tuple[str, ...]:
    """Read the names of a model's markers, in the file's order.

    Raises:
        FileFormatError: no .osim.
    """
    return tuple(str(element.get("name")) for element in read_document(path).elements("Marker") if element.get("name"))


def read_marker_bodies(path: Path) -> dict[str, str]:
    """Read on which body each of a model's markers sits, whatever version wrote the file.

    Raises:
        FileFormatError: no .osim.
    """
    return marker_bodies_of(read_document(path).elements("Marker"))


def marker_bodies_of(markers: Iterable[etree._Element]) -> dict[str, str]:
    """Return marker -> body, of <Marker> elements of a model or of a marker set."""
    found = {}
    for marker in markers:
        texts = (marker.findtext(tag) for tag in ("socket_parent_frame", "socket_parent_frame_connectee_name", "body"))
        body = next((text.strip() for text in texts if text and text.strip()), "")
        if marker.get("name") and body:
            found[str(marker.get("name"))] = body.rpartition("/")[2]
    return found


def read_marker_locations(path: Path) -> dict[str, tuple[float, float, float]]:
    """Read where on its body each of a model's markers sits, m.

    Raises:
        FileFormatError: no .osim.
    """
    return marker_locations_of(read_document(path).elements("Marker"))


def marker_locations_of(markers: Iterable[etree._Element]) -> dict[str, tuple[float, float, float]]:
    """Return marker -> location, m, of <Marker> elements of a model or of a marker set; without those that state none."""
    found = {}
    for marker in markers:
        try:
            place = tuple(number_of(cell) for cell in (marker.findtext("location") or "").split())
        except ValueError:
            continue
        if marker.get("name") and len(place) == 3:
            found[str(marker.get("name"))] = place
    return found


@functools.lru_cache(maxsize=3)
def muscles_of(document: ModelDocument, substitute_muscle_class: str | None = None) -> MuscleTable:
    """Return the muscles of a model already read; see `read_muscles`."""
    if substitute_muscle_class is not None and substitute_muscle_class not in PROPERTIES_TYPES:
        raise MuscleModelError(
            f"[model] substitute_muscle_class = {substitute_muscle_class!r} is none of {listed(PROPERTIES_TYPES)}."
            f"{did_you_mean(substitute_muscle_class, PROPERTIES_TYPES)}"
        )
    elements = muscle_elements(document)
    return MuscleTable(muscles=tuple(muscle_of(document, element, substitute_muscle_class) for element in elements.values()))


def muscle_elements(document: ModelDocument) -> dict[str, etree._Element]:
    """Return the muscles' elements by name, in the file's order: in the ForceSet or below any <components>.

    Raises:
        MuscleModelError: there are none, or a name is missing or written twice.
    """
    found: dict[str, etree._Element] = {}
    for element in document.elements():
        parent = element.getparent()
        if parent is None or parent.tag not in ("objects", "components") or not _MUSCLE_TAG.search(str(element.tag)):
            continue
        name = element.get("name", "")
        if not name or name in found:
            problem = f"two muscles named {name!r}" if name else f"a {element.tag} without a name"
            raise MuscleModelError(f"{document.path.name} has {problem} (line {element.sourceline}); give each muscle its own name.")
        found[name] = element
    if not found:
        elsewhere = [force_set.get("file") for force_set in document.elements("ForceSet") if force_set.get("file")]
        place = f"; its forces are kept in {elsewhere[0]}, so open and save it in OpenSim as one file" if elsewhere else ""
        raise MuscleModelError(f"{document.path.name} has no muscles{place or '; give a model that has'}.")
    return found


def muscle_of(document: ModelDocument, element: etree._Element, substitute_muscle_class: str | None) -> Muscle:
    """Return one muscle, its properties resolved; see `read_muscles`."""
    muscle_class = str(element.tag)
    if muscle_class not in PROPERTIES_TYPES:
        if substitute_muscle_class is None:
            raise MuscleModelError(
                f"Muscle {element.get('name')!r} of {document.path.name} is a {muscle_class}, a class that osim_nmscal does not"
                ' know; set [model] substitute_muscle_class = "Millard2012EquilibriumMuscle" to calibrate such muscles as that class.'
            )
        muscle_class = substitute_muscle_class
    values = resolved_values(document, element, muscle_class)
    kind = PROPERTIES_TYPES[muscle_class]
    own = {field: values[path] for field, path in property_paths(kind).items()}
    common = {name: values[name] for name in COMMON_DEFAULTS}
    muscle = Muscle(name=str(element.get("name")), **common, properties=kind(**own))  # type: ignore[arg-type]
    if element.tag == _RIGID_TENDON_CLASS:
        muscle = dataclasses.replace(muscle, ignore_tendon_compliance=True)
    _require_possible(document, muscle)
    return muscle


def _require_possible(document: ModelDocument, muscle: Muscle) -> None:
    """Refuse what no muscle can be, and OpenSim neither."""
    limits = {
        "max_isometric_force": (0.0 <= muscle.max_isometric_force < math.inf, "0 N or more"),
        "optimal_fiber_length": (0.0 < muscle.optimal_fiber_length < math.inf, "more than 0 m"),
        "tendon_slack_length": (0.0 <= muscle.tendon_slack_length < math.inf, "0 m or more"),
        "pennation_angle_at_optimal": (0.0 <= muscle.pennation_angle_at_optimal < math.pi / 2, "from 0 to less than pi/2 rad"),
        "max_contraction_velocity": (0.0 < muscle.max_contraction_velocity < math.inf, "more than 0 optimal fiber lengths/s"),
    }
    for name, (possible, expected) in limits.items():
        if not possible:
            raise MuscleModelError(
                f"Muscle {muscle.name!r} of {document.path.name} has {name} = {getattr(muscle, name)!r}; it must be {expected}."
            )


def _coordinate(document: ModelDocument, element: etree._Element, couplings: dict[str, tuple[str, ...]]) -> Coordinate:
    name = str(element.get("name"))
    joint = next((parent for parent in element.iterancestors() if str(parent.tag).endswith("Joint")), None)
    if joint is None:
        raise FileFormatError(f"Coordinate {name!r} of {document.path.name} belongs to no joint; check the file.")
    lower, upper = _numbers(document, element, "range", 2, (-10.0, 10.0))
    return Coordinate(
        name=name,
        joint=joint.get("name", ""),
        rotational=_is_rotational(document, joint, element),
        default_value=_numbers(document, element, "default_value", 1, (0.0,))[0],
        range=(lower, upper),
        locked=_flag(document, element, "locked", default=False),
        clamped=_flag(document, element, "clamped", default=False),
        coupled_to=couplings.get(name, ()),
    )


def _is_rotational(document: ModelDocument, joint: etree._Element, coordinate: etree._Element) -> bool:
    name = str(coordinate.get("name"))
    if joint.tag == "CustomJoint":
        return _rotates_about_an_axis(document, joint, name)
    parent = coordinate.getparent()
    siblings = list(parent.iterchildren("Coordinate")) if parent is not None else []
    rotates = _ROTATIONAL.get(str(joint.tag), ())
    if siblings.index(coordinate) >= len(rotates):
        raise FileFormatError(
            f"Coordinate {name!r} of {document.path.name} belongs to a {joint.tag}, of which osim_nmscal does not know what"
            f" rotates; known are CustomJoint, {', '.join(_ROTATIONAL)}."
        )
    return rotates[siblings.index(coordinate)]


def _rotates_about_an_axis(document: ModelDocument, joint: etree._Element, name: str) -> bool:
    """Follow OpenSim's CustomJoint: the last axis that the coordinate moves with slope 1 or -1 decides."""
    rotational = False
    for axis in joint.iter("TransformAxis"):
        named = property_element(document, axis, "coordinates")
        if named is not None and name in element_text(named).split() and _is_pure(axis):
            rotational = axis.get("name", "").startswith("rotation")
    return rotational


def _is_pure(axis: etree._Element) -> bool:
    functions = [axis.find("LinearFunction"), axis.find("function/LinearFunction")]
    linear = next((function for function in functions if function is not None), None)
    coefficients = linear.find("coefficients") if linear is not None else None
    if coefficients is None:
        return linear is not None
    slope = element_text(coefficients).split()[:1]
    return slope != [] and abs(number_of(slope[0])) == 1.0


def _couplings(document: ModelDocument) -> dict[str, tuple[str, ...]]:
    couplings: dict[str, tuple[str, ...]] = {}
    for coupler in document.elements("CoordinateCouplerConstraint"):
        dependent = property_element(document, coupler, "dependent_coordinate_name")
        independent = property_element(document, coupler, "independent_coordinate_names")
        enforced = _flag(document, coupler, "isEnforced", default=True) and not _flag(document, coupler, "isDisabled", default=False)
        if enforced and dependent is not None and independent is not None:
            couplings[element_text(dependent)] = tuple(element_text(independent).split())
    return couplings


def _stated(document: ModelDocument, element: etree._Element, tag: str) -> str:
    """Return the text of a property in the element or, failing that, in the file's default of its class; "" if neither."""
    default = document.model.find(f"defaults/{element.tag}")
    for place in (element, default):
        child = property_element(document, place, tag) if place is not None else None
        if child is not None and element_text(child):
            return element_text(child)
    return ""


def _numbers(document: ModelDocument, element: etree._Element, tag: str, count: int, default: tuple[float, ...]) -> tuple[float, ...]:
    text = _stated(document, element, tag)
    try:
        numbers = tuple(number_of(part) for part in text.split()) if text else default
    except ValueError:
        numbers = ()
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        expected = "a number" if count == 1 else f"{count} numbers"
        raise FileFormatError(
            f"{document.path.name} has {text!r} as {tag} of {element.tag} {element.get('name')!r} (line {element.sourceline});"
            f" write {expected}."
        )
    return numbers


def _flag(document: ModelDocument, element: etree._Element, tag: str, *, default: bool) -> bool:
    text = _stated(document, element, tag)
    try:
        return truth_of(text) if text else default
    except KeyError:
        raise FileFormatError(
            f"{document.path.name} has {text!r} as {tag} of {element.tag} {element.get('name')!r} (line {element.sourceline});"
            " write true or false."
        ) from None
