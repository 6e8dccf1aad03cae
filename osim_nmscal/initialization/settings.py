"""Settings of the starting values."""

from pathlib import Path
from typing import Literal

from osim_nmscal.settings import Settings, setting


class InitializationSettings(Settings):
    """Where a calibration starts, and what is known of the muscles before any trial is seen.

    Example:
        >>> from osim_nmscal.initialization.settings import InitializationSettings
        >>> InitializationSettings().changes_anything, InitializationSettings(lengths="operating_range").changes_anything
        (False, True)
    """

    lengths: Literal["scaled", "operating_range"] = setting(
        "scaled",
        unit="-",
        description="Optimal fiber and tendon slack lengths: as the scaled model has them, or such that each muscle keeps the generic "
        "model's operating range over the joints it crosses.",
        source="Modenese et al. (2016), J Biomech 49:141; default by measurement, docs/method.md",
    )
    strength: Literal["scaled", "mass_height"] = setting(
        "scaled",
        unit="-",
        description="Maximum isometric force: as the model has it (scaling leaves the generic one), or from body mass and height (leg).",
        source="Handsfield et al. (2014), J Biomech 47:631; default by measurement, docs/method.md",
    )
    passive: Literal["none", "normative", "auto"] = setting(
        "none",
        unit="-",
        description="Whether fiber lengths and working points are moved, within their prior, so that the relaxed leg has the mean person's "
        "passive moments; 'auto': only where the model's own are farther off than `passive_misfit` at one of the calibrated joints.",
        source="Riener & Edrich (1999), J Biomech 32:539; default by measurement, docs/method.md",
    )
    passive_misfit: float = setting(
        5.0,
        unit="N·m",
        description="Distance (RMS) of a joint's passive moment from the mean person's from which passive = 'auto' acts.",
        source="measured: a scaled Rajagopal leg is 12 to 18 off, gait2392 3 to 7, and both gain; two groups of people differ by 2 to 5",
        gt=0,
    )
    passive_spread: float = setting(
        4.0,
        unit="N·m",
        description="What people's passive moments differ by (SD, beside a fifth of the moment): how far the calibration may take the "
        "relaxed leg from where `passive` has put it; [calibration.prior] relaxed_leg = 'free' lets it go anywhere.",
        source="choice: two groups' means differ by 2 to 5 (Silder; Riener & Edrich); three real people: with 8 a knee drifts beyond its "
        "scaled start, with 4 none does",
        gt=0,
    )
    measurements: Path | None = setting(
        None,
        unit="-",
        description="Table of measured values of single muscles: muscle, quantity, value, unit, sd, pose, source (.csv).",
        source="user",
    )
    specific_tension: float = setting(
        6e5,
        unit="N/m2",
        description="Force per area of muscle, for strength from volume or PCSA.",
        source="Rajagopal et al. (2016), IEEE TBME 63:2068",
        gt=5e4,
        lt=2e6,
    )

    @property
    def changes_anything(self) -> bool:
        """Whether anything but plain scaling is asked for."""
        return self.lengths != "scaled" or self.strength != "scaled" or self.passive != "none" or self.measurements is not None
