"""What each candidate of a plan is worth, in numbers and in a sentence for whoever has to book the laboratory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np

from osim_nmscal.planning.information import QUANTITIES, Expected, Plan

# Strides as many again: the simplest recording of all.
MORE_MOTION = "twice as many trials of the motions"
# A recording narrows a parameter if less than this is left of its standard deviation. Source: choice.
NARROWED = 0.9
# Names of parameters in a sentence or a cell; the others are counted.
_NAMED = 4
# How quantities are spoken of, and how many digits their deviations have; slack lengths follow from the other two.
SPOKEN: Mapping[str, tuple[str, int]] = {
    "optimal_fiber_length": ("optimal fiber lengths", 1),
    "working_point": ("working points", 3),
    "strength_coefficient": ("strengths", 1),
}
_WORDS = {
    "optimal_fiber_length": "fiber length",
    "working_point": "working point",
    "tendon_slack_length": "slack length",
    "strength_coefficient": "strength",
}


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What one candidate buys."""

    candidate: str
    place: int  # in the best order, from 1
    left_in_order: float  # what is left of each deviation after those before it, geometric mean over counted parameters
    left_alone: float  # the same as the only recording added
    means: Mapping[str, tuple[float, float]]  # quantity -> mean standard deviation at hand, and with this one alone
    newly_known: tuple[Expected, ...]  # with this one alone
    narrowed: tuple[tuple[Expected, float], ...]  # with this one alone, most first: parameter, its standard deviation then


def worth(plan: Plan) -> tuple[Worth, ...]:
    """Return every candidate's worth, in the best order."""
    count = max(len(plan.counted), 1)
    found = []
    for place, (name, gain) in enumerate(zip(plan.order, plan.gains, strict=True), start=1):
        i = plan.candidates.index(name)
        alone = sum(log(max(row.after[i], 1e-12) / max(row.at_hand, 1e-12)) for row in plan.counted)
        found.append(
            Worth(
                candidate=name,
                place=place,
                left_in_order=exp(gain / count),
                left_alone=exp(alone / count),
                means={quantity: means for quantity in QUANTITIES if (means := _means(plan, quantity, i)) is not None},
                newly_known=plan.newly_known(name),
                narrowed=_narrowed(plan, i),
            )
        )
    return tuple(found)


def opening(plan: Plan) -> str:
    """Say what to record next, and what it buys.

    Example:
        >>> rows = (Expected(owner="soleus", quantity="strength_coefficient", unit="%", prior=27.0, at_hand=20.0, after=(10.0,)),)
        >>> opening(Plan(candidates=("ankle plantarflexion",), rows=rows, order=("ankle plantarflexion",), gains=(-0.7,)))
        'Record next: ankle plantarflexion, which makes known: strength of soleus; narrows strength of soleus 20.0 → 10.0 %.'
    """
    if not plan.order:
        return "Nothing could be proposed: no calibrated joint is one that a dynamometer turns."
    found = worth(plan)
    best = found[0]
    if not best.narrowed:
        return f"None of these recordings would tell much more: even the best, {best.candidate}, leaves every parameter nearly as unsure."
    text = f"Record next: {best.candidate}, which {_buys(best)}"
    other = next((one for one in found if one.candidate != MORE_MOTION and one.narrowed), None)
    if best.candidate == MORE_MOTION and other is not None:
        text += f"; on a dynamometer first {other.candidate}, which {_buys(other)}"
    return f"{text}."


def _buys(one: Worth) -> str:
    known = f"makes known: {named(one.newly_known)}; " if one.newly_known else ""
    return f"{known}narrows {narrowings(one, 2)}"


def narrowings(one: Worth, most: int = 3) -> str:
    """Say which standard deviations one candidate narrows most, from what to what; at most so many, the others are counted."""
    texts = []
    for row, after in one.narrowed[:most]:
        digits, unit = (1, " %") if row.unit == "%" else (3, "")
        texts.append(f"{_WORDS[row.quantity]} of {row.owner} {row.at_hand:.{digits}f} → {after:.{digits}f}{unit}")
    return ", ".join(texts) + (f" and {len(one.narrowed) - most} more" if len(one.narrowed) > most else "")


def named(rows: Sequence[Expected]) -> str:
    """Name parameters, most of them if there are many.

    Example:
        >>> named([Expected(owner="soleus", quantity="working_point", unit="", prior=1.0, at_hand=1.0, after=())])
        'working point of soleus'
    """
    texts = [f"{_WORDS[row.quantity]} of {row.owner}" for row in rows]
    return ", ".join(texts[:_NAMED]) + (f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else "")


def how_many_known(plan: Plan) -> str:
    """Say how many parameters the recordings at hand tell, and how many all candidates together would."""
    now, then = (sum(row.known(value) for row, value in zip(plan.rows, values, strict=True)) for values in _now_and_then(plan))
    return (
        f"The recordings at hand tell {now} of {len(plan.rows)} lengths, working points and strengths; with every recording of this plan "
        f"it would be {then}."
    )


def _now_and_then(plan: Plan) -> tuple[list[float], list[float]]:
    return [row.at_hand for row in plan.rows], [row.with_all for row in plan.rows]


def _means(plan: Plan, quantity: str, i: int) -> tuple[float, float] | None:
    rows = [row for row in plan.rows if row.quantity == quantity]
    return (float(np.mean([row.at_hand for row in rows])), float(np.mean([row.after[i] for row in rows]))) if rows else None


def _narrowed(plan: Plan, i: int) -> tuple[tuple[Expected, float], ...]:
    rows = [(row, row.after[i]) for row in plan.rows if row.quantity in SPOKEN and row.after[i] < NARROWED * row.at_hand]
    return tuple(sorted(rows, key=lambda pair: pair[1] / pair[0].at_hand))
