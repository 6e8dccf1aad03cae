"""The mistakes that `test_mutants.py` puts into the package, each with the tests that must notice.

A mistake is one that a reviewer could overlook: a unit, a bound, a sign, an order, a forgotten part of a key.
"""

from typing import NamedTuple


class Mutant(NamedTuple):
    """One mistake."""

    name: str
    file: str  # relative to the project
    before: str  # occurs once
    after: str
    tests: str  # paths for pytest, those that are quick


NMS = "osim_nmscal/nms"
CAL = "osim_nmscal/calibration"
OSIM = "osim_nmscal/opensim_tools"
FLOW = "osim_nmscal/workflow"

MUTANTS = (
    # physics
    Mutant("thelen_velocity_scale", f"{NMS}/muscle_models/thelen2003.py", "_VELOCITY_SCALE_AT_REST = 0.25", "_VELOCITY_SCALE_AT_REST = 0.30", "tests/nms"),
    Mutant("slack_slope", f"{NMS}/muscle_models/base.py", "SLACK_SLOPE = 0.001", "SLACK_SLOPE = 0.01", "tests/nms"),
    Mutant("eccentric_sign", f"{NMS}/muscle_models/thelen2003.py", "steepness = (2.0 + 2.0 / shape) / (maximum - 1.0)", "steepness = (2.0 - 2.0 / shape) / (maximum - 1.0)", "tests/nms/test_curves.py"),
    Mutant("passive_below_optimal", f"{NMS}/muscle_models/thelen2003.py", "(length - 1.0).clamp_min(0.0)", "(length - 1.0)", "tests/nms/test_curves.py"),
    Mutant("delay_forgotten", f"{NMS}/activation.py", "    whole = int(torch.floor(shift.detach()))", "    whole = 0 * int(torch.floor(shift.detach()))", "tests/nms/test_activation.py"),
    Mutant("filter_gain", f"{NMS}/activation.py", "tail = (1.0 + c) * signal", "tail = (1.0 - c) * signal", "tests/nms/test_activation.py"),
    Mutant("shape_factor_sign", f"{NMS}/activation.py", "torch.expm1(safe * neural) / torch.expm1(safe)", "torch.expm1(safe * neural)", "tests/nms/test_activation.py"),
    Mutant("pennation_cosine", f"{NMS}/contraction.py", "cosine = along / length", "cosine = length / length", "tests/nms/test_contraction.py tests/nms/test_model.py"),
    Mutant("tendon_strain_reference", f"{NMS}/contraction.py", "mtu_length / p.tendon_slack_length - 1.0", "mtu_length / p.tendon_slack_length - 0.99", "tests/nms/test_contraction.py tests/nms/test_model.py"),
    Mutant("slowing_sign", f"{NMS}/contraction.py", "(at.velocity_multiplier - slowing)", "(at.velocity_multiplier + slowing)", "tests/nms"),
    # EMG
    Mutant("bandpass_order", "osim_nmscal/emg/envelope.py", "settings.bandpass_high, settings.bandpass_order", "settings.bandpass_high, 2", "tests/emg tests/test_signals.py"),
    Mutant("not_rectified", "osim_nmscal/emg/envelope.py", "zero_lag_lowpass(np.abs(band)", "zero_lag_lowpass(np.maximum(band, 0)", "tests/emg"),
    Mutant("excitation_clip", "osim_nmscal/emg/mapping.py", "np.clip(values, 0.0, 1.0)", "np.clip(values, 0.0, 2.0)", "tests/emg"),
    Mutant("normalized_clip", "osim_nmscal/emg/normalization.py", "np.clip(envelope.values / divisors, 0.0, 1.0)", "np.clip(envelope.values / divisors, 0.0, 3.0)", "tests/emg"),
    Mutant("mvc_duration", "osim_nmscal/emg/normalization.py", "means = (total[count:] - total[:-count]) / count", "means = (total[count:] - total[:-count]) / (count + 9)", "tests/emg"),
    Mutant("window_ignored", "osim_nmscal/emg/normalization.py", "    return [used_part(recording, start, end) for recording, (start, end) in zip(recordings, windows, strict=True)]", "    return list(recordings)", "tests/emg"),
    # signals
    Mutant("half_the_order", "osim_nmscal/signals.py", "_butterworth((order + 1) // 2, edges)", "_butterworth(order, edges)", "tests/test_signals.py"),
    Mutant("padding", "osim_nmscal/signals.py", "pad = len(values) // 2", "pad = len(values) // 3", "tests/test_signals.py"),
    Mutant("uniform_step", "osim_nmscal/signals.py", "int(np.floor(span / step + 1e-6)) + 1", "int(np.floor(span / step + 1e-6))", "tests/test_signals.py tests/trials"),
    # trials
    Mutant("lead_in_rounding", "osim_nmscal/trials/assembly.py", "int(np.ceil(settings.lead_in / settings.time_step - 1e-6))", "int(np.floor(settings.lead_in / settings.time_step))", "tests/trials"),
    Mutant("largest_excitation", "osim_nmscal/trials/assembly.py", "LARGEST_EXCITATION = 1 + 1e-3", "LARGEST_EXCITATION = 200.0", "tests/trials tests/calibration/test_bad_input.py"),
    Mutant("clock_direction", "osim_nmscal/trials/clock.py", 'word = "slowly" if error > 0 else "fast"', 'word = "fast" if error > 0 else "slowly"', "tests/trials"),
    # evaluation
    Mutant("rmse_without_root", "osim_nmscal/evaluation.py", "float(np.sqrt(np.mean((predicted - measured) ** 2)))", "float(np.mean((predicted - measured) ** 2))", "tests/test_evaluation.py"),
    Mutant("r2_uncentred", "osim_nmscal/evaluation.py", "np.sum((measured - measured.mean()) ** 2)", "np.sum(measured**2)", "tests/test_evaluation.py"),
    # calibration
    Mutant("kept_squared", f"{CAL}/identifiability.py", "variance * time / kept**2", "variance * time / kept", "tests/calibration"),
    Mutant("no_autocorrelation", f"{CAL}/identifiability.py", "    return max(1.0, float((time * energy).sum() / energy.sum()))", "    return 1.0", "tests/calibration"),
    Mutant("identifiable_always", f"{CAL}/identifiability.py", "self.standard_error < IDENTIFIABLE_BELOW * self.prior_width", "self.standard_error < 2 * self.prior_width", "tests/calibration"),
    Mutant("sd_is_range", f"{CAL}/losses.py", 'spread = values.std(dim=0) if settings.moment_scale == "sd"', 'spread = 2 * values.std(dim=0) if settings.moment_scale == "sd"', "tests/calibration"),
    Mutant("penalty_inside", f"{CAL}/losses.py", "return x - x.clamp(self.lower, self.upper)", "return x - x.clamp(self.lower, 2 * self.upper)", "tests/calibration/test_losses.py"),
    Mutant("term_weight_twice", f"{CAL}/losses.py", "        return self.weight**0.5 * self.function(outputs)", "        return self.weight * self.function(outputs)", "tests/calibration"),
    # models
    Mutant("version_boundary", "osim_nmscal/osim_model/properties.py", "document.version <= LAST_VERSION_WITH_PENNATION_ANGLE", "document.version < LAST_VERSION_WITH_PENNATION_ANGLE", "tests/osim_model"),
    Mutant("more_than_calibrated", "osim_nmscal/osim_model/writer.py", "if not _same_tree(source.root, written.root, frozenset(elements)):", "if False:", "tests/osim_model"),
    Mutant("rounded_value", "osim_nmscal/osim_model/muscle_edits.py", "return repr(float(value)).encode()", 'return f"{float(value):.6g}".encode()', "tests/osim_model"),
    # OpenSim's tools
    Mutant("locked_stays_locked", f"{OSIM}/muscle_analysis.py", "    free_coordinates(model)\n    geometer", "    geometer", "tests/opensim_tools/test_muscle_analysis.py"),
    Mutant("window_end", f"{OSIM}/muscle_analysis.py", "(motion.time <= end + 1e-9)", "(motion.time < end - 1e-9)", "tests/opensim_tools/test_muscle_analysis.py"),
    Mutant("muscles_not_excluded", f"{OSIM}/inverse_dynamics.py", '    excluded.append("Muscles")\n', "", "tests/opensim_tools/test_inverse_dynamics.py"),
    Mutant("end_time_of_opensim", f"{OSIM}/inverse_dynamics.py", "    tool.setEndTime(end)\n", "    tool.setEndTime(min(end, start + 0.2))\n", "tests/opensim_tools/test_inverse_dynamics.py"),
    # the road
    Mutant("emg_key_without_time_step", f"{FLOW}/stages/emg.py", "            time_step=config.trials.time_step,\n", "            time_step=0.01,\n", "tests/workflow"),
    Mutant("emg_key_without_windows", f"{FLOW}/stages/emg.py", "windows=tuple((recording.start, recording.end) for recording in config.recordings)", "windows=tuple((None, None) for recording in config.recordings)", "tests/workflow tests/wild"),
    Mutant("uncalibrated_is_calibrated", f"{FLOW}/stages/evaluation.py", "before = predict(trials, result.start_muscles, result.start_neural, task.settings)", "before = predict(trials, result.muscles, result.neural, task.settings)", "tests/workflow"),
    # the doctor
    Mutant("hole_bridged", "osim_nmscal/doctor/motion.py", "LONGEST_BRIDGE = 0.05", "LONGEST_BRIDGE = 5.0", "tests/doctor"),
    Mutant("pooled_metrics", "osim_nmscal/doctor/calibration.py", 'groups[metric.trial.split("/")[0], metric.dof]', 'groups["all", metric.dof]', "tests/doctor"),
    Mutant("stop_is_fit", "osim_nmscal/doctor/verdict.py", 'if finding.severity == "stop"]', 'if finding.severity == "never"]', "tests/doctor"),
    Mutant("clipping_unseen", "osim_nmscal/doctor/emg.py", "CLIPPED_SHARE = 0.002", "CLIPPED_SHARE = 0.9", "tests/doctor"),
    Mutant("late_is_early", "osim_nmscal/doctor/emg.py", 'way = "later" if seconds[best] < 0 else "earlier"', 'way = "earlier" if seconds[best] < 0 else "later"', "tests/doctor"),
)
