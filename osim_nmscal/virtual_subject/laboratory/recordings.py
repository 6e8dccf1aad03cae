"""What the laboratory's instruments make of a motion: markers, force plates and EMG, with the errors that they have.

Marker errors: where the marker was glued, skin that slides with the joint angles, and the camera's noise. EMG: the excitation
modulates the amplitude of band-limited noise (as summed motor units do); on top come baseline noise, mains hum, and slow artefacts
of a cable that moves. Without noise the carrier is a tone, so that the envelope is exact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.interpolation import cubic_spline
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import bandpass
from osim_nmscal.virtual_subject.motion.prescribed import wander

FloatArray = NDArray[np.float64]

# Band of the surface EMG, Hz. Source: De Luca (1997), J Appl Biomech 13:135; most power lies from 50 to 150 Hz.
EMG_BAND = (40.0, 220.0)
TONE = 125.0  # Hz, carrier without noise
# Maximal voluntary contractions: three of this length with a rest between, s. Source: common practice, shortened.
MVC_REPETITIONS, MVC_HOLD, MVC_RAMP, MVC_REST = 3, 1.5, 0.3, 0.7


class RecordingNoise(Settings):
    """Errors of the instruments."""

    marker_noise: float = setting(0.0003, unit="m", description="Standard deviation of a camera system's noise.", source="choice", ge=0)
    marker_placement: float = setting(
        0.004, unit="m", description="How far from its anatomical place a marker is glued.", source="choice", ge=0
    )
    skin_sliding: float = setting(
        0.003,
        unit="m/rad",
        description="How far skin slides per joint angle, standard deviation.",
        source="Leardini 2005, small side",
        ge=0,
    )
    skin_wobble: float = setting(0.001, unit="m", description="Wobble of soft tissue, standard deviation.", source="choice", ge=0)
    force_noise: float = setting(1.0, unit="N", description="Noise of a force plate.", source="choice", ge=0)
    pressure_noise: float = setting(0.001, unit="m", description="Noise of the centre of pressure at full load.", source="choice", ge=0)
    emg_carrier: str = setting(
        "noise", unit="-", description="'noise' as in muscles, or 'tone': an exact envelope.", source="choice", pattern="^(noise|tone)$"
    )
    emg_baseline: float = setting(0.006, unit="1/MVC", description="Baseline noise of the EMG amplifier.", source="choice", ge=0)
    emg_hum: float = setting(0.01, unit="1/MVC", description="Amplitude of mains hum at 50 Hz.", source="choice", ge=0)
    emg_artefact: float = setting(0.05, unit="1/MVC", description="Size of slow motion artefacts.", source="choice", ge=0)
    emg_crosstalk: float = setting(
        0.0, unit="-", description="Part of its neighbours' signals that an electrode picks up as well.", source="choice", ge=0, lt=1
    )
    emg_gain_drift: float = setting(
        0.0,
        unit="-",
        description="How far a channel's gain moves between the MVC and the recordings, standard deviation of its logarithm.",
        source="choice",
        ge=0,
    )
    mvc_shortfall: float = setting(
        0.05, unit="-", description="How far below full excitation an MVC may stay.", source="choice", ge=0, lt=1
    )


NOISELESS = RecordingNoise(
    marker_noise=0.0,
    marker_placement=0.0,
    skin_sliding=0.0,
    skin_wobble=0.0,
    force_noise=0.0,
    pressure_noise=0.0,
    emg_carrier="tone",
    emg_baseline=0.0,
    emg_hum=0.0,
    emg_artefact=0.0,
    mvc_shortfall=0.0,
)

# Of the wide population. Source: choice; skin warms and sweats, maximal efforts are not, and electrodes hear their neighbours.
REALISTIC = RecordingNoise(emg_crosstalk=0.08, emg_gain_drift=0.10, mvc_shortfall=0.15)


@dataclass(frozen=True, kw_only=True)
class MarkerErrors:
    """What stays the same in all recordings of a session."""

    placement: FloatArray  # (marker, 3), m, in the laboratory's directions
    sliding: FloatArray  # (coordinate, marker, 3), m per rad


def draw_marker_errors(markers: int, coordinates: int, noise: RecordingNoise, random: np.random.Generator) -> MarkerErrors:
    """Return where markers are glued and how their skin slides.

    Args:
        markers: how many.
        coordinates: how many rotations make skin slide.
        noise: sizes.
        random: source of randomness.
    """
    return MarkerErrors(
        placement=random.normal(0.0, 1.0, (markers, 3)) * noise.marker_placement,
        sliding=random.normal(0.0, 1.0, (coordinates, markers, 3)) * noise.skin_sliding,
    )


def record_markers(
    time: FloatArray,
    names: tuple[str, ...],
    positions: FloatArray,
    angles: FloatArray,
    errors: MarkerErrors,
    noise: RecordingNoise,
    random: np.random.Generator,
) -> MarkerTrajectories:
    """Return what cameras see of true marker places.

    Args:
        time: (time,), s.
        names: of the markers.
        positions: (time, marker, 3), m, of markers at their anatomical place plus where they were glued.
        angles: (time, coordinate), rad, from the static pose on.
        errors: of the session.
        noise: sizes.
        random: source of randomness.
    """
    wobble = wander(time, noise.skin_wobble, 0.12, random, positions.shape[1] * 3).reshape(positions.shape)
    sliding = np.einsum("tc,cmx->tmx", angles, errors.sliding)
    seen = positions + sliding + wobble + random.normal(0.0, 1.0, positions.shape) * noise.marker_noise
    return MarkerTrajectories(time=time, markers=names, positions=seen, source="cameras")


def record_emg(
    time: FloatArray,
    excitation: FloatArray,
    channels: tuple[str, ...],
    gains: FloatArray,
    noise: RecordingNoise,
    rate: float,
    random: np.random.Generator,
) -> TimeSeries:
    """Return raw EMG.

    Args:
        time: (time,), s, of the excitations.
        excitation: (time, channel), 0 to 1.
        channels: names.
        gains: (channel,), V of a full excitation.
        noise: sizes.
        rate: Hz, of the EMG.
        random: source of randomness.

    Returns:
        (time, channel), V.
    """
    count = int(np.floor((time[-1] - time[0]) * rate + 1e-6)) + 1
    at = time[0] + np.arange(count) / rate
    amplitude = np.clip(cubic_spline(time, excitation, at), 0.0, None)
    signal = amplitude * _carrier(at, len(channels), noise, rate, random)
    if noise.emg_crosstalk > 0.0:
        signal = signal + noise.emg_crosstalk * _neighbours(signal)
    signal += random.normal(0.0, 1.0, signal.shape) * noise.emg_baseline
    signal += noise.emg_hum * np.sin(2.0 * np.pi * 50.0 * at[:, None] + random.uniform(0.0, 2.0 * np.pi, len(channels)))
    signal += wander(at, noise.emg_artefact, 0.15, random, len(channels))
    return TimeSeries(time=at, labels=channels, values=signal * gains, source="EMG")


def _neighbours(signal: FloatArray) -> FloatArray:
    """Return the mean of the channels beside each one; channels are listed as electrodes lie on the limb."""
    before, after = np.roll(signal, 1, axis=1), np.roll(signal, -1, axis=1)
    before[:, 0], after[:, -1] = after[:, 0], before[:, -1]
    neighbours: FloatArray = 0.5 * (before + after)
    return neighbours


def mvc_excitation(levels: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """Return time (s) and excitation (time, channel) of repeated maximal contractions that reach the given levels (channel,)."""
    hold, ramp, rest = (round(seconds * rate) for seconds in (MVC_HOLD, MVC_RAMP, MVC_REST))
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / ramp)
    once = np.concatenate([np.zeros(rest), rise, np.ones(hold), rise[::-1]])
    shape = np.concatenate([np.tile(once, MVC_REPETITIONS), np.zeros(rest)])
    return np.arange(len(shape)) / rate, 0.005 + shape[:, None] * (levels - 0.005)


def _carrier(time: FloatArray, channels: int, noise: RecordingNoise, rate: float, random: np.random.Generator) -> FloatArray:
    """Return carriers whose rectified mean is one, (time, channel)."""
    if noise.emg_carrier == "tone":
        return np.repeat(np.pi / 2.0 * np.sin(2.0 * np.pi * TONE * time)[:, None], channels, axis=1)
    white = random.normal(0.0, 1.0, (len(time), channels))
    coloured = bandpass(white, rate, *EMG_BAND, 4)
    return coloured / np.abs(coloured).mean(axis=0)
