"""Faults in the files of a sound workflow, one at a time, and how `check` must answer: a stop (an error), or a doubt of a kind."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from bad_input_damage import cell, gone, lines, put
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
    channel,
    columns,
    edit,
    every,
    from_angles,
    marker,
    part,
    positions,
    setting,
    storage,
    swapped,
    times,
    toml,
    while_,
    white,
)

from osim_nmscal.calibration.settings import ParametersSettings


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, and what must be said of it."""

    group: str
    name: str
    damage: Damage
    says: str  # a part of an error, or the kind of a finding
    outcome: Literal["stopped", "doubted"] = "stopped"
    in_run: bool = False  # whether `check` cannot tell, as OpenSim must say where a foot is; the run then stops before it calibrates


@dataclass
class _Group:
    name: str
    faults: list[Fault] = field(default_factory=list)

    def stops(self, name: str, damage: Damage, says: str) -> None:
        self.faults.append(Fault(group=self.name, name=name, damage=damage, says=says))

    def stops_the_run(self, name: str, damage: Damage, says: str) -> None:
        self.faults.append(Fault(group=self.name, name=name, damage=damage, says=says, in_run=True))

    def doubts(self, name: str, damage: Damage, kind: str) -> None:
        self.faults.append(Fault(group=self.name, name=name, damage=damage, says=kind, outcome="doubted"))


def _scaled(factor: float) -> Callable[[Any, np.ndarray], np.ndarray]:
    return lambda time, values: factor * values


def _moved(*by: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    return lambda time, values: values + np.array(by)


def _later(seconds: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda time: time + seconds


def _locked(coordinate: str) -> Damage:
    def on(rows: list[str]) -> list[str]:
        at = next(i for i, row in enumerate(rows) if f'<Coordinate name="{coordinate}">' in row)
        row = next((i for i in range(at, at + 12) if "<locked>" in rows[i]), at)
        new = rows[row].replace("<locked>false", "<locked>true")
        if new == rows[row]:
            new = rows[row].replace(f'<Coordinate name="{coordinate}">', f'<Coordinate name="{coordinate}"><locked>true</locked>')
        return [*rows[:row], new, *rows[row + 1 :]]

    return lines(MODEL, on)


def _zero(row: str) -> str:
    head, _, rest = row.partition("<max_isometric_force>")
    return f"{head}<max_isometric_force>0{rest[rest.index('</max_isometric_force>') :]}"


def _standing_still(time: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A marker whose position is kept from the first second on."""
    first = int(np.searchsorted(time, 1.0))
    return np.where((time >= 1.0)[:, None], values[first], values)


motion = _Group("motion")
motion.stops("half a second missing", part(TRC, lambda t: (t < 1.5) | (t > 2.0)), "has a hole of 0.5")
motion.stops("z is up", positions(lambda p: np.stack([p[..., 0], -p[..., 2], p[..., 1]], axis=-1)), "turn the axes")
motion.stops("upside down", positions(lambda p: p * [1, -1, -1] + [0, 1, 0]), "")
motion.stops("centimetres called millimetres", positions(lambda p: p / 10), "")
motion.stops("inches called millimetres", positions(lambda p: p / 25.4), "")
motion.stops("static trial in centimetres", positions(lambda p: p / 10, STATIC), "")
motion.stops("two pelvis markers swapped", swapped("RASI", "LPSI"), "")
motion.stops("knee and ankle marker swapped", swapped("RKNL", "RANL"), "")
motion.doubts("two markers swapped for a second", swapped("RTH1", "RKNL", 2.0, 3.0), "marker_moves")
motion.doubts(
    "a marker that jumps for half a second",
    marker("RASI", lambda t, p: np.where(((t > 2) & (t < 2.5))[:, None], p + 0.3, p)),
    "marker_moves",
)
motion.doubts("a marker that stands still in the laboratory", marker("RTH2", _standing_still), "marker_moves")
motion.stops("markers of the static trial swapped", swapped("RGTR", "RFIB", name=STATIC), "")
motion.stops("two markers of the static trial in one place", marker("RPSI", lambda t, p: p * np.nan, STATIC), "")
motion.doubts("a marker lost in a third of the frames", marker("RKNL", while_(1.0, 2.4, np.nan)), "marker_unseen")
motion.doubts(
    "a bone with two markers for half a second",
    both(*(marker(name, while_(2.0, 2.5, np.nan)) for name in ("RMT1", "RTOE"))),
    "marker_unseen",
)
motion.stops("a marker lost in most of the frames", marker("RKNL", while_(1.0, 3.5, np.nan)), "not seen in much of the recording")
motion.stops("a left-handed laboratory", positions(lambda p: p * [1, 1, -1]), "")
motion.stops("markers at half their rate", times(TRC, lambda t: 2 * t), "")
motion.stops("markers at twice their rate", times(TRC, lambda t: t / 2), "")
motion.stops("markers half a second late", times(TRC, _later(0.5)), "")
motion.stops("degrees called radians", from_angles(storage(ANGLES, lambda s: replace(s, values=np.degrees(s.values)))), "")
motion.stops("a knee of the other sign", from_angles(columns(ANGLES, "knee_flexion_r", _scaled(-1.0))), "the sign is flipped")
motion.stops_the_run(
    "a hip of the other sign",
    both(toml('[scaling]\nsetup = "scale_setup.xml"\n', ""), from_angles(columns(ANGLES, "hip_flexion_r", _scaled(-1.0)))),
    "an angle has the other sign",
)
motion.stops("angles with a hole", from_angles(part(ANGLES, lambda t: (t < 2) | (t > 2.3))), "has a hole of 0.3")
motion.stops(
    "angles that lack the joint", from_angles(edit(ANGLES, "knee_flexion_r", "knee_angle_r")), "has no joint angle 'knee_flexion_r'"
)
motion.doubts(
    "a knee that rests on its stop",
    from_angles(columns(ANGLES, "knee_flexion_r", lambda t, v: np.where(t < 2, np.radians(-10.0), v))),
    "coordinate_limit",
)
motion.stops(
    "angles that lack a coordinate of the model",
    from_angles(edit(ANGLES, "hip_adduction_r", "hip_adduction")),
    "lacks the coordinate hip_adduction_r",
)
motion.stops("a low-pass above half the rate", toml("lowpass_cutoff = 12.0", "lowpass_cutoff = 80.0"), "can keep less than half, 50 Hz")
motion.stops("a gap in the angles", from_angles(cell(ANGLES, 60, 9, "nan")), "")

forces = _Group("forces")
SWAP = both(edit(LOADS, "foot_r", "FOOT"), edit(LOADS, ">pelvis<", ">foot_r<"), edit(LOADS, "FOOT", "pelvis"))
forces.stops("the left plate under the right foot", SWAP, "")
forces.stops("forces that pull down", columns(GRF, "ground_force_r_v", _scaled(-1.0)), "No stance was found")
forces.stops("centres of pressure a metre away", columns(GRF, "ground_force_r_px", lambda t, v: v + 1.0), "away from it")
forces.stops("centres of pressure in millimetres", columns(GRF, "ground_force_r_p", _scaled(1000.0)), "away from it")
forces.stops(
    "centres of pressure with x and z exchanged",
    edit(GRF, "ground_force_r_px\tground_force_r_py\tground_force_r_pz", "ground_force_r_pz\tground_force_r_py\tground_force_r_px"),
    "away from it",
)
forces.doubts(
    "half a foot on the plate", columns(GRF, "ground_force_r_v", lambda t, v: np.where((t > 2.2) & (t < 3.0), 0.6 * v, v)), "odd_contact"
)
forces.doubts(
    "a step beside the plate's others",
    columns(GRF, "ground_force_r_pz", lambda t, v: np.where((t > 2.2) & (t < 3.0) & (v != 0), v + 0.2, v)),
    "odd_contact",
)
forces.doubts("half the force", columns(GRF, "_v", _scaled(0.5)), "weight_not_carried")
forces.doubts("a mass in pounds", both(toml("mass = 78.790441", "mass = 173.7"), edit(SCALE, "78.790441", "173.7")), "weight_not_carried")
forces.stops("forces in kilopond", columns(GRF, "_v", _scaled(1 / 9.81)), "No stance was found")
forces.stops("forces in kilonewton", columns(GRF, "_v", _scaled(1e-3)), "No stance was found")
forces.stops("a plate that was not set to zero", columns(GRF, "ground_force_r_vy", lambda t, v: v + 60.0), "No stance was found")
forces.stops("forces 0.3 s late", times(GRF, _later(0.3)), "s late against the markers")
forces.stops("forces 0.3 s early", both(times(GRF, _later(-0.3)), part(GRF, lambda t: t >= 0)), "s early")
forces.stops("a gap in the forces", cell(GRF, 300, 2, "nan"), "")
forces.stops("half a second of forces missing", part(GRF, lambda t: (t < 1.5) | (t > 2.0)), "has a hole of 0.5")
forces.stops("the force in another column", toml("ground_force_r_vy", "ground_force_r_px"), "No stance was found")
forces.stops("a force on a body that is not there", edit(LOADS, "foot_r", "calcn_r"), "'calcn_r'")
forces.stops("forces that end early", part(GRF, lambda t: t < 0.5), "stance")
forces.stops(
    "a lever in the moments given",
    both(
        toml('external_loads = "walk_fast_loads.xml"', f'joint_moments = "{MOMENTS}"\nforces = "{GRF}"'),
        columns(MOMENTS, "ankle", _scaled(1000.0)),
    ),
    "",
)
forces.doubts(
    "moments given of nine times the size",
    both(
        toml('external_loads = "walk_fast_loads.xml"', f'joint_moments = "{MOMENTS}"\nforces = "{GRF}"'),
        columns(MOMENTS, "ankle", _scaled(5.0)),
    ),
    "moment_beyond_human",
)

emg = _Group("emg")
emg.stops("a second of zeros", channel("SOL", while_(1.0, 2.2, 0.0)), "stands still")
emg.doubts("a quarter second of zeros", channel("SOL", while_(1.0, 1.25, 0.0)), "emg_dropout")
emg.stops("a silent channel", channel("TA", lambda t, v: 0 * v), "")
emg.doubts("a channel of noise", channel("TA", lambda t, v: white(v.shape, 1e-2)), "emg_weak")
emg.doubts("clipping", channel("GM", lambda t, v: np.clip(v, *np.percentile(v, [3, 97]))), "emg_clipped")
emg.doubts("mains hum", channel("VL", lambda t, v: v + 2 * v.std() * np.sin(2 * np.pi * 50 * t)), "emg_hum")
emg.doubts("American mains hum", channel("VL", lambda t, v: v + 2 * v.std() * np.sin(2 * np.pi * 60 * t)), "emg_hum")
emg.doubts("a knock on the electrode", channel("RF", lambda t, v: v + np.where(np.abs(t - 2.5) < 0.004, 40 * v.std(), 0.0)), "emg_artefact")
emg.doubts(
    "one electrode twice",
    storage(EMG, lambda s: replace(s, values=np.where(np.array(s.labels) == "VM", s.column("VL")[:, None], s.values))),
    "emg_crosstalk",
)
emg.stops("raw at 100 Hz", every(EMG, 10), "Hz")
emg.stops("raw called envelopes", toml('kind = "raw"', 'kind = "envelope"'), "envelope")
emg.doubts("rectified already", storage(EMG, lambda s: replace(s, values=np.abs(s.values))), "emg_rectified")
emg.stops(
    "envelopes called raw",
    storage(EMG, lambda s: replace(s, values=0.5 + 0.4 * np.sin(s.time[:, None] + np.arange(len(s.labels))))),
    "kind = 'envelope'",
)
emg.stops("another clock", times(EMG, _later(100.0)), "share no time")
emg.stops("no EMG at all", toml('emg = "walk_fast_emg.sto"\n', ""), "gives no emg, from which excitations come")
emg.stops(
    "an offset of a file that is not there",
    toml('name = "walk_fast"', 'name = "walk_fast"\ntime_offset = { joint_angles = 0.1 }'),
    "has a time_offset of joint_angles, but gives no joint_angles",
)
emg.stops("a gap", cell(EMG, 3000, 3, "nan"), "")
emg.stops("samples lost", part(EMG, lambda t: (t < 1.5) | (t > 1.6)), "samples are missing")
emg.doubts("contractions in millivolts", storage(MVC, lambda s: replace(s, values=1e3 * s.values)), "mvc_unlike")
emg.doubts("contractions that were none", storage(MVC, lambda s: replace(s, values=0.1 * s.values)), "mvc_unlike")
emg.doubts("no contraction", toml('mvc = ["mvc.sto"]', ""), "no_mvc")
emg.stops("an empty contraction", put(MVC, ""), "is empty")
emg.stops("a binary contraction", put(MVC, bytes(range(256))), "binary")
emg.stops("a contraction with a gap", cell(MVC, 3000, 3, "nan"), "")
emg.stops("a cut-off above half the rate", setting("emg.envelope", "bandpass_high = 1500.0"), "")
PERCENT = both(toml('kind = "raw"', 'kind = "envelope"'), setting("emg.normalization", 'method = "none"'), toml('mvc = ["mvc.sto"]', ""))
emg.stops(
    "percent", both(PERCENT, storage(EMG, lambda s: replace(s, values=50 + 40 * np.sin(s.time[:, None] + np.arange(len(s.labels)))))), ""
)

model = _Group("model")
model.stops("a locked knee", _locked("knee_flexion_r"), "is locked")
model.stops(
    "a strength of zero",
    lines(MODEL, lambda rows: [_zero(row) if "<max_isometric_force>" in row else row for row in rows]),
    "a strength of 0 N",
)
model.stops("a joint that is not there", toml('"knee_flexion_r"', '"knee_angle_r"'), "a coordinate that")
model.stops("another person's model", gone(MODEL), "does not exist")
model.stops(
    "no generic model in the scale setup",
    edit(SCALE, "<GenericModelMaker><model_file>generic.osim</model_file></GenericModelMaker>", ""),
    "GenericModelMaker",
)
model.stops("another mass in the scale setup", edit(SCALE, "<mass>78.790441", "<mass>50"), "mass")
model.stops("a time range after the static trial", edit(SCALE, "<time_range>0 0.5000", "<time_range>7 9"), "is 7 to 9 s")
model.stops(
    "a range after the static trial in the configuration", toml("[scaling]\n", "[scaling]\nstatic_range = [7.0, 9.0]\n"), "is 7 to 9 s"
)
# The motion that carries points of application which are given on a body.
KINEMATICS = "<external_loads_model_kinematics_file>pose.mot</external_loads_model_kinematics_file>"
model.stops("another static trial that is not there", toml("[scaling]\n", '[scaling]\nstatic_trial = "still.c3d"\n'), "does not exist")
model.stops(
    "a static trial without a setup",
    toml('[scaling]\nsetup = "scale_setup.xml"', f'[scaling]\nstatic_trial = "{STATIC}"'),
    "ScaleTool setup",
)
model.stops(
    "a static pose that is not there",
    edit(SCALE, "<max_marker_movement>", "<coordinate_file>pose.mot</coordinate_file><max_marker_movement>"),
    "pose.mot",
)
model.stops(
    "kinematics of the loads that are not there",
    both(
        edit(LOADS, "</ExternalLoads>", f"{KINEMATICS}</ExternalLoads>"),
        edit(LOADS, "<point_expressed_in_body>ground<", "<point_expressed_in_body>foot_r<"),
    ),
    "pose.mot",
)
model.stops("a scale of an unknown body", edit(SCALE, '<BodyScale name="thigh_r">', '<BodyScale name="femur_r">'), "femur_r")
model.stops(
    "a task of an unknown coordinate",
    edit(IK, "<objects>", '<objects><IKCoordinateTask name="knee_r"><apply>true</apply><weight>1</weight></IKCoordinateTask>'),
    "a task for coordinate 'knee_r'",
)
model.stops("a task of an unknown marker", edit(IK, 'name="RTOE"', 'name="RTEO"'), "RTEO")
model.doubts(
    "the model of an adult for a child",
    both(toml('[scaling]\nsetup = "scale_setup.xml"\n', ""), toml("mass = 78.790441", "mass = 25.0")),
    "mass_differs",
)

calibration = _Group("calibration")
calibration.doubts("nothing held out", toml("calibration_count = 2", "calibration_count = 50"), "not_validated")
calibration.stops(
    "trials that share samples",
    both(toml('method = "stance"\nforce_column = "ground_force_r_vy"', 'method = "times"\ntimes = [[0.5, 1.2], [1.3, 1.9], [1.7, 2.3]]')),
    "share",
)
calibration.stops("the same capture calibrates and is held out", again('role = "held_out"'), "shares the time from")
calibration.stops(
    "a copy of the capture, on a later clock, is held out",
    both(
        again('role = "held_out"\ntime_offset = { markers = 0.5, forces = 0.5, emg = 0.5 }'),
        edit(CONFIG, 'name = "again"\nmarkers = "walk_fast.trc"', 'name = "again"\nmarkers = "copy.trc"'),
        edit(CONFIG, 'emg = "walk_fast_emg.sto"\nrole', 'emg = "copy.sto"\nrole'),
        lambda folder: put("copy.trc", (folder / TRC).read_bytes())(folder),
        lambda folder: put("copy.sto", (folder / EMG).read_bytes())(folder),
    ),
    "shares the time from",
)
calibration.stops("no trial calibrates", toml("calibration_count = 2", "calibration_count = 0"), "No trial calibrates")
calibration.stops(
    "a joint that no muscle crosses",
    toml('"hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"', '"pelvis_tilt"'),
    "Nothing drives pelvis_tilt",
)
BELOW_THE_KNEE = ("SOL", "TA ", "GM ", "GL ", "PER", "triceps", "dorsiflexors", "deep_")
calibration.stops("a joint named twice", toml('"hip_flexion_r", "knee', '"knee_flexion_r", "knee'), "'knee_flexion_r' twice")
KINDS = [kind for kind, one in ParametersSettings() if one.free]
calibration.stops(
    "nothing to calibrate",
    both(
        lines(CONFIG, lambda rows: rows[: rows.index("[calibration.groups]")] + rows[rows.index("[output]") :]),
        *(setting(f"calibration.parameters.{kind}", "free = false") for kind in KINDS),
    ),
    "no parameter is free to move",
)
calibration.stops(
    "a joint without EMG",
    both(
        toml('"synergy_hybrid"', '"emg_driven"'),
        lines(CONFIG, lambda rows: [row for row in rows if not row.startswith(BELOW_THE_KNEE)]),
    ),
    "Nothing drives ankle_dorsiflexion_r",
)
calibration.stops(
    "a recording scored by a joint that is not calibrated",
    toml('name = "walk_fast"', 'name = "walk_fast"\ndofs = ["knee_flexion_l"]'),
    "scored by 'knee_flexion_l'",
)
calibration.stops("a start that is no number", toml('name = "walk_fast"', 'name = "walk_fast"\nstart = nan'), "")
calibration.stops("a mass of half a kilogram", both(toml("mass = 78.790441", "mass = 0.5"), edit(SCALE, "78.790441", "0.5")), "mass")

FAULTS = tuple(fault for group in (motion, forces, emg, model, calibration) for fault in group.faults)
