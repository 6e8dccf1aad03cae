"""Make a virtual person with known truth, and the files a laboratory would have of them.

The person has another size and other muscles than the generic model. They move as published curves say; the excitations that make
their true muscles produce the joint moments are solved for; what muscles cannot produce exactly is then taken off the force
under the foot, so that inverse dynamics of the written files gives the muscles' own moments. In swing nothing touches the foot:
there a residual stays, and `truth.json` says how large it is.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import ConfigError
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.osim_model.writer import write_personalized
from osim_nmscal.virtual_subject.anatomy.electrodes import sharing
from osim_nmscal.virtual_subject.anatomy.person import Build, TrueMuscles, draw_build, draw_muscles
from osim_nmscal.virtual_subject.anatomy.population import draw_wide_muscles, reference_mtu_lengths
from osim_nmscal.virtual_subject.laboratory.c3d_file import write_c3d
from osim_nmscal.virtual_subject.laboratory.config_file import write_config
from osim_nmscal.virtual_subject.laboratory.dynamometer import PERFECT, DynamometerNoise
from osim_nmscal.virtual_subject.laboratory.recordings import NOISELESS, REALISTIC, MarkerErrors, RecordingNoise, draw_marker_errors
from osim_nmscal.virtual_subject.laboratory.session import Session, write_mvc, write_recording, write_static, write_truth
from osim_nmscal.virtual_subject.limb import Limb
from osim_nmscal.virtual_subject.measurement import Measurement, build_and_measure, limb_of
from osim_nmscal.virtual_subject.motion.efforts import effort_motion
from osim_nmscal.virtual_subject.motion.ground import PlateForces, net_moments, onto_muscle_moments, plate_forces, towards_published_moments
from osim_nmscal.virtual_subject.motion.moment_arms import with_moment_arms
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion
from osim_nmscal.worker.meanwhile import import_meanwhile

if TYPE_CHECKING:
    from osim_nmscal.virtual_subject.laboratory.dynamometer_session import MeasuredEffort
    from osim_nmscal.virtual_subject.motion.drive import Drive

FloatArray = NDArray[np.float64]

RATE = 100.0  # Hz, of markers and of the truth
STATIC_SECONDS = 0.5
# Tells the randomness of the dynamometer from that of a person's own seed.
_SITTING = 7
# V of a full excitation. Source: choice, amplified surface EMG.
GAIN_RANGE = (0.3, 2.0)

Progress = Callable[[str], None]
Population = Literal["usual", "wide"]


@dataclass(frozen=True, kw_only=True)
class VirtualSubject:
    """Where everything lies."""

    folder: Path
    config: Path  # for the chain
    truth: Path  # truth.json; the chain never reads it
    moment_residual: dict[str, float]  # RMS of inverse dynamics minus muscles, of the moment's range, per dof
    synergy_share: float
    seconds: float


def make_virtual_subject(
    out: Path | str,
    kind: Literal["leg", "arm"] = "leg",
    seed: int = 1,
    noise: RecordingNoise | Literal["laboratory", "none"] = "laboratory",
    population: Population = "usual",
    dynamometer: bool = False,
    progress: Progress | None = None,
) -> VirtualSubject:
    """Make a person and write a session of recordings.

    Args:
        out: folder to fill: generic.osim, scale_setup.xml, ik_setup.xml, static.trc, mvc.sto, recordings, config.toml; truth/ in it.
        kind: which limb.
        seed: the person, their motion and the noise follow from it.
        noise: errors of the instruments; "laboratory" of the wide population has crosstalk and gains that drift.
        population: "usual", near the generic model; "wide", as far from it as people are, in moment arms and curves too.
        dynamometer: whether the same person also does a session on the dynamometer; its tables lie in dynamometer/.
        progress: called with a sentence per step.

    Returns:
        Paths, and how exactly the muscles produce the moments.

    Raises:
        ConfigError: unknown kind, or a limb without a dynamometer session.
        OpenSimToolError: OpenSim failed.

    Example:
        It takes about ten seconds of OpenSim, so it does not run here:

        >>> made = make_virtual_subject("results/person_7", kind="arm", seed=7)  # doctest: +SKIP
        >>> result = personalize(load_config(made.config))  # doctest: +SKIP
    """
    began, say = time.perf_counter(), progress or (lambda sentence: None)
    limb, folder = limb_of(kind), Path(out).absolute()
    truth = folder / "truth"
    chosen = _noise(noise, population)
    if dynamometer and not limb.efforts:
        raise ConfigError(f"The dynamometer of the virtual laboratory turns no {kind}; make a leg, or leave it out.")
    coordinates = tuple(freedom.name for freedom in limb.anatomy.freedoms)
    sitting = tuple(effort_motion(effort, coordinates, RATE) for effort in limb.efforts) if dynamometer else ()
    who = measure_person(folder, kind, seed, chosen, extra=sitting, progress=say)
    build, motions, static, scaled = who.build, who.motions, who.static, who.scaled
    true = draw_true_muscles(who, limb, population)
    mechanics = [true_mechanics(one, true, scaled, limb) for one in who.mechanics]
    write_personalized(truth / "geometry.osim", truth / "person.osim", true.muscles)
    say(f"{len(true.muscles)} muscles learn to produce the joint moments")
    made = _drive(limb, build, motions, mechanics, true, who.solving)
    say("instruments record")
    session = Session(
        limb=limb,
        build=build,
        rate=RATE,
        channels=tuple(pool.channel for pool in limb.pools if pool.channel),
        gains=who.erring.uniform(*GAIN_RANGE, sum(bool(pool.channel) for pool in limb.pools)),
        errors=who.errors,
        noise=chosen,
        random=who.erring,
    )
    write_static(folder, session, static, who.standing)
    for motion, one, excitation, sides in zip(motions, mechanics, made.drive.excitation, made.sides, strict=True):
        write_recording(folder, session, motion, one, excitation, sides)
    write_c3d(
        folder / f"{motions[0].name}.c3d", read_trc(folder / f"{motions[0].name}.trc"), read_storage(folder / f"{motions[0].name}_emg.sto")
    )
    levels = write_mvc(folder, session)
    path = write_truth(
        truth, session, motions, mechanics, made.drive, scaled=scaled, true=true, residuals=made.residuals, levels=levels, seed=seed
    )
    measured: tuple[MeasuredEffort, ...] = ()
    if dynamometer:
        from osim_nmscal.virtual_subject.laboratory.dynamometer_session import write_dynamometer

        measured = write_dynamometer(
            folder,
            limb,
            true,
            sitting,
            [true_mechanics(one, true, scaled, limb) for one in who.extra],
            noise=PERFECT if chosen == NOISELESS else DynamometerNoise(),
            random=np.random.default_rng(np.random.SeedSequence([seed, _SITTING])),  # walking is as without it
            rate=RATE,
        )
    config = write_config(folder / "config.toml", limb, build, [motion.name for motion in motions], measured)
    return VirtualSubject(
        folder=folder,
        config=config,
        truth=path,
        moment_residual=made.residuals,
        synergy_share=made.drive.synergy_share,
        seconds=time.perf_counter() - began,
    )


@dataclass(frozen=True, kw_only=True)
class MeasuredPerson:
    """A person's size, what they do, and what OpenSim says of it, before they have muscles of their own."""

    build: Build
    motions: tuple[Motion, ...]
    mechanics: tuple[Mechanics, ...]  # of the motions
    static: Motion
    standing: Mechanics
    extra: tuple[Mechanics, ...]  # of further motions
    scaled: MuscleTable  # the generic muscles on this person's bones
    errors: MarkerErrors
    # sources of randomness: of the muscles, of the excitations, of the instruments
    person: np.random.Generator
    solving: np.random.Generator
    erring: np.random.Generator


def measure_person(
    folder: Path, kind: str, seed: int, noise: RecordingNoise, *, extra: tuple[Motion, ...] = (), progress: Progress | None = None
) -> MeasuredPerson:
    """Draw a person's size and motions and let OpenSim measure them; writes generic.osim and truth/geometry.osim.

    Args:
        folder: to fill.
        kind: which limb.
        seed: all that is random follows from it.
        noise: errors of the instruments.
        extra: further motions to measure.
        progress: called with a sentence.

    Raises:
        ConfigError: unknown kind.
        OpenSimToolError: OpenSim failed.
    """
    limb, folder = limb_of(kind), Path(folder).absolute()
    person, moving, solving, erring = (np.random.default_rng(part) for part in np.random.SeedSequence(seed).spawn(4))
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    build = draw_build(limb.anatomy, person)
    motions = limb.motions(build, RATE, 1.0, moving)
    static = _static(limb, motions[0].coordinates)
    errors = draw_marker_errors(len(limb.anatomy.markers), len(limb.dofs), noise, erring)
    if progress is not None:
        progress(f"OpenSim measures {len(motions)} recordings of a person of {build.mass:.1f} kg")
    job = Measurement(folder=folder, build=build, motions=(*motions, static, *extra), placement=errors.placement)
    import_meanwhile("osim_nmscal.virtual_subject.motion.drive", "sklearn.decomposition")
    measured = in_worker(build_and_measure, kind, job, log=truth / "opensim.log", doing=f"making the virtual {kind}")
    count = len(motions)
    return MeasuredPerson(
        build=build,
        motions=motions,
        mechanics=tuple(measured[:count]),
        static=static,
        standing=measured[count],
        extra=tuple(measured[count + 1 :]),
        scaled=read_muscles(truth / "geometry.osim"),
        errors=errors,
        person=person,
        solving=solving,
        erring=erring,
    )


def draw_true_muscles(who: MeasuredPerson, limb: Limb, population: Population) -> TrueMuscles:
    """Draw the muscles of a measured person."""
    draw = draw_wide_muscles if population == "wide" else draw_muscles
    return draw(who.scaled, limb.anatomy, limb.pools, limb.strength_groups, time_step=1.0 / RATE, random=who.person)


def true_mechanics(mechanics: Mechanics, true: TrueMuscles, scaled: MuscleTable, limb: Limb) -> Mechanics:
    """Return the mechanics of a motion with the person's own moment arms."""
    if bool((true.moment_arm_factor == 1.0).all()):
        return mechanics
    return with_moment_arms(mechanics, true.moment_arm_factor, reference_mtu_lengths(scaled, limb.anatomy))


def _noise(noise: RecordingNoise | Literal["laboratory", "none"], population: Population) -> RecordingNoise:
    if noise == "laboratory":
        return REALISTIC if population == "wide" else RecordingNoise()
    return NOISELESS if noise == "none" else noise


def _static(limb: Limb, coordinates: tuple[str, ...]) -> Motion:
    """Return a person standing still."""
    rotations = {freedom.name for freedom in limb.anatomy.freedoms if freedom.kind == "rotation"}
    pose = [limb.static_pose.get(name, 0.0) * (np.pi / 180.0 if name in rotations else 1.0) for name in coordinates]
    count = round(STATIC_SECONDS * RATE) + 1
    return Motion(name="static", time=np.arange(count) / RATE, coordinates=coordinates, values=np.tile(pose, (count, 1)))


@dataclass(frozen=True, kw_only=True)
class _Made:
    drive: "Drive"
    sides: list[dict[str, PlateForces]]
    residuals: dict[str, float]


def _drive(
    limb: Limb, build: Build, motions: tuple[Motion, ...], mechanics: Sequence[Mechanics], true: TrueMuscles, random: np.random.Generator
) -> _Made:
    """Find excitations for the moments, then give the ground what the muscles could not."""
    from osim_nmscal.nms.muscle_models import muscle_mechanics
    from osim_nmscal.virtual_subject.laboratory.dynamometer_session import true_parameters
    from osim_nmscal.virtual_subject.motion.drive import solve_drive

    wrenches = [
        towards_published_moments(m.contact, one, build.mass) if m.contact is not None else None
        for m, one in zip(motions, mechanics, strict=True)
    ]
    targets = [_net(m, one, wrench) for m, one, wrench in zip(motions, mechanics, wrenches, strict=True)]
    drive = solve_drive(
        mechanics,
        targets,
        parameters=true_parameters(true),
        muscles=muscle_mechanics(true.muscles),
        sharing=sharing(limb.pools, mechanics[0].muscles),
        dof_weights=limb.dof_weights,
        rate=RATE,
        synergies=limb.synergies,
        random=random,
    )
    sides: list[dict[str, PlateForces]] = []
    left_over: list[FloatArray] = []
    for motion, one, wrench, moments in zip(motions, mechanics, wrenches, drive.moments, strict=True):
        sides.append({})
        final = wrench
        if motion.contact is not None and wrench is not None:
            final = onto_muscle_moments(wrench, motion.contact, one, moments, build.mass)
            left = PlateForces(force=motion.contact.left_force, point=motion.contact.left_point, free_moment=np.zeros(len(motion.time)))
            sides[-1] = {"r": plate_forces(final, motion.contact), "l": left}
        left_over.append((_net(motion, one, final) - moments)[motion.time > -1e-9])
    spread = np.ptp(np.concatenate(list(drive.moments)), axis=0)
    rms = np.sqrt((np.concatenate(left_over) ** 2).mean(axis=0))
    return _Made(drive=drive, sides=sides, residuals=dict(zip(limb.dofs, (rms / spread).tolist(), strict=True)))


def _net(motion: Motion, mechanics: Mechanics, wrench: FloatArray | None) -> FloatArray:
    if motion.contact is None or wrench is None:
        return mechanics.moment_without_contact
    return net_moments(wrench, motion.contact, mechanics)
