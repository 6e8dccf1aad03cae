"""Mapping: from channel envelopes to the excitation of each muscle-tendon unit (MTU).

One channel may drive many MTUs; one MTU may be driven by a weighted mix of channels, for muscles that lie too deep for an electrode
(vastus intermedius = half of vastus lateralis + half of vastus medialis). Source: Lloyd and Besier (2003), Table 1; Hambly (2025), III-A.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import ConfigError, UnknownNameError, did_you_mean, listed
from osim_nmscal.settings import Settings, setting

# Weights of a mix sum up to at most 1, else the excitation could exceed 1; this much is rounding (three times 0.3333).
ROUNDING = 1e-3


class MappingSettings(Settings):
    """Which channel drives which MTUs.

    Example:
        >>> MappingSettings(channels={"VL": ("vastus_lateralis", "vastus_intermedius")}).channels["VL"]
        ('vastus_lateralis', 'vastus_intermedius')
    """

    channels: dict[str, tuple[str, ...]] = setting(
        {}, unit="-", description="Channel -> the muscles that it drives alone.", source="electrode placement of the recording"
    )
    mixes: dict[str, dict[str, float]] = setting(
        {}, unit="-", description="Muscle -> weight of each channel in its excitation.", source="electrode placement of the recording"
    )


def build_mapping(settings: MappingSettings, channels: Iterable[str], muscles: Iterable[str]) -> EmgMapping:
    """Check a mapping against what is there, and turn it into weights.

    Args:
        settings: the mapping as the user wrote it.
        channels: the channels of the recordings.
        muscles: the muscles of the model.

    Returns:
        Weights of the channels and muscles that the mapping names, muscles in the model's order.

    Raises:
        UnknownNameError: a channel or muscle does not exist; offers the nearest name.
        ConfigError: the mapping is empty, drives a muscle twice, or has weights that are negative or sum up to more than 1.

    Example:
        >>> settings = MappingSettings(channels={"VL": ("vasti",)}, mixes={"soleus": {"GM": 0.5, "GL": 0.5}})
        >>> mapping = build_mapping(settings, ("VL", "GM", "GL"), ("soleus", "vasti"))
        >>> mapping.muscles, mapping.weights.shape
        (('soleus', 'vasti'), (3, 2))
    """
    channels, muscles = tuple(channels), tuple(muscles)
    weights = _weights(settings)
    for muscle, mix in weights.items():
        for channel in mix:
            _require_known(channel, channels, "EMG channel", f"for muscle {muscle!r}", "The recordings have")
        _require_known(muscle, muscles, "muscle", f"for channel {next(iter(mix), '')!r}", "The model has")
    if not weights:
        raise ConfigError("The EMG mapping is empty; name at least one channel and the muscles that it drives.")
    driven = [muscle for muscle in muscles if muscle in weights]
    used = [channel for channel in channels if any(channel in mix for mix in weights.values())]
    table = np.array([[weights[muscle].get(channel, 0.0) for muscle in driven] for channel in used])
    return EmgMapping(channels=tuple(used), muscles=tuple(driven), weights=table)


def excitations(envelopes: TimeSeries, mapping: EmgMapping) -> TimeSeries:
    """Return the excitation of each mapped muscle.

    Args:
        envelopes: (time, channel), normalized, 0 to 1.
        mapping: weights, (channel, muscle).

    Returns:
        (time, muscle), 0 to 1, labels = muscles.

    Raises:
        UnknownNameError: a channel of the mapping is not among the envelopes.

    Example:
        >>> envelopes = TimeSeries(time=time, labels=("GM", "GL"), values=np.tile([0.2, 0.4], (len(time), 1)))
        >>> mapping = EmgMapping(channels=("GM", "GL"), muscles=("soleus",), weights=np.array([[0.5], [0.5]]))
        >>> excitations(envelopes, mapping).column("soleus")[:2].round(3)
        array([0.3, 0.3])
    """
    values = envelopes.select(mapping.channels).values @ mapping.weights
    return replace(envelopes, labels=mapping.muscles, values=np.clip(values, 0.0, 1.0))


def _weights(settings: MappingSettings) -> dict[str, dict[str, float]]:
    """Return muscle -> channel -> weight."""
    weights: dict[str, dict[str, float]] = {}
    for channel, muscles in settings.channels.items():
        for muscle in muscles:
            if muscle in weights:
                other = next(iter(weights[muscle]))
                raise ConfigError(
                    f"The EMG mapping drives muscle {muscle!r} by channel {other!r} and by {channel!r}; "
                    f"remove it from one, or weigh them under mixes: {muscle} = {{ {other} = 0.5, {channel} = 0.5 }}."
                )
            weights[muscle] = {channel: 1.0}
    for muscle, mix in settings.mixes.items():
        if muscle in weights:
            other = next(iter(weights[muscle]))
            raise ConfigError(f"The EMG mapping drives muscle {muscle!r} by channel {other!r} and by a mix; remove it from one of them.")
        _require_weights(muscle, mix)
        weights[muscle] = dict(mix)
    return weights


def _require_weights(muscle: str, mix: dict[str, float]) -> None:
    for channel, weight in mix.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise ConfigError(f"The EMG mapping weighs channel {channel!r} by {weight:g} for muscle {muscle!r}, expected 0 or more.")
    total = sum(mix.values())
    if not 0 < total <= 1 + ROUNDING:
        raise ConfigError(
            f"The EMG mapping's weights for muscle {muscle!r} sum up to {total:g}, expected more than 0 and at most 1 "
            "(an excitation is at most 1); scale them."
        )


def _require_known(name: str, names: tuple[str, ...], kind: str, purpose: str, there: str) -> None:
    if name not in names:
        raise UnknownNameError(
            f"The EMG mapping names the {kind} {name!r} ({purpose}), which does not exist.{did_you_mean(name, names)} "
            f"{there}: {listed(names)}. Change the mapping."
        )
