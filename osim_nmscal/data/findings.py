"""What a user must know of the data and the result: findings, and the verdict they end in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

# stop: a run refuses, unless the user allows this kind; doubt: shown and part of the verdict; note: shown
Severity = Literal["stop", "doubt", "note"]
VerdictLevel = Literal["fit for use", "use with care", "do not use"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was noticed.

    Example:
        >>> hole = Finding(severity="doubt", kind="time_hole", about="walk36", text="walk36 has a hole of 0.3 s at 2.0 s.")
        >>> str(hole)
        'walk36 has a hole of 0.3 s at 2.0 s.'
    """

    severity: Severity
    kind: str  # what [checks] allow names, e.g. "time_hole"
    about: str  # file, recording, trial, degree of freedom or muscle
    text: str  # full sentences: what, where, value and unit, what to do

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a result may be used, in words a person can act on.

    Example:
        >>> verdict = Verdict(level="use with care", sentence="Use with care: 2 doubts.", reasons=("Channel 'TA' hums at 50 Hz.",))
        >>> verdict.level != "do not use"
        True
    """

    level: VerdictLevel
    sentence: str
    reasons: tuple[str, ...] = ()  # one sentence each, the gravest first


def note(text: str) -> Finding:
    """Return a plain sentence as a finding without consequences."""
    return Finding(severity="note", kind="note", about="", text=text)


def with_allowed(findings: Iterable[Finding], allowed: Iterable[str]) -> tuple[Finding, ...]:
    """Turn the stops that a user allows into doubts.

    Args:
        findings: in any order.
        allowed: kinds.

    Returns:
        The same findings in the same order.
    """
    kinds = set(allowed)
    return tuple(
        Finding(severity="doubt", kind=one.kind, about=one.about, text=f"{one.text} (Allowed by [checks] allow.)")
        if one.severity == "stop" and one.kind in kinds
        else one
        for one in findings
    )
