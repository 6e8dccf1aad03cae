"""One verdict from all findings: fit for use, use with care, or do not use."""

from collections.abc import Sequence

from osim_nmscal.data.findings import Finding, Verdict, VerdictLevel

# Doubts of these kinds concern whether the result predicts at all; where nothing better is known the result is not to be used.
# Source: choice: a model that predicts held-out moments worse than their mean at most joints is of no use.
_GRAVE = "held_out"
_MOST = 0.5
# Reasons that a sentence names before it counts the rest.
_NAMED = 2


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
        return Verdict(level="do not use", sentence=_sentence("Do not use", reasons), reasons=reasons)
    if doubts:
        return Verdict(level="use with care", sentence=_sentence("Use with care", reasons), reasons=reasons)
    level: VerdictLevel = "fit for use"
    return Verdict(level=level, sentence="Fit for use: no doubt was found in data, calibration and OpenSim's own run.")


def _sentence(opening: str, reasons: Sequence[str]) -> str:
    text = f"{opening}: {' '.join(reasons[:_NAMED])}"
    left = len(reasons) - _NAMED
    return f"{text} ({left} more reason{'s' if left > 1 else ''}.)" if left > 0 else text
