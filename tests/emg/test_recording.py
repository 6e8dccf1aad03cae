"""EMG from its file to envelopes, with the findings on its channels."""

import numpy as np

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import EnvelopeSettings
from osim_nmscal.emg.recording import recorded_envelopes
from osim_nmscal.formats.storage import write_storage

TIME = np.arange(6000) / 1000


def _file(tmp_path, values):
    series = TimeSeries(time=TIME, labels=("SOL", "TA"), values=np.column_stack([values, values[::-1]]))
    return write_storage(tmp_path / "run.sto", series, header_name="emg")


def _bursts():
    return np.where(np.sin(2 * np.pi * TIME) > 0, 1.0, 0.05) * np.random.default_rng(0).normal(size=len(TIME))


def test_the_channels_asked_for_come_back_as_envelopes_without_a_word_if_they_are_sound(tmp_path, caplog):
    envelopes = recorded_envelopes(_file(tmp_path, _bursts()), ["TA"], EnvelopeSettings())
    assert envelopes.labels == ("TA",)
    assert envelopes.values.min() >= 0
    assert caplog.text == ""


def test_a_loose_electrode_is_said_when_the_recording_is_read(tmp_path, caplog):
    values = _bursts()
    values[2000:3000] = 0.0
    recorded_envelopes(_file(tmp_path, values), ["SOL"], EnvelopeSettings())
    assert "EMG channel SOL of run.sto does not change from 2.00 to 3.00 s: a loose electrode" in caplog.text


def test_an_envelope_that_rests_at_zero_is_not_called_a_loose_electrode_but_a_weak_one_is_said(tmp_path, caplog):
    envelope = np.where(np.sin(2 * np.pi * TIME) > 0, 1.0, 0.0)
    recorded_envelopes(_file(tmp_path, envelope), ["SOL"], EnvelopeSettings(kind="envelope"))
    assert caplog.text == ""
    recorded_envelopes(_file(tmp_path, 0.5 + 0.1 * envelope), ["SOL"], EnvelopeSettings(kind="envelope"))
    assert "EMG channel SOL of run.sto is weak: its activity is only 1.2 times its rest" in caplog.text
