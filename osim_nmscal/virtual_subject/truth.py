"""Compare a calibration with the true parameters of a virtual person.

Beside the errors before and after stands whether the calibration knew how sure it was: the truth should lie within 1.96
standard errors of the calibrated value 95 times in 100. Parameters that the data tell, that are assumed and that hit a bound are apart.
The two filters of a muscle (time constants, or C1 and C2) can be exchanged without changing anything, so the slower one is
compared with the slower one: number 1, as calibrations report them. Intervals of time constants are in the logarithm.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.errors import FileFormatError

# In the order of the table. Strength: max isometric force against the scaled model's.
TIME_CONSTANTS = ("activation_time_constant_1", "activation_time_constant_2")  # slower, faster
COMPARED = ("optimal_fiber_length", "tendon_slack_length", "strength_coefficient", *TIME_CONSTANTS, "shape_factor", "c1", "c2")
# Half width of a 95 % interval, in standard errors.
INTERVAL = 1.96


@dataclass(frozen=True, kw_only=True)
class TruthErrors:
    """Errors of some parameters of one kind; errors are means of |value / true - 1|."""

    count: int  # owners: muscles, or groups that share one value
    before: float  # nan if there are none
    after: float
    inside: int  # true values within the 95 % interval


@dataclass(frozen=True, kw_only=True)
class TruthComparison:
    """Errors of one kind of parameter over its owners, and of those apart that the data tell, that are assumed, and that hit a bound."""

    parameter: str
    whole: TruthErrors
    told: TruthErrors  # the data at least halve what was unknown
    assumed: TruthErrors  # what was believed before the data
    at_bound: TruthErrors


@dataclass(frozen=True)
class _Pair:
    """One calibrated parameter and its true value."""

    found: CalibratedParameter
    true: float

    @property
    def before(self) -> float:
        return abs(self.found.start / self.true - 1.0)

    @property
    def after(self) -> float:
        return abs(self.found.calibrated / self.true - 1.0)

    @property
    def inside(self) -> bool:
        value, error = self.found.calibrated, self.found.standard_error
        if not math.isfinite(error):
            return False
        if self.found.name in TIME_CONSTANTS:  # known to a factor: 0.2 s with an error of 0.1 s is no interval down to nothing
            return abs(math.log(value / self.true)) <= INTERVAL * error / value
        return abs(value - self.true) <= INTERVAL * error


def time_constants(c1: float, c2: float, time_step: float) -> tuple[float, float]:
    """Return the slower and the faster time constant of both filters of Eq. 1, s: C = -exp(-time step / time constant).

    Args:
        c1: coefficient of one filter, between -1 and 0.
        c2: of the other.
        time_step: s, that the coefficients belong to.
    """
    faster, slower = sorted(-time_step / math.log(-coefficient) for coefficient in (c1, c2))
    return slower, faster


def compare_with_truth(truth: Path, result: CalibrationResult, groups: Mapping[str, tuple[str, ...]]) -> tuple[TruthComparison, ...]:
    """Return the errors of each kind of free parameter, in the order of COMPARED.

    Args:
        truth: truth.json of the virtual person.
        result: the calibration of that person's model.
        groups: members of each group that shares a value, as the calibration was told.

    Raises:
        FileFormatError: not a truth.json, or of a person without these muscles.
    """
    try:
        content = json.loads(truth.read_text(encoding="utf-8"))
        pairs = {kind: _pairs(kind, result, content, groups) for kind in COMPARED}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{truth} does not tell the true parameters of this calibration ({error!r}); make the person again."
        ) from error
    return tuple(_comparison(kind, found) for kind, found in pairs.items() if found)


def _pairs(kind: str, result: CalibrationResult, content: Mapping[str, Any], groups: Mapping[str, tuple[str, ...]]) -> list[_Pair]:
    table, known = content["muscles"], result.muscles.names
    free = [parameter for parameter in result.parameters if parameter.name == kind and parameter.at_bound != "fixed"]
    if kind == "strength_coefficient":
        members = {p.owner: [name for name in groups.get(p.owner, (p.owner,)) if name in known] or known for p in free}
        return [_Pair(p, fmean(table[name][kind] for name in members[p.owner])) for p in free]
    # a length or filter that a group, a channel or everybody shares has no single true value
    return [_Pair(p, _true(kind, table[p.owner], content)) for p in free if p.owner in known and p.owner not in groups]


def _true(kind: str, muscle: Mapping[str, float], content: Mapping[str, Any]) -> float:
    if kind in ("c1", "c2"):
        return (min if kind == "c1" else max)(muscle["c1"], muscle["c2"])
    if kind in TIME_CONSTANTS and kind not in muscle:  # a person made before truth.json told them
        return time_constants(muscle["c1"], muscle["c2"], content["time_step_of_c1_c2"])[TIME_CONSTANTS.index(kind)]
    return muscle[kind]


def _comparison(kind: str, pairs: Sequence[_Pair]) -> TruthComparison:
    apart = {
        standing: _errors([pair for pair in pairs if pair.found.standing == standing]) for standing in ("known", "assumed", "at bound")
    }
    return TruthComparison(parameter=kind, whole=_errors(pairs), told=apart["known"], assumed=apart["assumed"], at_bound=apart["at bound"])


def _errors(pairs: Sequence[_Pair]) -> TruthErrors:
    return TruthErrors(
        count=len(pairs),
        before=fmean(pair.before for pair in pairs) if pairs else math.nan,
        after=fmean(pair.after for pair in pairs) if pairs else math.nan,
        inside=sum(pair.inside for pair in pairs),
    )
