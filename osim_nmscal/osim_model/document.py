"""An .osim file as bytes, as a tree, and where in the bytes each element of the tree lies.

Reading goes through the tree (lxml; nothing external is ever resolved), editing through the bytes: an lxml rewrite of
an untouched model changes up to hundreds of lines, an edit by byte offset changes the characters aimed at and no other.
Source: OpenSim 4.6, tried out with small files: it refuses a DOCTYPE and a bare `<Model>` root, and accepts a byte-order
mark and bytes that are not UTF-8 in a file that says it is (credits and notes of published models have them).
"""

import functools
import re
import xml.parsers.expat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from osim_nmscal.errors import FileFormatError

# An attribute's value may hold '>' unescaped.
_START_TAG = re.compile(rb"<[^\s/>]+(?:[^>\"']|\"[^\"]*\"|'[^']*')*>")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, kw_only=True)
class ModelDocument:
    """A model file, read once; its tree belongs to all who read the file and is never changed."""

    path: Path
    data: bytes
    root: etree._Element  # <OpenSimDocument>
    encoding: str | None  # what the bytes are decoded with; None: what the file declares

    @property
    def model(self) -> etree._Element:
        """The <Model> element."""
        return next(self.root.iterchildren("*"))

    @property
    def version(self) -> int:
        """OpenSim's document version, e.g. 40600; 0 if the file does not say."""
        text = self.root.get("Version", "")
        return int(text) if text.isdecimal() else 0

    def elements(self, *tags: str) -> Iterator[etree._Element]:
        """Yield the model's elements with one of these tags (all, if none is named), without those in <defaults>."""
        skipped: set[etree._Element] = set()
        for element in self.model.iter("*"):
            if element.tag == "defaults" or element.getparent() in skipped:
                skipped.add(element)
            elif not tags or element.tag in tags:
                yield element


@dataclass(frozen=True, kw_only=True)
class ElementSpan:
    """Where an element lies in the bytes: `data[start:end]` with its tags, `data[inner_start:inner_end]` without them."""

    start: int
    end: int
    inner_start: int
    inner_end: int
    empty_tag: bool  # written <tag/>; the inner positions are then those of '/>'


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Replace `data[start:end]` by `text`; an insertion has start == end."""

    start: int
    end: int
    text: bytes


def read_document(path: Path) -> ModelDocument:
    """Read a model file.

    Raises:
        FileFormatError: the file is missing, not XML, truncated, has a DOCTYPE, or holds no OpenSim model.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise FileFormatError(f"The model file {path} {problem}; give the path of an .osim file.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"The model file {path} cannot be read: {error.strerror}.") from error
    if data.startswith(_UTF_16_MARKS):
        raise FileFormatError(f"{path.name} is encoded in UTF-16, which OpenSim cannot read; save it as UTF-8.")
    return _document(path, data)


@functools.lru_cache(maxsize=3)  # a run asks the generic and the scaled model twenty questions, and each would parse it anew
def _document(path: Path, data: bytes) -> ModelDocument:
    root, encoding = _parse(data, path)
    _require_model(root, path)
    return ModelDocument(path=path, data=data, root=root, encoding=encoding)


def element_spans(document: ModelDocument) -> dict[etree._Element, ElementSpan]:
    """Return where each element of the tree lies in the bytes (expat's positions; both parsers go in document order)."""
    starts: list[int] = []
    ends: dict[int, int] = {}
    open_elements: list[int] = []
    parser = xml.parsers.expat.ParserCreate(document.encoding)

    def start_element(_tag: str, _attributes: dict[str, str]) -> None:
        open_elements.append(len(starts))
        starts.append(parser.CurrentByteIndex)

    def end_element(_tag: str) -> None:
        ends[open_elements.pop()] = parser.CurrentByteIndex

    parser.StartElementHandler = start_element
    parser.EndElementHandler = end_element
    parser.Parse(document.data, True)
    spans = [_span(document.data, start, ends[index]) for index, start in enumerate(starts)]
    return dict(zip(document.root.iter("*"), spans, strict=True))


def apply_edits(data: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the bytes with all edits made; positions refer to the bytes before any edit."""
    pieces: list[bytes] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        if edit.start < position:
            raise ValueError(f"Two edits overlap at byte {edit.start}.")
        pieces += [data[position : edit.start], edit.text]
        position = edit.end
    return b"".join([*pieces, data[position:]])


def _parse(data: bytes, path: Path) -> tuple[etree._Element, str | None]:
    encodings: list[str | None] = [None]
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        encodings.append("iso-8859-1")  # maps every byte, as OpenSim's own parser does
    for encoding in encodings:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, encoding=encoding)
        try:
            return etree.fromstring(data, parser), encoding
        except etree.XMLSyntaxError as error:
            reason = error.msg
    raise FileFormatError(f"{path.name} is not complete XML ({reason}); give an .osim file as OpenSim wrote it.")


def _require_model(root: etree._Element, path: Path) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise FileFormatError(f"{path.name} has a DOCTYPE, which OpenSim cannot read; remove it.")
    if root.tag == "Model":
        raise FileFormatError(f"{path.name} has the format of OpenSim 1, which OpenSim 4 cannot read; open and save it in OpenSim 3.3.")
    first = next(root.iterchildren("*"), None)
    if root.tag != "OpenSimDocument" or first is None or first.tag != "Model":
        content = root.tag if root.tag != "OpenSimDocument" or first is None else first.tag
        raise FileFormatError(f"{path.name} holds no OpenSim model but <{content}>; give an .osim file.")


def _span(data: bytes, start: int, end_index: int) -> ElementSpan:
    tag = _START_TAG.match(data, start)
    if tag is None:  # expat has just parsed it
        raise ValueError(f"No start tag at byte {start}.")
    if tag.group().endswith(b"/>"):
        return ElementSpan(start=start, end=tag.end(), inner_start=tag.end() - 2, inner_end=tag.end() - 2, empty_tag=True)
    return ElementSpan(start=start, end=data.index(b">", end_index) + 1, inner_start=tag.end(), inner_end=end_index, empty_tag=False)
