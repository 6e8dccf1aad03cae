"""The battery: no fault passes in silence, and no sound recording is turned away."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_workflow import write_small_workflow
from wild_faults import FAULTS, Fault
from wild_results import MADE, SOUND, Made
from wild_variations import VARIATIONS, Variation

from osim_nmscal.config import load_config
from osim_nmscal.data.findings import Finding
from osim_nmscal.errors import DataRefusedError, NmscalError
from osim_nmscal.workflow.check import check_workflow
from osim_nmscal.workflow.personalize import personalize

Record = Callable[[str, object], None]


def _checked(folder: Path) -> tuple[list[str], list[Finding]]:
    """Return errors and findings of `check`."""
    try:
        report = check_workflow(load_config(folder / "config.toml"), folder / "results")
    except NmscalError as error:
        return [str(error)], []
    return [str(error) for error in report.errors], list(report.judged)


@pytest.fixture(scope="session")
def usual(sound_once: Path) -> set[tuple[str, str]]:
    """What is said of the sound workflow itself."""
    errors, findings = _checked(sound_once)
    assert errors == []
    return {(one.kind, one.text) for one in findings if one.severity != "note"}


def _new(findings: list[Finding], usual: set[tuple[str, str]]) -> set[str]:
    return {one.kind for one in findings if one.severity != "note" and (one.kind, one.text) not in usual}


def _stopped_in_run(folder: Path) -> list[str]:
    try:
        personalize(load_config(folder / "config.toml"), folder / "results")
    except DataRefusedError as error:
        return [str(error)]
    return []


def _marks(fault: Fault) -> list[Any]:
    return [pytest.mark.opensim] if fault.in_run else []


@pytest.mark.parametrize("fault", [pytest.param(one, id=f"{one.group}: {one.name}", marks=_marks(one)) for one in FAULTS])
def test_a_fault_is_stopped_or_doubted(fault: Fault, walk: Path, usual: set[tuple[str, str]], record_property: Record) -> None:
    fault.damage(walk)
    errors, findings = _checked(walk)
    if fault.in_run:
        assert errors == []
        errors = _stopped_in_run(walk)
        assert not (walk / "results" / "unfinished" / "calibration").exists()
    new = _new(findings, usual)
    outcome = "stopped" if errors else "doubted" if new else "missed"
    record_property("outcome", f"{fault.group}|{outcome}|{fault.name}")
    assert outcome == fault.outcome, (errors, new)
    assert fault.says in (" ".join(errors) if errors else new), (errors, new)


@pytest.mark.parametrize("made", [pytest.param(one, id=one.name) for one in MADE])
def test_a_fault_in_what_a_run_made_is_judged(made: Made, record_property: Record) -> None:
    found = [one for one in made.found() if one.severity != "note"]
    outcome = "stopped" if any(one.severity == "stop" for one in found) else "doubted" if found else "missed"
    record_property("outcome", f"results|{outcome}|{made.name}")
    assert outcome == made.outcome
    assert {one.kind for one in found} == {made.kind}


@pytest.mark.parametrize("made", [pytest.param(one, id=one.name) for one in SOUND])
def test_what_is_sound_is_left_in_peace(made: Made, record_property: Record) -> None:
    found = [one for one in made.found() if one.severity != "note"]
    record_property("outcome", f"sound results|{'refused' if found else 'accepted'}|{made.name}")
    assert found == []


@pytest.mark.parametrize("variation", [pytest.param(one, id=one.name) for one in VARIATIONS])
def test_a_sound_recording_is_not_refused(variation: Variation, walk: Path, usual: set[tuple[str, str]], record_property: Record) -> None:
    variation.damage(walk)
    errors, findings = _checked(walk)
    record_property("outcome", f"sound|{'refused' if errors else 'accepted'}|{variation.name}")
    assert errors == []
    assert _new(findings, usual) <= variation.doubts | {kind for kind, _ in usual}


def test_an_arm_without_forces_is_not_refused(tmp_path: Path, record_property: Record) -> None:
    write_small_workflow(tmp_path)
    errors, findings = _checked(tmp_path)
    record_property("outcome", f"sound|{'refused' if errors else 'accepted'}|an arm without forces")
    assert errors == []
    assert {one.kind for one in findings if one.severity != "note"} <= {"emg_weak"}  # its brachialis is made to be nearly steady


def test_there_are_as_many_cases_as_promised() -> None:
    names = [one.name for one in FAULTS]
    assert len(FAULTS) + len(MADE) >= 40
    assert len(VARIATIONS) >= 20
    assert len(set(names)) == len(names)
