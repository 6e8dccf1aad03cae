"""Which muscles can move which coordinate, by the bodies that their paths touch: a muscle crosses a joint if it touches both sides of it.

No geometry is worked out, so that it takes no time: a muscle that crosses a joint may still have a moment arm of zero about it.
Constraints that close a loop are not followed; coordinates that a coupler moves are: who moves a patella moves the knee.
"""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from osim_nmscal.osim_model.document import ModelDocument, read_document
from osim_nmscal.osim_model.reader import muscle_elements, read_coordinates

_PARENT_FRAME = ("socket_parent_frame", "socket_parent_frame_connectee_name")
_CHILD_FRAME = ("socket_child_frame", "socket_child_frame_connectee_name")
_PARENT = ("socket_parent", "socket_parent_connectee_name")
_POINTS = ("PathPoint", "ConditionalPathPoint", "MovingPathPoint")


def read_crossing_muscles(path: Path) -> dict[str, frozenset[str]]:
    """Read which muscles cross the joint of each coordinate.

    Args:
        path: .osim file.

    Returns:
        Coordinate -> muscles; nothing where the file states its joints in a way that is not known here.

    Raises:
        FileFormatError: no .osim, or malformed.
        MuscleModelError: it has no muscles.
    """
    document = read_document(path)
    coordinates = read_coordinates(path)
    sides = {name: (parent, child) for name, parent, child in _joints(document)}
    if any(coordinate.joint not in sides for coordinate in coordinates):
        return {}
    children: dict[str, set[str]] = {}
    for parent, child in sides.values():
        children.setdefault(parent, set()).add(child)
    touched = {name: _bodies(element) for name, element in muscle_elements(document).items()}
    crossed: dict[str, frozenset[str]] = {}
    for coordinate in coordinates:
        beyond = _beyond(sides[coordinate.joint][1], children)
        crossed[coordinate.name] = frozenset(name for name, bodies in touched.items() if bodies & beyond and bodies - beyond)
    for coordinate in coordinates:
        for mover in coordinate.coupled_to:
            crossed[mover] = crossed.get(mover, frozenset()) | crossed[coordinate.name]
    return crossed


def _joints(document: ModelDocument) -> Iterator[tuple[str, str, str]]:
    """Yield name, parent body and child body of every joint; before OpenSim 4 a joint stands in its child body."""
    for joint in (element for element in document.elements() if str(element.tag).endswith("Joint") and element.get("name")):
        frames = {str(frame.get("name")): _last(_text(frame, _PARENT)) for frame in joint.iter("PhysicalOffsetFrame")}
        ends = [_last(_text(joint, tags)) for tags in (_PARENT_FRAME, _CHILD_FRAME)]
        parent, child = (frames.get(end, end) for end in ends)
        if not parent:
            parent = _text(joint, ("parent_body",))
        body = next((one for one in joint.iterancestors("Body")), None)
        if not child and body is not None:
            child = str(body.get("name"))
        if parent and child:
            yield str(joint.get("name")), parent, child


def _bodies(muscle: etree._Element) -> set[str]:
    points = (point for tag in _POINTS for point in muscle.iter(tag))
    return {_last(_text(point, (*_PARENT_FRAME, "body"))) for point in points} - {""}


def _beyond(body: str, children: dict[str, set[str]]) -> set[str]:
    """Return a body and all that hang on it."""
    found, waiting = set(), [body]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += children.get(one, ())
    return found


def _text(element: etree._Element, tags: tuple[str, ...]) -> str:
    texts = (element.findtext(tag) for tag in tags)
    return next((text.strip() for text in texts if text and text.strip()), "")


def _last(path: str) -> str:
    return path.rpartition("/")[2]
