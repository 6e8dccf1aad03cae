"""The demo's table against the truth tells every kind whole, whatever the width of the terminal."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from osim_nmscal.commands.demo import _print_truth
from osim_nmscal.virtual_subject.truth import COMPARED, TruthComparison, TruthErrors

NONE = TruthErrors(count=0, before=float("nan"), after=float("nan"), inside=0)


def test_no_cell_of_the_table_is_cut(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    some = TruthErrors(count=37, before=0.8761, after=1.0002, inside=35)
    rows = tuple(TruthComparison(parameter=kind, whole=some, told=some, assumed=some, at_bound=NONE) for kind in COMPARED)
    here = Path("demo")
    result = SimpleNamespace(
        kind="leg", seed=1, comparison=rows, folder=here, truth=here, config=here, reused=True, seconds=1.0, seconds_person=0.0
    )
    result.personalized = SimpleNamespace(folder=here)
    _print_truth(result)  # type: ignore[arg-type]
    lines = [line for line in capsys.readouterr().out.splitlines() if "35 of 37" in line]
    assert [line.split()[1] for line in lines] == list(COMPARED)
    assert all(line.count("87.6 -> 100.0") == 3 for line in lines)
