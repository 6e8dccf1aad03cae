"""Which tags hold a muscle's properties, and the value OpenSim gives each: the muscle's, the file's default, OpenSim's.

Source: OpenSim 4.6, tried out with small files (tests/osim_model/test_properties.py). What it does:
- `<defaults>` counts only as a child of <Model>. Its children take effect in order; of two with the same tag the first counts.
- A muscle without a curve has the curve of the default muscle of its class. A muscle with a curve that lacks a tag takes
  that value from the default *curve*, not from the default muscle's curve.
- Of a tag written twice the first counts; an empty one is ignored, except that it empties an optional property.
- Up to version 20301 `pennation_angle` is `pennation_angle_at_optimal`.
Departures: text that is not one number (`12abc`, `5 6`, `yes`) is an error here; OpenSim reads 12, 5 and the default.
"""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from lxml import etree

from osim_nmscal.data.muscles import (
    MUSCLE_CLASSES,
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    MuscleProperties,
    Thelen2003Properties,
)
from osim_nmscal.errors import FileFormatError
from osim_nmscal.osim_model.document import ModelDocument

Value = float | bool | None
# A property's place below the muscle: "fiber_damping" or "TendonForceLengthCurve/curviness".
Values = Mapping[str, Value]

PROPERTIES_TYPES: dict[str, type[MuscleProperties]] = {name: kind for kind, name in MUSCLE_CLASSES.items()}

# Of every muscle, in OpenSim's order. Source: OpenSim 4.6, Muscle's own defaults.
COMMON_DEFAULTS: Values = MappingProxyType(
    {
        "max_isometric_force": 1000.0,
        "optimal_fiber_length": 0.1,
        "tendon_slack_length": 0.2,
        "pennation_angle_at_optimal": 0.0,
        "max_contraction_velocity": 10.0,
        "ignore_tendon_compliance": False,
    }
)

# What every class has besides, which is not part of our muscle but goes along when its class changes.
ACCOMPANYING_DEFAULTS: dict[str, Values] = {
    name: MappingProxyType(
        {
            "appliesForce": True,
            "min_control": min_control,
            "max_control": 1.0,
            "ignore_activation_dynamics": False,
            "activation_time_constant": activation,
            "deactivation_time_constant": deactivation,
            "default_activation": default_activation,
        }
    )
    for name, min_control, activation, deactivation, default_activation in (
        ("Millard2012EquilibriumMuscle", 0.01, 0.010, 0.040, 0.05),
        ("DeGrooteFregly2016Muscle", 0.0, 0.015, 0.060, 0.5),
        ("Thelen2003Muscle", 0.01, 0.015, 0.050, 0.05),
    )
}

# Version up to which `pennation_angle` is read. Source: OpenSim's Muscle::updateFromXMLNode.
LAST_VERSION_WITH_PENNATION_ANGLE = 20301

_MILLARD_CURVES = {
    "ActiveForceLengthCurve": (
        "min_norm_active_fiber_length",
        "transition_norm_fiber_length",
        "max_norm_active_fiber_length",
        "shallow_ascending_slope",
        "minimum_value",
    ),
    "ForceVelocityCurve": (
        "concentric_slope_at_vmax",
        "concentric_slope_near_vmax",
        "isometric_slope",
        "eccentric_slope_at_vmax",
        "eccentric_slope_near_vmax",
        "max_eccentric_velocity_force_multiplier",
        "concentric_curviness",
        "eccentric_curviness",
    ),
    "FiberForceLengthCurve": (
        "strain_at_zero_force",
        "strain_at_one_norm_force",
        "stiffness_at_low_force",
        "stiffness_at_one_norm_force",
    ),
}

_MILLARD_PATHS = {
    **{field: f"{curve}/{field}" for curve, fields in _MILLARD_CURVES.items() for field in fields},
    "passive_curviness": "FiberForceLengthCurve/curviness",
    "tendon_strain_at_one_norm_force": "TendonForceLengthCurve/strain_at_one_norm_force",
    "tendon_stiffness_at_one_norm_force": "TendonForceLengthCurve/stiffness_at_one_norm_force",
    "tendon_norm_force_at_toe_end": "TendonForceLengthCurve/norm_force_at_toe_end",
    "tendon_curviness": "TendonForceLengthCurve/curviness",
}

_THELEN_PATHS = {
    "tendon_strain_at_one_norm_force": "FmaxTendonStrain",
    "passive_fiber_strain_at_one_norm_force": "FmaxMuscleStrain",
    "active_shape_factor": "KshapeActive",
    "passive_shape_factor": "KshapePassive",
    "force_velocity_shape_factor": "Af",
    "max_eccentric_force": "Flen",
    "force_velocity_extrapolation_threshold": "fv_linear_extrap_threshold",
}

_PATHS: dict[type[MuscleProperties], dict[str, str]] = {
    Millard2012Properties: _MILLARD_PATHS,
    DeGrooteFregly2016Properties: {},
    Thelen2003Properties: _THELEN_PATHS,
}


def property_paths(kind: type[MuscleProperties]) -> dict[str, str]:
    """Return where each field of a properties class stands in the XML, in the fields' order."""
    return {field.name: _PATHS[kind].get(field.name, field.name) for field in dataclasses.fields(kind)}


def class_values(properties: MuscleProperties) -> Values:
    """Return the value of each place in the XML that a muscle's class properties fill."""
    return {path: getattr(properties, field) for field, path in property_paths(type(properties)).items()}


def resolved_values(document: ModelDocument, element: etree._Element, muscle_class: str) -> Values:
    """Return every property of a muscle element as OpenSim would, read as one of the classes we know.

    Args:
        document: the model, for its <defaults> and version.
        element: the muscle; its own tag may name a class we do not know.
        muscle_class: the class whose properties are looked for.

    Raises:
        FileFormatError: a property is not one number, or not true or false.
    """
    values, curves = _file_defaults(document, str(element.tag), muscle_class)
    return _overlaid(values, curves, element, document)


def property_element(document: ModelDocument, parent: etree._Element, tag: str) -> etree._Element | None:
    """Return the child that holds a property, by its present or former name; of several, the first."""
    tags = {tag}
    if tag == "pennation_angle_at_optimal" and document.version <= LAST_VERSION_WITH_PENNATION_ANGLE:
        tags.add("pennation_angle")
    return next((child for child in parent.iterchildren("*") if child.tag in tags), None)


def element_text(element: etree._Element) -> str:
    """Return the text of an element without what comments split it into, stripped."""
    return "".join([element.text or "", *(child.tail or "" for child in element)]).strip()


def number_of(text: str) -> float:
    """Return the number a property's text is.

    Raises:
        ValueError: it is none; Python's digit groups (`1_000`) are none to OpenSim.
    """
    if "_" in text:
        raise ValueError(text)
    return float(text)


def truth_of(text: str) -> bool:
    """Return whether a flag's text is true.

    Raises:
        KeyError: it is neither true nor false.
    """
    return {"true": True, "1": True, "false": False, "0": False}[text.lower()]


def _class_defaults(muscle_class: str) -> dict[str, Value]:
    own = class_values(PROPERTIES_TYPES[muscle_class]())
    return {**COMMON_DEFAULTS, **ACCOMPANYING_DEFAULTS[muscle_class], **own}


@functools.lru_cache(maxsize=8)  # the same for all muscles of a class
def _file_defaults(document: ModelDocument, tag: str, muscle_class: str) -> tuple[dict[str, Value], dict[str, Value]]:
    """Return what a muscle with this tag starts from, and what a curve inside one starts from."""
    values = _class_defaults(muscle_class)
    curves = {path: value for path, value in values.items() if "/" in path}
    defaults = document.model.find("defaults")
    for child in _first_of_each(defaults):
        if child.tag == tag:
            values = _overlaid(values, curves, child, document)
        else:
            curves.update(_read_all(curves, f"{child.tag}/", child, document))
    return values, curves


def _first_of_each(defaults: etree._Element | None) -> Iterator[etree._Element]:
    if defaults is not None:
        for child in defaults.iterchildren("*"):
            yield next(defaults.iterchildren(child.tag))


def _overlaid(values: Values, curves: Values, element: etree._Element, document: ModelDocument) -> dict[str, Value]:
    overlaid = {**values, **_read_all({path: value for path, value in values.items() if "/" not in path}, "", element, document)}
    for curve in dict.fromkeys(path.split("/")[0] for path in values if "/" in path):
        child = property_element(document, element, curve)
        if child is not None:
            prefix = f"{curve}/"
            overlaid.update({path: value for path, value in curves.items() if path.startswith(prefix)})
            overlaid.update(_read_all(curves, prefix, child, document))
    return overlaid


def _read_all(values: Values, prefix: str, parent: etree._Element, document: ModelDocument) -> dict[str, Value]:
    """Read the children of one element that stand in the file, among the places that begin with a prefix."""
    read: dict[str, Value] = {}
    for path, inherited in values.items():
        child = property_element(document, parent, path.removeprefix(prefix)) if path.startswith(prefix) else None
        if child is not None:
            read[path] = _read_value(child, inherited, optional=path in _OPTIONAL, document=document)
    return read


def _read_value(element: etree._Element, inherited: Value, *, optional: bool, document: ModelDocument) -> Value:
    text = element_text(element)
    if not text:
        return None if optional else inherited
    try:
        return truth_of(text) if isinstance(inherited, bool) else number_of(text)
    except (ValueError, KeyError):
        expected = "true or false" if isinstance(inherited, bool) else "one number"
        raise FileFormatError(
            f"{document.path.name} has {text!r} as {element.tag} in {_owner(element)} (line {element.sourceline}); write {expected}."
        ) from None


def _owner(element: etree._Element) -> str:
    names = [f"{parent.tag} {parent.get('name')!r}" for parent in element.iterancestors() if parent.get("name")]
    return names[0] if names else "the model"


_OPTIONAL = frozenset(path for path, value in class_values(Millard2012Properties()).items() if value is None)
