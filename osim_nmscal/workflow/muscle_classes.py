"""`[output] muscle_class = "auto"`: the classes that a model's muscles can have, tried by cross-validation."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.errors import CalibrationError, MuscleModelError
from osim_nmscal.osim_model.conversion import CONVERSION_TARGETS, convert_muscles

if TYPE_CHECKING:
    from osim_nmscal.calibration.cross_validation import Calibrate
    from osim_nmscal.osim_model.writer import MuscleClass

Starting = MuscleTable | StartingValues


@dataclass(frozen=True, kw_only=True)
class ClassChoice:
    """Muscles to start from, in the class that predicted left-out trials best."""

    muscles: Starting
    sentence: str


def choose_class(trials: TrialSet, muscles: Starting, settings: CalibrationSettings, calibrate: "Calibrate") -> ClassChoice:
    """Calibrate the muscles in each class without each calibration trial in turn, and take the best class.

    Args:
        trials: that calibrate, at least two motions.
        muscles: in the classes that the model has.
        settings: of the calibration.
        calibrate: the calibration.

    Raises:
        CalibrationError: there is only one calibration trial, or no class could be calibrated.
    """
    require_several(len(trials.calibration.of_kind("motion")))
    from osim_nmscal.calibration.muscle_choice import choose_muscles  # torch takes seconds

    candidates, impossible = candidates_of(muscles)
    choice = choose_muscles(trials, candidates, settings, calibrate)
    return ClassChoice(muscles=candidates[choice.chosen], sentence=" ".join((choice.sentence, *impossible)))


def require_several(motions: int) -> None:
    """Refuse to choose by trials left out where there is only one.

    Raises:
        CalibrationError: there are fewer than two motions that calibrate.
    """
    if motions < 2:
        raise CalibrationError(
            f"[output] muscle_class = 'auto' leaves out each calibration trial (motion) in turn and needs at least two; there is "
            f"{motions or 'none'}. Raise [trials.roles] calibration_count, or name a class."
        )


def candidates_of(muscles: Starting) -> tuple[Mapping[str, Starting], tuple[str, ...]]:
    """Return the muscles as they are and in every other class that they can have, by name, and why they cannot have the rest."""
    table = muscles.muscles if isinstance(muscles, StartingValues) else muscles
    own = sorted({muscle.muscle_class for muscle in table.muscles})
    found: dict[str, Starting] = {f"{' and '.join(own)} (as the model has it)": muscles}
    impossible = []
    for target in CONVERSION_TARGETS:
        if own == [target]:
            continue
        try:
            converted = convert_muscles(table, target)
        except MuscleModelError as error:
            impossible.append(f"{target} was not tried: {error}")
            continue
        found[target] = replace(muscles, muscles=converted) if isinstance(muscles, StartingValues) else converted
    return found, tuple(impossible)


def class_to_write(asked: str, calibrated: MuscleTable) -> "MuscleClass":
    """Return the class that muscles are written in: the one asked for, of "auto" the one that the calibrated muscles have.

    Args:
        asked: `[output] muscle_class`.
        calibrated: in the class that was chosen.
    """
    for target in CONVERSION_TARGETS:
        if asked == target or (asked == "auto" and {muscle.muscle_class for muscle in calibrated.muscles} == {target}):
            return target  # type: ignore[return-value]
    return "keep"
