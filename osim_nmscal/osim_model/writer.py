"""Calibrated muscles back into an .osim: the calibrated numbers of each muscle change, or its class, and nothing else.

The bytes are edited where the values stand (`muscle_edits`), written beside the target, read again and compared with the
source as trees; only then does the file take its name. That OpenSim loads it is checked by the caller's `check`
(`opensim_tools/model_check`), before the file takes its name too.
"""

import math
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from lxml import etree

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import UnknownNameError, WriteBackError, did_you_mean, listed
from osim_nmscal.opensim_objects import ModelSource, takes_model
from osim_nmscal.osim_model.conversion import convert_muscles
from osim_nmscal.osim_model.document import Edit, ModelDocument, apply_edits, element_spans, read_document
from osim_nmscal.osim_model.muscle_edits import CALIBRATED, calibrated_values, calibration_edits, conversion_edits, is_kept
from osim_nmscal.osim_model.properties import property_element
from osim_nmscal.osim_model.reader import muscle_elements, muscle_of

MuscleClass = Literal["keep", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle"]


@takes_model
def write_personalized(
    source: ModelSource,
    out: Path | str,
    muscles: MuscleTable,
    *,
    muscle_class: MuscleClass = "keep",
    check: Callable[[Path], None] | None = None,
) -> Path:
    """Write a copy of a model in which the given muscles have their calibrated values.

    Args:
        source: the .osim or `opensim.Model` that the muscles were read from.
        out: where to write; its folder is made, an existing file is replaced at once.
        muscles: some or all of the model's muscles, calibrated.
        muscle_class: "keep" leaves each muscle's class (muscles that were read with `substitute_muscle_class` become
            the class they were calibrated as); a class converts the given muscles to it, see `convert_muscles`.
        check: called with the finished file before it takes its name; what it raises is passed on, and no file is left.

    Returns:
        `out`.

    Raises:
        FileFormatError: `source` is no .osim.
        UnknownNameError: the model has no such muscle.
        MuscleModelError: a muscle cannot be converted.
        WriteBackError: `out` is `source`, a value is impossible, or the written file is not what it must be.

    Example:
        >>> table = read_muscles(Path("models/virtual_arm.osim"))
        >>> stronger = MuscleTable(muscles=tuple(replace(one, max_isometric_force=1.2 * one.max_isometric_force) for one in table.muscles))
        >>> written = write_personalized(Path("models/virtual_arm.osim"), Path("personalized.osim"), stronger)
        >>> bool(np.allclose(read_muscles(written).values("max_isometric_force"), 1.2 * table.values("max_isometric_force")))
        True
    """
    source, out = Path(source), Path(out)
    _require_other_file(source, out)
    document = read_document(source)
    wanted = muscles if muscle_class == "keep" else convert_muscles(muscles, muscle_class)
    elements = _elements_of(document, wanted)
    spans = element_spans(document)
    edits: list[Edit] = []
    for muscle, element in zip(wanted.muscles, elements, strict=True):
        edits_of = calibration_edits if element.tag == muscle.muscle_class else conversion_edits
        edits += edits_of(document, spans, element, muscle)
    _place(apply_edits(document.data, edits), out, lambda written: _verify(document, elements, written, wanted, check))
    return out


def _require_other_file(source: Path, out: Path) -> None:
    if out.is_dir():
        raise WriteBackError(f"{out} is a folder; give the path of the .osim to write.")
    if source.resolve() == out.resolve() or (out.exists() and source.exists() and os.path.samefile(source, out)):
        raise WriteBackError(f"The personalized model would overwrite its source {source}; write it to another file.")


def _elements_of(document: ModelDocument, muscles: MuscleTable) -> list[etree._Element]:
    """Return the muscles' elements in the table's order, after a look at names and values."""
    elements = muscle_elements(document)
    twice = sorted({name for name in muscles.names if muscles.names.count(name) > 1})
    if twice or not len(muscles):
        raise WriteBackError(f"The muscles to write {f'hold {listed(twice)} twice' if twice else 'are none'}; give each muscle once.")
    for muscle in muscles.muscles:
        if muscle.name not in elements:
            raise UnknownNameError(
                f"{document.path.name} has no muscle {muscle.name!r} to write to.{did_you_mean(muscle.name, elements)}"
                f" Its muscles are: {listed(elements)}."
            )
        for name in CALIBRATED:
            value = getattr(muscle, name)
            if not 0.0 < value < math.inf:
                raise WriteBackError(
                    f"Muscle {muscle.name!r} has {name} = {value!r} after calibration; only a positive number can be written."
                )
    return [elements[name] for name in muscles.names]


def _place(data: bytes, out: Path, verify: Callable[[Path], None]) -> None:
    temporary = out.with_name(f".{out.stem}.{secrets.token_hex(4)}.osim")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        verify(temporary)
        os.replace(temporary, out)
    except OSError as error:
        raise WriteBackError(f"The personalized model {out} cannot be written: {error.strerror}.") from error
    finally:
        if temporary.exists():
            temporary.unlink()


def _verify(
    source: ModelDocument, elements: list[etree._Element], path: Path, wanted: MuscleTable, check: Callable[[Path], None] | None
) -> None:
    written = read_document(path)
    written_elements = muscle_elements(written)
    if not _same_tree(source.root, written.root, frozenset(elements)):
        raise WriteBackError(f"The personalized copy of {source.path.name} would differ in more than its muscles; it was not written.")
    for muscle, element in zip(wanted.muscles, elements, strict=True):
        counterpart = written_elements[muscle.name]
        paths = calibrated_values(source, element, muscle) if element.tag == muscle.muscle_class else {}
        if not _same_but_properties(source, element, written, counterpart, paths):
            raise WriteBackError(
                f"Muscle {muscle.name!r} of the personalized copy of {source.path.name} would differ in more than its properties;"
                " it was not written."
            )
        found = muscle_of(written, counterpart, None)
        if found != muscle:
            raise WriteBackError(f"Muscle {muscle.name!r} would be read back as {found}, not as {muscle}; nothing was written.")
    if check is not None:
        check(path)


def _same_tree(one: etree._Element, other: etree._Element, edited: frozenset[etree._Element]) -> bool:
    """Compare two trees, comments and blanks included, without looking into edited muscles."""
    return one in edited or (
        one.tag == other.tag
        and one.text == other.text
        and one.items() == other.items()
        and len(one) == len(other)
        and all(
            child.tail == counterpart.tail and _same_tree(child, counterpart, edited) for child, counterpart in zip(one, other, strict=True)
        )
    )


def _same_but_properties(
    source: ModelDocument, one: etree._Element, written: ModelDocument, other: etree._Element, paths: Iterable[str]
) -> bool:
    """Compare two muscles without the properties at these places, or those that a change of class may write."""
    becomes = "" if one.tag == other.tag else str(other.tag)
    mine, theirs = _lasting(source, one, becomes, paths), _lasting(written, other, becomes, paths)
    return (
        one.items() == other.items()
        and len(mine) == len(theirs)
        and all(
            (child.tail or "").strip() == (counterpart.tail or "").strip() and _same_tree(child, counterpart, frozenset())
            for child, counterpart in zip(mine, theirs, strict=True)
        )
    )


def _lasting(document: ModelDocument, muscle: etree._Element, becomes: str, paths: Iterable[str]) -> list[etree._Element]:
    if becomes:  # its numbers are compared as properties; here what is kept and has parts: path, wrapping
        return [child for child in muscle.iterchildren("*") if is_kept(child, becomes) and len(child)]
    changed = [property_element(document, muscle, path) for path in paths]
    curves = {path.split("/")[0] for path in paths if "/" in path}  # their numbers are all compared as properties
    return [child for child in muscle if child not in changed and child.tag not in curves]
