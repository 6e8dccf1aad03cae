"""Write a laboratory session of a virtual person: the files that the chain reads, and the truth that it never reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.formats.trc import write_trc
from osim_nmscal.virtual_subject.anatomy.person import Build, TrueMuscles
from osim_nmscal.virtual_subject.laboratory.plates import record_plates
from osim_nmscal.virtual_subject.laboratory.recordings import (
    MarkerErrors,
    RecordingNoise,
    mvc_excitation,
    record_emg,
    record_markers,
)
from osim_nmscal.virtual_subject.laboratory.setup_files import write_external_loads, write_ik_setup, write_scale_setup
from osim_nmscal.virtual_subject.limb import Limb
from osim_nmscal.virtual_subject.motion.ground import PlateForces
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion
from osim_nmscal.virtual_subject.truth import TIME_CONSTANTS, time_constants

if TYPE_CHECKING:
    from osim_nmscal.virtual_subject.motion.drive import Drive

FloatArray = NDArray[np.float64]

EMG_RATE = 1000.0  # Hz


@dataclass(frozen=True, kw_only=True)
class Session:
    """A person in the laboratory."""

    limb: Limb
    build: Build
    rate: float  # Hz, of markers
    channels: tuple[str, ...]
    gains: FloatArray  # (channel,), V of a full excitation
    errors: MarkerErrors
    noise: RecordingNoise
    random: np.random.Generator


def write_static(folder: Path, session: Session, motion: Motion, mechanics: Mechanics) -> None:
    """Write the static trial and the setup files of scaling and inverse kinematics."""
    slid = np.zeros((len(motion.time), session.errors.sliding.shape[0]))
    markers = record_markers(
        motion.time, mechanics.markers, mechanics.marker_positions, slid, session.errors, session.noise, session.random
    )
    write_trc(folder / "static.trc", markers)
    write_scale_setup(
        folder / "scale_setup.xml",
        session.limb.anatomy,
        session.limb.measurements,
        mass=session.build.mass,
        generic="generic.osim",
        static="static.trc",
        end=float(motion.time[-1]),
    )
    write_ik_setup(folder / "ik_setup.xml", session.limb.anatomy)


def write_recording(
    folder: Path, session: Session, motion: Motion, mechanics: Mechanics, excitation: FloatArray, sides: dict[str, PlateForces]
) -> None:
    """Write markers, forces and EMG of one recording; it begins at 0 s, after the motion's preroll.

    Args:
        folder: of the session.
        session: the person and the instruments.
        motion: what was done.
        mechanics: what OpenSim says of it.
        excitation: (time, pool), true.
        sides: plate forces, empty if nothing touches the person.
    """
    kept = motion.time > -1e-9
    time = motion.time[kept]
    markers = record_markers(
        time,
        mechanics.markers,
        mechanics.marker_positions[kept],
        _sliding_angles(session.limb, motion)[kept],
        session.errors,
        session.noise,
        session.random,
    )
    write_trc(folder / f"{motion.name}.trc", markers)
    if sides:
        cut = {side: PlateForces(force=f.force[kept], point=f.point[kept], free_moment=f.free_moment[kept]) for side, f in sides.items()}
        write_storage(folder / f"{motion.name}_grf.mot", record_plates(time, cut, session.noise, session.random), header_name="forces")
        bodies = ((session.limb.contact_body, "r"), (session.limb.anatomy.segments[0].name, "l"))
        write_external_loads(folder / f"{motion.name}_loads.xml", f"{motion.name}_grf.mot", bodies)
    electrodes = [index for index, pool in enumerate(session.limb.pools) if pool.channel]
    emg = record_emg(time, excitation[kept][:, electrodes], session.channels, session.gains, session.noise, EMG_RATE, session.random)
    write_storage(folder / f"{motion.name}_emg.sto", emg, header_name="emg")


def write_mvc(folder: Path, session: Session) -> FloatArray:
    """Write the recording of maximal contractions and return how near to full each came, (channel,)."""
    levels = 1.0 - session.random.uniform(0.0, session.noise.mvc_shortfall, len(session.channels))
    time, excitation = mvc_excitation(levels, session.rate)
    gains = session.gains
    if session.noise.emg_gain_drift > 0.0:
        gains = gains * np.exp(session.random.normal(0.0, session.noise.emg_gain_drift, len(gains)))
    emg = record_emg(time, excitation, session.channels, gains, session.noise, EMG_RATE, session.random)
    write_storage(folder / "mvc.sto", emg, header_name="mvc")
    return levels


def write_truth(
    folder: Path,
    session: Session,
    motions: Sequence[Motion],
    mechanics: Sequence[Mechanics],
    drive: "Drive",
    *,
    scaled: MuscleTable,
    true: TrueMuscles,
    residuals: dict[str, float],
    levels: FloatArray,
    seed: int,
) -> Path:
    """Write what no instrument sees: truth.json, and per recording joint angles, moments and excitations."""
    names = [pool.name for pool in session.limb.pools]
    for motion, one, excitation, moments in zip(motions, mechanics, drive.excitation, drive.moments, strict=True):
        kept = motion.time > -1e-9
        for what, labels, values in (
            ("angles", motion.coordinates, motion.values),
            ("moments", one.dofs, moments),
            ("excitations", tuple(names), excitation),
        ):
            series = TimeSeries(time=motion.time[kept], labels=tuple(labels), values=values[kept], source=what)
            write_storage(folder / f"{motion.name}_{what}.sto", series, header_name=what)
    content: dict[str, Any] = {
        "kind": session.limb.kind,
        "seed": seed,
        "mass": session.build.mass,
        "scale_factors": session.build.factors,
        "electromechanical_delay": true.neural.electromechanical_delay,
        "time_step_of_c1_c2": true.neural.time_step,
        "muscles": _muscle_truth(scaled, true, np.concatenate(list(drive.normalized_fiber_length))),
        "pools": {pool.name: {"channel": pool.channel, "muscles": list(pool.muscles)} for pool in session.limb.pools},
        "synergy_weights": {name: column.tolist() for name, column in zip(names, drive.synergy_weights.T, strict=True)},
        "synergy_share": drive.synergy_share,
        "mvc_level": dict(zip(session.channels, levels.tolist(), strict=True)),
        "moment_residual_of_range": residuals,
        "noise": session.noise.model_dump(),
    }
    return write_text_atomically(folder / "truth.json", json.dumps(content, indent=1) + "\n")


def _muscle_truth(scaled: MuscleTable, true: TrueMuscles, fiber_length: FloatArray) -> dict[str, dict[str, float]]:
    table = {}
    for index, (start, muscle) in enumerate(zip(scaled.muscles, true.muscles.muscles, strict=True)):
        c1, c2 = float(true.neural.c1[index]), float(true.neural.c2[index])
        table[muscle.name] = {
            "optimal_fiber_length": muscle.optimal_fiber_length,
            "tendon_slack_length": muscle.tendon_slack_length,
            "max_isometric_force": muscle.max_isometric_force,
            "strength_coefficient": float(true.strength_coefficient[index]),
            **dict(zip(TIME_CONSTANTS, time_constants(c1, c2, true.neural.time_step), strict=True)),
            "c1": c1,
            "c2": c2,
            "shape_factor": float(true.neural.shape_factor[index]),
            "moment_arm_factor": float(np.broadcast_to(true.moment_arm_factor, len(scaled))[index]),
            "least_normalized_fiber_length": float(fiber_length[:, index].min()),
            "greatest_normalized_fiber_length": float(fiber_length[:, index].max()),
            "scaled_optimal_fiber_length": start.optimal_fiber_length,
            "scaled_tendon_slack_length": start.tendon_slack_length,
            "scaled_max_isometric_force": start.max_isometric_force,
        }
    return table


def _sliding_angles(limb: Limb, motion: Motion) -> FloatArray:
    """Return how far the limb's joints are from the static pose, (time, dof), rad: skin slides with them."""
    static = np.radians([limb.static_pose.get(dof, 0.0) for dof in limb.dofs])
    return motion.values[:, [motion.coordinates.index(dof) for dof in limb.dofs]] - static
