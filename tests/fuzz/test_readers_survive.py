"""Every reader, given a damaged file, returns a value or says in a sentence why not: no traceback, no hang, no flood of memory.

Short form: some hundred mutants in all. Long form (`-m harness`): thousands; prints its counts with `-s`.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from battery import fuzz

from osim_nmscal.config import load_config
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.formats import c3d
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.trc import read_trc, write_trc
from osim_nmscal.opensim_tools.setup_file import read_setup
from osim_nmscal.osim_model.reader import read_body_masses, read_coordinates, read_marker_names, read_muscles
from osim_nmscal.workflow.records import RECORD_FILE, FolderRecord, Journal, StageRecord, read_record, write_record
from osim_nmscal.workflow.results import read_calibrated_muscles

MODELS = Path(__file__).parent.parent.parent / "models"
TIME = np.arange(30) / 100
RANDOM = np.random.default_rng(0)
SERIES = TimeSeries(time=TIME, labels=("hip", "knee", "force_vy"), values=RANDOM.normal(size=(30, 3)), in_degrees=True)


def _sto(folder: Path) -> Path:
    return write_storage(folder / "sound.sto", SERIES, header_name="Coordinates")


def _mot(folder: Path) -> Path:
    rows = "\n".join("  ".join(f"{value:.6f}" for value in row) for row in np.column_stack([TIME, SERIES.values]))
    path = folder / "sound.mot"
    path.write_text(f"name sound.mot\ndatacolumns 4\ndatarows 30\nrange 0 0.29\nendheader\n\ntime  hip  knee  force_vy\n{rows}\n")
    return path


def _trc(folder: Path) -> Path:
    positions = RANDOM.normal(size=(30, 4, 3))
    positions[5:9, 2] = np.nan
    return write_trc(folder / "sound.trc", MarkerTrajectories(time=TIME, markers=("A", "B c", "D", "E"), positions=positions))


def _csv(folder: Path) -> Path:
    path = folder / "sound.csv"
    rows = "\n".join(f"{i / 1000:.3f};{np.sin(i):.5f};{np.cos(i):.5f}".replace(".", ",") for i in range(60))
    path.write_text(f"Lab 3\nTime (s);SOL;TA\ns;mV;mV\n{rows}\n")
    return path


def _c3d(folder: Path) -> Path:
    import ezc3d

    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100]
    content["parameters"]["POINT"]["LABELS"]["value"] = ["A", "B", "C"]
    content["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    content["data"]["points"] = np.concatenate([RANDOM.normal(size=(3, 3, 10)) * 1000, np.ones((1, 3, 10))])
    content["parameters"]["ANALOG"]["RATE"]["value"] = [1000]
    content["parameters"]["ANALOG"]["LABELS"]["value"] = ["SOL", "TA"]
    content["data"]["analogs"] = RANDOM.normal(size=(1, 2, 100))
    content.add_parameter("EVENT", "LABELS", ["Foot Strike"])
    content.add_parameter("EVENT", "CONTEXTS", ["Right"])
    content.add_parameter("EVENT", "TIMES", np.array([[0.0], [0.05]]))
    path = folder / "sound.c3d"
    content.write(str(path))
    return path


def _osim(folder: Path) -> Path:
    return MODELS / "virtual_arm.osim"


def _xml(folder: Path) -> Path:
    path = folder / "sound.xml"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<OpenSimDocument Version="40000">\n<ExternalLoads name="loads">\n<objects>\n'
        '<ExternalForce name="right"><applied_to_body>calcn_r</applied_to_body><force_identifier>v</force_identifier></ExternalForce>\n'
        "</objects>\n<groups/>\n<datafile>forces.mot</datafile>\n</ExternalLoads>\n</OpenSimDocument>\n"
    )
    return path


def _toml(folder: Path) -> Path:
    path = folder / "sound.toml"
    path.write_text(
        '[subject]\nmass = 72.5\n[model]\nfile = "generic.osim"\n[muscle_analysis]\ndofs = ["knee_angle_r", "ankle_angle_r"]\n'
        '[[recordings]]\nname = "walk"\njoint_angles = "ik.mot"\njoint_moments = "id.sto"\nemg = "emg.sto"\nstart = 0.5\nend = 4.5\n'
        '[recordings.segmentation]\nmethod = "times"\ntimes = [[1.0, 2.0], [2.5, 3.5]]\n[emg.mapping.channels]\nSOL = ["soleus_r"]\n'
        '[emg.envelope]\nkind = "raw"\nlowpass_cutoff = 6.0\n[trials]\ntime_step = 0.01\n[calibration]\nmethod = "emg_driven"\n'
    )
    return path


def _sidecar(folder: Path) -> Path:
    muscles = read_muscles(_osim(folder)).muscles[:2]
    path = folder / "sound.json"
    path.write_text(json.dumps({"muscles": [asdict(muscle) | {"muscle_class": muscle.muscle_class} for muscle in muscles]}, indent=1))
    return path


def _record(folder: Path) -> Path:
    stage = StageRecord(key="ab", seconds=1.5, files={"walk/ik.mot": "cd"}, summary={"frames": 3})
    record = FolderRecord(
        state="complete", sentence="complete", configuration={"subject": {"mass": 70.0}}, source="config.toml", inputs={}, versions={},
        files={"walk/ik.mot": "cd"}, stages={"inverse_kinematics/walk": stage}, journal=Journal(moves=("a",), removals={"b": "ef"}),
    )  # fmt: skip
    write_record(folder, record)
    return (folder / RECORD_FILE).rename(folder / "sound.record")


def _read_record(path: Path) -> object:
    (path.parent / RECORD_FILE).write_bytes(path.read_bytes())
    return read_record(path.parent)


def _read_model(path: Path) -> None:
    read_muscles(path)
    read_coordinates(path)
    read_body_masses(path)
    read_marker_names(path)


# reader -> (what reads, what makes a sound file, kind of damage, mutants in the short and in the long form)
READERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], Path], str, int, int]] = {
    "sto": (read_storage, _sto, "text", 60, 2000),
    "mot": (read_storage, _mot, "text", 40, 1500),
    "trc": (read_trc, _trc, "text", 60, 2000),
    "csv": (read_emg, _csv, "text", 60, 2000),
    "osim": (_read_model, _osim, "xml", 12, 300),
    "setup": (lambda path: read_setup(path, "ExternalLoads"), _xml, "xml", 40, 1500),
    "toml": (load_config, _toml, "toml", 60, 1500),
    "sidecar": (read_calibrated_muscles, _sidecar, "json", 40, 1500),
    "record": (_read_record, _record, "json", 40, 1500),
    "c3d": (read_c3d, _c3d, "binary", 8, 400),
}


def _survives(name: str, tmp_path: Path, count: int, seconds: float) -> None:
    read, make, kind, _, _ = READERS[name]
    original = make(tmp_path)
    read(original)  # is sound
    account = fuzz(name, read, original, kind, count=count, folder=tmp_path, seconds=seconds)
    print(account)
    assert not account.faults, "\n".join(account.faults[:5])
    assert account.refused > 0


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_ends_in_a_value_or_a_sentence(name, tmp_path):
    _survives(name, tmp_path, READERS[name][3], seconds=30.0)


@pytest.mark.harness
@pytest.mark.parametrize("name", READERS)
def test_thousands_of_damaged_files_end_in_a_value_or_a_sentence(name, tmp_path, monkeypatch):
    monkeypatch.setattr(c3d, "SECONDS", 15.0)  # of the file's own process; the machine may be busy
    monkeypatch.setattr(c3d, "MEMORY", 2**29)
    _survives(name, tmp_path, READERS[name][4], seconds=600.0)


@pytest.mark.harness
def test_hundreds_of_damaged_captures_with_force_plates_end_in_a_value_or_a_sentence(tmp_path, monkeypatch, c3d_data):
    monkeypatch.setattr(c3d, "SECONDS", 15.0)
    monkeypatch.setattr(c3d, "MEMORY", 2**29)
    account = fuzz("plates", read_c3d, c3d_data / "sprint_1.c3d", "capture", count=500, folder=tmp_path, seconds=600.0)
    print(account)
    assert not account.faults, "\n".join(account.faults[:5])


def test_the_damage_is_the_same_every_time(tmp_path):
    from random import Random

    from mutations import mutant

    data = _sto(tmp_path).read_bytes()
    made = [[mutant(data, "text", Random(f"sto {i}")) for i in range(20)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 15
