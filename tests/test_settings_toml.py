"""`settings --toml` is a configuration: it loads, and says nothing but the defaults."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner

from osim_nmscal.cli import app
from osim_nmscal.config import load_config

REQUIRED = {
    "subject.mass": "70",
    "model.file": "leg.osim",
    "muscle_analysis.dofs": "['knee_angle_r']",
    "recordings[1].name": "walk",
    "recordings[1].joint_angles": "ik.mot",
    "recordings[1].external_loads": "none",
    "recordings[1].emg": "emg.sto",
}


def test_with_what_is_required_it_loads_and_is_the_default_configuration(tmp_path: Path) -> None:
    text = CliRunner().invoke(app, ["settings", "--toml"]).output
    path, bare = tmp_path / "config.toml", tmp_path / "bare.toml"
    path.write_text(text, encoding="utf-8")
    # without maximal contractions a configuration that names no preset takes another one
    bare.write_text('[[recordings]]\n[calibration]\npreset = "natural"\n', encoding="utf-8")
    changes = [f"{key}={value}" for key, value in REQUIRED.items()]
    assert load_config(path, changes).model_dump() == load_config(bare, changes).model_dump()


def test_what_must_be_filled_in_is_marked_and_commented_out() -> None:
    text = CliRunner().invoke(app, ["settings", "--toml"]).output
    assert "# REQUIRED. kg. Body mass. Source: user.\n# mass =\n" in text
    assert '# "raw" or "envelope". ' in text  # the choices
    assert "# Hz. Cut-off of the linear envelope. Source: Hambly 2025, III-A.\nlowpass_cutoff = 5.0\n" in text
    assert "# [inverse_kinematics]   # not there by default\n" in text
    assert max(map(len, text.splitlines())) <= 120


def test_one_table_can_be_appended_to_a_configuration() -> None:
    assert tomllib.loads(CliRunner().invoke(app, ["settings", "--toml", "emg.envelope"]).output)["emg"]["envelope"]["lowpass_cutoff"] == 5.0
