"""Mapping: which channel drives which muscle, and every way to spell it wrong."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.mapping import MappingSettings, build_mapping, excitations
from osim_nmscal.errors import ConfigError, UnknownNameError

CHANNELS = ("SOL", "VL", "VM")
MUSCLES = ("vasint_r", "vaslat_r", "vasmed_r", "soleus_r", "tibant_r")
SETTINGS = MappingSettings(
    channels={"SOL": ("soleus_r",), "VL": ("vaslat_r",), "VM": ("vasmed_r",)}, mixes={"vasint_r": {"VL": 0.25, "VM": 0.75}}
)


def _envelopes(values=((0.2, 0.4, 0.8),)):
    return TimeSeries(time=np.arange(len(values)) / 10.0, labels=CHANNELS, values=np.array(values, dtype=float))


def test_muscles_come_in_the_models_order_with_their_weighted_excitation():
    driven = excitations(_envelopes(), build_mapping(SETTINGS, CHANNELS, MUSCLES))
    assert driven.labels == ("vasint_r", "vaslat_r", "vasmed_r", "soleus_r")
    assert_allclose(driven.values, [[0.25 * 0.4 + 0.75 * 0.8, 0.4, 0.8, 0.2]])


def test_one_channel_drives_many_muscles():
    mapping = build_mapping(MappingSettings(channels={"VL": ("vaslat_r", "vasint_r", "vasmed_r")}), CHANNELS, MUSCLES)
    assert mapping.channels == ("VL",)
    assert_allclose(excitations(_envelopes(), mapping).values, [[0.4, 0.4, 0.4]])


def test_a_misspelt_channel_or_muscle_offers_the_nearest():
    with pytest.raises(UnknownNameError, match=r"the EMG channel 'SOLL' .*which does not exist. Did you mean 'SOL'\? The recordings have"):
        build_mapping(MappingSettings(channels={"SOLL": ("soleus_r",)}), CHANNELS, MUSCLES)
    with pytest.raises(UnknownNameError, match=r"the muscle 'solues_r' \(for channel 'SOL'\).* Did you mean 'soleus_r'\?"):
        build_mapping(MappingSettings(channels={"SOL": ("solues_r",)}), CHANNELS, MUSCLES)
    with pytest.raises(UnknownNameError, match=r"the EMG channel 'VLL' \(for muscle 'vasint_r'\)"):
        build_mapping(MappingSettings(mixes={"vasint_r": {"VL": 0.5, "VLL": 0.5}}), CHANNELS, MUSCLES)


def test_a_muscle_driven_twice_is_refused_with_the_mix_to_write():
    with pytest.raises(ConfigError, match=r"'vasint_r' by channel 'VL' and by 'VM'.*vasint_r = \{ VL = 0.5, VM = 0.5 \}"):
        build_mapping(MappingSettings(channels={"VL": ("vasint_r",), "VM": ("vasint_r",)}), CHANNELS, MUSCLES)
    with pytest.raises(ConfigError, match=r"'vasint_r' by channel 'VL' and by a mix"):
        build_mapping(MappingSettings(channels={"VL": ("vasint_r",)}, mixes={"vasint_r": {"VM": 1.0}}), CHANNELS, MUSCLES)


@pytest.mark.parametrize(
    ("mix", "message"),
    [({"VL": 0.8, "VM": 0.4}, r"sum up to 1.2, expected more than 0 and at most 1"), ({"VL": -0.5}, r"by -0.5"), ({}, r"sum up to 0")],
)
def test_weights_that_cannot_be_are_refused(mix, message):
    with pytest.raises(ConfigError, match=message):
        build_mapping(MappingSettings(mixes={"vasint_r": mix}), CHANNELS, MUSCLES)


def test_thirds_written_with_four_digits_are_thirds():
    build_mapping(MappingSettings(mixes={"vasint_r": {"SOL": 0.3334, "VL": 0.3333, "VM": 0.3334}}), CHANNELS, MUSCLES)


def test_an_empty_mapping_is_refused():
    with pytest.raises(ConfigError, match="mapping is empty"):
        build_mapping(MappingSettings(), CHANNELS, MUSCLES)


def test_an_envelope_above_one_drives_no_muscle_by_more_than_one():
    driven = excitations(_envelopes(((1.3, 1.2, 1.2), (-0.1, 0.0, 0.0))), build_mapping(SETTINGS, CHANNELS, MUSCLES))
    assert driven.values.max() == 1.0
    assert driven.values.min() == 0.0
