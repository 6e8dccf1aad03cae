"""The model: its mass, and whether its muscles can be muscles."""

import numpy as np

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import listed

# Mass of the person over that of the given model, before scaling. Source: choice: a small child has a fifth of an adult's.
MASS_RANGE = (0.1, 10.0)
MASS_TOLERANCE = 0.1
# Optimal fiber lengths, m, and the longest tendon, m. Source: from a mouse to a horse: 2 mm to 0.6 m (sartorius has 0.4), tendons to 0.8 m.
FIBER_LENGTHS = (0.002, 0.6)
LONGEST_TENDON = 1.0


def mass_of_model(model: float, person: float, *, adjusted: bool) -> tuple[Finding, ...]:
    """Judge the model's mass.

    Args:
        model: kg, of the given model.
        person: kg.
        adjusted: whether scaling changes the mass.
    """
    ratio = person / model if model > 0 else np.inf
    low, high = MASS_RANGE
    if not low <= ratio <= high:
        text = f"The person weighs {person:g} kg and the given model {model:.1f} kg: give subject.mass in kg, or another model."
        return (Finding(severity="stop", kind="mass_differs", about="subject", text=text),)
    if adjusted or abs(ratio - 1.0) <= MASS_TOLERANCE:
        return ()
    text = (
        f"The model weighs {model:.1f} kg, the person {person:g} kg, and nothing scales it: moments are those of another person. Add "
        f"[scaling] "
        "with setup (your ScaleTool file) or mass_only = true."
    )
    return (Finding(severity="doubt", kind="mass_differs", about="subject", text=text),)


def thelen_muscles(muscles: MuscleTable, asked: str) -> tuple[Finding, ...]:
    """Say that another muscle class may predict better, where the model has Thelen's and nobody has chosen.

    Args:
        muscles: those that calibrate, as the model states them.
        asked: `[output] muscle_class`.
    """
    thelen = sum(muscle.muscle_class == "Thelen2003Muscle" for muscle in muscles.muscles)
    if asked != "keep" or not thelen:
        return ()
    text = (
        f"{thelen} of the {len(muscles)} muscles that calibrate are Thelen2003Muscle. On public treadmill walking such muscles predicted "
        "unseen stances better when converted to DeGrooteFregly2016Muscle (RMSE at hip, knee and ankle, with synergies: 5.9, 4.7 and "
        "7.9 N·m instead of 8.1, 6.1 and 11.4); to Millard2012EquilibriumMuscle it helped hip and ankle (6.7, 6.6 and 9.4). Set [output] "
        'muscle_class to one of them, or to "auto", which lets left-out calibration trials choose.'
    )
    return (Finding(severity="note", kind="muscle_class", about="model", text=text),)


def muscle_values(muscles: MuscleTable) -> tuple[Finding, ...]:
    """Judge the values of the muscles that calibrate.

    Args:
        muscles: those with EMG, as the model states them.
    """
    low, high = FIBER_LENGTHS
    odd = [f"{m.name} has a strength of {m.max_isometric_force:g} N" for m in muscles.muscles if m.max_isometric_force <= 0]
    odd += [f"{m.name} has fibers of {m.optimal_fiber_length:g} m" for m in muscles.muscles if not low <= m.optimal_fiber_length <= high]
    odd += [f"{m.name} has a tendon of {m.tendon_slack_length:g} m" for m in muscles.muscles if m.tendon_slack_length > LONGEST_TENDON]
    if not odd:
        return ()
    text = f"Muscles of the model cannot be muscles: {listed(odd, 4)}; correct the unit (N, m), or leave them out of the mapping."
    return (Finding(severity="stop", kind="muscle_values", about="model", text=text),)
