"""Normalization: what a channel is divided by, and that the choice is said."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.normalization import NormalizationSettings, normalization_reference, normalize
from osim_nmscal.errors import SignalError, UnknownNameError

TIME = np.arange(5) / 10
BY_PEAK = NormalizationSettings(mvc_reference="peak")


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
    reference = normalization_reference([WALK, RUN], [MVC], BY_PEAK)
    assert_allclose(reference.values, [8, 4])
    assert "TA" in reference.findings[0]
    assert "SOL" not in reference.findings[0]


def test_a_movement_above_the_mvc_raises_the_reference_and_is_said():
    weak = _envelope("mvc.sto", SOL=[0, 0, 2, 0, 0], TA=[9, 0, 0, 0, 0])
    reference = normalization_reference([WALK, RUN], [weak], BY_PEAK)
    assert_allclose(reference.values, [4, 9])
    assert reference.findings == ("EMG channel SOL reaches 2.00 of its MVC at 0.20 s of run.sto; the higher value is its reference.",)


def test_a_movement_above_the_mvc_can_be_clipped_instead():
    weak = _envelope("mvc.sto", SOL=[0, 0, 2, 0, 0], TA=[9, 0, 0, 0, 0])
    reference = normalization_reference([RUN], [weak], NormalizationSettings(above_mvc="clip", mvc_reference="peak"))
    assert_allclose(normalize(RUN, reference).column("SOL"), [0, 1, 1, 1, 0])
    assert "clipped at 1" in reference.findings[0]


def _contraction(level, spike=0.0, seconds=4.0, rate=1000):
    time = np.arange(int(seconds * rate)) / rate
    values = np.where((time > 1) & (time < 2.5), level, 0.1)
    values[500] += spike
    return TimeSeries(time=time, labels=("SOL", "TA"), values=np.column_stack([values, values]), source="data/mvc.sto")


def test_one_high_sample_of_an_mvc_does_not_decide_the_reference():
    contraction = _contraction(8.0, spike=50.0)
    assert_allclose(normalization_reference([WALK], [contraction]).values, [8, 8])
    assert_allclose(normalization_reference([WALK], [contraction], BY_PEAK).values, [50.1, 50.1])


def test_the_best_mean_of_several_mvc_counts_and_a_longer_stretch_lowers_it():
    mvc = [_contraction(6.0), _contraction(8.0)]
    assert_allclose(normalization_reference([WALK], mvc).values, [8, 8])
    longer = normalization_reference([WALK], mvc, NormalizationSettings(mvc_duration=3.0))
    assert_allclose(longer.values, [(1.499 * 8 + 1.501 * 0.1) / 3] * 2, rtol=1e-3)  # 1.499 s of 3 s are contraction


def test_an_mvc_that_is_too_short_is_averaged_as_a_whole_and_said():
    reference = normalization_reference([WALK, RUN], [_envelope("mvc.sto", SOL=[8, 8, 8, 8, 9], TA=[9, 9, 9, 9, 9])])
    assert_allclose(reference.values, [8.2, 9])
    assert reference.findings == (
        "The MVC recording mvc.sto lasts 0.4 s, less than mvc_duration (1 s): its mean over all of it counts; hold contractions longer, or "
        "lower mvc_duration.",
    )


def test_excitations_of_the_virtual_leg_are_truer_by_the_best_mean():
    from osim_nmscal.emg.envelope import linear_envelope
    from osim_nmscal.virtual_subject.laboratory.recordings import RecordingNoise, mvc_excitation, record_emg

    ratios = {"peak": [], "best_mean": []}
    for seed in range(5):
        random = np.random.default_rng(seed)
        gains, levels = random.uniform(1e-4, 1e-3, 10), 1 - random.uniform(0, 0.05, 10)
        channels = tuple(f"c{i}" for i in range(10))
        recorded = record_emg(*mvc_excitation(levels, 1000.0), channels, gains, RecordingNoise(), 1000.0, random)
        envelope = linear_envelope(recorded)
        silent = TimeSeries(time=TIME, labels=channels, values=np.full((5, 10), 1e-9))
        for how, found in ratios.items():
            reference = normalization_reference([silent], [envelope], NormalizationSettings(mvc_reference=how))
            found.extend(gains / reference.values)
    # the means over 20 persons are 0.81 and 0.99, of one person's channel SD 0.035 and 0.026
    assert np.mean(ratios["peak"]) < 0.84
    assert 0.97 < np.mean(ratios["best_mean"]) < 1.02


def test_a_peak_outside_the_part_that_is_used_is_said():
    reference = normalization_reference([RUN], windows=[(0.05, 0.35)])
    assert_allclose(reference.values, [4, 2])
    assert reference.findings[1] == (
        "EMG channel TA has its highest value at 0.00 s of run.sto, outside the part that is used: see whether it is an artefact."
    )


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


def _normalized(*values):
    time = np.arange(len(values)) / 100
    return TimeSeries(time=time, labels=("SOL",), values=np.array(values)[:, None], source="data/run.sto")


def test_a_sample_slightly_above_one_is_clipped_and_said():
    settings = NormalizationSettings(method="none")
    overshooting = _normalized(*[0.5] * 60, 1.004, *[0.5] * 39)
    reference = normalization_reference([overshooting], settings=settings)
    assert reference.findings == (
        "EMG channel SOL reaches 1.004 at 0.60 s of run.sto, in 1 % of the samples above 1; it is clipped there.",
    )
    assert normalize(overshooting, reference).values.max() == 1.0


@pytest.mark.parametrize("values", [[0.5] * 99 + [1.2], [0.5] * 90 + [1.01] * 10, [50.0] * 100], ids=["far", "often", "percent"])
def test_what_is_above_one_too_far_or_too_often_is_refused_inside_the_part_that_is_used(values):
    settings = NormalizationSettings(method="none")
    with pytest.raises(SignalError, match=r"'SOL' is .* at .* of run.sto, but its envelopes .* here .* %\)"):
        normalization_reference([_normalized(*values)], settings=settings)
    if values[0] < 1:
        assert normalization_reference([_normalized(*values)], settings=settings, windows=[(None, 0.85)]).findings == ()


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
