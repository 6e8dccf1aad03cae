"""One recording's EMG, from its file to envelopes, and what a user should know of it."""

import logging
from collections.abc import Sequence
from pathlib import Path

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import EnvelopeSettings, linear_envelope
from osim_nmscal.emg.quality import channel_findings, weak_findings
from osim_nmscal.formats.emg_table import read_emg

_log = logging.getLogger(__name__)


def recorded_envelopes(
    path: Path, channels: Sequence[str], settings: EnvelopeSettings, *, start: float | None = None, end: float | None = None
) -> TimeSeries:
    """Read the EMG of one movement and return its envelopes; findings on its channels are logged as warnings.

    Args:
        path: .sto, .mot, .csv, .txt, .tsv or .c3d.
        channels: those to read, in this order.
        settings: of the envelopes.
        start: s, on the clock of the motion: from here on the recording is used; default its beginning.
        end: s, until where; default its end.

    Returns:
        (time, channel), not negative, unit as recorded.

    Raises:
        FileFormatError: the file cannot be read.
        UnknownNameError: a channel is not in the file.
        SignalError: what is in it cannot be EMG (see `linear_envelope`).
    """
    recorded = read_emg(path, channels)
    envelopes = linear_envelope(recorded, settings, start=start, end=end)
    for finding in channel_findings(recorded, envelopes) if settings.kind == "raw" else weak_findings(envelopes):
        _log.warning("%s", finding)
    return envelopes
