"""A doctor for the data: pure functions from nouns to findings, one file per kind of signal.

Nothing here reads a file, runs OpenSim or refuses; the stages ask, and a finding says how grave it is (`data/findings.py`).
"""

from osim_nmscal.data.findings import Severity

# Every kind of finding -> what it means; what [checks] allow may name. A test holds that the doctor uses no other.
KINDS: dict[str, str] = {
    "time_hole": "samples are missing inside a recording",
    "marker_error": "the model's markers lie far from the measured ones",
    "marker_moves": "markers move on their bones",
    "marker_swapped": "markers sit on other places than in the static trial or the model",
    "marker_unit": "markers are in another unit",
    "marker_unseen": "markers are hardly ever seen",
    "mirrored": "the recording is a mirror image",
    "coordinate_limit": "a coordinate rests at an end of its range",
    "outside_range": "joint angles leave the model's range",
    "sign_flipped": "a joint angle has the other sign",
    "scale_factor": "a body is scaled beyond what people differ",
    "left_right": "left and right are scaled apart",
    "vertical_axis": "the vertical axis of the recording is not y",
    "plate_on_wrong_foot": "a force acts where another foot is",
    "plate_unnamed": "a loaded force plate acts on nothing",
    "moment_beyond_human": "joint moments no person has",
    "moment_sign": "a dynamometer's moment has the sign that no joint has",
    "weak_effort": "an effort is no maximal one",
    "weight_not_carried": "the forces do not carry the weight",
    "forces_late": "forces and motion are on different clocks",
    "odd_contact": "a contact unlike the others",
    "emg_dropout": "an EMG channel stands still",
    "emg_clipped": "an EMG channel is cut off at its limits",
    "emg_hum": "an EMG channel holds mains hum",
    "emg_artefact": "an EMG channel holds movement artefact",
    "emg_rectified": "raw EMG is rectified already",
    "emg_weak": "an EMG channel is hardly above its rest",
    "emg_crosstalk": "two EMG channels are nearly one",
    "emg_swapped": "EMG works against its joint",
    "emg_late": "EMG and motion are on different clocks",
    "mvc_unlike": "maximal contractions do not fit the movements",
    "no_mvc": "EMG without maximal voluntary contractions",
    "mass_differs": "the model has another mass than the person",
    "muscle_class": "another muscle class may predict better",
    "muscle_values": "values that no muscle has",
    "no_muscle": "nothing drives a joint",
    "one_task": "one movement alone calibrates",
    "one_muscle": "a joint is driven by one muscle alone, in one direction or both",
    "fiber_range": "fibers work where no fiber does",
    "tendon_strain": "tendons are stretched beyond what tendons bear",
    "starts_disagree": "several starts of the calibration end apart",
    "recordings_disagree": "parameters are not the same without one of the recordings",
    "at_bound": "parameters end at their bounds",
    "not_fitted": "moments are not met even in the trials that calibrate",
    "relaxed_leg": "the calibrated leg, relaxed, is farther from the mean person's than its start",
    "held_out": "held-out moments are not predicted",
    "held_out_poor": "held-out moments are predicted poorly",
    "not_validated": "nothing is held out",
    "verification": "OpenSim does not compute what was promised",
}

__all__ = ["KINDS", "Severity"]
