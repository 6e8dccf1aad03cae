"""Calibration: is it well posed, do muscles work where muscles work, and are held-out moments predicted."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult, MomentMetrics, TrialPrediction, VerificationMetrics
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import listed

FloatArray = NDArray[np.float64]

# One muscle bears a direction of a joint alone with this share of the strength times moment arm of all that pull that way, where at least
# this share of the range of moments is asked for. Source: choice; in two public data sets rectus femoris has 0.99 and 1.0 of the hip
# flexors with EMG; no other muscle of theirs, or of a virtual leg, has more than 0.67 where moments are asked for.
ALONE, ASKED = 0.8, 0.2
# A muscle takes part in a moment with this share of the largest moment arm about that joint. Source: choice.
CROSSES = 0.05
# Normalized fiber lengths in use (1st to 99th percentile). Source: Rajagopal et al. 2016 and PEERS' red flags: active range 0.5 to 1.5.
FIBER_RANGE = (0.5, 1.5)
ROUGHLY = 0.05
# Tendon strain that is beyond what tendons bear. Source: Maganaris & Paul 1999, J. Physiol. 521:307: 5 to 8 % at maximal effort.
TENDON_STRAIN = 0.12
# Share of the strengths, or of all parameters, at a bound that is too many. Source: choice.
MANY_AT_BOUND = 0.25
# Starts whose losses differ by no more than this share ended in the same place. Source: choice; the tolerance of the calibration is 0.003.
SAME_END = 0.02
# Values that lie farther apart, in standard errors of their difference, are not one person's by chance. Source: choice; three standard
# errors hold 99.7 % of chance, for one parameter.
APART = 3.0
# Parameters that recordings share; those of activation give way to one another.
_SHARED = ("strength_coefficient", "optimal_fiber_length", "tendon_slack_length", "working_point", "emg_scale")
# A held-out R2 below this explains less than half. Source: choice; the shipped recordings have 0.54 to 0.93.
POOR = 0.5
# Largest range of moments below which an error relative to it means little, N·m. Source: choice.
SMALL_MOMENT = 2.0


def problem(trials: TrialSet, strength: FloatArray, *, synthesises: bool = False) -> tuple[Finding, ...]:
    """Judge what a calibration can be told at all.

    Args:
        trials: of all roles.
        strength: (muscle,), N, of the trials' muscles.
        synthesises: whether muscles without EMG are driven as well, by synergies.
    """
    findings = []
    chosen = trials.calibration
    driven = np.max([trial.excitation.max(axis=0) for trial in chosen.trials], axis=0) > 0
    driven |= synthesises
    for d, dof in enumerate(chosen.dofs):
        arm = np.max([np.abs(trial.moment_arm[:, d]).max(axis=0) for trial in chosen.trials], axis=0)
        crossing = [name for name, a, on in zip(chosen.muscles, arm, driven, strict=True) if on and a > CROSSES * arm.max()]
        if not crossing:
            findings.append(_unmoved(dof, "no muscle with EMG has a moment arm about it"))
        if len(crossing) == 1:
            text = (
                f"{dof} is driven by {crossing[0]} alone: what the other muscles of that joint do is put on it. Leave the joint out of "
                f"the dofs, "
                'record its muscles, or let synergies drive them (method = "synergy_hybrid").'
            )
            findings.append(Finding(severity="doubt", kind="one_muscle", about=dof, text=text))
        elif crossing:
            findings += _one_direction(chosen, d, np.where(driven, strength, 0.0))
    recordings = {trial.name.rpartition("/")[0] for trial in chosen.trials}
    if len(recordings) == 1 and len(trials.trials) > 1:
        text = (
            f"All trials that calibrate are of recording {recordings.pop()}: what its movement does not ask of a muscle is not told. Let "
            "other movements, speeds or loads calibrate as well."
        )
        findings.append(Finding(severity="note", kind="one_task", about="trials", text=text))
    return (*findings, *nothing_held_out(tuple(trial.role for trial in trials.trials)))


def _one_direction(trials: TrialSet, column: int, strength: FloatArray) -> list[Finding]:
    """Find a joint whose moment one muscle alone must bear in one direction, e.g. rectus femoris flexing a hip without iliopsoas."""
    dof, scored = trials.dofs[column], [trial for trial in trials.trials if trial.is_measured[column]]
    if not scored:
        return []
    moment = np.concatenate([trial.joint_moment[trial.first_counted :, column] for trial in scored])
    pull = strength * np.mean([trial.moment_arm[:, column].mean(axis=0) for trial in scored], axis=0)  # (muscle,), N·m
    findings = []
    for sign, word in ((1.0, "positive"), (-1.0, "negative")):
        bearing = np.maximum(sign * pull, 0.0)
        asked = float((sign * moment).max())
        if asked > ASKED * float(np.ptp(moment)) and bearing.max() > ALONE * bearing.sum() > 0:
            name = trials.muscles[int(bearing.argmax())]
            text = (
                f"The {word} moments about {dof}, up to {asked:.0f} N·m, are borne by {name} nearly alone "
                f"({100 * bearing.max() / bearing.sum():.0f} % of what the muscles with EMG can bear that way): what the muscles without "
                "EMG do is put on it. Record them, or let "
                'synergies drive them (method = "synergy_hybrid").'
            )
            findings.append(Finding(severity="doubt", kind="one_muscle", about=dof, text=text))
    return findings


def moved_joints(dofs: Sequence[str], crossing: Mapping[str, Collection[str]], driven: Collection[str]) -> tuple[Finding, ...]:
    """Judge whether something drives every joint, by the muscles' paths alone.

    Args:
        dofs: to calibrate by.
        crossing: coordinate -> muscles of the model that cross its joint; those that are not known are not judged.
        driven: muscles that EMG or synergies drive.
    """
    findings = []
    for dof in (dof for dof in dofs if dof in crossing):
        if not crossing[dof]:
            findings.append(_unmoved(dof, "no muscle of the model crosses that joint"))
        elif not set(driven) & set(crossing[dof]):
            findings.append(_unmoved(dof, f"none of the {len(crossing[dof])} muscles that cross that joint has EMG"))
    return tuple(findings)


def _unmoved(dof: str, why: str) -> Finding:
    text = f"Nothing drives {dof}: {why}, so its moment cannot be predicted. Take it out of [muscle_analysis] dofs, or drive its muscles."
    return Finding(severity="stop", kind="no_muscle", about=dof, text=text)


def nothing_held_out(roles: Sequence[str]) -> tuple[Finding, ...]:
    """Say that a result will not be validated.

    Args:
        roles: of all trials.
    """
    if "held_out" in roles:
        return ()
    text = (
        "Every trial calibrates and none is held out: nothing shows how well new movement would be predicted. The result is not validated."
    )
    return (Finding(severity="doubt", kind="not_validated", about="trials", text=text),)


def muscles_in_use(result: CalibrationResult, predictions: Sequence[TrialPrediction]) -> tuple[Finding, ...]:
    """Judge where fibers and tendons of the calibrated muscles work, and which parameters end at bounds.

    Args:
        result: the calibration.
        predictions: of the calibrated muscles.
    """
    findings = []
    lowest, highest = FIBER_RANGE
    odd, stretched = [], []
    for m, name in enumerate(result.muscles.names):
        length = np.concatenate([p.normalized_fiber_length[p.first_counted :, m] for p in predictions])
        low, high = np.percentile(length, [1, 99])
        if low < lowest - ROUGHLY or high > highest + ROUGHLY:
            odd.append(f"{name} at {low:.2f} to {high:.2f}")
        strain = max(float(p.tendon_strain[p.first_counted :, m].max()) for p in predictions)
        if strain > TENDON_STRAIN:
            stretched.append(f"{name} by {100 * strain:.0f} %")
    if odd:
        text = (
            f"Fibers work outside {lowest:g} to {highest:g} optimal lengths, where none carries force: {listed(odd)}. Their lengths are "
            "implausible; see start values and priors."
        )
        findings.append(Finding(severity="doubt", kind="fiber_range", about="muscles", text=text))
    if stretched:
        text = f"Tendons are stretched beyond what they bear (5 to 8 %): {listed(stretched)}."
        findings.append(Finding(severity="doubt", kind="tendon_strain", about="muscles", text=text))
    findings += recordings_agree([*result.parameters, *result.working_points])
    findings += _starts([start.loss_final for start in result.starts])
    free = [p for p in result.parameters if p.at_bound != "fixed"]
    kinds: dict[str, list[str]] = defaultdict(list)
    for parameter in free:
        if parameter.at_bound:
            kinds[parameter.name].append(parameter.owner)
    for kind, owners in kinds.items():
        number = sum(p.name == kind for p in free)
        if len(owners) > MANY_AT_BOUND * number:
            text = f"{len(owners)} of {number} values of {kind} end at a bound ({listed(owners, 5)}): bounds, not data, decide them."
            findings.append(Finding(severity="doubt", kind="at_bound", about=kind, text=text))
    return tuple(findings)


def recordings_agree(parameters: Sequence[CalibratedParameter]) -> list[Finding]:
    """Doubt what depends on which recordings calibrate more than chance allows.

    Args:
        parameters: and working points, with their disagreements.
    """
    rows = [row for row in parameters if row.disagreement > APART and row.name in _SHARED]
    findings = []
    for label in dict.fromkeys(row.left_out for row in rows):
        own = sorted((row for row in rows if row.left_out == label), key=lambda row: -row.disagreement)
        told = [
            f"{row.name} of {row.owner} is {row.calibrated:.3g}{_spelled(row.unit)} with and {row.calibrated_without:.3g} without it, "
            f"{row.disagreement:.1f} standard errors of that difference apart"
            for row in own
        ]
        text = (
            f"{label} and the other trials tell different muscles: {'; '.join(told[:3])} ({len(own)} such in all). Something is not "
            "modelled: see its EMG channels, clock, forces and posture."
        )
        findings.append(Finding(severity="doubt", kind="recordings_disagree", about=label, text=text))
    return findings


def _spelled(unit: str) -> str:
    return "" if unit == "-" else f" {unit}"


def _starts(losses: Sequence[float]) -> list[Finding]:
    """Doubt a minimum that one start alone has found."""
    if len(losses) < 2:
        return []
    best = min(losses)
    alike = sum(loss <= (1.0 + SAME_END) * best for loss in losses)
    if alike > 1:
        return []
    text = (
        f"Only 1 of {len(losses)} starts ended at the lowest loss, the others at {sorted(losses)[1] / best:.2f} to "
        f"{max(losses) / best:.2f} times it: there may be better parameters still. Give more starts, or free fewer parameters."
    )
    return [Finding(severity="doubt", kind="starts_disagree", about="starts", text=text)]


def held_out_moments(metrics: Sequence[MomentMetrics]) -> tuple[Finding, ...]:
    """Judge, recording by recording, whether held-out moments are predicted, and better than before calibration.

    Args:
        metrics: uncalibrated and calibrated, one per trial and degree of freedom; trials are called recording/segment.
    """
    groups: dict[tuple[str, str], dict[str, list[MomentMetrics]]] = defaultdict(lambda: defaultdict(list))
    for metric in metrics:
        if metric.role == "held_out":
            groups[metric.trial.split("/")[0], metric.dof][metric.model].append(metric)
    findings = []
    for (recording, dof), models in groups.items():
        after, before = models["calibrated"], models["uncalibrated"]
        r2, rmse = (float(np.nanmean([getattr(m, name) for m in after])) for name in ("r2", "rmse"))
        worst = min(after, key=lambda m: m.r2)
        faults = []
        if before and rmse > 1.02 * float(np.mean([m.rmse for m in before])):
            was = float(np.mean([m.rmse for m in before]))
            faults.append(f"its error grew from {was:.1f} to {rmse:.1f} N·m by calibration")
        if r2 < 0:
            faults.append(f"R2 is {r2:.2f}: its mean would predict it better")
        if not faults and r2 < POOR:
            text = (
                f"Held-out {dof} of {recording} is predicted poorly: R2 is {r2:.2f}, so most of how that moment varies is not told (worst "
                f"trial {worst.trial}, R2 {worst.r2:.2f}). See its sign, its muscles without EMG, and its forces."
            )
            findings.append(Finding(severity="doubt", kind="held_out_poor", about=f"{recording} {dof}", text=text))
        if faults:
            text = f"Held-out {dof} of {recording} is not predicted: {' and '.join(faults)} (worst trial {worst.trial}, R2 {worst.r2:.2f})."
            findings.append(Finding(severity="doubt", kind="held_out", about=f"{recording} {dof}", text=text))
    return tuple(findings)


def fitted_moments(metrics: Sequence[MomentMetrics]) -> tuple[Finding, ...]:
    """Judge, recording by recording, whether calibration met the moments that it was shown.

    Args:
        metrics: calibrated, one per trial and degree of freedom.
    """
    groups: dict[tuple[str, str], list[float]] = defaultdict(list)
    for metric in metrics:
        if metric.role == "calibration" and metric.model == "calibrated":
            groups[metric.trial.rpartition("/")[0], metric.dof].append(metric.r2)
    findings = []
    for (recording, dof), values in groups.items():
        r2 = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        if r2 < 0:
            text = (
                f"{dof} of {recording} is not met even in the trials that calibrate: R2 is {r2:.2f}, its mean would be nearer. Its muscles "
                "without EMG, its forces or its sign must be seen to; do not use that joint."
            )
            findings.append(Finding(severity="doubt", kind="not_fitted", about=f"{recording} {dof}", text=text))
    return tuple(findings)


def confirmed(metrics: Sequence[VerificationMetrics], tolerance: float, failure: str = "") -> tuple[Finding, ...]:
    """Judge OpenSim's own run.

    Args:
        metrics: one per trial and degree of freedom.
        tolerance: largest nrmse.
        failure: which trials OpenSim could not run, and why.
    """
    if failure:
        return (Finding(severity="stop", kind="verification", about="personalized.osim", text=f"OpenSim cannot run the model: {failure}"),)
    beyond = [metric for metric in metrics if metric.nrmse > tolerance]
    if not beyond:
        return ()
    worst = max(beyond, key=lambda metric: metric.nrmse)
    text = (
        f"OpenSim's own run of the model differs from what was promised by {100 * worst.nrmse:.1f} % of the range of {worst.dof} in "
        f"{worst.trial} "
        f"({worst.rmse:.2f} N·m, allowed {100 * tolerance:g} %), most in {worst.muscle}."
    )
    return (Finding(severity="stop", kind="verification", about=worst.trial, text=text),)
