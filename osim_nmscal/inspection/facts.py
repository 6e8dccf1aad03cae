"""The nouns of an inspection: plain facts about one file, in SI units, without the samples themselves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from osim_nmscal.data.model import Coordinate

Content = Literal["ground reaction forces", "joint angles", "joint moments", "raw EMG", "EMG envelopes", "columns"]


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The time axis of a signal."""

    samples: int
    start: float  # s
    end: float  # s
    rate: float  # Hz, mean
    longest_step: float  # s; above 1.5 / rate the axis has a hole or is uneven

    @property
    def has_hole(self) -> bool:
        """Whether at least one sample is missing from the time axis."""
        return self.rate > 0 and self.longest_step > 1.5 / self.rate


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """One column of a table, or one analog channel."""

    label: str
    lowest: float  # in the column's own unit; nan if it holds no number
    highest: float
    missing: int  # samples that are no number

    @property
    def constant(self) -> bool:
        """Whether it never changes."""
        return not self.highest > self.lowest


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """Labelled columns over one time axis."""

    content: Content  # a guess, from labels, rate and values
    unit: str  # a guess, in words
    clock: Clock
    columns: tuple[ColumnFacts, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in order."""
        return tuple(column.label for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class MarkerFacts:
    """One marker."""

    name: str
    seen: float  # share of the frames
    gaps: int  # runs of unseen frames
    longest_gap: float  # s


@dataclass(frozen=True, kw_only=True)
class AxesGuess:
    """How the laboratory's axes lie to OpenSim's (x forward, y up, z to the right)."""

    axes: str  # as `c3d_axes` takes it, e.g. "x z -y"
    reason: str  # a sentence: what it was seen from


@dataclass(frozen=True, kw_only=True)
class MarkerSetFacts:
    """The markers of one recording."""

    clock: Clock
    markers: tuple[MarkerFacts, ...]
    height: float  # m, of the highest marker above the lowest, along the vertical axis; nan if that axis is not known
    travel: float  # m, how far the middle of the markers moves in the horizontal plane
    axes: AxesGuess | None  # None where the markers do not tell

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(marker.name for marker in self.markers)


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One time that a plate was loaded."""

    start: float  # s
    end: float  # s
    peak: float  # N, of the force's size


@dataclass(frozen=True, kw_only=True)
class PlateFacts:
    """One force plate, or one foot's force in a file of ground reactions."""

    name: str  # the prefix of its columns, e.g. "plate1" or "ground_force"
    force_columns: tuple[str, ...]  # x, y, z
    peak: float  # N
    offset: float  # N, median force while it is not loaded; far from zero it drifts or was not zeroed
    contacts: tuple[Contact, ...]
    load: tuple[float, ...]  # N, highest force in equal parts of the recording, for a sketch over time


@dataclass(frozen=True, kw_only=True)
class EventFacts:
    """One event marked in a capture."""

    name: str
    context: str  # "Left", "Right" or ""
    time: float  # s


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What an .osim states."""

    muscles: tuple[str, ...]
    muscle_classes: dict[str, int]  # class -> how many
    coordinates: tuple[Coordinate, ...]
    markers: tuple[str, ...]
    bodies: tuple[str, ...]
    mass: float  # kg


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What one file holds; what it does not hold is None or empty.

    Example:
        >>> facts = inspect_file("no.trc")
        >>> facts.problem
        'no.trc does not exist; check the path.'
    """

    path: Path
    kind: str  # e.g. "c3d", "markers (.trc)", "storage (.mot)"
    problem: str = ""  # why it cannot be read, in a sentence
    markers: MarkerSetFacts | None = None
    table: TableFacts | None = None  # columns, or the analog channels of a c3d
    plates: tuple[PlateFacts, ...] = ()
    events: tuple[EventFacts, ...] = ()
    model: ModelFacts | None = None
    mass: float | None = None  # kg, of the person as typed at the capture
    height: float | None = None  # m
    remarks: tuple[str, ...] = ()  # what a user should look at, one sentence each
