"""EMG: dropouts, clipping, mains hum, movement artefact, weak channels, cross-talk, and EMG on another clock than the motion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import listed

FloatArray = NDArray[np.float64]

# Raw EMG that keeps its very value for so long came from a loose electrode or was filled up, s. Source: choice; channels of public
# walking and running recordings never keep it for more than 0.003 s.
LONGEST_FLAT = 0.1
# Share of a recording that may stand still before the channel is useless. Source: choice.
FLAT_SHARE = 0.2
# Activity (98th percentile of the envelope) below so many times rest (10th percentile) is weak. Source: choice; in a public walking
# recording it is 2.8 for a channel that its authors call weak, and 5.6 or more for all others.
WEAK = 4.0
# Share of the samples at the very largest or smallest value. Source: choice; an unclipped recording has one sample at each.
CLIPPED_SHARE = 0.002
# Mains frequencies, Hz, half the width of their line, and the share of the band's power that is too much. Source: choice; sound
# channels have below 0.05.
MAINS = (50.0, 60.0)
LINE = 1.0
HUM_SHARE = 0.2
# EMG has little power below this, Hz; a share beyond is movement. Source: De Luca et al. 2010, J. Biomech. 43:1573 (20 Hz corner).
MOVEMENT = 20.0
MOVEMENT_SHARE = 0.5
BAND = (20.0, 450.0)  # Hz, where EMG has its power
# Raw channels correlate little even on neighbours. Source: choice; 0.3 is often taken as the first sign of cross-talk, 0.9 is one signal
# twice.
CROSSTALK = 0.7
# Lags looked at and the one that is too much, s; and how much better the correlation must be there than at sound delays.
# Source: the electromechanical delay with the envelope's own smoothing is 0.02 to 0.09 s in three people here.
LARGEST_LAG = 0.6
SOUND_LAG = (-0.1, 0.2)
CLEARLY = 0.15
# A joint whose moment its excitations tell so well at some lag tells the clock; below, muscles without an electrode act there, and the
# best lag means nothing. Source: choice; the ankle reaches 0.9 in walking and running, a hip without flexor EMG 0.46 at a wrong lag.
TELLS = 0.75
# A muscle with this share of its joint's strength times moment arm has a say there; below this correlation of its own moment with the
# joint's it works against it. Source: choice; in three people here the lowest is -0.35 (a hamstring), exchanged ankle electrodes have -0.7.
HAS_A_SAY, AGAINST = 0.05, -0.5
# A knock: the largest value over the 99.5th percentile. Source: choice; sound channels here have 1.3 to 2.5.
KNOCK = 6.0
# Peak of a movement over the maximal contraction of its channel. Source: choice: sprinters reach twice their MVC, lifting a cup 0.05.
MVC_RANGE = (0.01, 2.5)
# Samples of a second that a rate must give for raw EMG to be judged by its spectrum, Hz.
RAW_RATE = 500.0


def raw_channels(raw: TimeSeries, *, start: float | None = None, end: float | None = None) -> tuple[Finding, ...]:
    """Judge raw EMG, channel by channel, inside the used part of a recording.

    Args:
        raw: (time, channel), any unit.
        start, end: s, of the used part; None for the recording's.

    Returns:
        At most one finding per channel and kind.
    """
    used = raw.between(raw.time[0] if start is None else start, raw.time[-1] if end is None else end)
    name = _file(raw.source)
    findings = [finding for label in used.labels for finding in _one_channel(used, label, name)]
    return (*findings, *_crosstalk(used, name))


def _one_channel(raw: TimeSeries, label: str, name: str) -> list[Finding]:
    values = raw.column(label)
    findings = _flat(raw.time, values, label, name)
    if float(np.ptp(values)) == 0.0:
        return findings
    centred = values - np.median(values)
    top, bottom = float((values == values.max()).mean()), float((values == values.min()).mean())
    if max(top, bottom) > CLIPPED_SHARE and not findings:
        text = (
            f"EMG channel {label} of {name} is cut off: {100 * max(top, bottom):.1f} % of its samples have its very largest value; lower "
            f"the gain "
            "and record again, its peaks are lost."
        )
        findings.append(Finding(severity="doubt", kind="emg_clipped", about=label, text=text))
    size = np.abs(centred)
    usual = float(np.percentile(size, 99.5))
    if size.max() > KNOCK * usual > 0:
        text = (
            f"EMG channel {label} of {name} holds a knock at {raw.time[int(size.argmax())]:.2f} s, {size.max() / usual:.0f} times its "
            f"other "
            "peaks (movement of the electrode or its cable): cut it out with start and end, as peaks normalize and drive."
        )
        findings.append(Finding(severity="doubt", kind="emg_artefact", about=label, text=text))
    if raw.rate < RAW_RATE:
        return findings
    if float(values.min()) >= -1e-3 * float(values.max()):
        text = (
            f"EMG channel {label} of {name} is never negative, so it is rectified already and its band-pass takes much of it away: "
            'export the raw signal, or low-pass it and set kind = "envelope".'
        )
        findings.append(Finding(severity="doubt", kind="emg_rectified", about=label, text=text))
    frequency, power = spectrum(centred, raw.rate)
    band = (frequency >= BAND[0]) & (frequency <= BAND[1])
    whole = float(power[band].sum())
    for mains in MAINS:
        lines = band & (np.abs((frequency + mains / 2) % mains - mains / 2) <= LINE)
        share = float(power[lines].sum()) / max(whole, 1e-300)
        if share > HUM_SHARE + float(lines.sum()) / max(int(band.sum()), 1):
            text = (
                f"EMG channel {label} of {name} holds mains hum: {100 * share:.0f} % of its power lies at {mains:g} Hz and its multiples."
            )
            findings.append(Finding(severity="doubt", kind="emg_hum", about=label, text=text))
            break
    slow = float(power[(frequency > 0.5) & (frequency < MOVEMENT)].sum())
    if slow > MOVEMENT_SHARE * (slow + whole):
        text = (
            f"EMG channel {label} of {name} holds movement artefact: {100 * slow / (slow + whole):.0f} % of its power is below "
            f"{MOVEMENT:g} Hz; the "
            "band-pass takes it out, but check cable and electrode."
        )
        findings.append(Finding(severity="note", kind="emg_artefact", about=label, text=text))
    return findings


def _flat(time: FloatArray, values: FloatArray, label: str, name: str) -> list[Finding]:
    changes = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1, [len(values)]])
    lengths = np.diff(changes)
    longest = int(lengths.argmax())
    start, end = float(time[changes[longest]]), float(time[changes[longest + 1] - 1])
    if end - start <= LONGEST_FLAT:
        return []
    share = (end - start) / max(float(time[-1] - time[0]), 1e-12)
    stop = share > FLAT_SHARE
    remedy = "leave the channel or that part out" if stop else "trials in it are driven by nothing"
    text = f"EMG channel {label} of {name} stands still from {start:.2f} to {end:.2f} s (a loose electrode, or filled up): {remedy}."
    return [Finding(severity="stop" if stop else "doubt", kind="emg_dropout", about=label, text=text)]


def spectrum(values: FloatArray, rate: float) -> tuple[FloatArray, FloatArray]:
    """Return frequencies (Hz) and power of a signal, averaged over half-overlapping Hann windows of one second (Welch's method).

    Args:
        values: (time,), mean zero.
        rate: Hz.
    """
    length = min(len(values), round(rate))
    window = np.hanning(length)
    starts = range(0, len(values) - length + 1, max(length // 2, 1))
    power = np.mean([np.abs(np.fft.rfft(window * values[start : start + length])) ** 2 for start in starts], axis=0)
    frequency = np.fft.rfftfreq(length, 1.0 / rate).astype(np.float64)
    return frequency, np.asarray(power, dtype=np.float64)


def _crosstalk(raw: TimeSeries, name: str) -> tuple[Finding, ...]:
    if raw.rate < RAW_RATE or len(raw.labels) < 2:
        return ()
    steps = np.diff(raw.values, axis=0)  # differences take slow drift out
    moving = steps.std(axis=0) > 0
    labels = [label for label, moves in zip(raw.labels, moving, strict=True) if moves]
    if len(labels) < 2:
        return ()
    correlation = np.atleast_2d(np.corrcoef(steps[:, moving], rowvar=False))
    pairs = np.argwhere(np.triu(np.abs(correlation), 1) > CROSSTALK)
    return tuple(
        Finding(
            severity="doubt",
            kind="emg_crosstalk",
            about=labels[i],
            text=f"EMG channels {labels[i]} and {labels[j]} of {name} are nearly one signal (correlation {correlation[i, j]:.2f}): one "
            f"electrode "
            "twice, or cross-talk; drive the muscles of one of them by the other or by synergies.",
        )
        for i, j in pairs
    )


def weak_channels(envelope: TimeSeries, *, start: float | None = None, end: float | None = None) -> tuple[Finding, ...]:
    """Find channels whose activity is hardly above their rest, inside the used part.

    Args:
        envelope: (time, channel), not negative.
        start, end: s; None for the recording's.
    """
    used = envelope.between(envelope.time[0] if start is None else start, envelope.time[-1] if end is None else end)
    weak = []
    for label, values in zip(used.labels, used.values.T, strict=True):
        rest, activity = np.percentile(values, [10, 98])
        if activity < WEAK * rest:
            weak.append(f"{label} ({activity / rest:.1f} times)")
    if not weak:
        return ()
    text = (
        f"EMG of {_file(envelope.source)} that is hardly above its rest: {listed(weak)}; noise or cross-talk may drive those muscles. "
        f"Look at the "
        "electrodes, or let synergies drive them."
    )
    return (Finding(severity="doubt", kind="emg_weak", about=_file(envelope.source), text=text),)


@dataclass(frozen=True, kw_only=True)
class Movement:
    """What muscles are told and what joints do, on one clock."""

    time: FloatArray  # (time,), s, uniform
    excitation: FloatArray  # (time, muscle), 0 to 1
    moment_arm: FloatArray  # (time, dof, muscle), m
    strength: FloatArray  # (muscle,), N
    moment: FloatArray  # (time, dof), N·m, from inverse dynamics
    source: str  # recording, for the text


def against_motion(moved: Movement) -> tuple[Finding, ...]:
    """Judge whether EMG and motion are on one clock: muscles pull when joint moments ask for it, a little later than their EMG.

    The moment that excitations would give, strength x excitation x moment arm, is moved against the measured one over LARGEST_LAG
    either way. Joints that agree closely at some lag are asked; if they agree much better outside the delays of muscles, a clock is off.

    Args:
        moved: one recording.

    Returns:
        One doubt at most. In periodic movement a shift by a whole period cannot be seen.
    """
    step = float(moved.time[1] - moved.time[0])
    steps = int(LARGEST_LAG / step)
    if len(moved.time) < 4 * steps:
        return ()
    crude = np.einsum("tm,tdm,m->td", moved.excitation, moved.moment_arm, moved.strength)
    lags = np.arange(-steps, steps + 1)
    # positive lag: the moment comes after its EMG
    by_joint = np.array([_correlation(crude, moved.moment, int(lag)) for lag in lags])  # (lag, dof)
    telling = by_joint.max(axis=0) > TELLS
    if not telling.any():
        return ()
    likeness = by_joint[:, telling].mean(axis=1)
    seconds = lags * step
    sound = (seconds >= SOUND_LAG[0] - step / 2) & (seconds <= SOUND_LAG[1] + step / 2)
    best = int(likeness.argmax())
    if sound[best] or likeness[best] < likeness[sound].max() + CLEARLY:
        return ()
    way = "later" if seconds[best] < 0 else "earlier"
    text = (
        f"{moved.source}: EMG comes about {abs(seconds[best]):.2f} s {way} than the joint moments ask for (correlation "
        f"{likeness[best]:.2f} there, {likeness[sound].max():.2f} at the delays of muscles): check that EMG and motion start "
        "on one clock, and that no electrodes are exchanged."
    )
    return (Finding(severity="doubt", kind="emg_late", about=moved.source, text=text),)


def against_joints(moved: Movement, muscles: Sequence[str], dofs: Sequence[str]) -> tuple[Finding, ...]:
    """Judge whether muscles are excited when their joint's moment points their way: exchanged electrodes, sides or signs show.

    Args:
        moved: one recording.
        muscles: names.
        dofs: names.

    Returns:
        One doubt at most, on all muscles that have a say in their main joint and work against it at every delay that muscles have.
    """
    step = float(moved.time[1] - moved.time[0])
    lags = range(0, 1 + int(SOUND_LAG[1] / step), max(1, int(0.03 / step)))
    if len(moved.time) < 4 * lags.stop:
        return ()
    pull = np.abs(moved.moment_arm).mean(axis=0) * moved.strength  # (dof, muscle), N·m
    against = []
    for m, name in enumerate(muscles):
        d = int(pull[:, m].argmax())
        if pull[d, m] < HAS_A_SAY * pull[d].sum() or not moved.excitation[:, m].any():
            continue
        alone = (moved.excitation[:, m] * moved.moment_arm[:, d, m])[:, None]
        likeness = max(float(_correlation(alone, moved.moment[:, [d]], lag)[0]) for lag in lags)
        if likeness < AGAINST:
            against.append(f"{name} about {dofs[d]} ({likeness:.2f})")
    if not against:
        return ()
    text = (
        f"{moved.source}: muscles are excited when their joint's moment points the other way (correlation): {listed(against, 4)}. "
        "Electrodes, channels or sides are exchanged, the moment has the other sign, or a clock is off; check [emg.mapping] and the cables."
    )
    return (Finding(severity="doubt", kind="emg_swapped", about=moved.source, text=text),)


def _correlation(crude: FloatArray, moment: FloatArray, lag: int) -> FloatArray:
    a = crude[: len(crude) - lag] if lag >= 0 else crude[-lag:]
    b = moment[lag:] if lag >= 0 else moment[: len(moment) + lag]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    norm = np.sqrt((a * a).sum(axis=0) * (b * b).sum(axis=0))
    return np.asarray((a * b).sum(axis=0) / np.maximum(norm, 1e-300), dtype=np.float64)


def against_mvc(peaks: Mapping[str, float]) -> tuple[Finding, ...]:
    """Judge maximal contractions by the movements.

    Args:
        peaks: channel -> largest envelope of the movements over that of its maximal contraction.
    """
    lowest, highest = MVC_RANGE
    findings = []
    for label, ratio in peaks.items():
        if ratio > highest:
            why = "it was not maximal, or recorded at another gain; record it again, or leave it out"
        elif ratio < lowest:
            why = "their units differ, or the channel was silent; correct the unit"
        else:
            continue
        text = f"EMG channel {label} reaches {ratio:.3g} of its maximal contraction in the movements: {why}."
        findings.append(Finding(severity="doubt", kind="mvc_unlike", about=label, text=text))
    return tuple(findings)


def without_mvc(channels: Sequence[str], mvc: int) -> tuple[Finding, ...]:
    """Say what follows where no maximal contraction was recorded.

    Args:
        channels: mapped EMG channels.
        mvc: number of recordings of maximal voluntary contractions.
    """
    if mvc or not channels:
        return ()
    text = (
        "No maximal voluntary contraction is given ([emg] mvc): excitations are relative to the recordings' own peaks, so strengths hold "
        "the "
        "unknown gain of each channel and are not this person's."
    )
    return (Finding(severity="doubt", kind="no_mvc", about="EMG", text=text),)


def _file(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
