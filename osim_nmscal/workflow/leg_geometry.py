"""MTU lengths and moment arms of legs in the mean person's postures, which the starting values and the judgement of a result read."""

from pathlib import Path

import numpy as np

from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.mean_person import LegCoordinates, legs_of, mean_person
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod
from osim_nmscal.osim_model.reader import read_coordinates
from osim_nmscal.workflow.names import RELAXED_LEG
from osim_nmscal.workflow.starting_request import Initialization

# Between postures of a "motion" that nobody makes, s.
_TICK = 0.01


def write_leg_geometry(model: Path, asked: Initialization, out: Path) -> dict[str, tuple[LegCoordinates, MuscleGeometry]]:
    """Write and return the geometry of every leg that has a calibrated joint, by side.

    Args:
        model: the scaled model.
        asked: dofs, and how moment arms are found.
        out: results folder.
    """
    found = {}
    for side, leg in legs_of(read_coordinates(model)).items():
        if set(leg.names) & set(asked.dofs):
            found[side] = leg, posed_geometry(model, mean_person(leg), out / RELAXED_LEG.format(side=side), asked.moment_arms)
    return found


def posed_geometry(model: Path, reference: PassiveMoments, out: Path, method: MomentArmMethod = "lengthening_speed") -> MuscleGeometry:
    """Let OpenSim find MTU lengths and moment arms in a reference's postures; all other coordinates are at their default."""
    time = np.arange(len(reference.moment), dtype=np.float64) * _TICK
    motion = TimeSeries(time=time, labels=reference.coordinates, values=reference.postures, source=f"the postures of {reference.source}")
    settings = MuscleAnalysisSettings(dofs=reference.coordinates, method=method, lowpass_cutoff=0.0, missing_coordinates="default")
    return run_muscle_analysis(model, motion, out, settings=settings)
