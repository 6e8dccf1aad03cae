"""A session on the dynamometer: what the person's true muscles give, and the tables that a laboratory writes of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.nms.model import NmsInputs, NmsParameters, initial_parameters, simulate
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.virtual_subject.anatomy.electrodes import sharing
from osim_nmscal.virtual_subject.anatomy.person import TrueMuscles
from osim_nmscal.virtual_subject.laboratory.dynamometer import DynamometerNoise, measured_angles, measured_moment
from osim_nmscal.virtual_subject.limb import Limb
from osim_nmscal.virtual_subject.motion.efforts import Effort, effort_excitation
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion

FloatArray = NDArray[np.float64]

# Folder of the tables, beside the recordings.
FOLDER = "dynamometer"


@dataclass(frozen=True, kw_only=True)
class MeasuredEffort:
    """One table, and what the laboratory writes down beside it."""

    effort: Effort
    file: str  # relative to the session's folder
    pose: dict[str, float]  # degrees, of the joints that the chair holds
    agonists: tuple[str, ...]  # muscles


def true_parameters(true: TrueMuscles) -> NmsParameters:
    """Return the parameters of the forward model that are true."""
    neural = true.neural
    base = initial_parameters(true.muscles, c1=-0.5, c2=-0.5, shape_factor=-1.0, electromechanical_delay=neural.electromechanical_delay)
    return replace(base, c1=torch.from_numpy(neural.c1), c2=torch.from_numpy(neural.c2), shape_factor=torch.from_numpy(neural.shape_factor))


def true_moments(
    excitation: FloatArray, shares: FloatArray, geometry: Mechanics, parameters: NmsParameters, muscles: MuscleMechanics, rate: float
) -> FloatArray:
    """Return the joint moments that true muscles give, (time, dof), N*m.

    Args:
        excitation: (time, pool).
        shares: (pool, muscle), 1 where a muscle belongs to a pool.
        geometry: true MTU lengths and moment arms.
        parameters: true.
        muscles: constants of the true muscles.
        rate: Hz.
    """
    inputs = NmsInputs(
        excitation=torch.from_numpy(excitation @ shares)[:, None],
        mtu_length=torch.from_numpy(geometry.mtu_length)[:, None],
        moment_arm=torch.from_numpy(geometry.moment_arm)[:, None],
        time_step=1.0 / rate,
    )
    with torch.no_grad():
        moments: FloatArray = simulate(inputs, parameters, muscles).joint_moment[:, 0].numpy()
    return moments


def write_dynamometer(
    folder: Path,
    limb: Limb,
    true: TrueMuscles,
    motions: Sequence[Motion],
    mechanics: Sequence[Mechanics],
    *,
    noise: DynamometerNoise,
    random: np.random.Generator,
    rate: float,
) -> tuple[MeasuredEffort, ...]:
    """Let the person do the limb's efforts and write a table of each: time, the joint's angle (degrees) and its moment (N*m).

    Args:
        folder: of the session; the tables lie in `dynamometer/`.
        limb: its efforts.
        true: the person's muscles.
        motions: of the efforts, true.
        mechanics: of the motions, with the person's own moment arms.
        noise: errors of the instrument.
        random: how hard the person tries, and what the instrument adds.
        rate: Hz.
    """
    pools = tuple(pool.name for pool in limb.pools)
    muscles = {pool.name: pool.muscles for pool in limb.pools}
    shares = sharing(limb.pools, mechanics[0].muscles)
    parameters, constants = true_parameters(true), muscle_mechanics(true.muscles)
    made = []
    for effort, motion, geometry in zip(limb.efforts, motions, mechanics, strict=True):
        excitation = effort_excitation(effort, motion.time, pools, random)
        moments = true_moments(excitation, shares, geometry, parameters, constants, rate)
        believed = np.degrees(measured_angles(motion.values, noise, random))
        moved = motion.coordinates.index(effort.dof)
        torque = measured_moment(motion.time, motion.values[:, moved], moments[:, geometry.dofs.index(effort.dof)], noise, random)
        file = f"{FOLDER}/{effort.name}.csv"
        rows = zip(motion.time, believed[:, moved], torque, strict=True)
        lines = [f"{time:.3f},{angle:.3f},{moment:.4f}" for time, angle, moment in rows if time > -1e-9]
        write_text_atomically(folder / file, "\n".join([f"time,{effort.dof},{effort.dof}_moment", *lines]) + "\n")
        held = [dof for dof in limb.calibrated_dofs if dof != effort.dof]
        made.append(
            MeasuredEffort(
                effort=effort,
                file=file,
                pose={dof: round(float(believed[0, motion.coordinates.index(dof)]), 1) for dof in held},
                agonists=tuple(name for pool in effort.agonists for name in muscles[pool]),
            )
        )
    return tuple(made)
