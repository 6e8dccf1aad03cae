"""A configuration with guesses and questions, written from what a laboratory's folder holds.

A line that is a guess says so and why; what only the laboratory can know is left out, so that `check` asks for it, with a comment
at its place that starts with QUESTION.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from osim_nmscal.data.muscle_names import muscle_side
from osim_nmscal.drafting.folder import LabFolder
from osim_nmscal.drafting.muscle_names import ARM, ChannelGuess, match_channels
from osim_nmscal.drafting.notes import Notes
from osim_nmscal.drafting.recording_lines import recording_lines
from osim_nmscal.drafting.setups import FEWEST_SHARED, ik_setup_text, measurements_of, scale_setup_text
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.trc import write_trc
from osim_nmscal.inspection.facts import FileFacts, ModelFacts
from osim_nmscal.inspection.signals import emg_channels

SCALE_SETUP, IK_SETUP, STATIC = "scale_setup.xml", "ik_setup.xml", "static_from_c3d.trc"
_GRAVITY = 9.81
# Coordinates whose moments are asked for, by the muscles that have EMG. Names of gait2354, gait2392, Rajagopal and our own models.
_LEG = ("hip_flexion", "knee_angle", "knee_flexion", "ankle_angle", "ankle_dorsiflexion")
_ARM = ("shoulder_elv", "shoulder_elevation", "elbow_flexion", "elbow_flex")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A configuration and the files that it needs beside it."""

    config: str
    files: dict[str, str]  # name -> text
    static: FileFacts | None  # a c3d that is to be written as .trc for the scale tool
    axes: str  # of that c3d
    questions: tuple[str, ...]  # what only the laboratory can know


def draft_config(lab: LabFolder, home: Path) -> Draft:
    """Draft a configuration.

    Args:
        lab: what the folder holds.
        home: folder that the configuration will lie in; paths are relative to it.
    """
    return _Drafting(lab, home).draft()


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
        self._static: FileFacts | None = None
        self._axes = "x y z"
        self._model = self._best_model()
        self._notes = Notes(home=home, bodies=self._facts.bodies if self._facts is not None else ())
        self._recordings = [recording for recording in lab.recordings if recording.usable]

    def draft(self) -> Draft:
        """Return the whole."""
        channels = self._channels()
        side = self._side(channels)
        parts = [
            self._head(),
            self._subject(),
            self._model_part(),
            self._scaling(),
            self._dofs(side, channels),
            *(recording_lines(recording, side, self._notes) for recording in self._recordings),
            self._left_out(),
            self._emg(channels),
            self._trials(),
            self._calibration(channels),
        ]
        text = "\n".join(line for part in parts for line in (*part, ""))
        return Draft(config=text, files=self._notes.files, static=self._static, axes=self._axes, questions=tuple(self._notes.questions))

    @property
    def _facts(self) -> ModelFacts | None:
        return self._model.model if self._model is not None else None

    def _best_model(self) -> FileFacts | None:
        """Take the model that shares most markers with the recordings; of equals the one with the shortest name."""
        names = {
            name
            for facts in (*(r.markers for r in self._lab.recordings if r.markers), *self._lab.static)
            for name in (facts.markers.names if facts.markers else ())
        }

        def rank(facts: FileFacts) -> tuple[int, int]:
            return -len(names & set(facts.model.markers if facts.model else ())), len(facts.path.name)

        return min(self._lab.models, key=rank, default=None)

    def _head(self) -> Iterator[str]:
        yield f"# Drafted by `osim-nmscal init` from {self._lab.root.name}. Guesses are marked GUESS, what only you know QUESTION."
        yield "#   osim-nmscal check config.toml     lists what is left to do; `osim-nmscal settings` explains every key"
        for facts in self._lab.unreadable:
            yield f"# Could not be read: {self._notes.path(facts.path)}"
        if len(self._lab.subjects) > 1:
            yield self._notes.ask(
                f"this folder holds several persons ({', '.join(self._lab.subjects)}); draft one configuration for each folder."
            )

    def _subject(self) -> Iterator[str]:
        yield "[subject]"
        yield f'name = "{self._lab.root.name}"'
        mass = self._standing_mass()
        if mass is not None:
            yield f"mass = {mass:.1f}   # kg. GUESS: mean vertical force of the static trial / 9.81; correct it"
        else:
            yield self._notes.ask("what is the person's mass?")
            yield "# mass =      # kg"
        yield "# height =    # m, for the report only"

    def _standing_mass(self) -> float | None:
        for facts in self._lab.static:
            if facts.kind == "c3d" and any(plate.contacts for plate in facts.plates):
                forces = read_c3d(facts.path, axes="x y z").forces
                if forces is not None:
                    total = np.sum([forces.forces.select(plate.force_columns).values for plate in facts.plates], axis=0)
                    weight = float(abs(total.mean(axis=0)).max())
                    if weight > 100:
                        return weight / _GRAVITY
        return None

    def _model_part(self) -> Iterator[str]:
        yield "[model]"
        if self._model is None:
            yield self._notes.ask("which OpenSim model? No .osim with muscles lies in this folder.")
            yield '# file = "model.osim"'
            return
        others = [facts for facts in self._lab.models if facts is not self._model]
        guess = "   # GUESS: shares most markers with the recordings" if others else ""
        yield f'file = "{self._notes.path(self._model.path)}"{guess}'
        for facts in others:
            yield f'# file = "{self._notes.path(facts.path)}"'

    def _scaling(self) -> Iterator[str]:
        scale, ik = self._lab.setups.get("scale", []), self._lab.setups.get("ik", [])
        yield "[scaling]"
        if scale:
            yield f'setup = "{self._notes.path(scale[0])}"' + ("   # GUESS: the first of several" if len(scale) > 1 else "")
        else:
            yield from self._drafted_scaling()
        if not any(recording.markers for recording in self._recordings):
            return
        yield ""
        yield "[inverse_kinematics]"
        if ik:
            yield f'setup = "{self._notes.path(ik[0])}"' + ("   # GUESS: the first of several" if len(ik) > 1 else "")
            return
        shared = self._shared([recording.markers for recording in self._recordings if recording.markers])
        if len(shared) < FEWEST_SHARED:
            yield self._notes.ask(f"{_too_few(shared, 'the recordings')}; add the markers to the model or name an IKTaskSet.")
            yield '# setup = "ik_setup.xml"'
            return
        recorded = max(len(r.markers.markers.names) for r in self._recordings if r.markers is not None and r.markers.markers is not None)
        if len(shared) < recorded / 2:
            yield self._notes.ask(
                f"the model has only {len(shared)} of {recorded} recorded markers ({', '.join(shared)}); add or rename the others in the "
                "model, then draft again: segments without markers are not followed."
            )
        self._notes.files[IK_SETUP] = ik_setup_text(shared)
        yield f'setup = "{IK_SETUP}"   # GUESS: drafted from {len(shared)} markers that model and recordings share; check the weights'

    def _drafted_scaling(self) -> Iterator[str]:
        static = self._lab.static[0] if self._lab.static else None
        facts = self._facts
        if static is None or facts is None:
            yield self._notes.ask(
                "is the model already of the person's size? Then keep mass_only; else add a static trial and a ScaleTool setup."
            )
            yield "mass_only = true"
            return
        shared = self._shared([static])
        measurements = measurements_of(shared, facts.bodies)
        if len(shared) < FEWEST_SHARED or not measurements:
            yield self._notes.ask(f"{_too_few(shared, 'the static trial')}; name a ScaleTool setup, or scale by mass alone.")
            yield "mass_only = true"
            return
        trial = self._notes.path(static.path)
        if static.kind == "c3d":
            self._static, trial = static, STATIC
            self._axes = static.markers.axes.axes if static.markers is not None and static.markers.axes is not None else "x z -y"
        span = (static.markers.clock.start, static.markers.clock.end) if static.markers is not None else (0.0, 1.0)
        model = self._notes.path(self._model.path) if self._model is not None else ""
        self._notes.files[SCALE_SETUP] = scale_setup_text(measurements, shared, model=model, static=trial, span=span)
        measured = {body for one in measurements for body in one.bodies}
        rest = [body for body in facts.bodies if body not in measured]
        yield f'setup = "{SCALE_SETUP}"   # GUESS: drafted from {len(shared)} shared markers; check the marker pairs'
        if rest:
            yield f"# Not measured, so not scaled: {', '.join(rest)}"

    def _shared(self, recordings: Sequence[FileFacts]) -> list[str]:
        facts = self._facts
        names = [set(one.markers.names) for one in recordings if one.markers is not None]
        return [name for name in facts.markers if all(name in there for there in names)] if facts is not None and names else []

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
            yield "# Both sides have EMG: make a second configuration for the other side, or name the coordinates of both."

    def _left_out(self) -> Iterator[str]:
        for recording in self._lab.recordings:
            if not recording.usable and (recording.markers or recording.angles):
                yield f"# Left out: {recording.name} ({recording.lacks})."
        if not self._recordings:
            yield self._notes.ask("no recording with motion and EMG was found; name one here.")
            yield "# [[recordings]]"

    def _emg(self, channels: Sequence[ChannelGuess]) -> Iterator[str]:
        contents = {recording.emg.table.content for recording in self._recordings if recording.emg and recording.emg.table}
        yield "[emg]"
        yield f"mvc = {_list([self._notes.path(facts.path) for facts in self._lab.mvc])}" + (
            "" if self._lab.mvc else "   # no recording of maximal contractions was found: EMG is divided by its highest value"
        )
        yield ""
        yield "[emg.envelope]"
        kind = "envelope" if contents == {"EMG envelopes"} else "raw"
        yield f'kind = "{kind}"   # GUESS: from rate and sign of the samples'
        yield ""
        yield "[emg.mapping.channels]"
        for guess in channels:
            if guess.muscles:
                note = f"   # GUESS: {guess.title}{f'; {guess.doubt}' if guess.doubt else ''}"
                yield f"{_key(guess.channel)} = {_list(guess.muscles)}{note if guess.title != guess.channel else ''}"
        for guess in channels:
            if not guess.muscles:
                yield self._notes.ask(f"which muscles does {guess.channel} drive?{f' ({guess.doubt})' if guess.doubt else ''}")
                yield f"# {_key(guess.channel)} = []"
        if not channels:
            yield self._notes.ask("which EMG channel drives which muscles?")

    def _trials(self) -> Iterator[str]:
        yield "[trials]"
        yield "time_step = 0.01   # s; 0.005 for running"
        yield ""
        yield "[trials.roles]"
        yield "calibration_count = 2   # trials of each recording that calibrate; the others are held out and tell how good the model is"

    def _calibration(self, channels: Sequence[ChannelGuess]) -> Iterator[str]:
        driven = {muscle for guess in channels for muscle in guess.muscles}
        sides = {muscle_side(muscle) for muscle in driven}
        muscles = self._facts.muscles if self._facts is not None else ()
        bare = [muscle for muscle in muscles if muscle not in driven and muscle_side(muscle) in sides]
        yield "[calibration]"
        yield 'method = "emg_driven"' + (
            f'   # "synergy_hybrid" also drives the {len(bare)} muscles of that side without EMG, where they cross the dofs' if bare else ""
        )
        groups = [guess for guess in channels if len(guess.muscles) > 1]
        if groups:
            yield ""
            yield "# Muscles of a group share one strength coefficient. GUESS: those under one electrode."
            yield "[calibration.groups]"
            for guess in groups:
                yield f"{_key(guess.channel)} = {_list(guess.muscles)}"


def _too_few(shared: Sequence[str], where: str) -> str:
    count = f"only {len(shared)} markers ({', '.join(shared)})" if shared else "no marker"
    return f"the model and {where} share {count}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(_quoted(name) for name in names)}]"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
