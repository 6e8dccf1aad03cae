"""What a user should know of EMG channels that can be used, but perhaps should not be.

Nothing is refused here (see `envelope` for what is): a finding is one sentence for the report.
"""

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries

# Raw EMG that keeps its very value for so long came from a loose electrode or was filled up, s. Source: choice; the channels of
# shared/data never keep it for more than 0.003 s.
LONGEST_FLAT = 0.1
# Activity (98th percentile of the envelope) below so many times rest (10th percentile) is weak. Source: choice; in shared/data's walking
# it is 2.8 for GMAX, which its README calls weak, and 5.6 or more for all others.
WEAK = 4.0


def channel_findings(raw: TimeSeries, envelope: TimeSeries) -> tuple[str, ...]:
    """Say which channels of one raw recording are flat for a while, or weak.

    Args:
        raw: as recorded.
        envelope: of the same channels.

    Returns:
        One sentence per fault.
    """
    name = _file_name(raw)
    findings = []
    for label, values in zip(raw.labels, raw.values.T, strict=True):
        start, end = _longest_flat(raw.time, values)
        if end - start > LONGEST_FLAT:
            cause = "a loose electrode, or the recording was filled up"
            findings.append(f"EMG channel {label} of {name} does not change from {start:.2f} to {end:.2f} s: {cause}.")
    return (*findings, *weak_findings(envelope))


def weak_findings(envelope: TimeSeries) -> tuple[str, ...]:
    """Say which envelopes hardly rise above their rest, one sentence each."""
    findings = []
    for label, values in zip(envelope.labels, envelope.values.T, strict=True):
        rest, activity = np.percentile(values, [10, 98])
        if activity < WEAK * rest:
            ratio = f"its activity is only {activity / rest:.1f} times its rest"
            findings.append(f"EMG channel {label} of {_file_name(envelope)} is weak: {ratio}; noise or cross-talk may drive its muscles.")
    return tuple(findings)


def _file_name(series: TimeSeries) -> str:
    return series.source.replace("\\", "/").rpartition("/")[2]


def _longest_flat(time: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Return start and end of the longest stretch of equal samples, s."""
    changes = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    longest = int(np.diff(changes).argmax())
    return float(time[changes[longest]]), float(time[changes[longest + 1] - 1])
