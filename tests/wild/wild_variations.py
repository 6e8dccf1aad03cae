"""Sound recordings of other laboratories: habits, rates, gaps, clocks, one trial, the other side. None may be refused."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from bad_input_damage import lines, put
from wild_damage import (
    ANGLES,
    CONFIG,
    EMG,
    GRF,
    IK,
    LOADS,
    MODEL,
    MOMENTS,
    MVC,
    SCALE,
    STATIC,
    TRC,
    Damage,
    again,
    both,
    edit,
    every,
    from_angles,
    marker,
    markers,
    part,
    positions,
    setting,
    storage,
    times,
    toml,
    while_,
)

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.virtual_subject.laboratory.c3d_file import write_c3d


@dataclass(frozen=True, kw_only=True)
class Variation:
    """One sound variation, and the new doubts that it may raise (they are true)."""

    name: str
    damage: Damage
    doubts: frozenset[str] = field(default_factory=frozenset)


def _varied(name: str, damage: Damage, *doubts: str) -> Variation:
    return Variation(name=name, damage=damage, doubts=frozenset(doubts))


def _declared(name: str, old: str, new: str) -> Damage:
    return edit(name, old, new)


def _on_one_clock(by: float) -> Damage:
    return both(*(times(name, lambda time: time + by) for name in (TRC, GRF, EMG)))


def _left(folder: Path) -> None:
    """Call the right leg the left one, everywhere but in the columns of forces: names must not matter."""

    def other(found: re.Match[str]) -> str:
        return found[0] if found[1] in ("force", "torque") else f"{found[1]}_{'l' if found[2] == 'r' else 'r'}"

    for name in (CONFIG, MODEL, SCALE, IK, LOADS):
        text = (folder / name).read_text(encoding="utf-8")
        put(name, re.sub(r"([a-z0-9]+)_([rl])(?![a-z0-9])", other, text))(folder)


def _forwards(folder: Path) -> None:
    storage(
        GRF, lambda s: replace(s, values=s.values + 4.0 * np.linspace(0, 1, len(s.time))[:, None] * ["_px" in label for label in s.labels])
    )(folder)


def _csv(folder: Path) -> None:
    series = read_storage(folder / EMG)
    rows = "\n".join(",".join(f"{value:.8g}" for value in row) for row in np.column_stack([series.time, series.values]))
    put("emg.csv", f"time,{','.join(series.labels)}\n{rows}\n")(folder)
    toml(f'"{EMG}"', '"emg.csv"')(folder)


def _metres(folder: Path) -> None:
    rows = (folder / TRC).read_text(encoding="utf-8").split("\n")
    found = read_trc(folder / TRC)
    table = [
        "\t".join([str(i + 1), repr(float(t)), *(repr(float(v)) for v in frame.ravel())])
        for i, (t, frame) in enumerate(zip(found.time, found.positions, strict=True))
    ]
    put(TRC, "\n".join([rows[0], rows[1], rows[2].replace("\tmm\t", "\tm\t"), *rows[3:6], *table, ""]))(folder)


def _comma(name: str) -> Damage:
    def on(folder: Path) -> None:
        head, end, table = (folder / name).read_text(encoding="utf-8").partition("endheader\n")
        labels, _, numbers = table.partition("\n")
        put(name, (head + end + labels + "\n" + numbers.replace(".", ",")).replace("\n", "\r\n").encode("utf-8-sig"))(folder)

    return on


def _more_columns(folder: Path) -> None:
    storage(EMG, lambda s: replace(s, labels=(*s.labels, "trigger"), values=np.column_stack([s.values, s.time > 1])))(folder)
    storage(GRF, lambda s: replace(s, labels=(*s.labels, "belt_speed"), values=np.column_stack([s.values, 1.4 + 0 * s.time])))(folder)
    markers(
        lambda m: replace(m, markers=(*m.markers, "C7"), positions=np.concatenate([m.positions, m.positions[:, :1] + [0, 0.5, 0]], axis=1))
    )(folder)


def _envelopes(rate: int, low: float, high: float) -> Damage:
    """Smooth envelopes that a filter lets ring a little."""

    def on(folder: Path) -> None:
        def smooth(series):  # type: ignore[no-untyped-def]
            size = np.abs(series.values)
            kernel = np.hanning(round(0.25 * series.rate))
            soft = np.stack([np.convolve(one, kernel / kernel.sum(), "same") for one in size.T], axis=1)
            return replace(series, values=(soft - soft.min(axis=0)) / np.ptp(soft, axis=0) * (high - low) + low)

        storage(EMG, smooth)(folder)
        every(EMG, round(read_storage(folder / EMG).rate / rate))(folder)
        toml('kind = "raw"', 'kind = "envelope"')(folder)
        setting("emg.normalization", 'method = "none"')(folder)
        toml('mvc = ["mvc.sto"]\n', "")(folder)

    return on


def _offset(file: str, by: float, name: str) -> Damage:
    """Put one file on another clock and say so."""
    return both(times(file, lambda time: time + by), toml('name = "walk_fast"', f'name = "walk_fast"\ntime_offset = {{ {name} = {-by} }}'))


def _static_in_c3d(folder: Path) -> None:
    static, emg = read_trc(folder / STATIC), read_storage(folder / EMG)
    rate = round((len(static.time) - 1) / (static.time[-1] - static.time[0]))
    write_c3d(folder / "standing.c3d", static, replace(emg, time=np.arange(len(emg.time)) / rate))
    (folder / STATIC).unlink()


def _far_points(folder: Path) -> None:
    """Let the plate under no foot say that it is pushed 300 m away, as a division of noise by noise does."""

    def moved(series: TimeSeries) -> TimeSeries:
        values = series.values.copy()
        for side in "rl":
            column = [f"ground_force_{side}_px" == label for label in series.labels].index(True)
            still = np.abs(values[:, series.labels.index(f"ground_force_{side}_vy")]) < 1.0
            values[still, column] = 300.0
        return replace(series, values=values)

    storage(GRF, moved)(folder)


GIVEN = toml('external_loads = "walk_fast_loads.xml"', f'joint_moments = "{MOMENTS}"\nforces = "{GRF}"')

VARIATIONS = (
    _varied("as it is", lambda folder: None),
    _varied("motion at 50 Hz", both(every(TRC, 2), every(GRF, 2))),
    _varied("a row more declared than there is", _declared(GRF, "nRows=2091", "nRows=2092")),
    _varied("rows times columns declared", _declared(GRF, "nRows=2091", f"nRows={2091 * 19}")),
    _varied("no count declared", lines(GRF, lambda rows: [row for row in rows if not row.startswith(("nRows", "nColumns"))])),
    _varied("a byte-order mark, Windows' lines and decimal commas", both(_comma(GRF), _comma(EMG))),
    _varied("markers in metres", _metres),
    _varied("points of application of unloaded plates anywhere", _far_points),
    _varied(
        "loads that name a motion which was not published, and need none",
        edit(
            LOADS, "</ExternalLoads>", "<external_loads_model_kinematics_file>ik.mot</external_loads_model_kinematics_file></ExternalLoads>"
        ),
    ),
    _varied("gaps at both ends", both(marker("RTOE", while_(-1, 0.08, np.nan)), marker("LPSI", while_(4.1, 9, np.nan)))),
    _varied("a marker missing for a third of a second", marker("RTH2", while_(1.5, 1.83, np.nan))),
    _varied("clocks that start at 12 s", both(_on_one_clock(12.3))),
    _varied("clocks that start before zero", both(_on_one_clock(-3.0))),
    _varied("EMG that lasts longer", part(TRC, lambda t: (t > 0.1) & (t < 3.9))),
    _varied("one trial only", both(toml('name = "walk_fast"', 'name = "walk_fast"\nstart = 0.2\nend = 1.4')), "not_validated"),
    _varied("the other leg", _left),
    _varied("envelopes with ringing", _envelopes(100, -0.02, 1.004), "emg_weak"),
    _varied("envelopes at 50 Hz", _envelopes(50, 0.0, 1.0), "emg_weak"),
    _varied("columns that nobody needs", _more_columns),
    _varied("EMG in a table of commas", _csv),
    _varied(
        "EMG in microvolts with an offset",
        both(storage(EMG, lambda s: replace(s, values=1e6 * s.values + 50)), storage(MVC, lambda s: replace(s, values=1e6 * s.values))),
    ),
    _varied("no maximal contraction", toml('mvc = ["mvc.sto"]\n', ""), "no_mvc"),
    _varied("joint angles instead of markers", from_angles()),
    _varied(
        "angles in degrees",
        from_angles(
            storage(
                ANGLES,
                lambda s: replace(
                    s,
                    in_degrees=True,
                    values=np.where(["_t" in label and label != "pelvis_tilt" for label in s.labels], s.values, np.degrees(s.values)),
                ),
            )
        ),
    ),
    _varied("moments given for less time than angles", both(GIVEN, part(MOMENTS, lambda t: (t > 0.25) & (t < 3.8)))),
    _varied("a static trial in a c3d", both(_static_in_c3d, toml("[scaling]\n", '[scaling]\nstatic_trial = "standing.c3d"\n'))),
    _varied(
        "a static trial that the setup names as c3d",
        both(_static_in_c3d, lines(SCALE, lambda rows: [row.replace(STATIC, "standing.c3d") for row in rows])),
    ),
    _varied("part of the static trial", toml("[scaling]\n", "[scaling]\nstatic_range = [0.1, 0.4]\n")),
    _varied(
        "scored by two of the joints", toml('name = "walk_fast"', 'name = "walk_fast"\ndofs = ["knee_flexion_r", "ankle_dorsiflexion_r"]')
    ),
    _varied("EMG on a clock of its own", _offset(EMG, 100.35, "emg")),
    _varied("forces on a clock of their own", _offset(GRF, 0.3, "forces")),
    _varied("markers on a clock of their own", _offset(TRC, -0.7, "markers")),
    _varied("angles on a clock of their own", both(from_angles(), _offset(ANGLES, 0.5, "joint_angles"))),
    _varied("moments on a clock of their own", both(GIVEN, _offset(MOMENTS, 12.5, "joint_moments"))),
    _varied("moments given at another rate", both(GIVEN, every(MOMENTS, 2))),
    _varied("walking over ground", both(positions(lambda p: p + [4.0, 0, 0] * np.linspace(0, 1, len(p))[:, None, None]), _forwards)),
    _varied(
        "a laboratory turned half round",
        both(
            positions(lambda p: p * [-1, 1, -1]),
            storage(GRF, lambda s: replace(s, values=s.values * [-1.0 if label.endswith(("x", "z")) else 1.0 for label in s.labels])),
        ),
    ),
    _varied(
        "two parts of one capture, the second for evaluation only",
        both(toml('name = "walk_fast"', 'name = "walk_fast"\nend = 2.4'), again('role = "held_out"\nstart = 2.4')),
    ),
    _varied(
        "static trial in one file with other markers",
        markers(
            lambda m: replace(
                m, markers=(*m.markers, "HEAD"), positions=np.concatenate([m.positions, m.positions[:, :1] + [0, 0.8, 0]], axis=1)
            ),
            STATIC,
        ),
    ),
)
