"""Levenberg-Marquardt with bounds: Gauss-Newton steps from the exact Jacobian, damped until the loss falls.

Entries at a bound whose gradient points outwards are held; a step that would leave the box is solved again with the
entries that hit it held there (an active-set solution of the bounded quadratic model). Damping follows Nielsen (1999).
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.arrow_matrix import ArrowMatrix
from osim_nmscal.calibration.objective import Evaluation, Linearization, Objective
from osim_nmscal.calibration.optimizers import Journal, Minimum, Progress
from osim_nmscal.calibration.settings import GaussNewtonSettings
from osim_nmscal.errors import FiberDynamicsError

_LARGEST_DAMPING = 1e8
_SMALLEST_DAMPING = 1e-10
# Iterations over which the loss must have fallen by the tolerance.
_WINDOW = 3
_ACTIVE_SET_PASSES = 8


def gauss_newton(objective: Objective, start: Tensor, settings: GaussNewtonSettings, progress: Progress | None = None) -> Minimum:
    """Minimise the loss from a starting vector.

    Args:
        objective: the loss.
        start: (parameter,), each 0 to 1.
        settings: iterations, tolerance, first damping.
        progress: told after every iteration.

    Returns:
        the best evaluation and how the run ended; Ctrl-C ends it with the best so far.
    """
    journal = Journal(progress)
    best = objective.evaluate(start)
    journal.add(0, best)
    damping, growth = settings.initial_damping, 2.0
    iteration = 0
    try:
        while iteration < settings.maximum_iterations:
            linear = objective.linearize(best)
            iteration += 1
            accepted = None
            while accepted is None and damping <= _LARGEST_DAMPING:
                step = bounded_step(best.z, linear, damping)
                accepted, gain = _try_step(objective, best, linear, step)
                if accepted is None:
                    damping, growth = damping * growth, growth * 2.0
                else:
                    damping, growth = max(damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), _SMALLEST_DAMPING), 2.0
            if accepted is None:
                return _end(best, "converged", "No step lowers the loss any further.", iteration, journal)
            best = accepted
            journal.add(iteration, best)
            if len(journal.rows) > _WINDOW:
                before = journal.rows[-1 - _WINDOW].loss
                if before - best.loss <= settings.tolerance * before:
                    sentence = f"The last {_WINDOW} iterations lowered the loss by less than {settings.tolerance:g} of itself."
                    return _end(best, "converged", sentence, iteration, journal)
    except KeyboardInterrupt:
        return _end(best, "interrupted", f"Interrupted after {iteration} iterations; this is the best so far.", iteration, journal)
    sentence = f"Stopped after {iteration} iterations, still improving; raise [calibration.gauss_newton] maximum_iterations."
    return _end(best, "iterations", sentence, iteration, journal)


def _try_step(objective: Objective, best: Evaluation, linear: Linearization, step: Tensor) -> tuple[Evaluation | None, float]:
    """Return the evaluation after a step if it lowers the loss, and the gain over what the quadratic model promised."""
    try:
        trial = objective.evaluate(best.z + step, objective.predict_lengths(best, linear, step))
    except FiberDynamicsError:
        return None, 0.0
    promised = -float(2.0 * (linear.gradient @ step) + step @ (linear.hessian @ step))
    if trial.loss < best.loss:
        return trial, min((best.loss - trial.loss) / max(promised, 1e-300), 1.0)
    return None, 0.0


def bounded_step(z: Tensor, linear: Linearization, damping: float) -> Tensor:
    """Minimise the damped quadratic model inside the box 0 to 1.

    Args:
        z: (parameter,), where the model was made.
        linear: gradient and Hessian there.
        damping: added to the Hessian, relative to its diagonal.

    Returns:
        the step, (parameter,).
    """
    diagonal = linear.hessian.diagonal()
    shift = damping * diagonal.clamp_min(1e-9 * float(diagonal.max()) + 1e-300)
    step = torch.zeros_like(z)
    held = ((z <= 0.0) & (linear.gradient > 0.0)) | ((z >= 1.0) & (linear.gradient < 0.0))
    for _ in range(_ACTIVE_SET_PASSES):
        if bool(held.all()):
            break
        # entries held away from their bound's start have moved: carry their pull over
        moved = step * held
        pull = linear.gradient + linear.hessian @ moved + shift * moved
        step = torch.where(held, step, -_solve(linear.hessian, shift, ~held, pull))
        outside = ((z + step < 0.0) | (z + step > 1.0)) & ~held
        if not bool(outside.any()):
            break
        step = torch.maximum(torch.minimum(step, 1.0 - z), -z)
        held = held | outside
    return torch.maximum(torch.minimum(step, 1.0 - z), -z)


def _solve(hessian: Tensor | ArrowMatrix, shift: Tensor, free: Tensor, right: Tensor) -> Tensor:
    """Solve (hessian + diag(shift)) x = right over the free entries; the others stay zero."""
    if isinstance(hessian, ArrowMatrix):
        return hessian.solve(shift, free, right)
    index = free.nonzero().squeeze(-1)
    block = hessian[index][:, index]
    block.diagonal().add_(shift[index])
    factor, _ = torch.linalg.cholesky_ex(block)
    solution = torch.zeros_like(right)
    solution[index] = torch.cholesky_solve(right[index][:, None], factor)[:, 0]
    return solution


def _end(best: Evaluation, status: str, sentence: str, iterations: int, journal: Journal) -> Minimum:
    return Minimum(best, status, sentence, iterations, tuple(journal.rows))  # type: ignore[arg-type]
