"""The battery, one line a case: what is broken, how, and a part of the sentence that the user must be able to read.

`run` is asked and exit code 2 expected, unless a case says otherwise.
"""

import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from bad_input_damage import Damage, a_folder, both, cell, cut, edit, gone, lines, nothing, numbers, put, setting, toml, unreadable

RUN = ("run", "config.toml", "--out", "results")
MODEL, SCALE, IK, LOADS = "generic.osim", "scale_setup.xml", "ik_setup.xml", "walk_fast_loads.xml"
STATIC, TRC, GRF, EMG, C3D, MVC = "static.trc", "walk_fast.trc", "walk_fast_grf.mot", "walk_fast_emg.sto", "walk_fast.c3d", "mvc.sto"
MASS, NAMED = "mass = 78.790441", 'name = "walk_fast"'
ANOTHER = '\n[[recordings]]\nname = "{}"\nmarkers = "walk_fast.trc"\nexternal_loads = "none"\nemg = "walk_fast_emg.sto"\n'


no_recordings = lines("config.toml", lambda rows: ["recordings = []", *rows[: rows.index("[[recordings]]")], *rows[rows.index("[emg]") :]])


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bad input."""

    group: str
    name: str
    damage: Damage
    says: str
    arguments: tuple[str, ...] = RUN
    code: int = 2
    lines: int = 1  # sentences at most
    waits_for: str = ""  # what is not mended yet, and where; the case then fails as expected
    posix: bool = False  # needs permissions or paths of Linux and macOS

    def marks(self) -> list[Any]:
        marks: list[Any] = [pytest.mark.xfail(strict=True, reason=self.waits_for)] if self.waits_for else []
        return [*marks, pytest.mark.skipif(os.name == "nt", reason="paths and permissions of POSIX")] if self.posix else marks


@dataclass
class _Group:
    name: str
    cases: list[Case] = field(default_factory=list)

    def __call__(self, name: str, damage: Damage, says: str, *arguments: str, **more: Any) -> None:
        self.cases.append(Case(group=self.name, name=name, damage=damage, says=says, arguments=arguments or RUN, **more))


def recording(line: str) -> Damage:
    """Add a line to the recording."""
    return toml(NAMED, f"{NAMED}\n{line}")


# fmt: off
toml_file = _Group("toml")
toml_file("no such file", nothing, "The configuration nowhere.toml cannot be read (No such file or directory)", "run", "nowhere.toml")
toml_file("a folder", nothing, "is a folder; name the configuration in it", "run", ".")
toml_file("Latin-1", put("config.toml", '[subject]\nname = "Jürgen"\n'.encode("latin-1")), "is not UTF-8 text (byte 19); save it as UTF-8")
toml_file("UTF-16", put("config.toml", '[subject]\nname = "A"\n'.encode("utf-16")), "is not UTF-8 text (byte 0)")
toml_file("empty", put("config.toml", ""), "key 'subject' is missing; add it", lines=4)
toml_file("a Word document", put("config.toml", b"PK\x03\x04\x14\x00\x06\x00"), "is not valid TOML")
toml_file("a slip", toml("mass = ", "mass = = "), "is not valid TOML: Invalid value (at line 7")
toml_file("a key twice", toml("[model]", "mass = 3\n[model]"), "is not valid TOML: Cannot overwrite a value")
toml_file("5000 brackets", toml("[subject]", f"x = {'[' * 5000}{']' * 5000}\n[subject]"), "nests brackets or tables hundreds deep")
toml_file("a number of 5000 digits", toml("mass = ", f"height = {'1' * 5000}\nmass = "), "holds a number of thousands of digits")
toml_file("one table of recordings", toml("[[recordings]]", "[recordings]"), "key 'recordings' is", lines=2)
toml_file("no recordings", no_recordings, "key 'recordings' is [], expected at least one entry in the list")

settings = _Group("settings")
settings("an unknown key", toml("mass =", "mas ="), "key 'subject.mas' is not known. Did you mean 'mass'?", lines=2)
settings("a key of another table", setting("trials", "threshold = 3"), "trials.segmentation.threshold: move it there")
settings("an unknown table", setting("emg.envelop", "kind = 'raw'"), "Did you mean 'envelope'?")
settings("a mass in words", toml(MASS, 'mass = "heavy"'), "key 'subject.mass' is 'heavy', expected a number in kg")
settings("a mass of true", toml(MASS, "mass = true"), "key 'subject.mass' is True, expected a number in kg")
settings("a mass in grams", toml(MASS, "mass = 78790.441"), "is 78790.441, expected less than 1000 in kg")
settings("a mass that is no number", toml(MASS, "mass = nan"), "key 'subject.mass' is nan, expected a finite number in kg")
settings("a time step of a nanosecond", toml("time_step = 0.01", "time_step = 1e-9"), "is 1e-09, expected greater than or equal to 0.0005")
settings("a negative lead-in", toml("lead_in = 0.2", "lead_in = -0.2"), "key 'trials.lead_in' is -0.2, expected greater")
settings("an infinite cut-off", toml("lowpass_cutoff = 12.0", "lowpass_cutoff = inf"), "is inf, expected a finite number in Hz")
settings("no joints", toml('["hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"]', "[]"), "expected at least one entry in the list")
settings("a word that is no choice", toml('kind = "raw"', 'kind = "rwa"'), "is 'rwa', expected 'raw' or 'envelope'")
settings("crossed bounds", setting("calibration.parameters.c1", "lower = 0.5"), "lower bound 0.5 is not below upper bound -0.05")
settings("a recording named like a path", toml(NAMED, 'name = "../walk"'), "expected letters, digits, - and _ only")
settings("a recording named like a folder of results", toml(NAMED, 'name = "calibration"'), "which the results folder needs for itself")
settings("a name too long for a folder", toml(NAMED, f'name = "{"w" * 300}"'), "expected a shorter text")
settings("two recordings in one folder", toml("[emg]\n", f"{ANOTHER.format('Walk_Fast')}\n[emg]\n"), "differ in capitals only", lines=9)
settings("markers and angles", recording('joint_angles = "b.mot"'), "gives both markers and joint_angles")
settings("neither markers nor angles", toml('markers = "walk_fast.trc"\n', ""), "gives neither markers nor joint_angles; add one")
settings("no inverse kinematics", toml('[inverse_kinematics]\nsetup = "ik_setup.xml"\n', ""), "there is no section [inverse_kinematics]")
settings("an end before the start", recording('start = 3.0\nend = 1.0'), "let start be below end")
settings("a file name with a null", toml('"generic.osim"', r'"a\u0000b.osim"'), "which does not exist")

model = _Group("model")
model("no such file", toml('"generic.osim"', '"generic.osmi"'), "which does not exist. Did you mean 'generic.osim'?")
model("a folder", a_folder(MODEL), "key 'model.file' names the file")
model("empty", put(MODEL, ""), "is not complete XML", lines=2)
model("cut off", cut(MODEL, 0.5), "is not complete XML", lines=2)
model("UTF-16", put(MODEL, "<OpenSimDocument/>".encode("utf-16")), "is encoded in UTF-16", lines=2)
model("a DOCTYPE", edit(MODEL, "<OpenSimDocument", "<!DOCTYPE x [<!ENTITY a 'b'>]>\n<OpenSimDocument"), "has a DOCTYPE", lines=2)
model("a setup file", toml('file = "generic.osim"', 'file = "ik_setup.xml"'), "holds no OpenSim model but <InverseKinematicsTool>", lines=2)
model("no muscles", put(MODEL, '<OpenSimDocument Version="40600"><Model name="m"/></OpenSimDocument>'), "has no muscles", lines=6)
model("an unknown muscle class", edit(MODEL, "Millard2012EquilibriumMuscle", "MyMuscle", 2), "MyMuscle", lines=9)
model("a strength in words", edit(MODEL, "<max_isometric_force>", "<max_isometric_force>strong "), "strong", lines=2)
model("a negative strength", edit(MODEL, "<max_isometric_force>", "<max_isometric_force>-"), "max_isometric_force", lines=2)
model("a fiber of no length", edit(MODEL, "<optimal_fiber_length>", "<optimal_fiber_length>-"), "optimal_fiber_length", lines=2)
model("two muscles of one name", edit(MODEL, '"soleus_r"', '"gastrocnemius_lateralis_r"'), "has two muscles named", lines=9)
model("an unknown joint", toml('"knee_flexion_r"', '"knee_angle_r"'), "a coordinate that")
model("a muscle that is not there", setting("muscle_analysis", 'muscles = ["solus_r"]'), "Did you mean 'soleus_r'?")

setups = _Group("setups")
setups("a scale setup for inverse kinematics", toml('"ik_setup.xml"', '"scale_setup.xml"'), "expected InverseKinematicsTool or IKTaskSet")
setups("inverse kinematics for scaling", toml('"scale_setup.xml"', '"ik_setup.xml"'), "expected ScaleTool")
setups("no XML", put(IK, "weights: 1"), "is no XML file")
setups("cut off", cut(SCALE, 0.7), "is no XML file")
setups("a weight in words", edit(IK, "<weight>4", "<weight>heavy"), "<weight> of 'RASI' is 'heavy', expected a number")
setups("a weight in words when scaling", edit(SCALE, "<weight>4", "<weight>heavy"), "is 'heavy', expected a number")
setups("entities that explode", edit(IK, "<OpenSimDocument", f"<!DOCTYPE x [<!ENTITY a '{'b' * 99}'>]>\n<OpenSimDocument"), "DOCTYPE")
setups("a marker that is in no file", edit(IK, 'name="RTOE"', 'name="RTEO"'), "uses marker 'RTEO'", lines=2)
setups("a medial marker that is not there", edit(IK, 'name="RKNM"', 'name="RKNEM"'), "uses marker 'RKNEM'", lines=2)
setups("no task", lines(IK, lambda rows: [row for row in rows if "IKMarkerTask" not in row]), "has no <IKMarkerTask> that is applied")
setups("no static trial", gone(STATIC), "static.trc does not exist; correct the path")
setups("no static trial named", edit(SCALE, "static.trc", ""), "names no static trial", lines=2)
setups("a pair with an unknown marker", edit(SCALE, "RASI RPSI", "RASI RPSIS"), "uses marker 'RPSIS'", lines=2)
setups("a time range in words", edit(SCALE, "<time_range>0 0.5000", "<time_range>all of it"), "<ModelScaler/time_range> holds 'all of it'")
setups("a time range after the static trial", edit(SCALE, "<time_range>0 0.5000", "<time_range>7 9"), "is 7 to 9 s, but")
setups("loads without a force file", edit(LOADS, "<datafile>walk_fast_grf.mot</datafile>", ""), "names no force file in", lines=2)
setups("loads with a lost force file", edit(LOADS, "walk_fast_grf.mot", "lost.mot"), "lost.mot does not exist; correct the path")
setups("a force on an unknown body", edit(LOADS, "foot_r", "calcn_r"), "applies a force to body 'calcn_r', which")
setups("a force in unknown columns", edit(LOADS, "ground_force_r_v", "ground_force_right_v"), "needs column 'ground_force_right_vx'")

trc = _Group("trc")
trc("no such file", gone(TRC), "which does not exist")
trc("empty", put(TRC, ""), "is empty; export it again")
trc("binary", put(TRC, bytes(range(256))), "is a binary file, expected text")
trc("a table", put(TRC, "time,RASI\n0,1\n"), "expected 'PathFileType' of a .trc file")
trc("cut inside a row", cut(TRC, 0.9), "the file is truncated")
trc("a word for a number", cell(TRC, 20, 5, "gap"), "holds 'gap', expected a number")
trc("a time twice", cell(TRC, 20, 1, "0.1"), "expected to increase")
trc("furlongs", edit(TRC, "\tmm\t", "\tfurlong\t"), "Units is 'furlong', expected mm, cm, m or in")
trc("metres called millimetres", numbers(TRC, 6, 2, lambda value: value / 1000), "correct the unit (mm or m)")
trc("a marker twice", edit(TRC, "\tLASI\t", "\tRASI\t"), "marker 'RASI' occurs more than once")
TIMES_ALONE = lines(TRC, lambda rows: [*rows[:6], *("\t".join(row.split("\t")[:2]) + "\t" * 66 for row in rows[6:-1]), ""])
trc("only gaps", TIMES_ALONE, "no marker was seen in any frame")
trc("a header alone", lines(TRC, lambda rows: rows[:5]), "has no frame")
trc("no time", edit(TRC, "Frame#\tTime", "Frame#\tClock"), "the second column is 'Clock', expected 'Time'")

forces = _Group("mot and sto")
forces("empty", put(GRF, ""), "is empty")
forces("no header", lines(GRF, lambda rows: rows[6:]), "has no line 'endheader'")
forces("rows in words", edit(GRF, "nRows=2091", "nRows=many"), "is 'many', expected a whole number")
forces("rows of 5000 digits", edit(GRF, "nRows=2091", f"nRows={'9' * 5000}"), "nRows")
forces("cut inside a row", cut(GRF, 0.9), "the file is truncated")
forces("a word for a number", cell(GRF, 20, 3, "high"), "holds 'high', expected a number")
forces("time that goes back", cell(GRF, 20, 0, "0.0"), "expected to increase")
forces("a column twice", edit(GRF, "ground_force_r_vz", "ground_force_r_vx"), "occurs twice with different values", lines=2)
forces("no time", edit(GRF, "time\t", "t\t"), "the first column is 't', expected 'time'")
forces("another clock", lines(GRF, lambda rows: [*rows[:7], *(f"10{row}" for row in rows[7:] if row)]), "share no time")

c3d = _Group("c3d")
AS_C3D = toml('markers = "walk_fast.trc"', f'markers = "{C3D}"')
c3d("no such file", both(AS_C3D, gone(C3D)), "which does not exist")
c3d("empty", both(AS_C3D, put(C3D, "")), "c3d")
c3d("text", both(AS_C3D, put(C3D, "Frame 1\n" * 200)), "cannot be read as c3d")
c3d("cut off", both(AS_C3D, cut(C3D, 0.5)), "truncated")
c3d("axes that are no rotation", both(AS_C3D, recording('c3d_axes = "x y q"')), "'x y q' are no rotation")
c3d("forces in a file without plates", recording(f'forces = "{C3D}"'), "holds no force plates")
FROM_C3D = f'forces = "{C3D}"\nforce_plates = {{plate9 = "foot_r"}}'
c3d("a plate in a file without plates", toml('external_loads = "walk_fast_loads.xml"', FROM_C3D), "holds no force plates")

emg = _Group("emg")
emg("a spreadsheet", both(toml(f'"{EMG}"', '"emg.xlsx"'), put("emg.xlsx", b"PK\x03\x04")), "unknown kind '.xlsx'; EMG is read from .sto")
emg("a table without time", both(toml(f'"{EMG}"', '"emg.csv"'), put("emg.csv", "GMAX,GMED\n1,2\n")), "has no column of time")
emg("a table of labels alone", both(toml(f'"{EMG}"', '"emg.csv"'), put("emg.csv", "time,GMAX\n")), "has no row of data")
emg("a channel that is not there", toml("\nSOL = ", "\nSOLEUS = "), "the EMG channel 'SOLEUS'")
emg("a muscle that is not there", toml('SOL = ["soleus_r"]', 'SOL = ["solus_r"]'), "'solus_r'")
emg("a muscle in quotes alone", toml('SOL = ["soleus_r"]', 'SOL = "soleus_r"'), "is 'soleus_r', expected a list in square brackets")
emg("raw at 100 Hz", lines(EMG, lambda rows: ["emg", "endheader", rows[6], *rows[7:-1:10], ""]), "Hz")
emg("raw called envelopes", toml('kind = "raw"', 'kind = "envelope"'), "envelope")
emg("a gap", cell(EMG, 200, 3, "nan"), "TFL")
emg("cut inside a row", cut(EMG, 0.8), "the file is truncated")
emg("no contraction recorded", gone(MVC), "key 'emg.mvc[1]' names the file")
NEEDS_MVC = setting("emg.normalization", 'method = "mvc"')
emg("a contraction of other channels", both(NEEDS_MVC, edit(MVC, "\tSOL\t", "\tSOLL\t")), "no recording of emg.mvc has the channels SOL")
emg("a contraction of no channel", lines(MVC, lambda rows: [row.lower() for row in rows]), "without any mapped channel")
emg("an empty contraction", put(MVC, ""), "mvc.sto is empty")

trials = _Group("trials")
trials("a threshold no step reaches", setting("recordings.segmentation", 'threshold = 5000.0'), "No stance was found")
trials("an unknown force column", toml("ground_force_r_vy", "ground_force_right_vy"), "has no column 'ground_force_right_vy'")
trials("an unknown trial", toml("calibration_count = 2", 'calibration = ["walk_fast/stance_77"]'), "'walk_fast/stance_77'")
trials("a start after the end", recording('start = 50.0'), "share no time")
trials("events that nobody marked", toml('method = "stance"', 'method = "events"'), "event")
trials("a window without a step", recording('start = 1.0\nend = 1.1'), "stance")

folders = _Group("folders")
folders("results are a file", put("results", "mine"), "results")
folders("results below a file", put("file", "mine"), "file", *RUN[:-1], "file/results")
folders("results beside devices", nothing, "/proc/results", *RUN[:-1], "/proc/results", posix=True)
folders("a name that is no text", nothing, "is not text in UTF-8", *RUN[:-1], os.fsdecode(b"caf\xe9"), posix=True)
folders("a folder for the model", a_folder("results/model_scaled.osim"), "is a folder where a results file belongs")
folders("a folder for the record", a_folder("results/results.json"), "results.json")
folders("somebody's file where one of ours goes", put("results/model_scaled.osim", "mine"), "exists and no run has made it")
EMG_IN_RESULTS = both(toml(f'"{EMG}"', '"results/walk_fast/excitations.sto"'), put("results/walk_fast/excitations.sto", "mine"))
folders("an input where an output goes", EMG_IN_RESULTS, "a file that a run into", lines=3)
folders("a record that is no JSON", put("results/results.json", "{"), "results.json")
folders("a name too long", nothing, "name too long", *RUN[:-1], "r" * 300)
folders("the recordings' own folder", nothing, "holds inputs of the workflow (generic.osim", *RUN[:-1], ".")

disk = _Group("unreadable")
disk("configuration", unreadable("config.toml"), "The configuration config.toml cannot be read", posix=True)
disk("model", unreadable(MODEL), f"{MODEL} cannot be read", posix=True, lines=2)
disk("scale setup", unreadable(SCALE), SCALE, posix=True)
disk("inverse kinematics setup", unreadable(IK), IK, posix=True)
disk("loads", unreadable(LOADS), LOADS, posix=True)
disk("static trial", unreadable(STATIC), "cannot be opened: ", posix=True)
disk("markers", unreadable(TRC), TRC, posix=True)
disk("forces", unreadable(GRF), "cannot be opened: ", posix=True)
disk("EMG", unreadable(EMG), EMG, posix=True)
disk("contraction", unreadable(MVC), MVC, posix=True)
disk("c3d", both(AS_C3D, unreadable(C3D)), C3D, posix=True)

options = _Group("options")
options("an unknown command", nothing, "No such command 'rnu'", "rnu", "config.toml", lines=4)
options("no configuration", nothing, "Missing argument", "run", lines=4)
options("an unknown option", nothing, "No such option: --job", "run", "config.toml", "--job", "2", lines=5)
options("no job", nothing, "--jobs", "run", "config.toml", "--jobs", "0", lines=4)
options("jobs in words", nothing, "Invalid value for '--jobs'", "run", "config.toml", "--jobs", "two", lines=4)
options("from an unknown stage", nothing, "is no stage. Did you mean 'calibration'?", *RUN, "--from", "calibrate")
options("only an unknown stage", nothing, "--only names 'ik', which is no stage", *RUN, "--only", "ik")
options("an unknown table of settings", nothing, "Did you mean 'emg.envelope'?", "settings", "emg.envelop_")

verify = _Group("verify")
verify("no such folder", nothing, "nowhere", "verify", "nowhere")
verify("a file", nothing, "config.toml", "verify", "config.toml")
verify("a folder of something else", nothing, "has no finished results (no results.json); give the folder of a run", "verify", ".")
verify("results of a version before records", put("old/stages.json", "{}"), "no results.json", "verify", "old")
verify("a record that is no JSON", put("old/results.json", "{"), "results.json", "verify", "old")
verify("a record of something else", put("old/results.json", "[]"), "results.json", "verify", "old")
verify("a record of a later format", put("old/results.json", '{"format": 99}'), "results.json", "verify", "old")
verify("a record that is a folder", a_folder("old/results.json"), "results.json", "verify", "old")

demo = _Group("demo")
demo("a folder with other files", nothing, "give the demo a folder of its own", "demo", ".")
demo("a file", nothing, "is no folder; give the demo a folder of its own", "demo", "config.toml")
demo("below a file", nothing, "config.toml/demo", "demo", "config.toml/demo")
demo("a negative seed", nothing, "--seed", "demo", "new", "--seed", "-1", lines=4)
demo("a seed in words", nothing, "--seed", "demo", "new", "--seed", "one", lines=4)

STUDY = ("electrode-study", "config.toml", "--out", "results")
study = _Group("electrode study")
study("an unknown channel", nothing, "channel 'SOLEUS', which the mapping does not name", *STUDY, "--channels", "SOLEUS,TA")
study("more channels than there are", nothing, "fewest", *STUDY, "--fewest", "99")
study("no configuration", nothing, "cannot be read", "electrode-study", "nowhere.toml")
study("a slip in the configuration", toml("mass =", "mas ="), "Did you mean 'mass'?", *STUDY, lines=2)
study("fewer jobs than none", nothing, "--jobs", *STUDY, "--jobs", "-1", lines=4)

# fmt: on
GROUPS = (toml_file, settings, model, setups, trc, forces, c3d, emg, trials, folders, disk, options, verify, demo, study)
CASES = tuple(case for group in GROUPS for case in group.cases)
