"""What keeps calibrated parameters from the truth? One source of error at a time is taken out of virtual people, and all of them at once.

Run: python workflows/benchmarks/what_limits.py [--people tuning] [--count 3] [--protocols gait dynamometer] [--cache results/cohort]
[--settings FILE.toml] [--without "moment arms" EMG ...]
Needs no data; bases and people as of `cohort.py`. A source costs about 20 CPU-seconds a person where muscles are drawn anew (kept in the
cache), and a calibration.

The calibration knows nothing of what was taken out: it goes on believing in 7 % of moment arms and in its own noise. So a row says what a
source costs the method as it is; `information_bound.py` says what no method can do better.
"""

import argparse
import functools
import pickle
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from cohort import PROTOCOLS, Outcome, assess, by_settings, together, trials_of
from cohort_people import LEG, REPORT, TUNING, Base, Person, make_base, make_person, person_of
from numpy.typing import NDArray

from osim_nmscal.data.trials import TrialSet
from osim_nmscal.interpolation import cubic_spline
from osim_nmscal.virtual_subject.anatomy.population import WIDE
from osim_nmscal.virtual_subject.laboratory.dynamometer import PERFECT

FloatArray = NDArray[np.float64]

_MILLARD_STRAIN = 0.049  # tendon strain at one norm force of the model's muscles
_TRUE_CURVES = {"active_width": 0.0, "passive_strain": 0.0, "eccentric_force": 0.0, "contraction_velocity": 0.0, "pennation": 0.0}
_TRUE_STRAIN = {"tendon_strain": (_MILLARD_STRAIN, _MILLARD_STRAIN)}


def without_chain(base: Base) -> Base:
    """Return a base whose laboratory knows bones, motions and joint moments: no error of markers, scaling, plates and chairs."""
    recordings = {motion.name: i for i, motion in enumerate(base.motions)}
    trials = []
    for trial in base.trials.trials:
        i = recordings[trial.name.split("/")[0]]
        mechanics, time = base.mechanics[i], base.motions[i].time
        columns = [mechanics.muscles.index(name) for name in trial.muscles]
        dofs = [mechanics.dofs.index(name) for name in trial.dofs]
        targets = base.targets[i][:, [LEG.dofs.index(name) for name in trial.dofs]]
        trials.append(
            replace(
                trial,
                mtu_length=cubic_spline(time, mechanics.mtu_length[:, columns], trial.time),
                moment_arm=cubic_spline(time, mechanics.moment_arm[:, dofs][:, :, columns], trial.time),
                joint_moment=cubic_spline(time, targets, trial.time),
            )
        )
    return replace(base, trials=TrialSet(trials=tuple(trials)), table=base.scaled, effort_geometry=base.effort_mechanics)


def with_true_emg(person: Person) -> Person:
    """Return a person whose electrodes say what the muscles they are meant for are told, at its true size."""
    trials = []
    for trial, true in zip(person.trials.trials, person.true_trials.trials, strict=True):
        heard = np.isin(trial.muscles, person.recorded)
        trials.append(replace(trial, excitation=np.where(heard, true.excitation, 0.0)))
    return replace(person, trials=TrialSet(trials=tuple(trials)), best_second=np.ones_like(person.best_second))


# What is taken out -> how a person is made without it.
SOURCES: dict[str, Callable[[Base, int], Person]] = {
    "moment arms": lambda base, seed: make_person(base, seed, spread=replace(WIDE, moment_arm=0.0)),
    "tendon strain": lambda base, seed: make_person(base, seed, spread=replace(WIDE, **_TRUE_STRAIN)),
    "curves, pennation": lambda base, seed: make_person(base, seed, spread=replace(WIDE, **_TRUE_CURVES)),
    "strength inside groups": lambda base, seed: make_person(base, seed, spread=replace(WIDE, own_strength=0.0)),
    "markers, scaling, plates": lambda base, seed: make_person(without_chain(base), seed),
    "effort, machine": lambda base, seed: make_person(base, seed, machine=PERFECT, exact_efforts=True),
    "EMG": lambda base, seed: with_true_emg(make_person(base, seed)),
    "all of them": lambda base, seed: with_true_emg(
        make_person(
            without_chain(base),
            seed,
            spread=replace(WIDE, moment_arm=0.0, own_strength=0.0, **_TRUE_CURVES, **_TRUE_STRAIN),
            machine=PERFECT,
            exact_efforts=True,
        )
    ),
}


def person_without(source: str, base: int, seed: int, cache: Path) -> Person:
    """Make a person without one source of error, or read them from the cache."""
    kept = cache / f"person_{base}_{seed}_without_{''.join(c if c.isalpha() else '_' for c in source)}.pkl"
    if not kept.is_file():
        if source == "EMG":
            return with_true_emg(person_of(base, seed, cache))
        kept.write_bytes(pickle.dumps(SOURCES[source](make_base(base, cache), seed)))
    person: Person = pickle.loads(kept.read_bytes())
    return person


def line(outcomes: list[Outcome]) -> str:
    """Return one row of the table."""
    kinds = together(outcomes)
    told, strength = kinds["told_strength"], kinds["strength_coefficient"]
    lengths = [kinds[kind].ratio for kind in ("optimal_fiber_length", "tendon_slack_length", "working_point")]
    return (
        f"{100 * np.abs(told.after).mean():5.1f} % {strength.ratio:6.2f} {100 * np.abs(strength.after).mean():5.1f} % "
        + " ".join(f"{ratio:6.2f}" for ratio in lengths)
        + f" {100 * np.mean([one.nrmse for one in outcomes]):6.2f} %"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", choices=("report", "tuning"), default="tuning")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--cache", type=Path, default=Path("results/cohort"))
    parser.add_argument("--settings", type=Path, help="TOML file with a [calibration] table")
    parser.add_argument("--without", nargs="+", choices=tuple(SOURCES), default=list(SOURCES))
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = tomllib.loads(options.settings.read_text(encoding="utf-8"))["calibration"] if options.settings else {}
    method = functools.partial(by_settings, table=table)
    chosen = (REPORT if options.people == "report" else TUNING)[: options.count]
    for protocol in options.protocols:
        print(
            f"{protocol}, {len(chosen)} people: mean error of told strengths; all strengths: ratio, mean error; fiber, slack, "
            "working point: ratio; held-out error, % of range"
        )
        for source in ("", *options.without):
            people = [person_without(source, *who, options.cache) if source else person_of(*who, options.cache) for who in chosen]
            outcomes = [assess(person, trials_of(person, protocol), method) for person in people]
            print(f"  {'without ' + source if source else 'as they are':34} {line(outcomes)}", flush=True)


if __name__ == "__main__":
    main()
