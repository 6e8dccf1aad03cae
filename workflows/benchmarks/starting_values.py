"""Do better starting values than linear scaling pay, on real recordings and on virtual people?

Run: python workflows/benchmarks/starting_values.py [--real running treadmill] [--method emg_driven] [--starts scaled ...]
     [--settings FILE.toml] [--speeds] [--virtual] [--cache results/cohort] [--work results/benchmarks/starts]
Real: needs ../shared/data; held-out RMSE (N·m) and R2 by joint, before and after calibration, and the relaxed leg's distance from the mean
person, for each start. `--settings` replaces [calibration] but for its groups. A minute a workflow.
Virtual: mean squared error of the start over that of plain scaling (below 1: nearer to the truth), over the reporting people of
cohort_people.py, without any calibration. Their truths are drawn around linear scaling (lengths) and around the generic model
(strengths): that comparison is circular, it can only show what another start costs should linear scaling be right on average.
"""

import argparse
import logging
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import numpy as np

from osim_nmscal.config import WorkflowConfig, load_config
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.initialization.mean_person import legs_of, mean_person
from osim_nmscal.initialization.muscle_volumes import strengths_from_mass_and_height
from osim_nmscal.initialization.operating_range import keep_operating_range
from osim_nmscal.initialization.passive_fit import fit_passive_moments
from osim_nmscal.opensim_tools.pose_grid import lengths_in_postures, sample_pose_grids
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.leg_geometry import posed_geometry
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize

ROOT = Path(__file__).resolve().parents[2]
STARTS: dict[str, dict[str, object]] = {
    "scaled": {},
    "operating range": {"lengths": "operating_range"},
    "mass and height": {"strength": "mass_height"},
    "passive": {"passive": "normative"},
    "passive, auto": {"passive": "auto"},
    "all three": {"lengths": "operating_range", "strength": "mass_height", "passive": "auto"},
}
TENSION = 6e5  # N/m2
GENERIC_HEIGHT = 1.75  # m, of the virtual leg's man


def real(name: str, method: str, table: dict[str, object], starts: list[str], work: Path) -> None:
    """Print one workflow's table."""
    config = load_config(ROOT / "workflows" / name / "config.toml")
    print(f"{name}, {method}: held-out RMSE/R2 at {', '.join(config.muscle_analysis.dofs)}")
    for label, start in ((label, STARTS[label]) for label in starts):
        if "strength" in start and config.subject.height is None:
            continue
        result = personalize(_with(config, start, method, table), work / f"{name}_{method}")
        relaxed = next((one.text.rpartition("start: ")[2].partition(". ")[0] for one in result.judged if one.kind == "relaxed_leg"), "near")
        print(
            f"  {label:16} start {_row(result, 'uncalibrated')}   calibrated {_row(result, 'calibrated')}   relaxed: {relaxed}", flush=True
        )


def speeds(starts: list[str], work: Path) -> None:
    """Print held-out stances of one treadmill speed, calibrated on three stances of the other."""
    config = load_config(ROOT / "workflows" / "treadmill" / "config.toml")
    print(f"treadmill, the other speed: RMSE/R2 at {', '.join(config.muscle_analysis.dofs)}")
    for seen, unseen in (("walk36", "walk45"), ("walk45", "walk36")):
        for label in starts:
            recordings = [one.model_copy(update={"role": "held_out" if one.name == unseen else "any"}) for one in config.recordings]
            roles = config.trials.roles.model_copy(update={"calibration_count": 3})
            other = _with(config, STARTS[label], config.calibration.method, {}).model_copy(
                update={"recordings": tuple(recordings), "trials": config.trials.model_copy(update={"roles": roles})}
            )
            result = personalize(other, work / "speeds")
            rows = f"start {_row(result, 'uncalibrated', unseen)}   calibrated {_row(result, 'calibrated', unseen)}"
            print(f"  {seen} -> {unseen} {label:16} {rows}", flush=True)


def _with(config: WorkflowConfig, start: dict[str, object], method: str, table: dict[str, object]) -> WorkflowConfig:
    calibration = type(config.calibration).model_validate(
        {**(table or config.calibration.model_dump(exclude={"groups"})), "method": method, "groups": config.calibration.groups}
    )
    return config.model_copy(
        update={
            "initialization": config.initialization.model_copy(update=start),
            "calibration": calibration,
            "verification": config.verification.model_copy(update={"enabled": False}),
        }
    )


def _row(result: PersonalizedResult, model: str, recording: str = "") -> str:
    cells = []
    for dof in dict.fromkeys(metric.dof for metric in result.metrics):
        own = [metric for metric in result.metrics if (metric.dof, metric.model, metric.role) == (dof, model, "held_out")]
        own = [metric for metric in own if metric.trial.startswith(recording)]
        cells.append(f"{fmean(one.rmse for one in own):5.1f}/{fmean(one.r2 for one in own):5.2f}")
    return " ".join(cells)


def virtual(cache: Path) -> None:
    """Print the table of virtual people."""
    from cohort_people import LEG, REPORT, make_base

    from osim_nmscal.virtual_subject.anatomy.population import draw_wide_muscles, reference_mtu_lengths
    from osim_nmscal.virtual_subject.make import RATE

    generic, squares, count = ROOT / "models" / "virtual_leg.osim", {}, 0
    grids = sample_pose_grids(generic, cache / "generic_poses.log")
    for seed in sorted({base for base, _ in REPORT}):
        base = make_base(seed, cache)
        model = cache / f"base_{seed}" / "results" / "model_scaled.osim"
        scaled = read_muscles(model).select(base.scaled.names)
        mass = load_config(cache / f"base_{seed}" / "config.toml").subject.mass
        starts = _starts(read_muscles(generic), scaled, model, grids, mass, cache)
        reference = reference_mtu_lengths(base.scaled, LEG.anatomy)
        for _, person in (one for one in REPORT if one[0] == seed):
            random = np.random.default_rng(np.random.SeedSequence([seed, person]).spawn(3)[0])
            true = draw_wide_muscles(base.scaled, LEG.anatomy, LEG.pools, LEG.strength_groups, time_step=1.0 / RATE, random=random).muscles
            count += 1
            for label, muscles in starts.items():
                for kind, errors in _errors(muscles, true, reference).items():
                    squares.setdefault((label, kind), []).append(float((errors**2).mean()))
    kinds = list(dict.fromkeys(kind for _, kind in squares))
    print(f"{count} virtual people: mean squared error over that of plain scaling (in brackets scaling's own RMS)")
    for label in dict.fromkeys(label for label, _ in squares):
        cells = [f"{kind} {fmean(squares[label, kind]) / fmean(squares['scaled', kind]):.2f}" for kind in kinds]
        print(f"  {label:16} " + ", ".join(cells))
    print("  (" + ", ".join(f"{kind} {np.sqrt(fmean(squares['scaled', kind])):.3f}" for kind in kinds) + ")")


def _starts(generic: MuscleTable, scaled: MuscleTable, model: Path, grids: tuple, mass: float, cache: Path) -> dict[str, MuscleTable]:
    names = scaled.names
    kept = keep_operating_range(generic.select(names), scaled, grids, lengths_in_postures(model, grids, cache / "poses.log")).muscles
    size = float((scaled.values("tendon_slack_length") / generic.select(names).values("tendon_slack_length")).mean())
    reference = mean_person(legs_of(read_coordinates(model))["r"])
    geometry = posed_geometry(model, reference, cache / "relaxed")
    return {
        "scaled": scaled,
        "operating range": kept,
        "mass and height": strengths_from_mass_and_height(scaled, mass, GENERIC_HEIGHT * size, TENSION).muscles,
        "passive": fit_passive_moments(StartingValues.of(scaled), geometry, reference).start.muscles,
    }


def _errors(muscles: MuscleTable, true: MuscleTable, reference: np.ndarray) -> dict[str, np.ndarray]:
    kinds = {"fiber": "optimal_fiber_length", "slack": "tendon_slack_length", "strength": "max_isometric_force"}
    errors = {label: np.log(muscles.values(name) / true.values(name)) for label, name in kinds.items()}
    along = [
        np.hypot((reference - one.values(kinds["slack"])) / one.values(kinds["fiber"]), np.sin(one.values("pennation_angle_at_optimal")))
        for one in (muscles, replace(true))
    ]
    return errors | {"working point": along[0] - along[1]}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", nargs="*", choices=("running", "treadmill", "walker"), default=[])
    parser.add_argument("--method", choices=("emg_driven", "synergy_hybrid"), default="emg_driven")
    parser.add_argument("--starts", nargs="+", choices=tuple(STARTS), default=list(STARTS))
    parser.add_argument("--settings", type=Path, help="TOML file with a [calibration] table")
    parser.add_argument("--speeds", action="store_true", help="calibrate on one treadmill speed, test on the other")
    parser.add_argument("--virtual", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path("results/cohort"))
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/starts"))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    table = tomllib.loads(options.settings.read_text(encoding="utf-8"))["calibration"] if options.settings else {}
    for name in options.real:
        real(name, options.method, table, options.starts, options.work)
    if options.speeds:
        speeds(options.starts, options.work)
    if options.virtual:
        virtual(options.cache)


if __name__ == "__main__":
    main()
