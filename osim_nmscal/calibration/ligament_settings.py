"""Settings of the moments of ligaments and capsule in a calibration."""

from typing import Literal

from osim_nmscal.settings import Settings, setting


class LigamentSettings(Settings):
    """What ligaments and capsule add to the moments of the muscles, in every trial; trials need joint angles for it.

    Example:
        >>> LigamentSettings(moments="published").moment_width
        1.0
    """

    moments: Literal["none", "published", "free"] = setting(
        "none",
        unit="-",
        description="No moment of ligaments and capsule; published ones at the ends of the leg's joints (Anderson 1999); or free ones, "
        "found with the muscles' parameters: from 2 N·m on, at both ends of the angles at which each moment was measured.",
        source="choice: the written model has no ligaments; see docs/decisions.md for what they change",
    )
    moment_width: float = setting(
        1.0,
        unit="-",
        description="Standard deviation of the natural logarithm of each free moment.",
        source="choice: people and postures differ by a factor of three",
        gt=0.0,
    )
