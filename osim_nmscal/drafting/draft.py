"""A configuration with guesses and questions, written from what a laboratory's folder holds.

A line that is a guess says so and why; what only the laboratory can know is left out, so that `check` asks for it, with a comment
at its place that starts with QUESTION. Of several persons each gets a configuration; what they have in common goes to one lab.toml
that theirs extend.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from osim_nmscal.data.muscle_names import muscle_side
from osim_nmscal.drafting.folder import LabFolder
from osim_nmscal.drafting.muscle_names import ARM, ChannelGuess, match_channels
from osim_nmscal.drafting.notes import Notes
from osim_nmscal.drafting.recording_lines import recording_lines
from osim_nmscal.drafting.scaling_lines import STATIC, ScalingLines
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.trc import write_trc
from osim_nmscal.inspection.facts import FileFacts, ModelFacts
from osim_nmscal.inspection.signals import emg_channels

CONFIG, LAB = "config.toml", "lab.toml"
_GRAVITY = 9.81
# Shorter contacts are those of running, s. Source: walking has 0.5 to 0.8 s, jogging 0.3 s.
_RUNNING_CONTACT = 0.4
# Coordinates whose moments are asked for, by the muscles that have EMG. Names of gait2354, gait2392, Rajagopal and our own models.
_LEG = ("hip_flexion", "knee_angle", "knee_flexion", "ankle_angle", "ankle_dorsiflexion")
_ARM = ("shoulder_elv", "shoulder_elevation", "elbow_flexion", "elbow_flex")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some tables of a configuration."""

    name: str
    lines: tuple[str, ...]


# Parts that may be the same for all persons of a laboratory.
_OF_LAB = ("filter", "dofs", "envelope", "mapping", "trials", "calibration")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A configuration and the files that it needs beside it."""

    parts: tuple[Part, ...]
    files: dict[str, str]  # name -> text
    static: FileFacts | None  # a c3d that is to be written as .trc for the scale tool
    axes: str  # of that c3d
    questions: tuple[str, ...]  # what only the laboratory can know

    @property
    def config(self) -> str:
        """Its text."""
        return config_text(part.lines for part in self.parts)


def config_text(parts: Iterable[Sequence[str]]) -> str:
    """Join tables, a blank line between them."""
    return "\n".join(line for lines in parts if lines for line in (*lines, ""))


def draft_config(lab: LabFolder, home: Path) -> Draft:
    """Draft a configuration.

    Args:
        lab: what the folder holds.
        home: folder that the configuration will lie in; paths are relative to it.
    """
    return _Drafting(lab, home).draft()


def draft_people(lab: LabFolder, *, with_lab: bool = False) -> tuple[dict[str, Draft], str]:
    """Draft a configuration for each person of a laboratory, and what they have in common.

    Args:
        lab: a folder with several persons.
        with_lab: a lab.toml is there already, so that what may be in it is left out.

    Returns:
        Person -> draft, to lie in the person's folder; and the text of lab.toml, "" where nothing is common to all.
    """
    drafts = {name: draft_config(person, lab.root / name) for name, person in lab.people.items()}
    first = _of_lab(next(iter(drafts.values())))
    common = {name: part for name, part in first.items() if with_lab or all(_of_lab(one).get(name) == part for one in drafts.values())}
    if not common:
        return drafts, ""
    head = f"# Drafted by `osim-nmscal init` from {lab.root.name}: what all its persons have in common. Their files extend it."
    text = config_text([(head,), *(part.lines for part in common.values())])
    return {name: _extending(draft, common) for name, draft in drafts.items()}, text


def _of_lab(draft: Draft) -> dict[str, Part]:
    return {part.name: part for part in draft.parts if part.name in _OF_LAB and part.lines}


def _extending(draft: Draft, common: Container[str]) -> Draft:
    """Let a draft extend lab.toml instead of saying what is there."""
    extends = Part(name="extends", lines=(f'extends = "../{LAB}"   # what all persons have in common; what stands here lies over it',))
    head, *others = (part for part in draft.parts if part.name not in common)
    return replace(draft, parts=(head, extends, *others))


def write_draft(draft: Draft, path: Path) -> tuple[Path, ...]:
    """Write the configuration and what it needs; a file that is there already is left alone.

    Returns:
        The files written, the configuration first; without it where it was there already.
    """
    written = []
    for name, text in {path.name: draft.config, **draft.files}.items():
        target = path.with_name(name)
        if not target.exists():
            target.write_text(text, encoding="utf-8", newline="\n")
            written.append(target)
    static = path.with_name(STATIC)
    if draft.static is not None and not static.exists():
        write_trc(static, read_c3d(draft.static.path, axes=draft.axes, plates=False).markers)
        written.append(static)
    return tuple(written)


class _Drafting:
    """One draft in the making: lines of text, questions, files."""

    def __init__(self, lab: LabFolder, home: Path) -> None:
        self._lab = lab
        self._model = self._best_model()
        self._notes = Notes(home=home, bodies=self._facts.bodies if self._facts is not None else ())
        self._recordings = [recording for recording in lab.recordings if recording.usable]

    def draft(self) -> Draft:
        """Return the whole."""
        channels = self._channels()
        side = self._side(channels)
        scaling = ScalingLines(self._lab, self._model, self._notes)
        recordings = {one.name: recording_lines(one, side, self._notes) for one in self._recordings}
        ways = {lines.segmentation for lines in recordings.values()}  # one for all goes to [trials]
        parts = {
            "head": self._head(),
            "subject": self._subject(),
            "model": self._model_part(),
            "scaling": scaling.lines(),
            "filter": self._filter(),
            "dofs": self._dofs(side, channels),
            **{f"recording {name}": lines.whole(with_segmentation=len(ways) > 1) for name, lines in recordings.items()},
            "left out": self._left_out(),
            "mvc": self._mvc(),
            "envelope": self._envelope(),
            "mapping": self._mapping(channels, side),
            "trials": self._trials(next(iter(ways)) if len(ways) == 1 else ()),
            "calibration": self._calibration(channels, side),
        }
        made = tuple(Part(name=name, lines=tuple(lines)) for name, lines in parts.items())
        return Draft(parts=made, files=self._notes.files, static=scaling.static, axes=scaling.axes, questions=tuple(self._notes.questions))

    @property
    def _facts(self) -> ModelFacts | None:
        return self._model.model if self._model is not None else None

    def _best_model(self) -> FileFacts | None:
        """Take the person's own model, else the laboratory's; of several the one that shares most markers with the recordings."""
        names = {
            name
            for facts in (*(r.markers for r in self._lab.recordings if r.markers), *self._lab.static)
            for name in (facts.markers.names if facts.markers else ())
        }

        def rank(facts: FileFacts) -> tuple[int, int, int]:
            own = facts.path.is_relative_to(self._lab.root)  # not one for all persons
            return not own, -len(names & set(facts.model.markers if facts.model else ())), len(facts.path.name)

        return min(self._lab.models, key=rank, default=None)

    def _head(self) -> Iterator[str]:
        yield f"# Drafted by `osim-nmscal init` from {self._lab.root.name}. Guesses are marked GUESS, what only you know QUESTION."
        yield "#   osim-nmscal check config.toml     lists what is left to do; `osim-nmscal settings` explains every key"
        for facts in self._lab.unreadable:
            yield f"# Could not be read: {self._notes.path(facts.path)}"

    def _subject(self) -> Iterator[str]:
        yield "[subject]"
        yield f'name = "{self._lab.root.name}"'
        mass = self._standing_mass() or self._typed("mass")
        if mass is not None:
            yield f"mass = {mass[0]:.1f}   # kg. GUESS: {mass[1]}; correct it"
        else:
            yield self._notes.ask("what is the person's mass?")
            yield "# mass =      # kg"
        height = self._typed("height")
        if height is not None:
            yield f"height = {height[0]:.2f}   # m, for the report only. GUESS: {height[1]}"
        else:
            yield "# height =    # m, for the report only"

    def _typed(self, what: Literal["mass", "height"]) -> tuple[float, str] | None:
        """Return what was typed at the capture, and where it stands."""
        moving = (recording.markers for recording in self._lab.recordings)
        for facts in (*self._lab.static, *moving):
            value: float | None = getattr(facts, what, None)
            if facts is not None and value is not None:
                return value, f"typed at the capture of {facts.path.name}"
        return None

    def _standing_mass(self) -> tuple[float, str] | None:
        """Return the mass that stood on the plates, and how it was told."""
        for facts in self._lab.static:
            if facts.kind == "c3d" and any(plate.contacts for plate in facts.plates):
                forces = read_c3d(facts.path, axes="x y z").forces
                if forces is not None:
                    total = np.sum([forces.forces.select(plate.force_columns).values for plate in facts.plates], axis=0)
                    weight = float(abs(total.mean(axis=0)).max())
                    if weight > 100:
                        return weight / _GRAVITY, "mean vertical force of the static trial / 9.81"
        return None

    def _model_part(self) -> Iterator[str]:
        yield "[model]"
        if self._model is None:
            yield self._notes.ask("which OpenSim model? No .osim with muscles lies in this folder.")
            yield '# file = "model.osim"'
            return
        others = [facts for facts in self._lab.models if facts is not self._model]
        guess = "   # GUESS: the person's own, or the one that shares most markers with the recordings" if others else ""
        yield f'file = "{self._notes.path(self._model.path)}"{guess}'
        for facts in others:
            yield f'# file = "{self._notes.path(facts.path)}"'

    def _is_fast(self) -> bool:
        """Whether feet are on their plates for as short a time as in running."""
        plates = [plate for recording in self._recordings if recording.forces is not None for plate in recording.forces.plates]
        spans = [contact.end - contact.start for plate in plates for contact in plate.contacts]
        return bool(spans) and float(np.median(spans)) < _RUNNING_CONTACT

    def _filter(self) -> Iterator[str]:
        if self._is_fast():
            yield "[inverse_dynamics]"
            yield "lowpass_cutoff = 12.0   # Hz, of angles and forces. GUESS: steps are short, as in running; 6 Hz smears impacts"

    def _channels(self) -> tuple[ChannelGuess, ...]:
        tables = [recording.emg.table for recording in self._recordings if recording.emg is not None and recording.emg.table is not None]
        if not tables:
            return ()
        common = [label for label in tables[0].labels if all(label in table.labels for table in tables)]
        muscles = self._facts.muscles if self._facts is not None else ()
        return match_channels(emg_channels(common), muscles)

    def _side(self, channels: Sequence[ChannelGuess]) -> str:
        sides = [guess.side for guess in channels if guess.muscles]
        return "l" if sides.count("l") > sides.count("r") else "r"

    def _dofs(self, side: str, channels: Sequence[ChannelGuess]) -> Iterator[str]:
        yield "[muscle_analysis]"
        names = [c.name for c in self._facts.coordinates if not c.locked and not c.coupled] if self._facts is not None else []
        stems = _ARM if any(guess.title in ARM for guess in channels) else _LEG
        wanted = [name for stem in stems for name in names if name in (f"{stem}_{side}", stem)]
        sides = {guess.side for guess in channels if guess.muscles}
        if not wanted:
            yield self._notes.ask("about which coordinates shall the muscles reproduce the joint moments?")
            yield f"# dofs = [...]   # of {', '.join(names[:12]) or 'the model'}"
            return
        yield f"dofs = {_list(wanted)}   # GUESS: the joints of the {'right' if side == 'r' else 'left'} side, which has most EMG"
        if sides == {"r", "l"}:
            yield "# Both sides have EMG: make a second configuration for the other side (`extends` saves saying the rest again)."

    def _left_out(self) -> Iterator[str]:
        for recording in self._lab.recordings:
            if not recording.usable and (recording.markers or recording.angles):
                yield f"# Left out: {recording.name} ({recording.lacks})."
        if not self._recordings:
            yield self._notes.ask("no recording with motion and EMG was found; name one here.")
            yield "# [[recordings]]"

    def _mvc(self) -> Iterator[str]:
        yield "[emg]"
        yield f"mvc = {_list([self._notes.path(facts.path) for facts in self._lab.mvc])}" + (
            "" if self._lab.mvc else "   # no recording of maximal contractions was found: EMG is divided by its highest value"
        )

    def _envelope(self) -> Iterator[str]:
        contents = {recording.emg.table.content for recording in self._recordings if recording.emg and recording.emg.table}
        yield "[emg.envelope]"
        kind = "envelope" if contents == {"EMG envelopes"} else "raw"
        yield f'kind = "{kind}"   # GUESS: from rate and sign of the samples'

    def _mapping(self, channels: Sequence[ChannelGuess], side: str) -> Iterator[str]:
        yield "[emg.mapping.channels]"
        other = [guess for guess in channels if guess.muscles and guess.side not in (side, "")]
        for guess in channels:
            if guess.muscles and guess not in other:
                yield _channel_line(guess)
        for guess in channels:
            if not guess.muscles:
                yield self._notes.ask(f"which muscles does {guess.channel} drive?{f' ({guess.doubt})' if guess.doubt else ''}")
                yield f"# {_key(guess.channel)} = []"
        if other:
            yield "# The other side, for a configuration of its own (other dofs):"
            yield from (f"# {_channel_line(guess)}" for guess in other)
        if not channels:
            yield self._notes.ask("which EMG channel drives which muscles?")

    def _trials(self, segmentation: Sequence[str]) -> Iterator[str]:
        yield "[trials]"
        fast = self._is_fast()
        yield f"time_step = {'0.005   # s. GUESS: steps are short, as in running' if fast else '0.01   # s; 0.005 for running'}"
        yield ""
        if segmentation:
            yield "[trials.segmentation]"
            yield from segmentation
            yield ""
        yield "[trials.roles]"
        yield "calibration_count = 2   # trials of each recording that calibrate; the others are held out and tell how good the model is"

    def _calibration(self, channels: Sequence[ChannelGuess], side: str) -> Iterator[str]:
        driven = [guess for guess in channels if guess.muscles and guess.side in (side, "")]
        taken = {muscle for guess in driven for muscle in guess.muscles}
        muscles = self._facts.muscles if self._facts is not None else ()
        bare = [muscle for muscle in muscles if muscle not in taken and muscle_side(muscle) == side]
        yield "[calibration]"
        yield 'method = "emg_driven"' + (
            f'   # "synergy_hybrid" also drives the {len(bare)} muscles of that side without EMG, where they cross the dofs' if bare else ""
        )
        groups = [guess for guess in driven if len(guess.muscles) > 1]
        if groups:
            yield ""
            yield "# Muscles of a group share one strength coefficient. GUESS: those under one electrode."
            yield "[calibration.groups]"
            for guess in groups:
                yield f"{_key(guess.channel)} = {_list(guess.muscles)}"


def _channel_line(guess: ChannelGuess) -> str:
    note = f"   # GUESS: {guess.title}{f'; {guess.doubt}' if guess.doubt else ''}" if guess.title != guess.channel else ""
    return f"{_key(guess.channel)} = {_list(guess.muscles)}{note}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(_quoted(name) for name in names)}]"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
