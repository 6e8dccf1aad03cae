"""Normalization: what a channel is divided by, and that the choice is said."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.normalization import NormalizationSettings, normalization_reference, normalize
from osim_nmscal.errors import SignalError, UnknownNameError

TIME = np.arange(5) / 10


def _envelope(source="data/run.sto", **channels):
    return TimeSeries(time=TIME, labels=tuple(channels), values=np.column_stack(list(channels.values())).astype(float), source=source)


WALK = _envelope("data/walk.sto", SOL=[0, 1, 2, 1, 0], TA=[4, 0, 0, 0, 4])
RUN = _envelope("data/run.sto", SOL=[0, 2, 4, 2, 0], TA=[2, 0, 0, 0, 2])
MVC = _envelope("data/mvc.sto", SOL=[0, 0, 8, 8, 0])


def test_without_mvc_the_highest_value_over_all_recordings_is_the_reference_and_said():
    reference = normalization_reference([WALK, RUN])
    assert_allclose(reference.values, [4, 4])
    assert len(reference.findings) == 1
    assert "highest value over 2 recording(s), as there is no MVC recording" in reference.findings[0]
    assert "SOL at 0.20 s of run.sto" in reference.findings[0]
    assert "TA at 0.00 s of walk.sto" in reference.findings[0]


def test_the_peak_of_the_mvc_is_the_reference_of_the_channels_that_have_one():
    reference = normalization_reference([WALK, RUN], [MVC])
    assert_allclose(reference.values, [8, 4])
    assert "TA" in reference.findings[0]
    assert "SOL" not in reference.findings[0]


def test_a_movement_above_the_mvc_raises_the_reference_and_is_said():
    weak = _envelope("mvc.sto", SOL=[0, 0, 2, 0, 0], TA=[9, 0, 0, 0, 0])
    reference = normalization_reference([WALK, RUN], [weak])
    assert_allclose(reference.values, [4, 9])
    assert reference.findings == ("EMG channel SOL reaches 2.00 of its MVC at 0.20 s of run.sto; the higher value is its reference.",)


def test_a_movement_above_the_mvc_can_be_clipped_instead():
    weak = _envelope("mvc.sto", SOL=[0, 0, 2, 0, 0], TA=[9, 0, 0, 0, 0])
    reference = normalization_reference([RUN], [weak], NormalizationSettings(above_mvc="clip"))
    assert_allclose(normalize(RUN, reference).column("SOL"), [0, 1, 1, 1, 0])
    assert "clipped at 1" in reference.findings[0]


def test_normalized_values_are_shares_of_the_reference():
    normalized = normalize(WALK, normalization_reference([WALK, RUN]))
    assert_allclose(normalized.values, [[0, 1], [0.25, 0], [0.5, 0], [0.25, 0], [0, 1]])


def test_normalization_by_mvc_without_one_is_an_error():
    with pytest.raises(SignalError, match="'TA' is in no MVC recording; add one"):
        normalization_reference([RUN], [MVC], NormalizationSettings(method="mvc"))


def test_normalized_envelopes_pass_and_others_are_refused():
    settings = NormalizationSettings(method="none")
    passed = _envelope(SOL=[0, 0.1, 0.9, 0.1, 0])
    assert_allclose(normalize(passed, normalization_reference([passed], settings=settings)).values, passed.values)
    with pytest.raises(SignalError, match=r"'SOL' is 4 at 0.20 s of run.sto, but its envelopes are said to be normalized"):
        normalization_reference([RUN], settings=settings)


def test_recordings_must_have_the_same_channels():
    with pytest.raises(UnknownNameError, match="has no column 'TA'"):
        normalization_reference([RUN, _envelope(SOL=[1, 2, 3, 2, 1])])
    with pytest.raises(UnknownNameError, match=r"'SOL_r' of data/run.sto has no reference. Did you mean 'SOL'"):
        normalize(_envelope(SOL_r=[1, 2, 3, 2, 1]), normalization_reference([RUN]))


def test_nothing_to_normalize_or_an_empty_channel_is_refused():
    with pytest.raises(SignalError, match="no EMG recording"):
        normalization_reference([])
    with pytest.raises(SignalError, match="'SOL' has a peak of 0"):
        normalization_reference([_envelope(SOL=[0, 0, 0, 0, 0])])
