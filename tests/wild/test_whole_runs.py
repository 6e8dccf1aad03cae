"""Whole runs on damaged recordings, OpenSim and calibration included: none ends as if nothing were wrong.

What `check` refuses never runs; these faults pass it, as no file alone shows them. `make harness` runs them (20 s each).
"""

from dataclasses import replace
from pathlib import Path

import pytest
from bad_input_damage import both, setting
from wild_damage import ANGLES, EMG, GRF, MOMENTS, MVC, Damage, columns, from_angles, storage, times, toml

from osim_nmscal.config import load_config
from osim_nmscal.data.findings import Finding
from osim_nmscal.errors import DataRefusedError
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize

pytestmark = [pytest.mark.harness, pytest.mark.opensim]

# Every muscle with an electrode is driven by it; one trial is run by OpenSim.
DRIVEN = both(toml('"synergy_hybrid"', '"emg_driven"'), setting("verification", "trials = 1"))
# What may be said of muscles that EMG alone drives, some hip flexors having no electrode: it is not said of the recording.
OF_THE_FIT = {"fiber_range", "relaxed_leg", "at_bound"}
GIVEN = toml('external_loads = "walk_fast_loads.xml"', f'joint_moments = "{MOMENTS}"\nforces = "{GRF}"')


def _exchanged(folder: Path) -> None:
    """Tibialis anterior and soleus on each other's cable, also when they contracted maximally."""
    other = {"TA": "SOL", "SOL": "TA"}
    for name in (EMG, MVC):
        storage(name, lambda s: replace(s, labels=tuple(other.get(label, label) for label in s.labels)))(folder)


def _run(folder: Path, damage: Damage) -> PersonalizedResult:
    DRIVEN(folder)
    damage(folder)
    return personalize(load_config(folder / "config.toml"), folder / "results")


def _doubts(result: PersonalizedResult) -> set[tuple[str, str]]:
    return {(one.kind, one.about) for one in result.judged if one.severity != "note"}


@pytest.fixture(scope="module")
def sound(sound_once: Path, tmp_path_factory: pytest.TempPathFactory) -> PersonalizedResult:
    import shutil

    folder = tmp_path_factory.mktemp("sound") / "walk"
    shutil.copytree(sound_once, folder)
    return _run(folder, lambda _: None)


def test_the_sound_recording_is_predicted_and_doubted_for_its_one_weak_channel_alone(sound: PersonalizedResult) -> None:
    assert {kind for kind, _ in _doubts(sound)} - OF_THE_FIT == {"emg_weak"}
    assert min(metric.r2 for metric in sound.metrics if metric.model == "calibrated") > 0.9  # measured: 0.95
    assert sound.verdict is not None
    assert sound.verdict.level == "use with care"


@pytest.mark.parametrize(
    ("kind", "damage"),
    [
        pytest.param("emg_late", times(EMG, lambda t: t + 0.3), id="EMG a third of a second late"),
        pytest.param("emg_swapped", _exchanged, id="two electrodes exchanged"),
        pytest.param("not_fitted", both(GIVEN, columns(MOMENTS, "knee", lambda t, v: -v)), id="a knee moment of the other sign"),
        pytest.param("held_out", both(GIVEN, times(MOMENTS, lambda t: t + 0.2)), id="moments on a late clock"),
        pytest.param("held_out_poor", storage(EMG, lambda s: replace(s, values=s.values[::-1])), id="EMG backwards"),
    ],
)
def test_a_damaged_recording_does_not_end_as_a_sound_one(kind: str, damage: Damage, walk: Path, sound: PersonalizedResult) -> None:
    result = _run(walk, damage)
    assert kind in {found for found, _ in _doubts(result) - _doubts(sound)}
    assert result.verdict is not None
    assert result.verdict.level != "fit for use"
    assert len(result.verdict.reasons) > len(sound.verdict.reasons if sound.verdict else ())


def test_a_hip_of_the_other_sign_stops_the_run_before_it_calibrates(walk: Path) -> None:
    with pytest.raises(DataRefusedError, match="an angle has the other sign"):
        _run(walk, from_angles(columns(ANGLES, "hip_flexion_r", lambda t, v: -v)))
    assert not (walk / "results" / "personalized.osim").exists()


def test_a_stop_that_is_allowed_stays_a_doubt_of_the_verdict(walk: Path) -> None:
    allowed = setting("checks", 'allow = ["plate_on_wrong_foot", "moment_beyond_human"]')
    result = _run(walk, both(allowed, from_angles(columns(ANGLES, "hip_flexion_r", lambda t, v: -v))))
    found = [one for one in result.judged if one.kind == "plate_on_wrong_foot"]
    assert [one.severity for one in found] == ["doubt"]
    assert isinstance(found[0], Finding)
    assert result.verdict is not None
    assert result.verdict.level != "fit for use"
