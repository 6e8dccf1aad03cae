"""The methods paragraph of a run, ready to paste into a manuscript, and what to cite."""

from statistics import fmean

from osim_nmscal.report.data import ReportData

_OPTIMIZERS = {
    "gauss_newton": "a bounded Gauss-Newton (Levenberg-Marquardt) method",
    "adamw": "AdamW",
    "simulated_annealing": "simulated annealing",
}
CITATIONS: dict[str, str] = {
    "opensim": "Seth A, Hicks JL, Uchida TK, et al. (2018) OpenSim: simulating musculoskeletal dynamics and neuromuscular control to study "
    "human and animal movement. PLoS Comput Biol 14:e1006223.",
    "method": "Hambly MJ, Worsey MTO, Lloyd DG, Pizzolato C (2025) IEEE Trans Biomed Eng, doi 10.1109/TBME.2025.3569682.",
    "Millard2012EquilibriumMuscle": "Millard M, Uchida T, Seth A, Delp SL (2013) Flexing computational muscle: modeling and simulation of "
    "musculotendon dynamics. J Biomech Eng 135:021005.",
    "DeGrooteFregly2016Muscle": "De Groote F, Kinney AL, Rao AV, Fregly BJ (2016) Evaluation of direct collocation optimal control problem "
    "formulations for solving the muscle redundancy problem. Ann Biomed Eng 44:2922-2936.",
    "Thelen2003Muscle": "Thelen DG (2003) Adjustment of muscle mechanics model parameters to simulate dynamic contractions in "
    "older adults. "
    "J Biomech Eng 125:70-77.",
    "residuals": "Hicks JL, Uchida TK, Seth A, Rajagopal A, Delp SL (2015) Is my model good enough? Best practices for verification and "
    "validation of musculoskeletal models and simulations of movement. J Biomech Eng 137:020905.",
}


def methods_paragraph(data: ReportData) -> str:
    """Return the paragraph; it says only what the run did."""
    version = data.versions.get("osim_nmscal", "")
    software = f"osim_nmscal{f' {version}' if version else ''}"
    opensim = f"OpenSim {data.versions['opensim']}" if "opensim" in data.versions else "OpenSim"
    sentences = [f"The model {data.model} was personalized for {data.subject} with {software} and {opensim}."]
    sentences += _stations(data)
    sentences += _trials(data)
    sentences += _calibration(data)
    sentences += _outcome(data)
    return " ".join(sentences)


def citations(data: ReportData) -> tuple[str, ...]:
    """Return what to cite for this run."""
    chosen = [CITATIONS["opensim"], CITATIONS["method"]]
    if data.calibration is not None:
        classes = {muscle.muscle_class for muscle in data.calibration.muscles.muscles}
        chosen += [CITATIONS[name] for name in sorted(classes) if name in CITATIONS]
    if any(view.residuals for view in data.recordings):
        chosen.append(CITATIONS["residuals"])
    return tuple(chosen)


def _stations(data: ReportData) -> list[str]:
    setting = {row.key: row.value.strip('"') for row in data.settings}
    ran = {station.name for station in data.stations}
    sentences = []
    if "inverse_kinematics" in ran and any(len(view.marker_time) for view in data.recordings):
        rms = [1000 * float(view.marker_rms.mean()) for view in data.recordings if len(view.marker_time)]
        sentences.append(f"Joint angles were computed by inverse kinematics (marker RMS error {_span(rms, '.0f')} mm).")
    cutoff = setting.get("inverse_dynamics.lowpass_cutoff")
    if "inverse_dynamics" in ran and cutoff:
        sentences.append(f"Joint moments were computed by inverse dynamics after low-pass filtering the angles at {cutoff} Hz.")
    if setting.get("emg.envelope.kind") == "raw":
        low, high = setting.get("emg.envelope.bandpass_low"), setting.get("emg.envelope.bandpass_high")
        envelope = setting.get("emg.envelope.lowpass_cutoff")
        method = setting.get("emg.normalization.method", "auto")
        by = {"highest": "the highest value of the recordings", "mvc": "maximal voluntary contractions"}.get(
            method, "maximal voluntary contractions where recorded, else the highest value"
        )
        sentences.append(
            f"EMG was band-pass filtered ({low}–{high} Hz), rectified, low-pass filtered at {envelope} Hz and normalized to {by}."
        )
    return sentences


def _trials(data: ReportData) -> list[str]:
    trials = data.trials
    if not trials:
        return []
    used = sum(trial.role == "calibration" for trial in trials)
    held = len(trials) - used
    held_text = f" and {held} were held out" if held else ", and none was held out"
    sentences = [
        f"{used} of {len(trials)} trials calibrated {len(data.muscles)} muscle-tendon units about "
        f"{', '.join(data.dofs)}{held_text} "
        f"(time step {1000 * (trials[0].time[1] - trials[0].time[0]):g} ms)."
    ]
    counts = {kind: len({m.trial for m in data.dynamometer if m.kind == kind}) for kind in ("passive", "effort")}
    said = {"passive": "passive moments of relaxed muscles", "effort": "efforts whose agonists were assumed to be nearly fully excited"}
    if found := [f"{said[kind]} ({count})" for kind, count in counts.items() if count]:
        sentences.append(f"Trials of a dynamometer were added: {' and '.join(found)}.")
    return sentences


def _calibration(data: ReportData) -> list[str]:
    result = data.calibration
    if result is None:
        return []
    classes = ", ".join(sorted({muscle.muscle_class for muscle in result.muscles.muscles}))
    kinds = [name.replace("_", " ") for name in dict.fromkeys(parameter.name for parameter in result.parameters)]
    method = "An EMG-driven" if result.method == "emg_driven" else "A synergy-hybrid"
    sentences = [
        f"{method} neuromusculoskeletal model with the file's own muscles ({classes}) was calibrated by "
        f"{_OPTIMIZERS.get(result.optimizer, result.optimizer)}: "
        f"{len(result.parameters)} parameters ({', '.join(kinds)}) in {result.iterations} iterations."
    ]
    if result.synergy is not None:
        count, vaf = len(result.synergy.weights), 100 * float(result.synergy.vaf[len(result.synergy.weights) - 1])
        sentences.append(
            f"{len(result.synergy.synthesized)} muscles without usable EMG were driven by {count} synergies extracted from "
            f"{len(result.synergy.recorded)} recorded muscles (variance accounted for {vaf:.1f} %)."
        )
    if result.ligaments is not None:
        sentences.append("Moments of ligaments and capsule, exponential towards both ends of each range, were added to the muscles'.")
    known = sum(parameter.identifiable for parameter in result.parameters)
    sentences.append(f"{known} parameters were identifiable, in the sense that the data at least halved their prior standard deviation.")
    return sentences


def _outcome(data: ReportData) -> list[str]:
    sentences = []
    role = "held_out" if data.validated else "calibration"
    chosen = [m for m in data.metrics if m.role == role and m.model == "calibrated"]
    if chosen:
        parts = []
        for dof in dict.fromkeys(m.dof for m in chosen):
            rows = [m for m in chosen if m.dof == dof]
            parts.append(
                f"{dof} {fmean(m.rmse for m in rows):.1f} N·m ({100 * fmean(m.nrmse for m in rows):.1f} % of range, R² "
                f"{fmean(m.r2 for m in rows):.2f})"
            )
        trials = "held-out trials" if role == "held_out" else "the calibration trials (no trial was held out)"
        sentences.append(f"The root-mean-square error against inverse dynamics over {trials} was {'; '.join(parts)}.")
    if data.verification:
        worst = 100 * max(v.nrmse for v in data.verification)
        count = len({v.trial for v in data.verification})
        sentences.append(
            f"Run by OpenSim's own muscles, the personalized model reproduced the predicted moments of {count} trials to within "
            f"{worst:.1f} % of their range."
        )
    return sentences


def _span(values: list[float], form: str) -> str:
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"
