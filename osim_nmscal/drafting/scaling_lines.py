"""Scaling and inverse kinematics of a drafted configuration: the setups that are there, or setups drafted from shared markers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from osim_nmscal.drafting.alike_markers import alike_markers, marker_set_text
from osim_nmscal.drafting.folder import LabFolder
from osim_nmscal.drafting.notes import Notes
from osim_nmscal.drafting.setups import FEWEST_SHARED, ik_setup_text, measurements_of, scale_setup_text
from osim_nmscal.inspection.facts import FileFacts

SCALE_SETUP, IK_SETUP, MARKER_SET, STATIC = "scale_setup.xml", "ik_setup.xml", "marker_set.xml", "static_from_c3d.trc"


class ScalingLines:
    """The lines of [scaling] and [inverse_kinematics]; the files that they need go to the notes."""

    def __init__(self, lab: LabFolder, model: FileFacts | None, notes: Notes) -> None:
        self._lab, self._model, self._notes = lab, model, notes
        self._moving = [recording.markers for recording in lab.recordings if recording.usable and recording.markers]
        self._alike: dict[str, str] = {}
        self.static: FileFacts | None = None  # a c3d that is to be written as .trc for the scale tool
        self.axes = "x y z"  # of that c3d

    def lines(self) -> Iterator[str]:
        """Yield both tables."""
        scale, ik = self._lab.setups.get("scale", []), self._lab.setups.get("ik", [])
        yield "[scaling]"
        yield from _setup(scale, self._notes) if scale else self._drafted_scaling()
        if not self._moving:
            return
        yield ""
        yield "[inverse_kinematics]"
        yield from _setup(ik, self._notes) if ik else self._drafted_tasks()

    def _drafted_scaling(self) -> Iterator[str]:
        moving = {name for facts in self._moving if facts.markers is not None for name in facts.markers.names}
        static = max(self._lab.static, key=lambda facts: len(moving & set(facts.markers.names if facts.markers else ())), default=None)
        if static is None or self._model is None or self._model.model is None:
            yield "mass_only = true"
            yield self._notes.ask(
                "is the model already of the person's size? Then keep mass_only; else add a static trial and a ScaleTool setup."
            )
            return
        bodies = self._model.model.bodies
        self._alike = self._found_alike(static)
        shared = self._shared([static])
        measurements = measurements_of(shared, bodies)
        if len(shared) < FEWEST_SHARED or not measurements:
            self._alike = {}
            yield "mass_only = true"
            yield self._notes.ask(f"{_too_few(shared, 'the static trial')}; name a ScaleTool setup, or scale by mass alone.")
            return
        trial = self._notes.path(static.path)
        if static.kind == "c3d":
            self.static, trial = static, STATIC
            self.axes = static.markers.axes.axes if static.markers is not None and static.markers.axes is not None else "x z -y"
        span = (static.markers.clock.start, static.markers.clock.end) if static.markers is not None else (0.0, 1.0)
        if self._alike:
            self._notes.files[MARKER_SET] = marker_set_text(self._alike, self._model.path)
        self._notes.files[SCALE_SETUP] = scale_setup_text(
            measurements,
            shared,
            model=self._notes.path(self._model.path),
            static=trial,
            span=span,
            marker_set=MARKER_SET if self._alike else "",
        )
        yield f'setup = "{SCALE_SETUP}"   # GUESS: drafted from {len(shared)} markers that model and static trial share; check the pairs'
        if self._alike:
            pairs = ", ".join(f"{name} = {own}" for name, own in self._alike.items())
            yield f"# GUESS: the same place by another name ({MARKER_SET} tells the model): {pairs}"
        measured = {body for one in measurements for body in one.bodies}
        if rest := [body for body in bodies if body not in measured]:
            yield f"# Not measured, so not scaled: {', '.join(rest)}"

    def _drafted_tasks(self) -> Iterator[str]:
        shared = self._shared(self._moving)
        alone = [recording.name for recording in self._lab.recordings if recording.markers in self._moving]
        if len(shared) < FEWEST_SHARED and len(self._recorded()) < FEWEST_SHARED and len(alone) > 1:
            yield self._notes.ask(
                f"{' and '.join(alone)} have different markers; are they of one person? Make a configuration for each set of markers."
            )
            yield f'# setup = "{IK_SETUP}"'
            return
        if len(shared) < FEWEST_SHARED:
            yield self._notes.ask(f"{_too_few(shared, 'the recordings')}; add the markers to the model or name an IKTaskSet.")
            yield f'# setup = "{IK_SETUP}"'
            return
        self._notes.files[IK_SETUP] = ik_setup_text(shared)
        yield f'setup = "{IK_SETUP}"   # GUESS: drafted from {len(shared)} markers that model and recordings share; check the weights'
        unused = [name for name in self._recorded() if name not in shared]
        if len(unused) > len(shared):
            known = f"{len(shared)} of {len(shared) + len(unused)} recorded markers ({', '.join(shared)})"
            yield self._notes.ask(
                f"the model has only {known}; add or rename the others in the model, then draft again: segments without markers are not "
                "followed."
            )
        elif unused:
            yield f"# Recorded, but the model has no such marker: {', '.join(unused)}"

    def _recorded(self) -> list[str]:
        """Return the markers that every recording has, in order."""
        sets = [facts.markers.names for facts in self._moving if facts.markers is not None]
        return [name for name in sets[0] if all(name in names for names in sets)] if sets else []

    def _found_alike(self, static: FileFacts) -> dict[str, str]:
        names = static.markers.names if static.markers is not None else ()
        moving = self._recorded()
        everywhere = [name for name in names if name in moving or not self._moving]
        return alike_markers(everywhere, self._model.model.markers) if self._model is not None and self._model.model is not None else {}

    def _shared(self, recordings: Sequence[FileFacts]) -> list[str]:
        """Return the markers that all recordings have and the model knows, if need be by the drafted marker set."""
        model = self._model.model if self._model is not None else None
        names = [set(one.markers.names) for one in recordings if one.markers is not None]
        known = (*(model.markers if model is not None else ()), *self._alike)
        return [name for name in known if all(name in there for there in names)] if names else []


def _setup(found: Sequence[Path], notes: Notes) -> Iterator[str]:
    yield f'setup = "{notes.path(found[0])}"' + ("   # GUESS: the first of several" if len(found) > 1 else "")


def _too_few(shared: Sequence[str], where: str) -> str:
    count = f"only {len(shared)} markers ({', '.join(shared)})" if shared else "no marker"
    return f"the model and {where} share {count}"
