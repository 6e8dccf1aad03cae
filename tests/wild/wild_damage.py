"""Ways to change recordings as numbers, not as text: each returns a function of the workflow's folder.

A file is replaced, never written into (it may be a hard link).
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from bad_input_damage import Damage, both, edit, put, setting, toml

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.formats.storage import read_storage, write_storage
from osim_nmscal.formats.trc import read_trc, write_trc

__all__ = ["Damage", "both", "channel", "edit", "marker", "markers", "part", "put", "setting", "storage", "times", "toml"]

TRC, STATIC, GRF, EMG, MVC = "walk_fast.trc", "static.trc", "walk_fast_grf.mot", "walk_fast_emg.sto", "mvc.sto"
LOADS, SCALE, IK, MODEL, CONFIG = "walk_fast_loads.xml", "scale_setup.xml", "ik_setup.xml", "generic.osim", "config.toml"
ANGLES, MOMENTS = "angles.sto", "moments.sto"
SEED = 5


def storage(name: str, change: Callable[[TimeSeries], TimeSeries]) -> Damage:
    """Change a .sto or .mot."""

    def damage(folder: Path) -> None:
        write_storage(folder / name, change(read_storage(folder / name)), header_name=name)

    return damage


def columns(name: str, chosen: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Damage:
    """Change every column whose name contains a text: change(time, values)."""

    def on(series: TimeSeries) -> TimeSeries:
        values = series.values.copy()
        found = [i for i, label in enumerate(series.labels) if chosen in label]
        assert found, (name, chosen)
        for i in found:
            values[:, i] = change(series.time, values[:, i])
        return replace(series, values=values)

    return storage(name, on)


def channel(name: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Damage:
    """Change one EMG channel."""
    return columns(EMG, name, change)


def times(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Put a file on another clock."""
    if name.endswith(".trc"):
        return markers(lambda found: replace(found, time=change(found.time)), name)
    return storage(name, lambda series: replace(series, time=change(series.time)))


def markers(change: Callable[[MarkerTrajectories], MarkerTrajectories], name: str = TRC) -> Damage:
    """Change a .trc."""

    def damage(folder: Path) -> None:
        write_trc(folder / name, change(read_trc(folder / name)))

    return damage


def positions(change: Callable[[np.ndarray], np.ndarray], name: str = TRC) -> Damage:
    """Change the positions of a .trc, (time, marker, 3), m."""
    return markers(lambda found: replace(found, positions=change(found.positions.copy())), name)


def marker(chosen: str, change: Callable[[np.ndarray, np.ndarray], np.ndarray], name: str = TRC) -> Damage:
    """Change one marker: change(time, positions)."""

    def on(found: MarkerTrajectories) -> MarkerTrajectories:
        moved = found.positions.copy()
        i = found.markers.index(chosen)
        moved[:, i] = change(found.time, moved[:, i])
        return replace(found, positions=moved)

    return markers(on, name)


def swapped(first: str, second: str, start: float = -np.inf, end: float = np.inf, name: str = TRC) -> Damage:
    """Let two markers have each other's positions for a while."""

    def on(found: MarkerTrajectories) -> MarkerTrajectories:
        moved = found.positions.copy()
        i, j = found.markers.index(first), found.markers.index(second)
        inside = (found.time >= start) & (found.time <= end)
        moved[np.ix_(inside, [i, j])] = found.positions[np.ix_(inside, [j, i])]
        return replace(found, positions=moved)

    return markers(on, name)


def part(name: str, keep: Callable[[np.ndarray], np.ndarray]) -> Damage:
    """Keep some rows of a recording: keep(time) is True there."""
    if name.endswith(".trc"):
        return markers(lambda m: replace(m, time=m.time[keep(m.time)], positions=m.positions[keep(m.time)]), name)
    return storage(name, lambda s: replace(s, time=s.time[keep(s.time)], values=s.values[keep(s.time)]))


def every(name: str, step: int) -> Damage:
    """Keep every so many samples."""
    return part(name, lambda time: np.arange(len(time)) % step == 0)


def while_(start: float, end: float, value: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Put one value between two times."""
    return lambda time, values: np.where(((time >= start) & (time <= end)).reshape(-1, *[1] * (values.ndim - 1)), value, values)


def from_angles(*more: Damage) -> Damage:
    """Enter with joint angles instead of markers."""
    return both(toml('markers = "walk_fast.trc"', f'joint_angles = "{ANGLES}"'), *more)


def again(lines: str) -> Damage:
    """Name the capture once more, as a recording of its own."""
    files = 'markers = "walk_fast.trc"\nexternal_loads = "walk_fast_loads.xml"\nemg = "walk_fast_emg.sto"'
    trials = '[recordings.segmentation]\nmethod = "stance"\nforce_column = "ground_force_r_vy"'
    return toml("[emg]\n", f'[[recordings]]\nname = "again"\n{files}\n{lines}\n\n{trials}\n\n[emg]\n')


def white(shape: tuple[int, ...], size: float) -> np.ndarray:
    """Return reproducible noise."""
    return size * np.random.default_rng(SEED).normal(size=shape)
