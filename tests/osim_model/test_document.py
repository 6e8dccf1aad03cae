"""Where elements lie in the bytes, and which files are no model."""

from collections.abc import Callable
from pathlib import Path

import pytest
from small_models import model_text, muscle_text

from osim_nmscal.errors import FileFormatError
from osim_nmscal.osim_model.document import Edit, apply_edits, element_spans, read_document

MUSCLE = muscle_text("Thelen2003Muscle", "x", "<Flen>1.5</Flen><Af />")


def test_a_span_holds_the_element_it_belongs_to(running_data: Path) -> None:
    document = read_document(running_data / "generic_unscaled.osim")
    spans = element_spans(document)
    assert len(spans) == sum(1 for _ in document.root.iter("*"))
    for element, span in spans.items():
        tag = str(element.tag).encode()
        assert document.data[span.start :].startswith(b"<" + tag)
        assert document.data[: span.end].endswith(b"/>" if span.empty_tag else b"</" + tag + b">")


@pytest.mark.parametrize(
    "data",
    [
        model_text(MUSCLE).encode(),
        b"\xef\xbb\xbf" + model_text(MUSCLE).encode(),
        model_text(MUSCLE).replace("\n", "\r\n").encode(),
        model_text(MUSCLE).replace(' name="m"', " name=\"µ &gt; > 'x'\"").encode(),
        model_text(MUSCLE).replace(' name="m"', ' name="µ"').replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        model_text(MUSCLE).replace("<defaults>", "<credits>M\xfcller \x93</credits><defaults>").encode("latin-1"),
        model_text(MUSCLE).replace("<Model", "<!-- <Af>2</Af> --><Model").encode(),
    ],
    ids=["plain", "byte-order mark", "Windows line ends", "markup in an attribute", "Latin-1", "wrongly declared", "commented element"],
)
def test_positions_count_bytes_whatever_the_encoding(save: Callable[..., Path], data: bytes) -> None:
    document = read_document(save(data))
    spans = element_spans(document)
    (flen,) = document.elements("Flen")
    (af,) = document.elements("Af")
    assert data[spans[flen].inner_start : spans[flen].inner_end] == b"1.5"
    assert data[spans[af].start : spans[af].end] == b"<Af />"


def test_edits_refer_to_the_bytes_before_any_edit() -> None:
    edits = [Edit(start=4, end=4, text=b"!"), Edit(start=0, end=1, text=b"AAA"), Edit(start=3, end=4, text=b"")]
    assert apply_edits(b"abcdef", edits) == b"AAAbc!ef"


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply_edits(b"abcdef", [Edit(start=0, end=3, text=b""), Edit(start=2, end=4, text=b"")])


def test_elements_in_defaults_are_not_of_the_model(save: Callable[..., Path]) -> None:
    document = read_document(save(model_text(MUSCLE, defaults=MUSCLE)))
    assert len(list(document.elements("Thelen2003Muscle"))) == 1
    assert len(list(document.elements("Flen"))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not complete XML"),
        ("not xml", "not complete XML"),
        (model_text(MUSCLE)[:900], "not complete XML"),
        (b"\x00\xff\xfe binary", "not complete XML"),
        (model_text(MUSCLE).encode("utf-16"), "UTF-16"),
        ('<OpenSimDocument Version="40600"/>', "no OpenSim model"),
        ('<OpenSimDocument Version="40600"><ScaleTool name="s"/></OpenSimDocument>', "<ScaleTool>"),
        ("<html><body/></html>", "<html>"),
        ('<Model name="m"/>', "OpenSim 3.3"),
        ('<!DOCTYPE d [<!ENTITY e "5">]>' + model_text(MUSCLE).partition("?>")[2], "DOCTYPE"),
    ],
)
def test_what_is_no_model_is_a_clear_error(save: Callable[..., Path], content: str | bytes, said: str) -> None:
    with pytest.raises(FileFormatError, match=said) as raised:
        read_document(save(content, "gait.osim"))
    assert "gait.osim" in str(raised.value)


def test_a_missing_file_and_a_folder_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="does not exist"):
        read_document(tmp_path / "none.osim")
    with pytest.raises(FileFormatError, match="is a folder"):
        read_document(tmp_path)


def test_an_external_entity_is_never_read(save: Callable[..., Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("1234", encoding="utf-8")
    doctype = f'<!DOCTYPE d [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    text = doctype + model_text(muscle_text("Thelen2003Muscle", "x", "<Flen>&e;</Flen>")).partition("?>")[2]
    with pytest.raises(FileFormatError, match="DOCTYPE") as raised:
        read_document(save(text))
    assert "1234" not in str(raised.value)
