"""The work of the initialization: starting values from the models, the person and what was measured, and the relaxed leg."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.errors import ConfigError
from osim_nmscal.initialization.files import write_comparison, write_starting_values
from osim_nmscal.initialization.mean_person import SOURCE, mean_person
from osim_nmscal.initialization.measured_muscles import TENSION_SD, poses_of, with_measurements
from osim_nmscal.initialization.measurements import read_measurements
from osim_nmscal.initialization.muscle_volumes import LOG_STRENGTH_SD, strengths_from_mass_and_height
from osim_nmscal.initialization.operating_range import keep_operating_range
from osim_nmscal.initialization.passive_fit import fit_passive_moments
from osim_nmscal.initialization.relaxed_knowledge import with_relaxed_leg
from osim_nmscal.initialization.relaxed_leg import RelaxedLeg, relaxed_leg
from osim_nmscal.nms.threads import one_thread
from osim_nmscal.opensim_tools.pose_grid import lengths_in_postures, sample_pose_grids
from osim_nmscal.osim_model.conversion import in_class
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.leg_geometry import write_leg_geometry
from osim_nmscal.workflow.names import STARTING_TABLE, STARTING_VALUES
from osim_nmscal.workflow.starting_request import Initialization, ligaments_of_leg

if TYPE_CHECKING:
    from osim_nmscal.workflow.task import Inputs


@dataclass
class Starting:
    """One initialization at work; `make` does it."""

    inputs: "Inputs"
    task: Initialization
    out: Path
    findings: list[str] = field(default_factory=list)
    distances: dict[str, float] = field(default_factory=dict)

    def make(self) -> dict[str, Any]:
        """Write everything and return the summary."""
        settings = self.task.settings
        scaled = self._table(self.inputs.file("scaled"))
        start = StartingValues.of(scaled)
        if settings.lengths == "operating_range":
            start = self._operating_range(start)
        if settings.strength == "mass_height":
            start = self._strength(start)
        if self.inputs.optional("measurements") is not None:
            start = self._measured(start)
        with one_thread():  # its operations are too small to share: two threads wait for each other (8.3 against 2.9 CPU-seconds)
            start = self._relaxed(start)
        if settings.changes_anything:
            write_starting_values(self.out / STARTING_VALUES, start)
            write_comparison(self.out / STARTING_TABLE, scaled, start)
        return {"findings": self.findings, "relaxed_leg": self.distances}

    def _table(self, model: Path) -> MuscleTable:
        return in_class(read_muscles(model, self.task.substitute_muscle_class), self.task.muscle_class)

    def _operating_range(self, start: StartingValues) -> StartingValues:
        if not self.task.is_scaled:
            self.findings.append(
                "[initialization] lengths = 'operating_range' changes nothing, as [scaling] has no setup: the model that is taken as it is "
                "has no generic model beside it. Give the generic model and a ScaleTool setup."
            )
            return start
        generic, log = self.inputs.file("generic"), self.out / "initialization"
        before = sample_pose_grids(generic, log / "generic_poses.log")
        after = lengths_in_postures(self.inputs.file("scaled"), before, log / "scaled_poses.log")
        kept = keep_operating_range(self._table(generic), start.muscles, before, after)
        self.findings += kept.findings
        return _noted(
            replace(start, muscles=kept.muscles), start.muscles, "lengths keep the generic operating range (Modenese et al. 2016)"
        )

    def _strength(self, start: StartingValues) -> StartingValues:
        task = self.task
        if task.height is None:
            raise ConfigError("[initialization] strength = 'mass_height' needs the person's height; add height (m) to [subject].")
        found = strengths_from_mass_and_height(start.muscles, task.mass, task.height, task.settings.specific_tension)
        self.findings += found.findings
        known = np.isin(start.muscles.names, found.known)
        deviations = np.where(known, np.hypot(LOG_STRENGTH_SD, TENSION_SD), start.log_strength_sd)
        new = replace(start, muscles=found.muscles, log_strength_sd=deviations)
        return _noted(new, start.muscles, "strength from mass and height (Handsfield et al. 2014)")

    def _measured(self, start: StartingValues) -> StartingValues:
        model = self.inputs.file("scaled")
        coordinates = [one.name for one in read_coordinates(model)]
        measured = read_measurements(self.inputs.file("measurements"), start.muscles, coordinates)
        poses = lengths_in_postures(model, poses_of(measured), self.out / "initialization" / "measured_poses.log")
        return with_measurements(start, measured, poses, self.task.settings.specific_tension)

    def _relaxed(self, start: StartingValues) -> StartingValues:
        """Compare the relaxed legs with the mean person's, and fit them where that is asked for."""
        model, settings = self.inputs.file("scaled"), self.task.settings
        for side, (leg, geometry) in write_leg_geometry(model, self.task, self.out).items():
            if settings.passive == "none":
                continue  # the geometry is for the judgement of the calibrated leg
            own, reference = [name for name in leg.names if name in self.task.dofs], mean_person(leg)
            ligaments = ligaments_of_leg(leg, self.task.dofs, self.task.ligaments)
            before = relaxed_leg(start.muscles, geometry, reference, ligaments)
            far = any(before.rms[leg.names.index(name)] > settings.passive_misfit for name in own)
            self.distances |= {f"{name} before": float(value) for name, value in zip(leg.names, before.rms, strict=True)}
            if settings.passive == "normative" or (settings.passive == "auto" and far):
                start = fit_passive_moments(start, geometry, reference, ligaments=ligaments).start
                start = with_relaxed_leg(start, geometry, reference, settings.passive_spread)
                self._say_fit(side, before, relaxed_leg(start.muscles, geometry, reference, ligaments))
            elif settings.passive == "auto":
                self.findings.append(f"The relaxed {side} leg is near the mean person's ({before}, RMS) and is left as it is.")
        return start

    def _say_fit(self, side: str, before: RelaxedLeg, after: RelaxedLeg) -> None:
        self.distances |= {f"{name} after": float(value) for name, value in zip(after.coordinates, after.rms, strict=True)}
        self.findings.append(
            f"Fiber lengths and working points of the {side} leg start where its relaxed moments are the mean person's ({SOURCE}): the "
            f"distance (RMS) falls from {before} to {after}."
        )


def _noted(start: StartingValues, before: MuscleTable, note: str) -> StartingValues:
    """Add a note to the sources of the muscles that changed."""
    sources = tuple(
        "; ".join(filter(None, (source, note))) if new != old else source
        for source, new, old in zip(start.sources, start.muscles.muscles, before.muscles, strict=True)
    )
    return replace(start, sources=sources)
