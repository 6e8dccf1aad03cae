"""The edits in the bytes of an .osim that give one muscle its calibrated values, or another class.

Within its class, only what calibration changed is edited: lengths and strength, and whatever else differs. To another
class, the element is renamed, what belongs to its former class goes
(with the comment above it), and every property of the new class is written out, so that no <defaults> of the file can
creep in. Path, wrapping, appearance, name, control limits, time constants and every common property stay as they are.
"""

import re
from collections.abc import Iterator

from lxml import etree

from osim_nmscal.data.muscles import Muscle
from osim_nmscal.osim_model.document import Edit, ElementSpan, ModelDocument
from osim_nmscal.osim_model.properties import (
    ACCOMPANYING_DEFAULTS,
    COMMON_DEFAULTS,
    Value,
    Values,
    class_values,
    element_text,
    number_of,
    property_element,
    resolved_values,
    truth_of,
)

# What every calibration writes, whether it moved or not.
CALIBRATED = ("max_isometric_force", "optimal_fiber_length", "tendon_slack_length")

# What a muscle element of any class keeps when it becomes one of another class, besides its path.
_KEPT = frozenset(
    {"components", "isDisabled", "optimal_force", "default_fiber_length", "pennation_angle", "display", *COMMON_DEFAULTS}
    | {tag for defaults in ACCOMPANYING_DEFAULTS.values() for tag in defaults}
)
# OpenSim refuses to load a DeGrooteFregly2016Muscle that states the first, and ignores the second.
_DROPPED_BY_DEGROOTE = frozenset({"optimal_force", "default_fiber_length"})
# GeometryPath, FunctionBasedPath, path; and what stood in the muscle itself before OpenSim 2.4.
_PATH_TAG = re.compile(r"([Pp]ath|(Path|Muscle)PointSet|(Path|Muscle)WrapSet)$")
_HIDDEN = re.compile(rb"<!--.*?-->|<!\[CDATA\[|\]\]>", re.DOTALL)


def calibrated_values(document: ModelDocument, element: etree._Element, muscle: Muscle) -> Values:
    """Return by place in the XML what a calibrated muscle must state: the three values that are always written, and all that differs."""
    resolved = resolved_values(document, element, muscle.muscle_class)
    stated = {**{name: getattr(muscle, name) for name in COMMON_DEFAULTS}, **class_values(muscle.properties)}
    return {path: value for path, value in stated.items() if path in CALIBRATED or (value is not None and value != resolved[path])}


def calibration_edits(
    document: ModelDocument, spans: dict[etree._Element, ElementSpan], element: etree._Element, muscle: Muscle
) -> list[Edit]:
    """Return the edits that give a muscle element of the same class its calibrated values."""
    return _property_edits(document, spans, element, calibrated_values(document, element, muscle))


def conversion_edits(
    document: ModelDocument, spans: dict[etree._Element, ElementSpan], element: etree._Element, muscle: Muscle
) -> list[Edit]:
    """Return the edits that make a muscle element one of the muscle's class, with all of the muscle's values."""
    span = spans[element]
    tag, muscle_class = str(element.tag).encode(), muscle.muscle_class.encode()
    edits = [Edit(start=span.start + 1, end=span.start + 1 + len(tag), text=muscle_class)]
    if not span.empty_tag:
        edits.append(Edit(start=span.inner_end + 2, end=span.inner_end + 2 + len(tag), text=muscle_class))
    position = span.inner_start
    for child in element.iterchildren("*"):
        if not is_kept(child, muscle.muscle_class):
            edits.append(Edit(start=position, end=spans[child].end, text=b""))
        position = spans[child].end
    values = _converted_values(document, element, muscle)
    return edits + _property_edits(document, spans, element, values, converted_to=muscle.muscle_class)


def is_kept(child: etree._Element, muscle_class: str) -> bool:
    """Return whether a child of a muscle stays when the muscle becomes one of another class."""
    if muscle_class == "DeGrooteFregly2016Muscle" and child.tag in _DROPPED_BY_DEGROOTE:
        return False
    return child.tag in _KEPT or _PATH_TAG.search(str(child.tag)) is not None


def _converted_values(document: ModelDocument, element: etree._Element, muscle: Muscle) -> Values:
    """Return what a converted muscle must state: everything that has a default which might differ."""
    own = class_values(muscle.properties)
    former_class = str(element.tag) if element.tag in ACCOMPANYING_DEFAULTS else muscle.muscle_class
    resolved = resolved_values(document, element, former_class)
    values: dict[str, Value] = {name: resolved[name] for name in ACCOMPANYING_DEFAULTS[muscle.muscle_class]}
    if element.find("isDisabled") is not None:
        del values["appliesForce"]  # an old file says it in the old way, and OpenSim reads it
    if "minimum_activation" in own:  # OpenSim refuses a control that may fall below it
        values["min_control"] = max(float(values["min_control"] or 0.0), float(own["minimum_activation"] or 0.0))
        if element.find("default_fiber_length") is None:
            values["default_fiber_length"] = muscle.optimal_fiber_length
    return {**values, **{name: getattr(muscle, name) for name in COMMON_DEFAULTS}, **own}


def _property_edits(
    document: ModelDocument,
    spans: dict[etree._Element, ElementSpan],
    element: etree._Element,
    values: Values,
    converted_to: str = "",
) -> list[Edit]:
    """Change the properties that the element has (where they differ) and append those that it has not, in its curves as well."""
    edits: list[Edit] = []
    missing: dict[etree._Element, dict[str, Value]] = {}
    for path, value in values.items():
        curve, _, tag = path.rpartition("/")
        inside = property_element(document, element, curve) if curve else None
        if inside is not None and converted_to and not is_kept(inside, converted_to):
            inside = None  # it goes with the former class
        parent, tag = (inside, tag) if inside is not None else (element, path)
        child = property_element(document, parent, tag)
        if child is None or (converted_to and parent is element and not is_kept(child, converted_to)):
            missing.setdefault(parent, {})[tag] = value
        elif not _is_stated(child, value):
            edits.append(_value_edit(document, spans[child], str(child.tag), value))
    for parent, lacking in missing.items():
        close_with = converted_to if parent is element and converted_to else str(parent.tag)
        edits.append(_insertion(document, spans, parent, lacking, close_with.encode()))
    return edits


def _is_stated(child: etree._Element, value: Value) -> bool:
    try:
        text = element_text(child)
        return (truth_of(text) if isinstance(value, bool) else number_of(text)) == value
    except (ValueError, KeyError):
        return False


def _value_edit(document: ModelDocument, span: ElementSpan, tag: str, value: Value) -> Edit:
    """Replace the number (or word) alone: blanks and comments around it stay."""
    text = _text(value)
    if span.empty_tag:
        return Edit(start=span.inner_start, end=span.end, text=b">" + text + f"</{tag}>".encode())
    inner = document.data[span.inner_start : span.inner_end]
    visible = _HIDDEN.sub(lambda found: b" " * len(found.group()), inner)
    begin = span.inner_start + len(visible) - len(visible.lstrip()) if visible.strip() else span.inner_start
    return Edit(start=begin, end=begin + len(visible.strip()), text=text)


def _insertion(
    document: ModelDocument, spans: dict[etree._Element, ElementSpan], element: etree._Element, values: Values, close_with: bytes
) -> Edit:
    """Append properties after the last child, indented like the first."""
    span = spans[element]
    if span.empty_tag:
        text = b"".join(_lines(values, b""))
        return Edit(start=span.inner_start, end=span.end, text=b">" + text + b"</" + close_with + b">")
    blank = re.match(rb"\s*", document.data[span.inner_start : span.inner_end])
    children = list(element.iterchildren("*"))
    indent = blank.group() if blank and children else b""
    position = spans[children[-1]].end if children else span.inner_start
    return Edit(start=position, end=position, text=b"".join(_lines(values, indent)))


def _lines(values: Values, indent: bytes) -> Iterator[bytes]:
    """Yield `<tag>value</tag>` on lines of its own, those of a curve inside the curve."""
    deeper = indent + (b"\t" if b"\t" in indent else b"    ") if indent else b""
    curve = ""
    for path, value in sorted(values.items(), key=lambda item: item[0].split("/")[0] if "/" in item[0] else ""):
        parent, _, tag = path.rpartition("/")
        if parent != curve:
            yield (indent + f"</{curve}>".encode() if curve else b"") + indent + f"<{parent}>".encode()
            curve = parent
        text = _text(value)
        yield (deeper if curve else indent) + (f"<{tag}>".encode() + text + f"</{tag}>".encode() if text else f"<{tag} />".encode())
    if curve:
        yield indent + f"</{curve}>".encode()


def _text(value: Value) -> bytes:
    """Return a value as OpenSim reads it; a number such that reading it gives the same bits."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"true" if value else b"false"
    return repr(float(value)).encode()
