"""Levenberg-Marquardt with bounds: Gauss-Newton steps from the exact Jacobian, damped until the loss falls.

Entries at a bound whose gradient points outwards are held; a step that would leave the box is solved again with the
entries that hit it held there (an active-set solution of the bounded quadratic model). Damping follows Nielsen (1999).
The residuals' own curvature is learned on the way (secant.py).
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.hessians import Hessian
from osim_nmscal.calibration.optimizer_settings import GaussNewtonSettings
from osim_nmscal.calibration.optimizers import Evaluated, Journal, Linearized, Loss, Minimum, Progress
from osim_nmscal.calibration.optimizers.held import HeldSystem
from osim_nmscal.calibration.optimizers.secant import SecantCurvature
from osim_nmscal.errors import FiberDynamicsError

_LARGEST_DAMPING = 1e8
_SMALLEST_DAMPING = 1e-10
# Iterations over which the loss must have fallen by the tolerance.
_WINDOW = 3
_ACTIVE_SET_PASSES = 12


def gauss_newton(loss: Loss, start: Tensor, settings: GaussNewtonSettings, progress: Progress | None = None) -> Minimum:
    """Minimise the loss from a starting vector.

    Args:
        loss: what to minimise.
        start: (parameter,), each 0 to 1.
        settings: iterations, tolerance, first damping.
        progress: told after every iteration.

    Returns:
        the best evaluation and how the run ended; Ctrl-C ends it with the best so far.
    """
    journal = Journal(progress, settings.maximum_iterations)
    best = loss.evaluate(start)
    journal.add(0, best, settings.initial_damping)
    search = _Search(loss, settings.initial_damping)
    iteration = 0
    try:
        linear = loss.linearize(best)
        while iteration < settings.maximum_iterations:
            iteration += 1
            accepted = search.lower(best, linear)
            if accepted is None:
                return _end(best, "converged", "No step lowers the loss any further.", iteration, journal)
            before, best = best, accepted
            journal.add(iteration, best, search.damping)
            if len(journal.rows) > _WINDOW:
                earlier = journal.rows[-1 - _WINDOW].loss
                if earlier - best.loss <= settings.tolerance * earlier:
                    sentence = f"The last {_WINDOW} iterations lowered the loss by less than {settings.tolerance:g} of itself."
                    return _end(best, "converged", sentence, iteration, journal)
            previous, linear = linear, loss.linearize(best)
            search.learn(best.z - before.z, previous, linear)
    except KeyboardInterrupt:
        return _end(best, "interrupted", f"Interrupted after {iteration} iterations; this is the best so far.", iteration, journal)
    sentence = f"Stopped after {iteration} iterations, still improving; raise [calibration.gauss_newton] maximum_iterations."
    return _end(best, "iterations", sentence, iteration, journal)


class _Search:
    """Damping and the secant estimate, which live from step to step."""

    def __init__(self, loss: Loss, damping: float) -> None:
        self._loss = loss
        self.damping = damping
        self._secant: SecantCurvature | None = None

    def lower(self, best: Evaluated, linear: Linearized) -> Evaluated | None:
        """Return an evaluation with a lower loss, damping more and more until there is one; None if there is none."""
        growth = 2.0
        while self.damping <= _LARGEST_DAMPING:
            secant = self._secant
            step = bounded_step(best.z, linear, self.damping, secant.matrix if secant is not None and secant.trusted else None)
            try:
                trial = self._loss.evaluate(best.z + step, self._loss.warm_start(best, linear, step))
            except FiberDynamicsError:
                self.damping, growth = self.damping * growth, growth * 2.0
                continue
            gained = best.loss - trial.loss
            promised = -float(2.0 * (linear.gradient @ step) + step @ (linear.hessian @ step))
            if secant is not None:
                promised = secant.judge(step, gained, promised)
            if gained > 0.0:
                gain = min(gained / max(promised, 1e-300), 1.0)
                self.damping = max(self.damping * max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3), _SMALLEST_DAMPING)
                return trial
            self.damping, growth = self.damping * growth, growth * 2.0
        return None

    def learn(self, step: Tensor, before: Linearized, after: Linearized) -> None:
        """Let the secant estimate see an accepted step; a Hessian that cannot take it up has none."""
        if self._secant is None:
            secant = SecantCurvature(len(step))
            if after.hessian.plus(secant.matrix) is None:
                return
            self._secant = secant
        self._secant.learn(step, after.gradient - before.gradient, after.hessian)


def bounded_step(z: Tensor, linear: Linearized, damping: float, more_curvature: Tensor | None = None) -> Tensor:
    """Minimise the damped quadratic model inside the box 0 to 1.

    Args:
        z: (parameter,), where the model was made.
        linear: gradient and Hessian there.
        damping: added to the Hessian's diagonal, relative to what the Hessian says.
        more_curvature: added to the Hessian, (parameter, parameter); only where the Hessian takes it.

    Returns:
        the step, (parameter,).
    """
    hessian: Hessian = linear.hessian
    shift = hessian.shift(damping)
    if more_curvature is not None:
        hessian = hessian.plus(more_curvature) or hessian
    system, step = HeldSystem(hessian, shift), torch.zeros_like(z)
    held = ((z <= 0.0) & (linear.gradient > 0.0)) | ((z >= 1.0) & (linear.gradient < 0.0))
    for _ in range(_ACTIVE_SET_PASSES):
        if not bool(held.all()):
            # entries held away from their bound's start have moved: carry their pull over
            moved = step * held
            pull = linear.gradient + hessian @ moved + shift * moved
            step = torch.where(held, step, -system.solve(~held, pull))
        outside = ((z + step < 0.0) | (z + step > 1.0)) & ~held
        if bool(outside.any()):
            step = torch.maximum(torch.minimum(step, 1.0 - z), -z)
            held = held | outside
            continue
        # entries that were held too early want back inside
        slope = linear.gradient + hessian @ step + shift * step
        inwards = held & (((z + step <= 0.0) & (slope < 0.0)) | ((z + step >= 1.0) & (slope > 0.0)))
        if not bool(inwards.any()):
            break
        held = held & ~inwards
    return torch.maximum(torch.minimum(step, 1.0 - z), -z)


def _end(best: Evaluated, status: str, sentence: str, iterations: int, journal: Journal) -> Minimum:
    return Minimum(best, status, sentence, iterations, tuple(journal.rows))  # type: ignore[arg-type]
