"""What do moments of ligaments and capsule change in a calibration: on measured passive curves, on virtual people, on real ones?

Run: python workflows/benchmarks/ligaments.py [--parts curves virtual real] [--work results/benchmarks/ligaments]
[--people-cache results/cohort] [--real-cache results/real_people]
Every row is one `[calibration.ligaments] moments`: none, published (Anderson 1999) or free. Parts:

curves: Rajagopal's leg, calibrated on passive trials of half of Silder et al. (2007)'s curves (../shared/data), tested on the other half:
RMS error at hip, knee and ankle, N·m, within the range of walking or everywhere, and how far fibers moved (RMS of the logarithm).
virtual: people of cohort_people.py (--of tuning or report) whose true joints have no ligaments, or some (`true_ligaments`): squared
error of the calibrated values over that of scaling's, and the held-out error of walking over its range.
real: held-out error of the same task, runner and treadmill, N·m (trials as real_people.py makes them). Minutes a part.
"""

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from cohort import Outcome, assess, by_settings, trials_of
from cohort_people import LEG, RATE, REPORT, TUNING, Base, Person, make_base, person_of
from numpy.typing import NDArray
from passive_curves import Silder, model_of, silder
from real_people import heard, made, rmse, settings_of, shown, uncalibrated

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.predict_calibrated import predict_calibrated
from osim_nmscal.calibration.prediction import predict
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, relaxed_joints
from osim_nmscal.data.results import TrialPrediction
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.initialization.mean_person import legs_of
from osim_nmscal.nms.passive_joint_moment import joint_moment_of
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, run_muscle_analysis
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
from osim_nmscal.trials.sweeps import MeasuredPostures, frames_of, runs_of
from osim_nmscal.trials.sweeps import trials_of as sweeps_of
from osim_nmscal.virtual_subject.motion.efforts import effort_motion
from osim_nmscal.workflow.recording_files import coordinates_of

FloatArray = NDArray[np.float64]
MOMENTS = ("none", "published", "free")
STEP = 0.01  # s, of all trials
KINDS = ("strength_coefficient", "told_strength", "optimal_fiber_length", "tendon_slack_length", "working_point")


# --- measured curves


def passive_trials(model: Path, curves: Silder, work: Path) -> tuple[Trial, ...]:
    """Return every curve as a passive trial, as a dynamometer's recording becomes one."""
    moments, trials = curves.moments, []
    for curve in np.unique(moments.curve):
        rows = moments.curve == curve
        dof = moments.coordinates[int(moments.about[rows][0])]
        name = f"curve_{curve:02d}"
        settings = DynamometerSettings(name=name, kind="passive", table=Path("silder.csv"), dofs=(dof,))
        postures = MeasuredPostures(
            coordinates=moments.coordinates,
            values=moments.postures[rows],
            measured=(dof,),
            moments=moments.moment[rows][:, None],
            time=None,
            source=moments.source,
        )
        runs = runs_of(name, postures, settings, STEP)
        frames, found = frames_of(runs, STEP)
        analysis = MuscleAnalysisSettings(dofs=moments.coordinates, lowpass_cutoff=0.0, missing_coordinates="default")
        trials += sweeps_of(runs, found, run_muscle_analysis(model, frames, work / name, settings=analysis), settings)
    return tuple(trials)


def curve_rows(work: Path, kinds: Sequence[str]) -> Iterator[str]:
    """Yield the table of Silder's curves."""
    model = model_of("rajagopal", work)
    curves = silder(legs_of(read_coordinates(model))["r"])
    every = passive_trials(model, curves, work)
    muscles = read_muscles(model).select(every[0].muscles)
    number = dict(zip(curves.moments.curve.tolist(), curves.number.tolist(), strict=True))
    highest = np.deg2rad([40.0, 75.0, 20.0])
    for place in ("walking", "all"):
        trials = every if place == "all" else tuple(one for trial in every if (one := _within(trial, highest)) is not None)
        for parity, label in ((0, "even -> odd"), (1, "odd -> even")):
            own = [trial for trial in trials if number[_curve(trial)] % 2 == parity]
            other = TrialSet(trials=tuple(replace(trial, role="held_out") for trial in trials if trial not in own))
            for moments in kinds:
                settings = CalibrationSettings(ligaments={"moments": moments})
                result = calibrate(TrialSet(trials=tuple(own)), muscles, settings)
                start = predict(other, muscles, result.start_neural)
                inside = predict_calibrated(TrialSet(trials=tuple(own)), result, settings)
                tested = predict_calibrated(other, result, settings)
                moved = np.log(result.muscles.values("optimal_fiber_length") / muscles.values("optimal_fiber_length"))
                cells = (_off(other, start), _off(TrialSet(trials=tuple(own)), inside), _off(other, tested))
                yield f"{place:8} {label:12} {moments:10} {' | '.join(map(shown, cells))} | fibers {np.sqrt((moved**2).mean()):.3f}"


def _curve(trial: Trial) -> int:
    return int(trial.name.split("/")[0].removeprefix("curve_"))


def _within(trial: Trial, highest: FloatArray) -> Trial | None:
    """Return the part of a sweep that lies within the range of walking, lead-in kept; None if nothing does."""
    inside = np.asarray(trial.joint_angle <= highest + 1e-9).all(axis=1)
    last = int(np.argmin(inside)) if not inside.all() else len(inside)
    if last < trial.first_counted + 3:
        return None
    arrays = ("time", "excitation", "mtu_length", "moment_arm", "joint_moment", "joint_angle")
    return replace(trial, **{name: getattr(trial, name)[:last] for name in arrays})


def _off(trials: TrialSet, predictions: Sequence[TrialPrediction]) -> FloatArray:
    """Return RMS errors about each joint where it was measured, (dof,), N·m."""
    errors: list[list[FloatArray]] = [[] for _ in trials.dofs]
    for trial, prediction in zip(trials, predictions, strict=True):
        for i in np.flatnonzero(trial.is_measured):
            errors[i].append((prediction.joint_moment - trial.joint_moment)[trial.first_counted :, i])
    return np.array([np.sqrt(np.mean(np.concatenate(one) ** 2)) if one else np.nan for one in errors])


# --- virtual people


def true_ligaments(dofs: tuple[str, ...], random: np.random.Generator) -> PassiveJointMoment:
    """Draw a person's ligaments: half of what the mean person's relaxed joints resist, times exp(0.5 normal), in widths of their own."""
    whole = relaxed_joints(dofs)
    drawn = np.exp(random.standard_normal((4, len(dofs))) * np.array([0.5, 0.3, 0.5, 0.3])[:, None])
    return replace(
        whole,
        low_moment=0.5 * whole.low_moment * drawn[0],
        low_width=whole.low_width * drawn[1],
        high_moment=0.5 * whole.high_moment * drawn[2],
        high_width=whole.high_width * drawn[3],
    )


def with_joints(person: Person, base: Base, folder: Path, *, ligaments: bool) -> Person:
    """Return a person whose trials carry the laboratory's joint angles, and whose joints have ligaments or none."""
    dofs = person.trials.dofs
    true = true_ligaments(dofs, np.random.default_rng([base.seed, 77])) if ligaments else PassiveJointMoment.none(dofs)
    motions = {motion.name: motion for motion in base.motions}
    believed = {
        name: coordinates_of(folder / "results" / name / "ik.mot", folder / "results" / "model_scaled.osim", dofs) for name in motions
    }
    walking = []
    for trial in person.trials:
        name = trial.name.split("/")[0]
        motion, angles = motions[name], believed[name]
        assert angles is not None
        more = joint_moment_of(true, _angles(motion.time, motion.values, motion.coordinates, dofs, trial.time))
        seen = _angles(angles.time, angles.values, angles.labels, dofs, trial.time)
        walking.append(replace(trial, joint_angle=seen, joint_moment=trial.joint_moment + more))
    coordinates = tuple(freedom.name for freedom in LEG.anatomy.freedoms)
    efforts = []
    for effort, done, seen in zip(person.efforts, base.efforts, base.effort_motions, strict=True):
        trial, really = effort.trial, effort_motion(done, coordinates, RATE)
        more = joint_moment_of(true, _angles(really.time, really.values, coordinates, dofs, trial.time))
        more = more * (np.array(dofs) == effort.measured)
        angles = _angles(seen.time, seen.values, seen.coordinates, dofs, trial.time)
        efforts.append(replace(effort, trial=replace(trial, joint_angle=angles, joint_moment=trial.joint_moment + more)))
    return replace(person, trials=TrialSet(trials=tuple(walking)), efforts=tuple(efforts))


def _angles(time: FloatArray, values: FloatArray, labels: Sequence[str], dofs: Sequence[str], at: FloatArray) -> FloatArray:
    return np.stack([np.interp(at, time, values[:, list(labels).index(dof)]) for dof in dofs], axis=1)


def virtual_rows(cache: Path, people: Sequence[tuple[int, int]], kinds: Sequence[str]) -> Iterator[str]:
    """Yield the table of virtual people."""
    for ligaments in (False, True):
        for protocol in ("gait", "dynamometer"):
            for moments in kinds:
                outcomes = []
                for seed, muscles in people:
                    base = make_base(seed, cache)
                    person = with_joints(person_of(seed, muscles, cache), base, cache / f"base_{seed}", ligaments=ligaments)
                    outcomes.append(assess(person, trials_of(person, protocol), _method({"ligaments": {"moments": moments}})))
                cells = " ".join(f"{_ratio(outcomes, kind):5.2f}" for kind in KINDS)
                held_out = 100 * np.mean([one.nrmse for one in outcomes])
                truth = "ligaments" if ligaments else "none"
                yield f"{truth:10} {protocol:12} {moments:10} {cells}   {held_out:5.2f} %"


def _method(table: dict[str, object]):  # type: ignore[no-untyped-def]
    return lambda person, trials: by_settings(person, trials, table=table)


def _ratio(outcomes: Sequence[Outcome], kind: str) -> float:
    errors = [one.kinds[kind] for one in outcomes]
    return float(sum((e.after**2).sum() for e in errors) / sum((e.before**2).sum() for e in errors))


# --- real people


def real_rows(cache: Path, kinds: Sequence[str]) -> Iterator[str]:
    """Yield held-out errors of real people."""
    for name in ("running", "treadmill"):
        trials, muscles, groups = made(name, cache)
        for method in ("emg_driven", "synergy_hybrid"):
            own = trials.with_muscles(heard(trials)) if method == "emg_driven" else trials
            yield from _real(name, own, muscles, settings_of("without_mvc", method, groups, own.muscles), kinds)


def _real(name: str, trials: TrialSet, muscles: MuscleTable, plain: CalibrationSettings, kinds: Sequence[str]) -> Iterator[str]:
    for moments in kinds:
        settings = CalibrationSettings.model_validate({**plain.model_dump(exclude_unset=True), "ligaments": {"moments": moments}})
        result = calibrate(trials, muscles.select(trials.muscles), settings)
        before = shown(uncalibrated(trials.held_out, result))
        bounds = sum(row.standing == "at bound" for row in result.parameters)
        after = shown(rmse(trials.held_out, result, settings))
        yield f"{name:10} {settings.method:15} {moments:10} {after} (uncalibrated {before}), {bounds} at bounds"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=("curves", "virtual", "real"), default=["curves", "virtual", "real"])
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/ligaments"))
    parser.add_argument("--people-cache", type=Path, default=Path("results/cohort"))
    parser.add_argument("--real-cache", type=Path, default=Path("results/real_people"))
    parser.add_argument("--people", type=int, default=5, help="how many virtual people")
    parser.add_argument("--of", choices=("tuning", "report"), default="tuning", help="which virtual people")
    parser.add_argument("--moments", nargs="+", choices=MOMENTS, default=list(MOMENTS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    options.work.mkdir(parents=True, exist_ok=True)
    parts = {
        "curves": (
            "hip / knee / ankle: scaled on tested | calibrated on fitted | on tested",
            lambda: curve_rows(options.work, options.moments),
        ),
        "virtual": (
            f"truth, protocol, ligaments: {', '.join(KINDS)}",
            lambda: virtual_rows(options.people_cache, (REPORT if options.of == "report" else TUNING)[: options.people], options.moments),
        ),
        "real": ("held-out error, N·m", lambda: real_rows(options.real_cache, options.moments)),
    }
    for part in options.parts:
        title, rows = parts[part]
        print(f"{part}: {title}")
        for row in rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()
