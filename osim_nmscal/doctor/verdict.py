"""One verdict from all findings: fit for use, use with care, or do not use."""

from collections.abc import Sequence

from osim_nmscal.data.findings import Finding, Verdict, VerdictLevel
from osim_nmscal.doctor import KINDS
from osim_nmscal.errors import listed

# Doubts of these kinds concern whether the result predicts at all; where nothing better is known the result is not to be used.
# Source: choice: a model that predicts held-out moments worse than their mean at most joints is of no use.
_GRAVE = "held_out"
_MOST = 0.5


def verdict(findings: Sequence[Finding], *, judged: int = 0) -> Verdict:
    """Weigh findings.

    Args:
        findings: of data and result, allowed stops already turned into doubts.
        judged: number of held-out recordings times degrees of freedom that were judged; 0 if none.

    Returns:
        "do not use" after any stop, or where most held-out moments are not predicted; "use with care" after any doubt.
    """
    stops = [finding for finding in findings if finding.severity == "stop"]
    doubts = [finding for finding in findings if finding.severity == "doubt"]
    missed = [finding for finding in doubts if finding.kind == _GRAVE]
    if judged and len(missed) > _MOST * judged:
        stops, doubts = [*stops, *missed], [finding for finding in doubts if finding.kind != _GRAVE]
    reasons = tuple(dict.fromkeys(finding.text for finding in (*stops, *doubts)))
    if stops:
        return Verdict(level="do not use", sentence=_sentence("Do not use", stops), reasons=reasons)
    if doubts:
        return Verdict(level="use with care", sentence=_sentence("Use with care", doubts), reasons=reasons)
    level: VerdictLevel = "fit for use"
    return Verdict(level=level, sentence="Fit for use: no doubt was found in data, calibration and OpenSim's own run.")


def _sentence(opening: str, findings: Sequence[Finding]) -> str:
    """Name each kind once, with what it is about; the findings themselves hold the numbers."""
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(finding.kind, []).append(finding.about)
    parts = []
    for kind, about in kinds.items():
        where = listed(dict.fromkeys(one for one in about if one), 3)
        parts.append(f"{KINDS.get(kind, kind)} ({where})" if where else KINDS.get(kind, kind))
    return f"{opening}: {'; '.join(parts)}."
