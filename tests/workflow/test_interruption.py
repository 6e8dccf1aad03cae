"""What an interrupted run says of what it leaves."""

import json
from pathlib import Path

from osim_nmscal.workflow.interruption import what_is_kept
from osim_nmscal.workflow.records import STAGES_FILE, UNFINISHED


def test_stages_are_only_said_to_be_kept_where_one_has_finished(tmp_path: Path) -> None:
    assert what_is_kept(tmp_path / "nowhere").startswith("No stage had finished")
    (tmp_path / UNFINISHED).mkdir()
    stages = {"scaling": {"key": "x", "seconds": 1.0, "files": {}, "summary": {}}}
    (tmp_path / UNFINISHED / STAGES_FILE).write_text(json.dumps({"stages": stages, "written": {}}), encoding="utf-8")
    assert what_is_kept(tmp_path).startswith(f"Finished stages are kept in {tmp_path / UNFINISHED}")
