"""Force plates under both feet, as columns of an OpenSim .mot file."""

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.interpolation import monotone_cubic
from osim_nmscal.virtual_subject.laboratory.recordings import RecordingNoise
from osim_nmscal.virtual_subject.motion.ground import PlateForces

FloatArray = NDArray[np.float64]

# Hz; enough for forces that were made at 100 Hz. Source: choice.
PLATE_RATE = 500.0
# Below this vertical force a laboratory sets everything to zero, N. Source: common practice.
THRESHOLD = 10.0


def record_plates(time: FloatArray, sides: dict[str, PlateForces], noise: RecordingNoise, random: np.random.Generator) -> TimeSeries:
    """Return what plates report.

    Args:
        time: (time,), s.
        sides: per side ("r", "l") the true forces.
        noise: sizes.
        random: source of randomness.

    Returns:
        Columns ground_force_SIDE_v{x,y,z}, ground_force_SIDE_p{x,y,z}, ground_torque_SIDE_{x,y,z}; N, m, N*m.
    """
    at = time[0] + np.arange(int(np.floor((time[-1] - time[0]) * PLATE_RATE + 1e-6)) + 1) / PLATE_RATE
    columns: dict[str, FloatArray] = {}
    for side, forces in sides.items():
        force, point, torque = _one_plate(time, at, forces, noise, random)
        for index, axis in enumerate("xyz"):
            columns[f"ground_force_{side}_v{axis}"] = force[:, index]
        for index, axis in enumerate("xyz"):
            columns[f"ground_force_{side}_p{axis}"] = point[:, index]
        for axis in "xyz":
            columns[f"ground_torque_{side}_{axis}"] = torque if axis == "y" else np.zeros(len(at))
    return TimeSeries(time=at, labels=tuple(columns), values=np.column_stack(list(columns.values())), source="force plates")


def _one_plate(
    time: FloatArray, at: FloatArray, forces: PlateForces, noise: RecordingNoise, random: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    force = monotone_cubic(time, forces.force, at) + random.normal(0.0, 1.0, (len(at), 3)) * noise.force_noise
    # moments are what interpolates well: the centre of pressure jumps between steps
    about_origin = np.cross(forces.point, forces.force) + np.outer(forces.free_moment, [0.0, 1.0, 0.0])
    moment = monotone_cubic(time, about_origin, at)
    loaded = force[:, 1] > THRESHOLD
    vertical = np.where(loaded, force[:, 1], np.inf)
    weight = max(float(forces.force[:, 1].max()), 1.0)
    point = np.column_stack([moment[:, 2] / vertical, np.zeros(len(at)), -moment[:, 0] / vertical])
    jitter = random.normal(0.0, 1.0, (len(at), 2)) * noise.pressure_noise * np.minimum(weight / vertical, 5.0)[:, None]
    free = moment[:, 1] - np.cross(point, force)[:, 1]
    point[:, [0, 2]] += jitter
    keep = loaded[:, None]
    return np.where(keep, force, 0.0), np.where(keep, point, 0.0), np.where(loaded, free, 0.0)
