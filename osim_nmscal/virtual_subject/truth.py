"""Compare what a calibration found with what is true of a virtual person."""

import json
from dataclasses import dataclass
from pathlib import Path

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import FileFormatError

# Parameter -> the key of its starting value in truth.json.
COMPARED = {
    "optimal_fiber_length": "scaled_optimal_fiber_length",
    "tendon_slack_length": "scaled_tendon_slack_length",
    "max_isometric_force": "scaled_max_isometric_force",
}


@dataclass(frozen=True, kw_only=True)
class ParameterError:
    """How far one parameter of one muscle is from the truth, before and after, as parts of the true value."""

    muscle: str
    parameter: str
    true: float
    before: float  # linearly scaled / true - 1
    after: float  # calibrated / true - 1


def parameter_errors(truth: Path | str, muscles: MuscleTable) -> tuple[ParameterError, ...]:
    """Return the errors of calibrated muscles against truth.json.

    Args:
        truth: truth.json of a virtual subject.
        muscles: calibrated muscles, all or some of the person's.

    Raises:
        FileFormatError: not a truth.json, or it lacks a muscle.
    """
    truth = Path(truth)
    try:
        table = json.loads(truth.read_text(encoding="utf-8"))["muscles"]
    except (OSError, ValueError, KeyError) as error:
        raise FileFormatError(f"{truth} is no truth.json of a virtual subject ({error}); make the subject again.") from error
    errors = []
    for muscle in muscles.muscles:
        if muscle.name not in table:
            raise FileFormatError(f"{truth} has no muscle {muscle.name!r}; compare with the person that the recordings are of.")
        row = table[muscle.name]
        for parameter, start in COMPARED.items():
            true = row[parameter]
            after = getattr(muscle, parameter) / true - 1.0
            errors.append(ParameterError(muscle=muscle.name, parameter=parameter, true=true, before=row[start] / true - 1.0, after=after))
    return tuple(errors)
