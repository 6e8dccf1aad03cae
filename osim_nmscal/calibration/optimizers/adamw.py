"""AdamW with an exponentially decaying rate and early stopping: the method paper's optimiser.

The paper's rates and patience are in a supplement that is not public; ours are settings in units of parameter ranges.
"""

import torch
from torch import Tensor

from osim_nmscal.calibration.optimizer_settings import AdamWSettings
from osim_nmscal.calibration.optimizers import Journal, Loss, Minimum, Progress, clamp_to_bounds
from osim_nmscal.data.results import CalibrationStatus


def adamw(loss: Loss, start: Tensor, settings: AdamWSettings, progress: Progress | None = None) -> Minimum:
    """Minimise the loss from a starting vector; the best iterate is returned, not the last.

    Args:
        loss: what to minimise.
        start: (parameter,), each 0 to 1.
        settings: rates, decay, patience.
        progress: told after every iteration.
    """
    journal = Journal(progress, settings.maximum_iterations)
    # weight decay pulls towards zero, so the optimiser works on the distance from the start
    moved = torch.zeros_like(start, requires_grad=True)
    optimizer = torch.optim.AdamW([moved], lr=settings.learning_rate, weight_decay=settings.weight_decay)
    decay = (settings.final_learning_rate / settings.learning_rate) ** (1.0 / settings.maximum_iterations)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, decay)
    best = at = loss.evaluate(start)
    journal.add(0, best, settings.learning_rate)
    status: CalibrationStatus = "iterations"
    sentence = f"Stopped after {settings.maximum_iterations} iterations."
    since_best = iteration = 0
    try:
        for iteration in range(1, settings.maximum_iterations + 1):
            moved.grad = 2.0 * loss.gradient(at)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                moved.copy_(clamp_to_bounds(start + moved) - start)
            at = loss.evaluate((start + moved).detach(), loss.warm_start(at))
            journal.add(iteration, at, float(schedule.get_last_lr()[0]))
            since_best = 0 if at.loss < best.loss else since_best + 1
            best = at if at.loss < best.loss else best
            if since_best >= settings.patience:
                status, sentence = "patience", f"The loss has not improved for {settings.patience} iterations."
                break
    except KeyboardInterrupt:
        status, sentence = "interrupted", f"Interrupted after {iteration} iterations; this is the best so far."
    return Minimum(best, status, sentence, iteration, tuple(journal.rows))
