"""A muscle of one OpenSim class told as one of another class, with the tendon and passive strains kept.

Source: OpenSim 4.6's own replacement of muscles by DeGrooteFregly2016Muscle (`DeGrooteFregly2016Muscle.replaceMuscles`), which
the tests compare with, and its inverse. What has no counterpart in the other class takes that class's default: the shapes
of Millard's and Thelen's curves are not carried over, so convert first and calibrate the converted muscles.
"""

from dataclasses import replace

from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    Muscle,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)
from osim_nmscal.errors import MuscleModelError, did_you_mean, listed

CONVERSION_TARGETS = ("Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle")


def convert_muscles(muscles: MuscleTable, muscle_class: str) -> MuscleTable:
    """Return the muscles as ones of the given class; those that already are of it stay as they are.

    Args:
        muscles: muscles of any known class.
        muscle_class: "Millard2012EquilibriumMuscle" or "DeGrooteFregly2016Muscle".

    Raises:
        MuscleModelError: another class is asked for, or a muscle uses what the class cannot do.

    Example:
        >>> converted = convert_muscles(muscles, "DeGrooteFregly2016Muscle")
        >>> converted.muscles[0].muscle_class, converted.muscles[0].optimal_fiber_length
        ('DeGrooteFregly2016Muscle', 0.1)
    """
    if muscle_class not in CONVERSION_TARGETS:
        raise MuscleModelError(
            f"muscle_class = {muscle_class!r} is no class that muscles can be converted to;"
            f" choose one of keep, {listed(CONVERSION_TARGETS)}.{did_you_mean(muscle_class, CONVERSION_TARGETS)}"
        )
    return MuscleTable(muscles=tuple(_converted(muscle, muscle_class) for muscle in muscles.muscles))


def in_class(muscles: MuscleTable, asked: str) -> MuscleTable:
    """Return the muscles in the class that `[output] muscle_class` asks for before a calibration: "keep" and "auto" change nothing yet."""
    return muscles if asked in ("keep", "auto") else convert_muscles(muscles, asked)


def in_classes_of(muscles: MuscleTable, others: MuscleTable) -> MuscleTable:
    """Return the muscles, each in the class that the muscle of its name has among the others.

    Raises:
        MuscleModelError: one cannot be converted.
    """
    own = [others.muscles[others.index(muscle.name)].muscle_class for muscle in muscles.muscles]
    if all(muscle.muscle_class == wanted for muscle, wanted in zip(muscles.muscles, own, strict=True)):
        return muscles
    return MuscleTable(muscles=tuple(_converted(muscle, wanted) for muscle, wanted in zip(muscles.muscles, own, strict=True)))


def _converted(muscle: Muscle, muscle_class: str) -> Muscle:
    if muscle.muscle_class == muscle_class:
        return muscle
    properties: MuscleProperties
    match muscle.properties:
        case Millard2012Properties() as millard:
            properties = _degroote_of_millard(millard)
        case Thelen2003Properties() as thelen:
            properties = _degroote_of_thelen(thelen) if muscle_class == "DeGrooteFregly2016Muscle" else _millard_of_thelen(thelen)
        case DeGrooteFregly2016Properties() as degroote:
            _require_convertible(muscle.name, degroote)
            properties = _millard_of_degroote(degroote)
        case other:  # a class that was added without a way to others
            raise MuscleModelError(
                f"Muscle {muscle.name!r} cannot become a {muscle_class}: nothing says how one with {type(other).__name__} would; "
                'set muscle_class = "keep".'
            )
    return replace(muscle, properties=properties)


def _degroote_of_millard(millard: Millard2012Properties) -> DeGrooteFregly2016Properties:
    return DeGrooteFregly2016Properties(
        fiber_damping=millard.fiber_damping,
        passive_fiber_strain_at_one_norm_force=millard.strain_at_one_norm_force,
        tendon_strain_at_one_norm_force=millard.tendon_strain_at_one_norm_force,
    )


def _degroote_of_thelen(thelen: Thelen2003Properties) -> DeGrooteFregly2016Properties:
    # Thelen's muscle has no damping: neither has the converted one, as in OpenSim's replacement.
    return DeGrooteFregly2016Properties(
        passive_fiber_strain_at_one_norm_force=thelen.passive_fiber_strain_at_one_norm_force,
        tendon_strain_at_one_norm_force=thelen.tendon_strain_at_one_norm_force,
    )


def _millard_of_thelen(thelen: Thelen2003Properties) -> Millard2012Properties:
    # Millard's default damping stays: without it the class falls back on an active minimum of 0.1 and stiff equations.
    return Millard2012Properties(
        maximum_pennation_angle=thelen.maximum_pennation_angle,
        minimum_activation=thelen.minimum_activation,
        max_eccentric_velocity_force_multiplier=thelen.max_eccentric_force,
        strain_at_one_norm_force=thelen.passive_fiber_strain_at_one_norm_force,
        tendon_strain_at_one_norm_force=thelen.tendon_strain_at_one_norm_force,
    )


def _millard_of_degroote(degroote: DeGrooteFregly2016Properties) -> Millard2012Properties:
    return Millard2012Properties(
        fiber_damping=degroote.fiber_damping,
        strain_at_one_norm_force=degroote.passive_fiber_strain_at_one_norm_force,
        tendon_strain_at_one_norm_force=degroote.tendon_strain_at_one_norm_force,
    )


def _require_convertible(name: str, degroote: DeGrooteFregly2016Properties) -> None:
    if degroote.active_force_width_scale != 1.0:
        problem = f"active_force_width_scale = {degroote.active_force_width_scale!r} (1 is possible)"
    elif degroote.ignore_passive_fiber_force:
        problem = "ignore_passive_fiber_force = true (false is possible)"
    else:
        return
    raise MuscleModelError(
        f"Muscle {name!r} cannot become a Millard2012EquilibriumMuscle: it has {problem}, which that class cannot do;"
        ' set muscle_class = "keep" or change the model.'
    )
