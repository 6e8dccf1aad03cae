"""A workflow that takes seconds and needs no recordings of anybody: an arm that bends its elbow, with made-up EMG.

It enters from joint angles; one recording's moments come from OpenSim, the other's are given. Every stage runs, OpenSim's included.
"""

from pathlib import Path

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.formats.storage import write_storage

MODEL = Path(__file__).parent.parent.parent / "models" / "virtual_arm.osim"
DOF = "elbow_flexion_r"
RECORDINGS = ("lift", "reach")
CHANNELS = {
    "biceps": ("biceps_long_r", "biceps_short_r"),
    "triceps": ("triceps_long_r", "triceps_lateral_r"),
    "brachialis": ("brachialis_r",),
}
_LOCKED = ("thorax_tilt", "thorax_list", "thorax_rotation", "thorax_tx", "thorax_ty", "thorax_tz", "shoulder_elevation_r")


def write_small_workflow(folder: Path, *, mass: float = 70.0, weight: float = 1000.0, names: tuple[str, ...] = RECORDINGS) -> Path:
    """Write recordings and configuration.

    Args:
        folder: gets `config.toml` and the recordings.
        mass: of the subject, kg; changes every stage but EMG.
        weight: of tendon strains; changes the calibration and what follows.
        names: of the recordings whose files are `lift` and `reach`; one name for the first alone.

    Returns:
        The configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for i, recording in enumerate(RECORDINGS):
        if not (folder / f"{recording}_angles.sto").exists():
            _write_recording(folder, recording, 1.0 + 0.3 * i)
    mapped = "\n".join(f"{channel} = {list(muscles)!r}".replace("'", '"') for channel, muscles in CHANNELS.items())
    lift = 'joint_angles = "lift_angles.sto"\nexternal_loads = "none"\nemg = "lift_emg.sto"\n'
    reach = 'joint_angles = "reach_angles.sto"\njoint_moments = "reach_moments.sto"\nemg = "reach_emg.sto"\n'
    recordings = "\n".join(f'[[recordings]]\nname = "{name}"\n{given}' for name, given in zip(names, (lift, reach), strict=False))
    text = f"""
[subject]
mass = {mass}

[model]
file = "{MODEL.as_posix()}"

[scaling]
mass_only = true

[muscle_analysis]
dofs = ["{DOF}"]

{recordings}
[emg.envelope]
kind = "envelope"

[emg.normalization]
method = "none"

[emg.mapping.channels]
{mapped}

[trials.segmentation]
method = "times"
times = [[0.3, 0.8], [0.9, 1.4]]

[trials.roles]
calibration_count = 1

[calibration.loss]
tendon_strain_weight = {weight}

[calibration.gauss_newton]
maximum_iterations = 4

[verification]
trials = 1
tolerance = 0.2

[output]
folder = "results"
"""
    (folder / "config.toml").write_text(text, encoding="utf-8")
    return folder / "config.toml"


def _write_recording(folder: Path, name: str, tempo: float) -> None:
    time = np.arange(151) / 100
    bend = 0.5 - 0.5 * np.cos(2 * np.pi * tempo * time)
    still = np.zeros((len(time), len(_LOCKED)))
    still[:, _LOCKED.index("thorax_ty")] = 1.4
    angles = np.column_stack([still, np.full(len(time), 0.1), 0.3 + 1.2 * bend])
    _write(folder / f"{name}_angles.sto", time, (*_LOCKED, "shoulder_rotation_r", DOF), angles)
    swing = np.sin(2 * np.pi * tempo * time)
    emg = np.column_stack([0.25 + 0.2 * swing, 0.15 - 0.1 * swing, 0.2 + 0.1 * bend])
    _write(folder / f"{name}_emg.sto", time, tuple(CHANNELS), emg)
    _write(folder / f"{name}_moments.sto", time, (f"{DOF}_moment",), (4.0 + 3.0 * swing)[:, None])


def _write(path: Path, time: np.ndarray, labels: tuple[str, ...], values: np.ndarray) -> None:
    write_storage(path, TimeSeries(time=time, labels=labels, values=values), header_name=path.stem)
