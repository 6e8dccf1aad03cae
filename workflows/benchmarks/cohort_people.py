"""Virtual people by the dozen: one recorded motion and geometry, other muscles, and what a laboratory would have recorded of them.

A *base* is a virtual person with everything that needs OpenSim: motions, true geometry, the chain's trials (whose geometry and inverse
dynamics carry the errors of markers, scaling and plates), and a dynamometer session. It costs about a minute and is kept in a
cache. A *person* is a base with muscles of their own, drawn from the wide population: excitations are solved for, EMG, MVC and
dynamometer are recorded anew, and the chain's error of each joint moment is added to the new muscles' moments. That costs seconds.
Seeds of the persons are apart for tuning and for reporting: see `TUNING` and `REPORT`.
"""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from osim_nmscal.config import load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.emg.envelope import linear_envelope
from osim_nmscal.emg.normalization import NormalizationReference, normalization_reference, normalize
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.nms.model import NmsParameters
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.virtual_subject.anatomy.electrodes import sharing
from osim_nmscal.virtual_subject.anatomy.person import TrueMuscles
from osim_nmscal.virtual_subject.anatomy.population import WIDE, Spread, draw_wide_muscles, reference_mtu_lengths
from osim_nmscal.virtual_subject.laboratory.dynamometer import DynamometerNoise, measured_angles, measured_moment
from osim_nmscal.virtual_subject.laboratory.dynamometer_session import true_moments, true_parameters
from osim_nmscal.virtual_subject.laboratory.recordings import REALISTIC, RecordingNoise, mvc_excitation, record_emg
from osim_nmscal.virtual_subject.laboratory.session import EMG_RATE
from osim_nmscal.virtual_subject.make import GAIN_RANGE, RATE, limb_of, make_virtual_subject, measure_person
from osim_nmscal.virtual_subject.motion.drive import solve_drive
from osim_nmscal.virtual_subject.motion.efforts import LEG_EFFORTS, RISE, RISE_BEFORE, Effort, effort_excitation, effort_motion
from osim_nmscal.virtual_subject.motion.mechanics import measure
from osim_nmscal.virtual_subject.motion.moment_arms import with_moment_arms
from osim_nmscal.virtual_subject.motion.prescribed import Mechanics, Motion
from osim_nmscal.workflow.personalize import personalize

FloatArray = NDArray[np.float64]

LEG = limb_of("leg")
# (base, person): other bones, motions and instruments, and other muscles. No tuning person shares a base with a reporting one.
TUNING = tuple((base, person) for person in (101, 102) for base in (1, 2, 3))
REPORT = tuple((base, person) for person in (201, 202, 203) for base in (11, 12, 13, 14))
# Time constants of 15-60 ms need a longer lead-in than the chain's default.
LEAD_IN = 0.4
# What a laboratory assumes of muscles without electrode in an effort that should be maximal.
ASSUMED_EFFORT, ASSUMED_REST = 0.92, 0.03
# Errors of the dynamometer.
_MACHINE = DynamometerNoise()
# Samples at the end of an effort that the envelope's filter spoils, s.
SPOILT = 0.05


@dataclass(frozen=True, kw_only=True)
class Base:
    """Everything of a person that does not depend on their muscles."""

    seed: int
    motions: tuple[Motion, ...]
    mechanics: tuple[Mechanics, ...]  # on the true bones
    targets: tuple[FloatArray, ...]  # (time, dof), N*m, that muscles should produce
    efforts: tuple[Effort, ...]
    effort_motions: tuple[Motion, ...]
    effort_mechanics: tuple[Mechanics, ...]  # on the true bones
    effort_geometry: tuple[Mechanics, ...]  # what the laboratory believes
    trials: TrialSet  # the chain's
    table: MuscleTable  # the chain's scaled muscles
    scaled: MuscleTable  # the generic muscles on the true bones
    groups: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class EffortTrial:
    """A dynamometer run: signals of every degree of freedom, and which moment was measured."""

    trial: Trial
    kind: str  # "passive" or "maximal"
    measured: str  # the only degree of freedom whose moment counts

    def as_recorded(self) -> Trial:
        """Return what the laboratory makes of it: relaxed muscles, or agonists that do what they were told, whatever their EMG says."""
        if self.kind == "passive":
            return replace(self.trial, kind="passive", measured=(self.measured,), excitation=np.zeros_like(self.trial.excitation))
        trying = [i for i, name in enumerate(self.trial.muscles) if _POOL_OF[name] in _AGONISTS[self.trial.name.split("/")[0]]]
        rise = np.clip((self.trial.time + RISE_BEFORE) / RISE, 0.0, 1.0)
        excitation = self.trial.excitation.copy()
        excitation[:, trying] = (0.01 + (0.5 - 0.5 * np.cos(np.pi * rise)) * (ASSUMED_EFFORT - 0.01))[:, None]
        return replace(self.trial, kind="effort", measured=(self.measured,), driven_by="assumed", excitation=excitation)


@dataclass(frozen=True, kw_only=True)
class Person:
    """One virtual person in the laboratory, and the truth."""

    name: str
    table: MuscleTable  # scaled: where a calibration starts
    trials: TrialSet  # of walking, calibrating and held out
    efforts: tuple[EffortTrial, ...]
    groups: dict[str, tuple[str, ...]]
    recorded: tuple[str, ...]  # muscles with an electrode
    best_second: FloatArray  # (muscle,): what excitations are multiplied by if the MVC is its best second, not its peak
    true: TrueMuscles  # of the trials' muscles
    true_trials: TrialSet  # true excitations, geometry and moments at the samples of `trials`
    residual: FloatArray  # (dof,), RMS of target - muscles over RMS of the target


def make_base(seed: int, cache: Path) -> Base:
    """Make a base, or read it from the cache."""
    kept = cache / f"base_{seed}.pkl"
    if kept.is_file():
        known: Base = pickle.loads(kept.read_bytes())
        return known
    folder = cache / f"base_{seed}"
    made = make_virtual_subject(folder, "leg", seed=seed)
    config = load_config(made.config)
    config = config.model_copy(
        update={
            "verification": config.verification.model_copy(update={"enabled": False}),
            "trials": config.trials.model_copy(update={"lead_in": LEAD_IN}),
        }
    )
    chain = personalize(config, folder / "results")
    random = np.random.default_rng(np.random.SeedSequence([seed, 7]))
    coordinates = tuple(freedom.name for freedom in LEG.anatomy.freedoms)
    efforts = tuple(effort_motion(effort, coordinates, RATE) for effort in LEG_EFFORTS)
    believed = tuple(replace(motion, values=measured_angles(motion.values, DynamometerNoise(), random)) for motion in efforts)
    who = measure_person(cache / f"again_{seed}", "leg", seed, RecordingNoise(), extra=efforts)
    log = folder / "efforts.log"
    lab = in_worker(measure, folder / "results" / "model_scaled.osim", believed, LEG.dofs, LEG.contact_body, log=log)
    base = Base(
        seed=seed,
        motions=who.motions,
        mechanics=who.mechanics,
        targets=tuple(_moments_of(folder, motion) for motion in who.motions),
        efforts=LEG_EFFORTS,
        effort_motions=believed,
        effort_mechanics=who.extra,
        effort_geometry=lab,
        trials=chain.trials,
        table=chain.calibration.start_muscles,
        scaled=who.scaled,
        groups=dict(config.calibration.groups),
    )
    kept.write_bytes(pickle.dumps(base))
    return base


def _moments_of(folder: Path, motion: Motion) -> FloatArray:
    """Return the true moments of the base's own muscles, held over the preroll, which is not written."""
    series = read_storage(folder / "truth" / f"{motion.name}_moments.sto").select(LEG.dofs)
    before = int((motion.time <= -1e-9).sum())
    return np.concatenate([np.repeat(series.values[:1], before, axis=0), series.values])


def person_of(base: int, seed: int, cache: Path) -> Person:
    """Make a person, or read them from the cache."""
    kept = cache / f"person_{base}_{seed}.pkl"
    if not kept.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(make_person(make_base(base, cache), seed)))
    person: Person = pickle.loads(kept.read_bytes())
    return person


def make_person(
    base: Base,
    seed: int,
    *,
    spread: Spread = WIDE,
    noise: RecordingNoise = REALISTIC,
    machine: DynamometerNoise = _MACHINE,
    exact_efforts: bool = False,
) -> Person:
    """Give a base other muscles, and record walking, MVC and the dynamometer anew.

    Args:
        base: bones, motions and the chain's errors.
        seed: of the muscles and of the instruments' noise.
        spread: of the population.
        noise: of the EMG.
        machine: errors of the dynamometer.
        exact_efforts: whether everybody tries exactly as hard as the laboratory assumes.
    """
    drawing, solving, erring = (np.random.default_rng(s) for s in np.random.SeedSequence([base.seed, seed]).spawn(3))
    true = draw_wide_muscles(base.scaled, LEG.anatomy, LEG.pools, LEG.strength_groups, time_step=1.0 / RATE, random=drawing, spread=spread)
    reference = reference_mtu_lengths(base.scaled, LEG.anatomy)
    mechanics = [with_moment_arms(one, true.moment_arm_factor, reference) for one in base.mechanics]
    parameters = true_parameters(true)
    shares = sharing(LEG.pools, base.scaled.names)
    constants = muscle_mechanics(true.muscles)  # every muscle has curves of its own: seconds
    drive = solve_drive(
        mechanics,
        base.targets,
        parameters=parameters,
        muscles=constants,
        sharing=shares,
        dof_weights=LEG.dof_weights,
        rate=RATE,
        synergies=LEG.synergies,
        random=solving,
    )
    instruments = _Electrodes(noise, erring)
    walking = [instruments.record(motion.time, values) for motion, values in zip(base.motions, drive.excitation, strict=True)]
    exerted = [effort_excitation(e, m.time, _POOLS, erring) for e, m in zip(base.efforts, base.effort_motions, strict=True)]
    if exact_efforts:
        exerted = [_as_assumed(effort, values) for effort, values in zip(base.efforts, exerted, strict=True)]
    pulling = [instruments.record(m.time, values) for m, values in zip(base.effort_motions, exerted, strict=True)]
    mvc = linear_envelope(instruments.maximal())
    reference_level = normalization_reference([*walking, *pulling], [mvc])
    true_geometry = [with_moment_arms(one, true.moment_arm_factor, reference) for one in base.effort_mechanics]
    efforts = [
        _effort_trial(
            base, i, normalize(pulling[i], reference_level), exerted[i], true_geometry[i], parameters, constants, shares, machine, erring
        )
        for i in range(len(base.efforts))
    ]
    excitations = [normalize(envelope, reference_level) for envelope in walking]
    recordings = {m.name: i for i, m in enumerate(base.motions)}
    trials, truths = [], []
    for trial in base.trials.trials:
        i = recordings[trial.name.split("/")[0]]
        truths.append(_true_trial(trial, base.motions[i], mechanics[i], drive.excitation[i], drive.moments[i]))
        error = trial.joint_moment - _at(base.motions[i].time, base.targets[i][:, _columns(LEG.dofs, trial.dofs)], trial.time)
        trials.append(replace(trial, excitation=_lab_excitation(excitations[i], trial), joint_moment=truths[-1].joint_moment + error))
    missed = np.concatenate([d - t for d, t in zip(drive.moments, base.targets, strict=True)])
    wanted = np.concatenate(list(base.targets))
    return Person(
        name=f"{base.seed}/{seed}",
        table=base.table,
        trials=TrialSet(trials=tuple(trials)),
        efforts=tuple(efforts),
        groups=base.groups,
        recorded=tuple(name for pool in LEG.pools if pool.channel for name in pool.muscles),
        best_second=_best_second(mvc, reference_level, base.trials.muscles),
        true=true,
        true_trials=TrialSet(trials=tuple(truths)),
        residual=np.sqrt((missed**2).mean(axis=0) / (wanted**2).mean(axis=0)),
    )


_POOLS = tuple(pool.name for pool in LEG.pools)
_CHANNELS = tuple(pool.channel for pool in LEG.pools if pool.channel)
_CHANNEL_OF = {muscle: pool.channel for pool in LEG.pools for muscle in pool.muscles}
_AGONISTS = {effort.name: effort.agonists for effort in LEG_EFFORTS}
_POOL_OF = {muscle: pool.name for pool in LEG.pools for muscle in pool.muscles}


class _Electrodes:
    """The EMG session: gains that drift between MVC and recordings."""

    def __init__(self, noise: RecordingNoise, random: np.random.Generator) -> None:
        self._noise, self._random = noise, random
        self._gains = random.uniform(*GAIN_RANGE, len(_CHANNELS))

    def record(self, time: FloatArray, excitation: FloatArray) -> TimeSeries:
        """Return envelopes (time, channel) of pool excitations (time, pool)."""
        seen = excitation[:, [i for i, pool in enumerate(LEG.pools) if pool.channel]]
        return linear_envelope(record_emg(time, seen, _CHANNELS, self._gains, self._noise, EMG_RATE, self._random))

    def maximal(self) -> TimeSeries:
        """Return the raw MVC recording."""
        gains = self._gains * np.exp(self._random.normal(0.0, self._noise.emg_gain_drift, len(_CHANNELS)))
        levels = 1.0 - self._random.uniform(0.0, self._noise.mvc_shortfall, len(_CHANNELS))
        time, excitation = mvc_excitation(levels, RATE)
        return record_emg(time, excitation, _CHANNELS, gains, self._noise, EMG_RATE, self._random)


def _best_second(mvc: TimeSeries, reference: NormalizationReference, muscles: tuple[str, ...]) -> FloatArray:
    """Return the reference used / the highest mean over 1 s of the MVC envelope, (muscle,); 1 without electrode."""
    window = round(1.0 / float(np.diff(mvc.time).mean()))
    sums = np.cumsum(np.vstack([np.zeros(len(mvc.labels)), mvc.values]), axis=0)
    best = dict(zip(mvc.labels, ((sums[window:] - sums[:-window]) / window).max(axis=0), strict=True))
    used = dict(zip(reference.channels, reference.values, strict=True))
    return np.array([used[c] / best[c] if (c := _CHANNEL_OF[name]) else 1.0 for name in muscles])


def _as_assumed(effort: Effort, excitation: FloatArray) -> FloatArray:
    """Return excitations (time, pool), of agonists at the level that `EffortTrial.as_recorded` assumes."""
    agonist = np.array([pool in effort.agonists for pool in _POOLS])
    rise = (excitation - 0.01) / np.maximum(excitation[-1:] - 0.01, 1e-9)
    return np.where(agonist, 0.01 + rise * (ASSUMED_EFFORT - 0.01), excitation)


def _columns(names: Sequence[str], chosen: Sequence[str]) -> list[int]:
    return [list(names).index(name) for name in chosen]


def _at(time: FloatArray, values: FloatArray, at: FloatArray) -> FloatArray:
    return CubicSpline(time, values, axis=0)(at)


def _lab_excitation(normalized: TimeSeries, trial: Trial) -> FloatArray:
    """Return excitations (time, muscle) on the clock of a trial; zero without electrode."""
    values = np.zeros((len(trial.time), len(trial.muscles)))
    channels = np.clip(_at(normalized.time, normalized.values, np.maximum(trial.time, normalized.time[0])), 0.0, 1.0)
    for column, name in enumerate(trial.muscles):
        if _CHANNEL_OF[name]:
            values[:, column] = channels[:, normalized.labels.index(_CHANNEL_OF[name])]
    return values


def _true_trial(trial: Trial, motion: Motion, mechanics: Mechanics, excitation: FloatArray, moments: FloatArray) -> Trial:
    columns, dofs = _columns(mechanics.muscles, trial.muscles), _columns(LEG.dofs, trial.dofs)
    pools = [_POOLS.index(_POOL_OF[name]) for name in trial.muscles]
    return replace(
        trial,
        excitation=np.clip(_at(motion.time, excitation, trial.time), 0.0, 1.0)[:, pools],
        mtu_length=_at(motion.time, mechanics.mtu_length[:, columns], trial.time),
        moment_arm=_at(motion.time, mechanics.moment_arm[:, dofs][:, :, columns], trial.time),
        joint_moment=_at(motion.time, moments[:, dofs], trial.time),
    )


def _effort_trial(
    base: Base,
    index: int,
    normalized: TimeSeries,
    excitation: FloatArray,
    true_geometry: Mechanics,
    parameters: NmsParameters,
    constants: MuscleMechanics,
    shares: FloatArray,
    machine: DynamometerNoise,
    random: np.random.Generator,
) -> EffortTrial:
    """Simulate one dynamometer run with the true muscles and record it."""
    effort, motion, geometry = base.efforts[index], base.effort_motions[index], base.effort_geometry[index]
    moment = true_moments(excitation, shares, true_geometry, parameters, constants, RATE)
    column = LEG.dofs.index(effort.dof)
    angle = motion.values[:, motion.coordinates.index(effort.dof)]
    torque = measured_moment(motion.time, angle, moment[:, column], machine, random)
    kept = motion.time <= motion.time[-1] - SPOILT
    muscles, dofs = base.trials.muscles, base.trials.dofs
    columns = _columns(geometry.muscles, muscles)
    moments = np.zeros((len(motion.time), len(dofs)))
    moments[:, dofs.index(effort.dof)] = torque
    shape = excitation.max(axis=1) / max(excitation.max(), 1e-9)
    trial = Trial(
        name=f"{effort.name}/run",
        time=motion.time[kept],
        muscles=muscles,
        dofs=dofs,
        excitation=np.zeros((int(kept.sum()), len(muscles))),
        mtu_length=geometry.mtu_length[kept][:, columns],
        moment_arm=geometry.moment_arm[kept][:, _columns(geometry.dofs, dofs)][:, :, columns],
        joint_moment=moments[kept],
        first_counted=int((motion.time < -1e-9).sum()),
    )
    if effort.kind == "maximal":
        values = _lab_excitation(normalized, trial)
        for i, name in enumerate(muscles):
            if not _CHANNEL_OF[name]:
                values[:, i] = shape[kept] * (ASSUMED_EFFORT if _POOL_OF[name] in effort.agonists else ASSUMED_REST)
        trial = replace(trial, excitation=values)
    return EffortTrial(trial=trial, kind=effort.kind, measured=effort.dof)
