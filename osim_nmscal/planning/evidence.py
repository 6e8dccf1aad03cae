"""What recordings tell, and how sure that makes of the parameters: strengths that nothing measures are held, until something does.

A strength without electrode is held where the calibration starts (`unrecorded_strength`). An electrode lets it go. A maximal effort tells
it as in `calibration.efforts`: from the dynamometer's trials alone, and then it is held there, as sure as those trials made it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from osim_nmscal.calibration.electrodes import electrodes_of
from osim_nmscal.calibration.likelihood import LIKELIHOOD_UNIT
from osim_nmscal.calibration.parameter_space import ParameterSpace
from osim_nmscal.calibration.posterior import inverse_of, spread
from osim_nmscal.calibration.prior import Prior
from osim_nmscal.calibration.told import Told
from osim_nmscal.data.trials import Trial


@dataclass(frozen=True)
class Evidence:
    """What recordings tell; that of several adds up."""

    told: Told
    alone: Told  # of it, what passive trials and efforts of assumed excitations tell
    tried: Tensor  # (parameter,), bool: strengths of muscles that try their hardest in an effort
    heard: Tensor  # (parameter,), bool: strengths of muscles that get an electrode

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence(self.told + other.told, self.alone + other.alone, self.tried | other.tried, self.heard | other.heard)


class Belief:
    """What is believed of the parameters before any data, and how hard a calibration pulls to it, at one place."""

    def __init__(self, prior: Prior, z: Tensor, *, efforts_first: bool, efforts_count: bool) -> None:
        """Linearise a prior.

        Args:
            prior: of the calibration.
            z: (parameter,), where.
            efforts_first: whether strengths that only efforts tell come from these alone, as where synergies drive the motions.
            efforts_count: whether efforts tell such strengths at all.
        """
        self._first, self._count = efforts_first, efforts_count
        self._unit = prior.weight / LIKELIHOOD_UNIT
        self.pull, self._precision = self._unit * prior.pull(z), prior.precision(z)
        self._held, self._believed = prior.space.prior_width(), prior.space.believed_width()
        self._assumed = prior.space.assumed()
        self.covariance = torch.linalg.inv(self._precision)

    def with_evidence(self, evidence: Evidence) -> Tensor:
        """Return the covariance of the parameters that a calibration would report, (parameter, parameter)."""
        tried = evidence.tried & self._assumed & ~evidence.heard & self._count
        pull, believed = self._let_go(evidence.heard | (tried & (not self._first))), self.covariance
        if self._first and bool(tried.any()):
            alone = evidence.alone
            variance = spread(alone.data, alone.data, self._let_go(tried), self.covariance, alone.moved).diagonal()
            # what the efforts alone have found takes the place of what was believed
            surer = torch.where(tried, (1.0 / variance - self._believed**-2.0).clamp_min(0.0), torch.zeros_like(variance))
            believed = inverse_of(self._precision + torch.diag(surer))
        return spread(evidence.told.data, evidence.told.data, pull, believed, evidence.told.moved)

    def _let_go(self, which: Tensor) -> Tensor:
        """Return the pull of a prior that holds these strengths no longer."""
        less = (self._believed**-2.0 - self._held**-2.0) * (which & self._assumed)
        return self.pull + self._unit * torch.diag(less)


def strengths_of(space: ParameterSpace, muscles: frozenset[str], names: tuple[str, ...]) -> Tensor:
    """Return which parameters are the strengths of these muscles, (parameter,), bool.

    Args:
        space: the parameters.
        muscles: whose.
        names: of the space's muscles, in order.
    """
    found = torch.zeros(space.size, dtype=torch.bool)
    columns = space.blocks["strength_coefficient"].muscle_columns()
    for name, column in zip(names, columns.tolist(), strict=True):
        if name in muscles and column >= 0:
            found[column] = True
    return found


def trying_in(trials: tuple[Trial, ...]) -> frozenset[str]:
    """Return the muscles that are assumed to try their hardest."""
    return electrodes_of((), efforts=trials).trying
