"""How true could any calibration's parameters be? The error that an ideal estimator is left with, in a population that errs in everything.

Run: python workflows/benchmarks/information_bound.py [--people tuning] [--count 3] [--cache results/cohort]
Needs no data; people as of `cohort.py`. About 5 CPU-seconds a person.

A Bayesian who knew the population's widths (cohort_people.py) and the muscles' curves, with every other source of error as a parameter:
its error is the inverse of what the recordings tell (Gauss-Newton Hessian of the moments at the true parameters) plus what the
population tells. Free are lengths, time constants, shape factor, EMG gains, tendon strain, moment arms with their excursion, and each
muscle's own strength, heads of a group correlated as they are drawn. Curves, pennation and crosstalk are right, the problem is linear: a
method that errs less than this bound is lucky. Two noises: the instruments', and that by which calibrations weigh (curves are noise to
them).
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from cohort import PROTOCOLS, TOLD
from cohort_people import LEG, REPORT, TUNING, Person, person_of
from torch import Tensor

from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.posterior import RIDGE
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import HybridProblem, hybrid_problem, start_of
from osim_nmscal.calibration.synergy.roles import driven_trials
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.virtual_subject.anatomy.population import WIDE

# Deviates are drawn again beyond 2 SD: what is left of one.
_CUT = 0.88
# Mean absolute value of a normal deviate.
_MEAN_ABSOLUTE = (2.0 / np.pi) ** 0.5
# What a moment's error has in it that no parameter explains. Motions: inverse dynamics 0.07 of the moment's spread, shape of the EMG 0.17
# (both measured on the tuning people). Efforts: pools try 0.85-1.0 hard (SD 0.043, several share a moment), levers err by 2 %. Passive:
# an angle that is 1.5 degrees off where moments double in 7 degrees.
INSTRUMENTS = {
    "relative": 0.19,
    "passive_relative": 0.10,
    "passive_floor": 1.0,
    "effort_relative": 0.05,
    "effort_floor": 2.0,
}
# Kinds that are free beside the usual ones.
FREE = ("moment_arm_scale", "tendon_strain_at_one_norm_force")


# What an oracle tells -> kinds that are then known.
ORACLES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "moment arms": ("moment_arm_scale",),
    "tendon strain": ("tendon_strain_at_one_norm_force",),
    "EMG gains": ("emg_scale",),
    "activation dynamics": ("activation_time_constant_1", "activation_time_constant_2", "shape_factor"),
    "all of these": (*FREE, "emg_scale", "activation_time_constant_1", "activation_time_constant_2", "shape_factor"),
}
# What is left of a deviation that an oracle tells.
_TOLD = 1e-3


@dataclass(frozen=True, kw_only=True)
class Bound:
    """Expected error of an ideal estimator over that of the population, (owner,) each; told strengths in per cent."""

    told: np.ndarray  # standard deviation of groups' mean strengths that walking tells
    variances: dict[str, np.ndarray]  # (2, owner): after, before


def bounds_of(person: Person, protocol: str, noise: dict[str, float]) -> dict[str, Bound]:
    """Return what is left of the population's variance at a person's true parameters, by what an oracle tells of them.

    Args:
        person: whose true motion, EMG and muscles are taken.
        protocol: of `PROTOCOLS`.
        noise: settings of [calibration.noise].
    """
    settings = CalibrationSettings.model_validate(
        {
            "method": "synergy_hybrid",
            "noise": noise,
            "prior": {"length_caution": 1.0, "unrecorded_strength": "free", "geometry_width": 0.0},
            "parameters": {
                "strength_coefficient": {"scope": "muscle"},
                "emg_scale": {"start": 1.0, "prior_width": 0.11},  # drift 0.10, MVCs that fall short by up to 0.15
                "activation_time_constant_1": {"prior_width": 0.40},  # evenly from 15 to 60 ms
                "activation_time_constant_2": {"prior_width": 0.40},
                **{kind: {"free": True} for kind in FREE},
            },
        }
    )
    problem, z = _at_truth(person, protocol, settings)
    with torch.no_grad():
        linear = problem.loss.linearize(problem.loss.evaluate(z))
    objective = problem.objective.objective
    size, prior = problem.loss.parameters, objective.prior
    own = z[:size]
    data = linear.first.hessian.of_leading(size, RIDGE) / LIKELIHOOD_UNIT - prior.weight / LIKELIHOOD_UNIT * prior.pull(own)
    for part in linear.others:
        data = data + part.hessian.matrix / LIKELIHOOD_UNIT
    before = _population(problem, own)
    found = {}
    for label, kinds in ORACLES.items():
        known = _known(problem, before, kinds)
        found[label] = _bound(person, problem, own, before, torch.linalg.inv(data + torch.linalg.inv(known)))
    return found


def _at_truth(person: Person, protocol: str, settings: CalibrationSettings) -> tuple[HybridProblem, Tensor]:
    """Return the problem whose start are the true muscles, and that start."""
    motions = []
    for trial in person.true_trials.calibration.trials:
        motions.append(replace(trial, excitation=np.where(np.isin(trial.muscles, person.recorded), trial.excitation, 0.0)))
    efforts = [one.as_recorded() for one in person.efforts] if protocol == "dynamometer" else []
    driven = driven_trials(TrialSet(trials=tuple(motions)), {})
    names = driven.trials.muscles
    true = MuscleTable(muscles=tuple(person.true.muscles.muscles[person.true.muscles.names.index(name)] for name in names))
    problem = hybrid_problem(driven, [one.with_muscles(names) for one in efforts], true, settings)
    return problem, start_of(problem, np.random.default_rng(settings.seed))


def _known(problem: HybridProblem, covariance: Tensor, kinds: tuple[str, ...]) -> Tensor:
    """Return a population that does not differ in some kinds, (parameter, parameter)."""
    share = torch.ones(len(covariance), dtype=torch.float64)
    for kind in kinds:
        columns = problem.objective.objective.space.blocks[kind].column
        share[columns[columns >= 0]] = _TOLD
    return covariance * share[:, None] * share


def _population(problem: HybridProblem, z: Tensor) -> Tensor:
    """Return the covariance of z over the population, (parameter, parameter)."""
    objective = problem.objective.objective
    covariance = torch.linalg.inv(objective.prior.precision(z))
    # deviates are cut; what is drawn evenly has no tails either
    covariance = covariance * _CUT**2
    block = objective.space.blocks["strength_coefficient"]
    span = float(torch.log(block.upper / block.lower)[0])
    for i, one in enumerate(block.owners):
        for j, other in enumerate(block.owners):
            row, column = int(block.column[i]), int(block.column[j])
            if row >= 0 and column >= 0:
                together = WIDE.group_strength**2 if _strength_group(one) == _strength_group(other) else 0.0
                covariance[row, column] = ((WIDE.own_strength**2 if i == j else 0.0) + together) * _CUT**2 / span**2
    return covariance


_POOL = {muscle: pool.name for pool in LEG.pools for muscle in pool.muscles}
_GROUP = {pool: group for group, pools in LEG.strength_groups.items() for pool in pools}


def _strength_group(muscle: str) -> str:
    return _GROUP[_POOL[muscle]]


def _bound(person: Person, problem: HybridProblem, z: Tensor, before: Tensor, after: Tensor) -> Bound:
    space, prior = problem.objective.objective.space, problem.objective.objective.prior
    rows: dict[str, Tensor] = {}
    for kind in ("optimal_fiber_length", "tendon_slack_length", "strength_coefficient"):
        block = space.blocks[kind]
        free = (block.column >= 0).nonzero().squeeze(-1)
        own = z.new_zeros((len(free), len(z)))
        own[torch.arange(len(free)), block.column[free]] = (block.slope(z) / block.internal(z))[free]
        rows[kind] = own
        if kind == "strength_coefficient":
            named = [block.owners[i] for i in free.tolist()]
            groups = {owner: [named.index(name) for name in members if name in named] for owner, members in person.groups.items()}
            alone = {name: [i] for i, name in enumerate(named) if not any(name in members for members in person.groups.values())}
            rows[kind] = torch.stack([own[index].mean(dim=0) for index in (groups | alone).values() if index])
            rows["told_strength"] = torch.stack([own[index].mean(dim=0) for owner, index in groups.items() if owner in TOLD and index])
    rows["working_point"] = prior.working_point_rows(z)
    variances = {kind: np.stack([torch.einsum("op,pq,oq->o", own, c, own).numpy() for c in (after, before)]) for kind, own in rows.items()}
    return Bound(told=np.sqrt(variances["told_strength"][0]), variances=variances)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", choices=("report", "tuning"), default="tuning")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--cache", type=Path, default=Path("results/cohort"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = (REPORT if options.people == "report" else TUNING)[: options.count]
    people = [person_of(*who, options.cache) for who in chosen]
    for protocol in options.protocols:
        for label, noise in (("instruments' noise", INSTRUMENTS), ("noise as calibrations weigh it", {})):
            people_bounds = [bounds_of(person, protocol, noise) for person in people]
            print(
                f"{protocol}, {label}: told strengths; all strengths; squared error over the population's: all strengths, fiber, slack, "
                "working point"
            )
            for oracle in ORACLES:
                print(f"  told {oracle:22} {line([bounds[oracle] for bounds in people_bounds])}", flush=True)


def line(found: list[Bound]) -> str:
    """Return one row of the table."""
    told = 100.0 * _MEAN_ABSOLUTE * np.mean(np.concatenate([one.told for one in found]))
    every = np.sqrt(np.concatenate([one.variances["strength_coefficient"][0] for one in found]))
    ratios = []
    for kind in ("strength_coefficient", "optimal_fiber_length", "tendon_slack_length", "working_point"):
        after, before = np.concatenate([one.variances[kind] for one in found], axis=1).sum(axis=1)
        ratios.append(f"{after / before:6.2f}")
    return f"{told:5.1f} % {100.0 * _MEAN_ABSOLUTE * every.mean():5.1f} % {' '.join(ratios)}"


if __name__ == "__main__":
    main()
