"""Segmentation: where in a recording the trials lie.

Five ways: `stance` (a foot on the ground) and `stride` (strike to strike) from a vertical ground reaction force, `cycle` from the
peaks of a coordinate, `events` of a c3d file, and `times` as the user lists them. Hambly et al. (2025) cut upper-limb cycles at
peaks of the kinematics and lower-limb stances by the ground reaction force.

A contact is where the force exceeds the threshold; its ends are interpolated between samples. Interruptions shorter than the
debounce time are closed first; then a contact that is too short, too light (plate cross-talk) or cut off by an end of the
recording is left out, and said so.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.errors import SegmentationError, did_you_mean, listed, listed_in
from osim_nmscal.settings import Settings, setting
from osim_nmscal.signals import require_gapless

FloatArray = NDArray[np.float64]


# From so many on, the median duration says what is usual.
FEWEST_FOR_MEDIAN = 5


class SegmentationSettings(Settings):
    """How trials are found in a recording.

    Example:
        >>> stretches = cut_times(SegmentationSettings(method="times", times=((0.1, 0.4), (0.5, 0.8))))
        >>> [one.name for one in stretches]
        ['segment_01', 'segment_02']
    """

    method: Literal["stance", "stride", "cycle", "events", "times"] = setting(
        "stance",
        unit="-",
        description="'stance' or 'stride' from a ground reaction force, 'cycle' from peaks of a coordinate, 'events' of a c3d file, "
        "or listed 'times'.",
        source="Hambly 2025, III-B",
    )
    force_column: str | tuple[str, ...] = setting(
        "",
        unit="-",
        description="Column of the vertical force, for stance and stride; a list where several plates carry one foot: their sum.",
        source="recording",
    )
    threshold: float = setting(20.0, unit="N", description="Force above which the foot is on the ground.", source="common practice", gt=0)
    debounce: float = setting(
        0.02,
        unit="s",
        description="Interruptions of a contact that are shorter are closed.",
        source="choice: shorter than any flight",
        ge=0,
    )
    minimum_peak: float = setting(
        100.0,
        unit="N",
        description="A contact that never exceeds this force is cross-talk of another plate.",
        source="choice: an eighth of an adult's weight, beyond what another plate lets through",
        ge=0,
    )
    minimum_duration: float = setting(
        0.1,
        unit="s",
        description="Shortest stance, stride, cycle or segment between events.",
        source="choice: half a sprinter's stance",
        ge=0,
    )
    maximum_duration: float = setting(
        3.0,
        unit="s",
        description="Longest stance, stride or cycle; a longer one lacks a strike or peak inside.",
        source="choice: longer than the strides of slow walking",
        gt=0,
    )
    duration_tolerance: float = setting(
        0.2,
        unit="-",
        description="Share by which a duration may differ from the recording's median; beyond, the other foot was on the plate "
        "or a strike is false. Judged from five stances, strides or cycles on.",
        source="choice: strides of steady gait vary by 2 to 5 %, false ones in public recordings by 21 % and more",
        gt=0,
    )
    coordinate: str = setting("", unit="-", description="Coordinate whose peaks bound the cycles.", source="recording")
    peak: Literal["maximum", "minimum"] = setting(
        "maximum",
        unit="-",
        description="Which peaks of the coordinate.",
        source="choice: what stands out upwards; a coordinate of the other sign needs the other",
    )
    prominence: float = setting(
        0.5,
        unit="-",
        description="Smallest prominence of a peak, as a share of the coordinate's range.",
        source="choice: passes over the knee's smaller peak in stance, about a third of its range",
        gt=0,
        le=1,
    )
    start_event: str = setting("Foot Strike", unit="-", description="Event that starts a segment.", source="Vicon's name")
    end_event: str = setting(
        "Foot Off", unit="-", description="Event that ends a segment; the start event again gives strides.", source="Vicon"
    )
    event_context: str = setting("Right", unit="-", description="Side of the events; empty for any.", source="Vicon's name")
    times: tuple[tuple[float, float], ...] = setting((), unit="s", description="Start and end of each segment.", source="recording")

    @property
    def force_columns(self) -> tuple[str, ...]:
        """The columns whose sum is the vertical force."""
        return (self.force_column,) if isinstance(self.force_column, str) else self.force_column

    @property
    def force_name(self) -> str:
        """The vertical force in words."""
        return " + ".join(self.force_columns)

    def vertical_force(self, forces: TimeSeries) -> FloatArray:
        """Return the vertical force that finds the contacts, (time,), N."""
        return np.asarray(forces.select(self.force_columns).values.sum(axis=1), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One stretch of a recording."""

    name: str  # e.g. "stance_03"
    start: float  # s
    end: float  # s


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """The segments of one recording, and what was left out."""

    segments: tuple[Segment, ...]
    findings: tuple[str, ...]  # one sentence per contact or stretch left out


class TimedEvent(Protocol):
    """An event as `formats.c3d.Event` holds it."""

    @property
    def name(self) -> str:
        """Name, e.g. "Foot Strike"."""

    @property
    def context(self) -> str:
        """Side, e.g. "Right"."""

    @property
    def time(self) -> float:
        """Time, s."""


def segment_recording(
    settings: SegmentationSettings,
    *,
    forces: TimeSeries | None = None,
    coordinates: TimeSeries | None = None,
    events: Sequence[TimedEvent] = (),
) -> Segmentation:
    """Find the segments of one recording.

    Args:
        settings: which way, and its limits.
        forces: ground reaction forces (N), for stance and stride.
        coordinates: joint angles, for cycles.
        events: events of the c3d file.

    Returns:
        The segments in order of time, named after the method and numbered from 1, and what was left out.

    Raises:
        SegmentationError: no segment was found, or the recording lacks what the method needs; says what to change.
        UnknownNameError: the column named does not exist; offers the nearest name.
    """
    if settings.method in ("stance", "stride"):
        if forces is None:
            raise SegmentationError(f"Segmentation by {settings.method} needs ground reaction forces; give them, or change the method.")
        contacts, findings = _contacts(forces, settings)
        spans = contacts if settings.method == "stance" else _between(contacts[:, 0])
        source = f"{forces.source}, column {settings.force_name!r}, threshold {settings.threshold:g} N"
    elif settings.method == "cycle":
        if coordinates is None:
            raise SegmentationError("Segmentation by cycle needs coordinates; give them, or change the method.")
        spans, findings = _between(_peak_times(coordinates, settings)), []
        source = f"{coordinates.source}, coordinate {settings.coordinate!r}, prominence {settings.prominence:g} of its range"
    elif settings.method == "events":
        spans, findings = _between_events(events, settings), []
        source = f"{len(events)} events, {settings.event_context} {settings.start_event!r} to {settings.end_event!r}"
    else:
        return Segmentation(segments=_named("segment", _listed_times(settings)), findings=())
    kept = _plausible(spans, settings, findings)
    if len(kept) == 0:
        left_out = f" Left out: {' '.join(findings[:3])}" if findings else ""
        raise SegmentationError(
            f"No {settings.method} was found ({source}); check the column, the threshold and the durations under segmentation.{left_out}"
        )
    return Segmentation(segments=_named("segment" if settings.method == "events" else settings.method, kept), findings=tuple(findings))


def cut_times(
    settings: SegmentationSettings,
    *,
    forces: TimeSeries | None = None,
    coordinates: TimeSeries | None = None,
    events: Sequence[TimedEvent] = (),
) -> tuple[Segment, ...]:
    """Return only the segments that `segment_recording` finds; same arguments and errors.

    Example:
        >>> contact = np.where((time > 0.2) & (time < 0.7), 800.0, 0.0)
        >>> forces = TimeSeries(time=time, labels=("right_vy",), values=contact[:, None])
        >>> found = cut_times(SegmentationSettings(force_column="right_vy"), forces=forces)
        >>> [(one.name, round(one.start, 2), round(one.end, 2)) for one in found]
        [('stance_01', 0.2, 0.7)]
    """
    return segment_recording(settings, forces=forces, coordinates=coordinates, events=events).segments


def segments_within(segments: Sequence[Segment], start: float, end: float) -> Segmentation:
    """Keep the segments that lie between two times, e.g. those that the motion covers.

    Args:
        segments: of one recording.
        start: s.
        end: s.

    Returns:
        The segments inside, with their names, and a finding on each that was left out.

    Raises:
        SegmentationError: none lies inside.
    """
    kept = tuple(segment for segment in segments if segment.start >= start - 1e-9 and segment.end <= end + 1e-9)
    if not kept:
        raise SegmentationError(
            f"None of the {len(segments)} segments lies between {start:g} and {end:g} s; correct the times or the clocks."
        )
    outside = f"is not within {start:g} to {end:g} s and was left out"
    findings = tuple(
        f"{segment.name} ({segment.start:.3f} to {segment.end:.3f} s) {outside}." for segment in segments if segment not in kept
    )
    return Segmentation(segments=kept, findings=findings)


def _contacts(forces: TimeSeries, settings: SegmentationSettings) -> tuple[FloatArray, list[str]]:
    """Return start and end of each contact, (contact, 2), s, and what was left out."""
    if not settings.force_name:
        raise SegmentationError(
            f"Segmentation by {settings.method} needs force_column, one of those in {forces.source}: "
            f"{listed_in(forces.labels, forces.source)}."
        )
    force = settings.vertical_force(forces)
    require_gapless(forces.select(settings.force_columns))
    time, on = forces.time, force > settings.threshold
    edges = np.flatnonzero(np.diff(on.astype(np.int8))) + 1  # index of the first sample after each change
    bounds = np.concatenate([[0], edges, [len(on)]])
    runs = [(first, after) for first, after in itertools.pairwise(bounds.tolist()) if on[first]]
    joined: list[tuple[int, int]] = []
    for first, after in runs:
        if joined and time[first] - time[joined[-1][1] - 1] < settings.debounce:
            joined[-1] = (joined[-1][0], after)
        else:
            joined.append((first, after))
    contacts: list[tuple[float, float]] = []
    findings: list[str] = []
    for first, after in joined:
        start, end = _crossing(time, force, first, settings.threshold), _crossing(time, force, after, settings.threshold)
        reason = _why_left_out(first, after, force, end - start, settings)
        if reason:
            findings.append(f"{forces.source}: the contact of {settings.force_name} from {start:.3f} to {end:.3f} s {reason}.")
        else:
            contacts.append((start, end))
    return np.array(contacts).reshape(-1, 2), findings


def _crossing(time: FloatArray, force: FloatArray, index: int, threshold: float) -> float:
    """Return when the force crosses the threshold between samples index-1 and index, s."""
    if index == 0 or index == len(time):
        return float(time[min(index, len(time) - 1)])
    before, after = force[index - 1], force[index]
    return float(time[index - 1] + (time[index] - time[index - 1]) * (threshold - before) / (after - before))


def _why_left_out(first: int, after: int, force: FloatArray, duration: float, settings: SegmentationSettings) -> str:
    if first == 0 or after == len(force):
        return "is cut off by an end of the recording and was left out"
    if force[first:after].max() < settings.minimum_peak:
        return f"reaches only {force[first:after].max():.0f} N, cross-talk rather than a step, and was left out"
    if settings.method == "stride":
        return ""  # durations of strides are judged from strike to strike
    if duration < settings.minimum_duration:
        return f"lasts {duration:.3f} s, less than {settings.minimum_duration:g} s, and was left out"
    return ""


def _between(times: FloatArray) -> FloatArray:
    """Return the stretches between consecutive times, (stretch, 2), s."""
    return np.column_stack([times[:-1], times[1:]]) if len(times) > 1 else np.empty((0, 2))


def _peak_times(coordinates: TimeSeries, settings: SegmentationSettings) -> FloatArray:
    from scipy.signal import find_peaks

    if not settings.coordinate:
        raise SegmentationError(
            f"Segmentation by cycle needs coordinate, one of those in {coordinates.source}: "
            f"{listed_in(coordinates.labels, coordinates.source)}."
        )
    angle = coordinates.column(settings.coordinate)
    require_gapless(coordinates.select([settings.coordinate]))
    distance = max(1, int(settings.minimum_duration * coordinates.rate))
    upright = angle if settings.peak == "maximum" else -angle
    peaks, _ = find_peaks(upright, prominence=max(settings.prominence * np.ptp(angle), np.finfo(float).tiny), distance=distance)
    return coordinates.time[peaks]


def _between_events(events: Sequence[TimedEvent], settings: SegmentationSettings) -> FloatArray:
    """Pair each start event with the first end event after it and before the next start event."""
    ours = [event for event in events if not settings.event_context or event.context.lower() == settings.event_context.lower()]
    names = {event.name for event in ours}
    for wanted in (settings.start_event, settings.end_event):
        if wanted not in names:
            there = listed(sorted({f"{event.context} {event.name}".strip() for event in events})) or "none"
            raise SegmentationError(
                f"The recording has no event {settings.event_context} {wanted!r}.{did_you_mean(wanted, names)} It has: {there}. "
                "Change start_event, end_event or event_context under segmentation."
            )
    starts = sorted(event.time for event in ours if event.name == settings.start_event)
    ends = sorted(event.time for event in ours if event.name == settings.end_event)
    spans = []
    for start, following in zip(starts, [*starts[1:], np.inf], strict=True):
        end = next((time for time in ends if time > start), None)
        if end is not None and end <= following:
            spans.append((start, end))
    return np.array(spans).reshape(-1, 2)


def _listed_times(settings: SegmentationSettings) -> FloatArray:
    if not settings.times:
        raise SegmentationError("Segmentation by times lists none; add times = [[start, end], ...] in s, or change the method.")
    for start, end in settings.times:
        if not end > start:
            raise SegmentationError(f"Segmentation lists the time {start:g} to {end:g} s, expected start < end; correct it.")
    return np.array(settings.times)


def _plausible(spans: FloatArray, settings: SegmentationSettings, findings: list[str]) -> FloatArray:
    """Leave out what lasts too short, too long, or unlike the others, and say so."""
    duration = spans[:, 1] - spans[:, 0]
    low, high = settings.minimum_duration, settings.maximum_duration
    inside = (duration >= low) & (duration <= high)
    alike = np.ones(len(spans), dtype=bool)
    if inside.sum() >= FEWEST_FOR_MEDIAN and settings.method != "events":
        median = float(np.median(duration[inside]))
        alike = np.abs(duration - median) <= settings.duration_tolerance * median
    for (start, end), seconds in zip(spans[~inside], duration[~inside], strict=True):
        lasts = f"The {settings.method} from {start:.3f} to {end:.3f} s lasts {seconds:.3f} s"
        findings.append(f"{lasts}, outside {low:g} to {high:g} s, and was left out.")
    for (start, end), seconds in zip(spans[inside & ~alike], duration[inside & ~alike], strict=True):
        findings.append(
            f"The {settings.method} from {start:.3f} to {end:.3f} s lasts {seconds:.3f} s, the median {median:.3f} s: "
            "the other foot on the plate or a false strike; it was left out."
        )
    return spans[inside & alike]


def _named(kind: str, spans: FloatArray) -> tuple[Segment, ...]:
    return tuple(Segment(name=f"{kind}_{i:02d}", start=float(start), end=float(end)) for i, (start, end) in enumerate(spans, start=1))
