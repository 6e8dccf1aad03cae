"""A dynamometer's moments: do they have the model's sign, and was an effort one?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.results import DynamometerMetrics
from osim_nmscal.data.trials import Trial
from osim_nmscal.doctor.forces import HUMAN_MOMENT
from osim_nmscal.errors import listed

FloatArray = NDArray[np.float64]

# A joint that moves by less says nothing of its resistance, rad; and moments below are noise, N·m. Source: choice.
LEAST_SWEEP = np.radians(15.0)
SMALL_MOMENT = 2.0
# Part of a sweep at either end that is looked at.
END = 0.2


def passive_resists(recording: str, dof: str, angle: FloatArray, moment: FloatArray) -> tuple[Finding, ...]:
    """Judge whether a relaxed joint resists: its moment must fall from one end of its range to the other.

    Args:
        recording: its name.
        dof: the coordinate.
        angle: (row,), rad.
        moment: about the coordinate, (row,), N·m.
    """
    if np.ptp(angle) < LEAST_SWEEP:
        return ()
    low, high = angle.min() + END * np.ptp(angle), angle.max() - END * np.ptp(angle)
    at_low, at_high = float(moment[angle <= low].mean()), float(moment[angle >= high].mean())
    if at_high - at_low < SMALL_MOMENT:
        return ()
    text = (
        f"{recording}: the passive moment about {dof} grows with the angle, from {at_low:.1f} N·m at "
        f"{np.degrees(angle.min()):.0f} degrees to "
        f"{at_high:.1f} N·m at {np.degrees(angle.max()):.0f}; a relaxed joint resists at the ends of its range, so its sign is "
        "probably that "
        "of the machine instead of the joint's: reverse the column."
    )
    return (Finding(severity="doubt", kind="moment_sign", about=recording, text=text),)


def moment_of_a_person(recording: str, dof: str, moment: FloatArray, mass: float) -> tuple[Finding, ...]:
    """Judge whether a person can have such a moment.

    Args:
        recording: its name.
        dof: the coordinate.
        moment: (row,), N·m.
        mass: of the body, kg.
    """
    largest = float(moment[np.abs(moment).argmax()]) / mass
    if abs(largest) <= HUMAN_MOMENT:
        return ()
    text = (
        f"{recording}: the moment about {dof} reaches {largest:.1f} N·m/kg; people reach {HUMAN_MOMENT:g}. Check its unit (N·m), "
        "the lever, "
        "and the mass."
    )
    return (Finding(severity="doubt", kind="moment_beyond_human", about=recording, text=text),)


def effort_direction(trials: Sequence[Trial], agonists: Sequence[str], strength: FloatArray) -> tuple[Finding, ...]:
    """Judge whether the moment of an effort has the direction in which its agonists pull, and whether they pull at all.

    Args:
        trials: of one recording.
        agonists: muscles that tried.
        strength: maximal isometric forces of the trials' muscles, (muscle,), N.
    """
    recording = trials[0].name.split("/")[0]
    trying = np.isin(trials[0].muscles, agonists)
    for d, dof in enumerate(trials[0].dofs):
        if not trials[0].is_measured[d]:
            continue
        pull = float(np.mean([(one.moment_arm[one.first_counted :, d] * strength * trying).sum(axis=1).mean() for one in trials]))
        moment = float(np.mean([one.joint_moment[one.first_counted :, d].mean() for one in trials]))
        if (pull * moment >= 0.0 and pull != 0.0) or abs(moment) < SMALL_MOMENT:
            continue
        if pull == 0.0:
            text = f"{recording}: none of the agonists ({listed(agonists)}) turns {dof}, whose moment was measured; correct either."
        else:
            text = (
                f"{recording}: the agonists ({listed(agonists)}) turn {dof} with a {'positive' if pull > 0 else 'negative'} moment, but "
                f"{moment:.0f} N·m was measured; reverse the column, or correct the agonists."
            )
        return (Finding(severity="doubt", kind="moment_sign", about=recording, text=text),)
    return ()


def not_maximal(metrics: Sequence[DynamometerMetrics]) -> tuple[Finding, ...]:
    """Judge whether efforts were ones: each should give more than the scaled model's agonists at a third of their excitation.

    Args:
        metrics: of all recordings.
    """
    findings = []
    for recording in dict.fromkeys(one.trial.split("/")[0] for one in metrics if one.kind == "effort"):
        own = [one for one in metrics if one.trial.split("/")[0] == recording]
        best = max(own, key=lambda one: abs(one.largest) - abs(one.submaximal))
        if abs(best.largest) < abs(best.submaximal):
            text = (
                f"{recording} is no maximal effort: the largest moment about {best.dof} is {best.largest:.0f} N·m, and the scaled "
                "model's agonists "
                f"give {best.submaximal:.0f} N·m at an excitation of 0.3; lower its effort_level, or leave it out."
            )
            findings.append(Finding(severity="doubt", kind="weak_effort", about=recording, text=text))
    return tuple(findings)
