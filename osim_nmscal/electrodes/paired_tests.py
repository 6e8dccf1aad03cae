"""Whether two methods differ: paired over trials, each degree of freedom for itself, corrected for the number of questions.

Both methods predict the same trials, so each trial is its own control: the Wilcoxon signed-rank test of the paired differences
(exact for up to 50 trials without ties). Degrees of freedom of one trial are not independent of one another, so they are never
pooled. Source: Wilcoxon (1945); Holm (1979), Scand. J. Statist. 6:65-70; rank-biserial correlation of matched pairs: Kerby (2014).
What a test over the trials of one person tells is about this person, not about people.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.electrodes.findings import StudyComparison, StudyData, StudyMetric

FloatArray = NDArray[np.float64]

LEVEL = 0.05
# With fewer pairs no outcome of the test can lie below 0.05: its least p value is 2 / 2^n.
FEWEST_PAIRS = 6


def compare_methods(metrics: Sequence[StudyMetric], data: StudyData, measure: Literal["rmse", "r2"]) -> tuple[StudyComparison, ...]:
    """Compare both methods at every number of channels, about every degree of freedom.

    Args:
        metrics: of an electrode study.
        data: which trials.
        measure: which number.

    Returns:
        The largest number of channels first; p values adjusted over all of them.
    """
    chosen = [metric for metric in metrics if metric.data == data]
    rows: list[StudyComparison] = []
    for count in sorted({metric.count for metric in chosen}, reverse=True):
        for dof in dict.fromkeys(metric.dof for metric in chosen):
            here = [metric for metric in chosen if (metric.count, metric.dof) == (count, dof)]
            emg, hybrid = (
                {m.trial: getattr(m, measure) for m in here if m.method == method} for method in ("emg_driven", "synergy_hybrid")
            )
            both = [trial for trial in emg if trial in hybrid and np.isfinite(emg[trial]) and np.isfinite(hybrid[trial])]
            if both:
                a, b = (np.array([values[trial] for trial in both]) for values in (emg, hybrid))
                rows.append(_comparison(count, data, dof, measure, a, b))
    adjusted = holm([row.p_value for row in rows])
    return tuple(replace(row, p_adjusted=p, better=_better(row, p)) for row, p in zip(rows, adjusted, strict=True))


def signed_rank_test(first: FloatArray, second: FloatArray) -> float:
    """Return the two-sided p value of the Wilcoxon signed-rank test, (pair,) each; nan with too few pairs, 1 if all are equal."""
    from scipy import stats

    if len(first) < FEWEST_PAIRS:
        return float("nan")
    differences = second - first
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def rank_biserial(first: FloatArray, second: FloatArray) -> float:
    """Return the share of ranks of positive differences less that of negative ones, -1 to 1; nan if no pair differs."""
    from scipy import stats

    differences = (second - first)[second != first]
    if not len(differences):
        return float("nan")
    ranks = stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p values adjusted by Holm's step-down procedure; those that are no number stay out of the count."""
    values = np.asarray(p_values, dtype=float)
    adjusted = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    highest = 0.0
    for rank, index in enumerate(known[np.argsort(values[known], kind="stable")]):
        highest = max(highest, min(1.0, (len(known) - rank) * float(values[index])))
        adjusted[index] = highest
    return tuple(adjusted.tolist())


def p_text(p_value: float) -> str:
    """Write a p value: never as 0.000."""
    if not np.isfinite(p_value):
        return "too few trials"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _comparison(
    count: int, data: StudyData, dof: str, measure: Literal["rmse", "r2"], emg: FloatArray, hybrid: FloatArray
) -> StudyComparison:
    return StudyComparison(
        count=count,
        data=data,
        dof=dof,
        measure=measure,
        trials=len(emg),
        emg_driven=float(np.median(emg)),
        synergy_hybrid=float(np.median(hybrid)),
        difference=float(np.median(hybrid - emg)),
        effect=rank_biserial(emg, hybrid),
        p_value=signed_rank_test(emg, hybrid),
        p_adjusted=float("nan"),
        better="neither",
    )


def _better(row: StudyComparison, p_adjusted: float) -> Literal["emg_driven", "synergy_hybrid", "neither"]:
    if not p_adjusted < LEVEL:
        return "neither"
    higher = row.effect > 0 if row.measure == "r2" else row.effect < 0
    return "synergy_hybrid" if higher else "emg_driven"
