"""Findings on channels: made to be flat or weak, and those that a README calls weak."""

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.quality import channel_findings
from osim_nmscal.formats.emg_table import read_emg

TIME = np.arange(6000) / 1000


def _findings(values):
    raw = TimeSeries(time=TIME, labels=("SOL",), values=values[:, None], source="folder/run.sto")
    return channel_findings(raw, linear_envelope(raw))


def _bursts():
    return np.where(np.sin(2 * np.pi * TIME) > 0, 1.0, 0.05) * np.random.default_rng(0).normal(size=len(TIME))


def test_a_channel_with_bursts_has_no_finding():
    assert _findings(_bursts()) == ()


def test_a_flat_stretch_is_said_with_its_times():
    values = _bursts()
    values[2000:3000] = 0.0
    assert _findings(values) == (
        "EMG channel SOL of run.sto does not change from 2.00 to 3.00 s: a loose electrode, or the recording was filled up.",
    )


def test_noise_without_bursts_is_weak():
    assert "EMG channel SOL of run.sto is weak" in _findings(np.random.default_rng(1).normal(size=len(TIME)))[0]


def test_the_weakest_channel_of_walking_is_the_one_its_readme_names(running_data):
    raw = read_emg(running_data / "ExpData" / "emg_walk_raw.sto")
    findings = channel_findings(raw, linear_envelope(raw))
    assert len(findings) == 1
    assert findings[0].startswith("EMG channel GMAX")
