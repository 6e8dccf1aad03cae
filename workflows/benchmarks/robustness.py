"""Are all fibers solved? 10,000 muscle trajectories of real running and walking with parameters drawn far from the model's.

Run: python workflows/benchmarks/robustness.py [--count 10000]. Needs ../shared/data (rajagopal_run_walk, treadmill_speeds);
the muscle geometry is computed by OpenSim once (about 2 min) and kept in results/benchmarks.

Each trajectory: one MTU, one window of 2 s at 100 Hz (200 samples), optimal fiber and tendon slack length +-25 %, strength
0.3-3, the recorded envelope of a random EMG channel scaled by 0-1 as activation; every tendon elastic, cold start.
Three checks besides the solver's own: the residual with the exact curves instead of their tables, a second solution of
every trajectory sample by sample in a bracket, and central differences of whole trajectories.
"""

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.nms import fiber_newton
from osim_nmscal.nms.contraction import TendonAndFiber, fiber_height
from osim_nmscal.nms.fiber_dynamics import FiberSolution, solve_trajectory
from osim_nmscal.nms.fiber_newton import FiberProblem, solve_in_sequence
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_curves, muscle_mechanics
from osim_nmscal.nms.parameters import tendon_and_fiber
from osim_nmscal.nms.pennation import length_along_tendon
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings, read_muscle_analysis, run_muscle_analysis
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.opensim_tools.scaling import scale_model
from osim_nmscal.osim_model.reader import read_muscles

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
KEPT = ROOT / "results" / "benchmarks"
DOFS = ("hip_flexion_r", "hip_adduction_r", "hip_rotation_r", "knee_angle_r", "ankle_angle_r")
WINDOW, TIME_STEP = 200, 0.01
# Relative steps of central differences, so that noise (3e-13 / step) and truncation stay below 1e-6 of a tangent.
DIFFERENCE = {"mtu_length": 1e-6, "optimal_fiber_length": 1e-6, "tendon_slack_length": 1e-6}
OTHER_DIFFERENCE = 5e-6
# Forces that differ by more than this, / Fmax, belong to different solutions.
OTHER_FORCE = 1e-6
STRIDES = (0.87, 1.55, 2.23)  # s, right foot strikes of the running trial


@dataclass(frozen=True)
class Draw:
    """Trajectories to solve; (time, column) and (column,)."""

    activation: Tensor
    mtu_length: Tensor
    parameters: TendonAndFiber
    muscle: MuscleMechanics
    start_time: Tensor  # s, in the recording
    strength: Tensor

    def solve(self) -> FiberSolution:
        """Solve all from a cold start."""
        return solve_trajectory(self.activation, self.mtu_length, self.parameters, self.muscle, TIME_STEP)

    def problem(self) -> FiberProblem:
        """The equations behind the solution."""
        inverse = 1.0 / (TIME_STEP * self.parameters.max_contraction_velocity)
        return FiberProblem(self.activation, self.mtu_length, self.parameters, self.muscle, inverse)


def running() -> tuple[MuscleTable, MuscleGeometry]:
    """Scale the generic model, find joint angles and MTU lengths of the running trial."""
    source, folder = DATA / "rajagopal_run_walk", KEPT / "running"
    model = folder / "scaled.osim"
    if not (folder / "mtu_length.sto").exists():
        folder.mkdir(parents=True, exist_ok=True)
        scale_model(source / "generic_unscaled.osim", model, settings=ScalingSettings(setup=source / "Scale" / "scale_setup_run.xml"))
        settings = InverseKinematicsSettings(setup=source / "IK" / "ik_setup_run.xml", missing_markers="ignore")
        markers = source / "ExpData" / "motion_capture_run.trc"
        angles = run_inverse_kinematics(model, markers, folder / "ik.mot", settings=settings, start=0.6, end=5.2)
        run_muscle_analysis(model, angles.coordinates, folder, settings=MuscleAnalysisSettings(dofs=DOFS))
    return read_muscles(model), read_muscle_analysis(folder, DOFS)


def treadmill(speed: str) -> tuple[MuscleTable, MuscleGeometry]:
    """Find the MTU lengths of walking on a treadmill from published joint angles."""
    source, folder = DATA / "treadmill_speeds", KEPT / speed
    model = source / "model" / "gait2392.osim"
    if not (folder / "mtu_length.sto").exists():
        settings = MuscleAnalysisSettings(dofs=DOFS, missing_coordinates="default")
        angles = read_storage(source / speed / "ik.sto")
        some = slice(0, 1201)  # 12 s
        angles = replace(angles, time=angles.time[some], values=angles.values[some])
        run_muscle_analysis(model, angles, folder, settings=settings)
    return read_muscles(model), read_muscle_analysis(folder, DOFS)


def envelopes() -> Tensor:
    """Recorded EMG envelopes of walking, each divided by its peak, (time, channel)."""
    values = read_storage(DATA / "treadmill_speeds" / "walk45" / "emgFilt.sto").values
    return torch.from_numpy(np.clip(values / values.max(axis=0), 0.0, 1.0))


def draw(muscles: MuscleTable, geometry: MuscleGeometry, count: int, seed: int) -> Draw:
    """Draw trajectories of a recording's muscles, windows, parameters and activations."""
    random = np.random.default_rng(seed)
    table = muscles.select(geometry.muscles)
    which = random.integers(len(table), size=count)
    first = random.integers(len(geometry.time) - WINDOW + 1, size=count)
    mtu_length = np.stack([geometry.mtu_length[f : f + WINDOW, m] for f, m in zip(first, which, strict=True)], axis=1)
    recorded = envelopes()
    channel, begin = random.integers(recorded.shape[1], size=count), random.integers(len(recorded) - WINDOW, size=count)
    activation = torch.stack([recorded[b : b + WINDOW, c] for b, c in zip(begin, channel, strict=True)], dim=1)

    def scaled(name: str, low: float, high: float) -> Tensor:
        return torch.from_numpy(table.values(name)[which] * random.uniform(low, high, count))

    stated = TendonAndFiber(*(value[torch.from_numpy(which)] for value in tendon_and_fiber(table)))
    return Draw(
        activation=activation * torch.from_numpy(random.uniform(0.0, 1.0, count)),
        mtu_length=torch.from_numpy(mtu_length),
        parameters=stated._replace(
            optimal_fiber_length=scaled("optimal_fiber_length", 0.75, 1.25), tendon_slack_length=scaled("tendon_slack_length", 0.75, 1.25)
        ),
        muscle=muscle_mechanics(table, rigid_tendon=False).select(torch.from_numpy(which)),
        start_time=torch.from_numpy(geometry.time[first]),
        strength=scaled("max_isometric_force", 0.3, 3.0),
    )


def exact_residual(case: Draw, solution: FiberSolution, table: MuscleTable) -> Tensor:
    """Evaluate the force balance with the exact curves, (time, column), free fibers only; Fmax."""
    worst = torch.zeros_like(solution.length)
    scale = case.muscle.velocity_scale(case.activation)
    velocity = solution.velocity if scale is None else solution.velocity / scale
    names = np.array(case.muscle.names)
    for muscle in table.muscles:
        columns = torch.from_numpy(np.flatnonzero(names == muscle.name))
        curves = muscle_curves(muscle, rigid_tendon=False)
        length = solution.length[:, columns]
        p = TendonAndFiber(*(value[columns] for value in case.parameters))
        along = length_along_tendon(length, fiber_height(p))
        strain = (case.mtu_length[:, columns] - p.optimal_fiber_length * along) / p.tendon_slack_length - 1.0

        def value(curve, argument):  # type: ignore[no-untyped-def]
            return curve(argument.reshape(-1)).value.view(argument.shape)

        fiber = (
            case.activation[:, columns] * value(curves.active_force_length, length) * value(curves.force_velocity, velocity[:, columns])
            + value(curves.passive_force_length, length)
            + curves.fiber_damping * solution.velocity[:, columns]
        )
        tendon = value(curves.tendon_force, strain / p.tendon_strain_at_one_norm_force)
        worst[:, columns] = tendon - along / length * fiber
    # beyond their grids (fiber length 2, velocity 1.25, tendon strain 3 norm strains) the tables continue straight
    strain = solution.at.tendon_strain / case.parameters.tendon_strain_at_one_norm_force
    inside = (solution.length < 1.999) & (velocity.abs() < 1.249) & (strain < 2.999) & (strain > -0.999)
    return torch.where(solution.at_bound | ~inside, 0.0, worst.abs())


def report(name: str, muscles: MuscleTable, geometry: MuscleGeometry, count: int, seed: int) -> None:
    """Solve the draws of one recording and one muscle class, and print a row of the table."""
    case = draw(muscles, geometry, count, seed)
    begin = time.perf_counter()
    solution = case.solve()
    seconds = time.perf_counter() - begin
    residual, at_bound = case.problem().effective_residual(solution.length, solution.at)
    exact = exact_residual(case, solution, muscles.select(geometry.muscles))
    again = case.problem().balance(solve_in_sequence(case.problem())).tendon_force
    # lengths of a slack fiber without activation are hardly determined, so forces are compared
    apart = (again - solution.at.tendon_force).abs().amax(dim=0)
    other = f"{int((apart > OTHER_FORCE).sum())} ({float(apart.max()):.0e})"
    print(
        f"{name:34s}{count:7d}{int(solution.solved.sum()):8d}{float(residual.abs().max()):10.1e}{float(exact.max()):11.1e}"
        f"{int(at_bound.any(dim=0).sum()):10d}{other:>13s}{1e6 * seconds / residual.numel():7.2f}"
    )
    for column in (~solution.solved).nonzero().squeeze(-1).tolist():
        sample = int(residual[:, column].abs().argmax())
        at = float(case.start_time[column]) + TIME_STEP * sample
        print(f"    not solved: {case.muscle.names[column]} at {at:.2f} s, residual {float(residual[sample, column]):.1e}")


def derivatives(muscles: MuscleTable, geometry: MuscleGeometry) -> None:
    """Compare every tangent with central differences on three running strides of all muscles, parameters of the model."""
    fiber_newton.TOLERANCE[torch.float64] = 3e-13
    table = muscles.select(geometry.muscles)
    recorded = envelopes()
    frames = [int(np.searchsorted(geometry.time, strike)) for strike in STRIDES]
    count = len(table)
    case = Draw(
        activation=torch.cat([recorded[f : f + 70, :1].expand(-1, count) for f in frames], dim=1),
        mtu_length=torch.from_numpy(np.concatenate([geometry.mtu_length[f : f + 70] for f in frames], axis=1)),
        parameters=TendonAndFiber(*(value.repeat(3) for value in tendon_and_fiber(table))),
        muscle=muscle_mechanics(table, rigid_tendon=False).select(torch.arange(count).repeat(3)),
        start_time=torch.zeros(3 * count),
        strength=torch.ones(3 * count),
    )
    solution = case.solve()
    wrt_activation, wrt_mtu_length, wrt_parameters = solution.partials()
    print("\nTangents against central differences, running, 3 strides, all MTUs: largest difference / largest tangent of the MTU")
    partials = {"activation": wrt_activation, "mtu_length": wrt_mtu_length, **wrt_parameters._asdict()}
    for name, partial in partials.items():
        value = getattr(case, name) if hasattr(case, name) else getattr(case.parameters, name)
        step = DIFFERENCE.get(name, OTHER_DIFFERENCE)
        ends = []
        for sign in (1.0, -1.0):
            moved = value * (1.0 + sign * step)
            changed = (
                replace(case, **{name: moved})
                if hasattr(case, name)
                else replace(case, parameters=case.parameters._replace(**{name: moved}))
            )
            ends.append(changed.solve().length)
        tangent = solution.tangent(partial * value)
        error = (tangent - (ends[0] - ends[1]) / (2.0 * step)).abs().amax(dim=0) / tangent.abs().amax(dim=0)
        print(f"    {name:34s} worst {float(error.max()):.1e}, median {float(error.median()):.1e}")


def with_properties(muscles: MuscleTable, properties: Millard2012Properties | DeGrooteFregly2016Properties) -> MuscleTable:
    """Return the muscles as if they were of another class."""
    changed: tuple[Muscle, ...] = tuple(replace(muscle, properties=properties) for muscle in muscles.muscles)
    return MuscleTable(muscles=changed)


def main(count: int) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    run, walk36, walk45 = running(), treadmill("walk36"), treadmill("walk45")
    print(f"{'':34s}{'drawn':>7s}{'solved':>8s}{'residual':>10s}{'exact':>11s}{'at bound':>10s}{'other':>13s}{'us':>7s}")
    undamped = Millard2012Properties(fiber_damping=0.0)
    share = count // 2
    rows = [
        ("running, model's own (Millard)", *run, share),
        ("walking 3.6 km/h, own (Thelen)", *walk36, share // 2),
        ("walking 4.5 km/h, own (Thelen)", *walk45, share // 2),
        ("running, Millard undamped", with_properties(run[0], undamped), run[1], share),
        ("running, De Groote", with_properties(run[0], DeGrooteFregly2016Properties()), run[1], share),
        ("walking 4.5 km/h, Millard", with_properties(walk45[0], Millard2012Properties()), walk45[1], share),
    ]
    for seed, (name, muscles, geometry, number) in enumerate(rows):
        report(name, muscles, geometry, number, seed)
    print("residual: largest, / Fmax; exact: the same with exact curves; at bound: trajectories held at the shortest fiber somewhere;")
    print("other: trajectories with another force in a bracketed solve sample by sample, and the largest difference / Fmax: just before")
    print("a fiber collapses onto its bound, the bound and a slightly longer fiber can both be solutions; us: solve time per sample")
    derivatives(*run)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10000, help="trajectories of the models' own muscles")
    main(parser.parse_args().count)
