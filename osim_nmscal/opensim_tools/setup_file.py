"""A user's OpenSim setup file as an XML tree: read, questioned, redirected into a temporary folder, never changed in place.

Source: the XML that OpenSim 4.6 reads (ScaleTool, InverseKinematicsTool, IKTaskSet, ExternalLoads). Paths in it are relative to
the file, as OpenSim takes them.
Departure: OpenSim runs a setup file of the wrong class without a word; here it is an error.
"""

from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from osim_nmscal.errors import FileFormatError, listed

# What OpenSim takes for "no file".
NO_FILE = ("", "unassigned")


@dataclass(frozen=True, kw_only=True)
class SetupFile:
    """One object of a setup file."""

    path: Path
    tree: etree._ElementTree
    node: etree._Element  # the tool, task set or set of loads

    @property
    def kind(self) -> str:
        """Its class, e.g. "ScaleTool"."""
        return str(self.node.tag)


def read_setup(path: Path, *kinds: str) -> SetupFile:
    """Read a setup file that holds an object of one of these classes.

    Args:
        path: the XML file.
        kinds: class names, e.g. "ScaleTool".

    Returns:
        The object; paths of files that it includes (attribute `file`) are made absolute.

    Raises:
        FileFormatError: missing, not XML, or of another class.
    """
    if not path.is_file():
        raise FileFormatError(f"{path} does not exist, expected an OpenSim setup file with <{' or '.join(kinds)}>; check the path.")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        tree = etree.parse(str(path), parser)
    except (etree.XMLSyntaxError, OSError) as error:  # OSError: it may not be read, or its bytes are not in its encoding
        raise FileFormatError(f"{path} is no XML file: {str(error)[:200]}; save it again from OpenSim.") from None
    if tree.docinfo.internalDTD is not None:
        raise FileFormatError(f"{path} has a DOCTYPE, which OpenSim cannot read; remove it.")
    root = tree.getroot()
    objects = [root] if root.tag in kinds else [child for child in root if child.tag in kinds]
    if not objects:
        found = [str(child.tag) for child in (root if root.tag == "OpenSimDocument" else [root])]
        raise FileFormatError(f"{path} holds {listed(found) or 'nothing'}, expected {' or '.join(kinds)}; name another file.")
    for element in objects[0].iter():
        if included_file := element.get("file"):
            element.set("file", str((path.parent / included_file).resolve()))
    return SetupFile(path=path, tree=tree, node=objects[0])


def text_of(node: etree._Element, place: str, default: str = "") -> str:
    """Return the text at `A/B/C` without blanks around it, `default` where the file says nothing."""
    found = node.find(place)
    text = "" if found is None or found.text is None else found.text.strip()
    return text or default


def file_of(setup: SetupFile, place: str, node: etree._Element | None = None) -> Path | None:
    """Return the file named at `A/B/C`, resolved against the setup file; None if none is named.

    Raises:
        FileFormatError: the file does not exist.
    """
    text = text_of(setup.node if node is None else node, place)
    if text.lower() in NO_FILE:
        return None
    path = (setup.path.parent / text).resolve()
    if not path.is_file():
        raise FileFormatError(f"{setup.path} names {text!r} in <{place.split('/')[-1]}>, but {path} does not exist; correct the path.")
    return path


def file_name_of(setup: SetupFile, place: str) -> str:
    """Return the last part of the path named at `A/B/C`, whichever way its slashes lean."""
    return text_of(setup.node, place).replace("\\", "/").rpartition("/")[2]


def is_on(node: etree._Element, place: str = "apply") -> bool:
    """Return the truth value at `A/B/C`; OpenSim's `apply` is true where the file says nothing."""
    return text_of(node, place, "true").lower() == "true"


def numbers_of(setup: SetupFile, place: str, default: tuple[float, ...]) -> tuple[float, ...]:
    """Return the numbers at `A/B/C`, `default` where the file says nothing.

    Raises:
        FileFormatError: it holds something else.
    """
    text = text_of(setup.node, place)
    try:
        return tuple(float(word) for word in text.split()) or default
    except ValueError:
        raise FileFormatError(f"{setup.path}: <{place}> holds {text!r}, expected numbers; correct it.") from None


def put(node: etree._Element, place: str, text: str) -> None:
    """Set the text at `A/B/C`, adding the last element if it is missing."""
    found = node.find(place)
    if found is None:
        parent_place, _, name = place.rpartition("/")
        parent = node.find(parent_place) if parent_place else node
        if parent is None:
            return
        found = etree.SubElement(parent, name)
    found.text = text


def included(node: etree._Element) -> etree._Element:
    """Return a node, or the one of the file it includes by OpenSim's `file` attribute.

    Raises:
        FileFormatError: the included file is missing or of another class.
    """
    return read_setup(Path(node.get("file", "")), str(node.tag)).node if node.get("file") else node


def marker_tasks(task_set: etree._Element) -> list[str]:
    """Return the markers that a set of IK tasks really follows: applied, with a weight above zero.

    Raises:
        FileFormatError: a weight is not a number.
    """
    return list(marker_weights(task_set))


def marker_weights(task_set: etree._Element) -> dict[str, float]:
    """Return marker -> weight of those that `marker_tasks` names; raises as it."""
    weights = {str(task.get("name")): _weight(task) for task in task_set.iter("IKMarkerTask") if is_on(task)}
    return {name: weight for name, weight in weights.items() if weight > 0}


def coordinate_tasks(task_set: etree._Element) -> list[str]:
    """Return the coordinates that a set of IK tasks really follows; raises as `marker_tasks`."""
    return [str(task.get("name")) for task in task_set.iter("IKCoordinateTask") if is_on(task) and _weight(task) > 0]


def _weight(task: etree._Element) -> float:
    text = text_of(task, "weight", "0")
    try:
        return float(text)
    except ValueError:
        file = task.getroottree().docinfo.URL
        raise FileFormatError(f"{file}: <weight> of {task.get('name')!r} is {text!r}, expected a number; correct it.") from None


def write_setup(setup: SetupFile, path: Path) -> Path:
    """Write the tree to another file.

    Returns:
        The path.
    """
    setup.tree.write(str(path), encoding="UTF-8", xml_declaration=True)
    return path
