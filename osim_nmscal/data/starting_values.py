"""What is known of each muscle before any trial is seen: where a calibration starts, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.noun import Facts, Noun
from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.errors import CalibrationError

# What people of one size differ by before anything is measured (SD). Source: docs/natural_prior.md; Ward et al. (2009) for fibers.
FIBER_LENGTH_SD = 0.12  # of ln(optimal fiber length)
WORKING_POINT_SD = 0.08  # of the normalized fiber length at a reference MTU length
GEOMETRY_SD = 0.008  # what the error of scaling adds to the working point, in MTU lengths
SLACK_LENGTH_SD = 0.3  # of ln(tendon slack length): a cap, as the working point says more

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class StartingValues(Noun):
    """The mean of a calibration's prior, and its width where that is known better than the calibration's own default.

    The means are the muscles' own values: optimal fiber length, strength, and the working point that optimal fiber length and tendon
    slack length give at the reference MTU length. A width that is not a number leaves the calibration's default.

    Example:
        >>> start = StartingValues.of(muscles)
        >>> start.muscles is muscles, start.log_fiber_length_sd, start.sources
        (True, array([nan, nan]), ('', ''))
    """

    muscles: MuscleTable
    log_fiber_length_sd: FloatArray  # (muscle,), of ln(optimal fiber length)
    reference_mtu_length: FloatArray  # (muscle,), m, where the working point is known; nan: the mean of the calibration's trials
    working_point_sd: FloatArray  # (muscle,), of the normalized fiber length at the reference MTU length
    correlation: FloatArray  # (muscle,), of ln(optimal fiber length) with the working point: a fascicle length tells their product
    log_strength_sd: FloatArray  # (muscle,), of ln(maximum isometric force)
    sources: tuple[str, ...]  # (muscle,), where the values are from; "" for plain scaling
    relaxed: tuple[RelaxedPostures, ...] = ()  # of some of the muscles: how far a relaxed limb may be from that of these values

    def __post_init__(self) -> None:
        n = len(self.muscles)
        for name in WIDTHS:
            values = getattr(self, name)
            if values.shape != (n,):
                raise CalibrationError(f"Starting values have {name} of shape {values.shape}, expected ({n},), one for each muscle.")
            wrong = np.abs(values) >= 1.0 if name == "correlation" else values <= 0.0
            if wrong.any() or np.isinf(values).any():
                at = int(np.argmax(wrong | np.isinf(values)))
                expected = "between -1 and 1" if name == "correlation" else "positive or nan"
                raise CalibrationError(
                    f"Muscle {self.muscles.names[at]!r} has {name} = {values[at]:g} among its starting values; it must be {expected}."
                )
        if np.isnan(self.correlation).any():
            raise CalibrationError("Starting values have a correlation that is no number; give 0 where there is none.")
        for name in (name for limb in self.relaxed for name in limb.muscles):
            self.muscles.index(name)  # an unknown one is an error
        if len(self.sources) != n:
            raise CalibrationError(f"Starting values have {len(self.sources)} sources for {n} muscles; give one for each.")

    def _facts(self) -> Facts:
        told = sum(bool(source) for source in self.sources)
        return [("", f"{len(self.muscles)} muscles"), ("", f"{told} of them better known than by scaling")]

    @classmethod
    def of(cls, muscles: MuscleTable) -> "StartingValues":
        """Return the muscles as they are, with the calibration's own widths."""
        unknown = np.full(len(muscles), np.nan)
        widths = {name: unknown.copy() for name in WIDTHS if name != "correlation"}
        return cls(muscles=muscles, correlation=np.zeros(len(muscles)), sources=("",) * len(muscles), relaxed=(), **widths)

    def select(self, names: Sequence[str]) -> "StartingValues":
        """Return the named muscles, in that order; an unknown name is an error that offers the nearest one."""
        index = [self.muscles.index(name) for name in names]
        widths = {name: getattr(self, name)[index] for name in WIDTHS}
        return replace(
            self,
            muscles=self.muscles.select(names),
            sources=tuple(self.sources[i] for i in index),
            relaxed=tuple(limb.select(names) for limb in self.relaxed),
            **widths,
        )


WIDTHS: tuple[str, ...] = tuple(one.name for one in fields(StartingValues) if one.name not in ("muscles", "sources", "relaxed"))


def starting_values(muscles: MuscleTable | StartingValues) -> StartingValues:
    """Return muscles as starting values: as they are, with the calibration's own widths, where no more is known of them."""
    return muscles if isinstance(muscles, StartingValues) else StartingValues.of(muscles)
