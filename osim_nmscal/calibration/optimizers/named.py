"""The built-in optimisers by the names of `[calibration] optimizer`."""

import functools
from typing import assert_never

from osim_nmscal.calibration.optimizers import Optimizer
from osim_nmscal.calibration.optimizers.adamw import adamw
from osim_nmscal.calibration.optimizers.gauss_newton import gauss_newton
from osim_nmscal.calibration.optimizers.simulated_annealing import simulated_annealing
from osim_nmscal.calibration.settings import CalibrationSettings


def named_optimizer(settings: CalibrationSettings) -> Optimizer:
    """Return the optimiser that the settings name, with its own settings bound."""
    match settings.optimizer:
        case "gauss_newton":
            return functools.partial(gauss_newton, settings=settings.gauss_newton)
        case "adamw":
            return functools.partial(adamw, settings=settings.adamw)
        case "simulated_annealing":
            return functools.partial(simulated_annealing, settings=settings.simulated_annealing, seed=settings.seed)
        case other:
            assert_never(other)


def optimizer_name(optimizer: Optimizer) -> str:
    """Return what a user's own optimiser is called in results."""
    return str(getattr(optimizer, "__name__", type(optimizer).__name__))
