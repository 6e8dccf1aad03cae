"""How long the fiber dynamics take: whole trajectory against step-by-step loops, and growth with the problem's size.

Run: python workflows/benchmarks/fiber_dynamics.py [--growth]. Needs no data. Muscles are drawn like a leg's (optimal
fiber length 4-14 cm, tendon 0.5-4.5 times as long, pennation 0-23 degrees), walking-like length changes and activations.
Times are minima, because other programs may be running; compare ratios within one run.
"""

import argparse
import math
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.nms.contraction import TendonAndFiber, balance, by_activation, by_mtu_length, by_parameters
from osim_nmscal.nms.fiber_dynamics import FiberSolution, solve_trajectory
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.nms.parameters import tendon_and_fiber
from osim_nmscal.nms.rosenbrock import rosenbrock_trajectory

TIME_STEP = 0.01


@dataclass(frozen=True)
class Case:
    """One problem: (time, column) signals, (column,) parameters."""

    activation: Tensor
    mtu_length: Tensor
    parameters: TendonAndFiber
    muscle: MuscleMechanics

    def changed(self, percent: float, seed: int = 1) -> "Case":
        """Return the case with all lengths changed at random by up to so many percent, as an optimiser's step does."""
        generator = torch.Generator().manual_seed(seed)

        def moved(value: Tensor) -> Tensor:
            return value * (1.0 + percent / 100.0 * (2.0 * torch.rand(value.shape, generator=generator, dtype=value.dtype) - 1.0))

        p = self.parameters
        lengths = p._replace(optimal_fiber_length=moved(p.optimal_fiber_length), tendon_slack_length=moved(p.tendon_slack_length))
        return Case(self.activation, self.mtu_length, lengths, self.muscle)

    def solve(self, start: FiberSolution | None = None) -> FiberSolution:
        """Solve all columns."""
        strain = None if start is None else start.at.tendon_strain
        return solve_trajectory(self.activation, self.mtu_length, self.parameters, self.muscle, TIME_STEP, strain)


def make_case(muscles: int, trials: int, steps: int, seed: int = 0) -> Case:
    """Draw muscles and movements."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    fiber, ratio, pennation = 0.04 + 0.1 * uniform(muscles), 0.5 + 4.0 * uniform(muscles), 0.4 * uniform(muscles)
    table = MuscleTable(
        muscles=tuple(
            Muscle(
                name=f"m{i}",
                max_isometric_force=1000.0,
                optimal_fiber_length=float(fiber[i]),
                tendon_slack_length=float(fiber[i] * ratio[i]),
                pennation_angle_at_optimal=float(pennation[i]),
            )
            for i in range(muscles)
        )
    )
    seconds = TIME_STEP * torch.arange(steps, dtype=torch.float64)[:, None, None]
    normalized = 0.95 + 0.15 * torch.sin(2.0 * math.pi * (seconds + uniform(trials, muscles)))
    mtu_length = fiber * ratio * 1.01 + fiber * normalized * torch.cos(pennation)
    activation = 0.35 + 0.3 * torch.sin(2.0 * math.pi * (1.3 * seconds + uniform(trials, muscles)))
    column = torch.arange(muscles).repeat(trials)
    parameters = TendonAndFiber(*(value[column] for value in tendon_and_fiber(table)))
    return Case(activation.flatten(1), mtu_length.flatten(1), parameters, muscle_mechanics(table).select(column))


def gradient(solution: FiberSolution, weight: Tensor) -> tuple[Tensor, ...]:
    """Pull a gradient with respect to fiber length back to activation and all parameters."""
    adjoint = solution.adjoint(weight)
    wrt_activation, wrt_mtu_length, wrt_parameters = solution.partials()
    return (adjoint * wrt_activation, adjoint * wrt_mtu_length, *((adjoint * partial).sum(dim=0) for partial in wrt_parameters))


def loop_by_hand(case: Case, weight: Tensor) -> None:
    """March Rosenbrock steps with hand-written partials, then the adjoint loop back: the best a step-by-step loop does."""
    inverse = 1.0 / (TIME_STEP * case.parameters.max_contraction_velocity)
    length, velocity, kept = case.muscle.minimum_fiber_length.clamp_min(1.0), torch.zeros_like(inverse), []
    for i in range(len(case.activation) - 1):
        at = balance(length, velocity, case.activation[i], case.mtu_length[i], case.parameters, case.muscle)
        wrt_activation = by_activation(at, velocity, case.activation[i], case.muscle)
        wrt_mtu_length = by_mtu_length(at, case.parameters)
        slope = at.by_length + at.by_velocity * inverse
        change = (
            at.by_velocity * velocity
            - at.residual
            - wrt_activation * (case.activation[i + 1] - case.activation[i])
            - wrt_mtu_length * (case.mtu_length[i + 1] - case.mtu_length[i])
        ) / slope
        kept.append((slope, at.by_velocity * inverse, wrt_activation, by_parameters(at, velocity, case.parameters)))
        length, velocity = length + change, change * inverse
    adjoint = torch.zeros_like(length)
    total = [torch.zeros_like(length) for _ in case.parameters]
    for i in reversed(range(len(kept))):
        slope, rate, wrt_activation, wrt_parameters = kept[i]
        adjoint = (weight[i + 1] + rate * adjoint) / slope
        total = [sum_ + adjoint * partial for sum_, partial in zip(total, wrt_parameters, strict=True)]


def loop_by_autograd(case: Case, weight: Tensor) -> None:
    """The paper's way: Rosenbrock steps, reverse mode by autograd through every step."""
    parameters = TendonAndFiber(*(p.clone().requires_grad_() for p in case.parameters))
    start = torch.ones_like(case.parameters.optimal_fiber_length)
    length = rosenbrock_trajectory(case.activation, case.mtu_length, parameters, case.muscle, TIME_STEP, start)
    (length * weight).sum().backward()


def fastest(run: Callable[[], object], repeats: int) -> float:
    """Return the shortest of some runs, ms."""
    run()
    shortest = math.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - begin)
    return 1e3 * shortest


def reference_case() -> None:
    """34 MTUs x 3 trials x 200 steps."""
    case = make_case(34, 3, 200)
    weight = torch.randn(case.activation.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    solved = case.solve()
    print(f"34 MTUs x 3 trials x 200 steps, float64, {torch.get_num_threads()} threads\n")
    print(f"{'':64s}{'iterations':>12s}{'ms':>9s}")
    rows: list[tuple[str, Case, FiberSolution | None]] = [("cold", case, None)]
    rows += [(f"warm, lengths +-{p} %", case.changed(p), solved) for p in (0.2, 0.5, 1.0, 2.0)]
    for label, problem, start in rows:
        solution = problem.solve(start)
        taken = fastest(lambda problem=problem, start=start: gradient(problem.solve(start), weight), 40)  # type: ignore[misc]
        print(f"whole trajectory, solve + gradient, {label}".ljust(64) + f"{solution.iterations:12d}{taken:9.1f}")
    print(f"{'  of that the gradient':64s}{'':12s}{fastest(lambda: gradient(solved, weight), 40):9.1f}")
    print(f"{'step-by-step loop, partials by hand, with gradient':64s}{'':12s}{fastest(lambda: loop_by_hand(case, weight), 4):9.1f}")
    print(f"{'step-by-step loop, Rosenbrock by autograd (the paper)':64s}{'':12s}{fastest(lambda: loop_by_autograd(case, weight), 2):9.1f}")


def growth() -> None:
    """From one leg's trials to 300 MTUs x 100 trials."""
    header = "".join(f"{title:>16s}" for title in ("million states", "solve ms", "us/state", "gradient ms", "peak memory MB"))
    print(f"\n{'MTUs x trials x steps':>24s}{header}")
    for muscles, trials in ((34, 3), (34, 30), (100, 30), (100, 100), (300, 100)):
        case = make_case(muscles, trials, 200)
        states = case.activation.numel()
        start = case.solve()
        changed = case.changed(0.5)
        repeats = 3 if states > 1e6 else 10
        solve = fastest(lambda changed=changed, start=start: changed.solve(start), repeats)  # type: ignore[misc]
        weight = torch.ones_like(case.activation)
        back = fastest(lambda start=start, weight=weight: gradient(start, weight), repeats)  # type: ignore[misc]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        numbers = (states / 1e6, solve, 1e3 * solve / states, back, memory)
        print(f"{f'{muscles} x {trials} x 200':>24s}" + "".join(f"{number:16.3g}" for number in numbers))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--growth", action="store_true", help="also measure growth up to 300 MTUs x 100 trials (needs 4 GB)")
    parser.add_argument("--threads", type=int, default=1, help="two gain nothing at this size, and lose much beside other programs")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    torch.set_flush_denormal(True)
    reference_case()
    if chosen.growth:
        growth()
