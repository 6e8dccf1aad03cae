"""Settings of the moments of ligaments and capsule in a calibration."""

from osim_nmscal.data.passive_joint_moment import LigamentChoice
from osim_nmscal.settings import Settings, setting


class LigamentSettings(Settings):
    """What ligaments and capsule add to the moments of the muscles, in every trial; trials need joint angles for it.

    Example:
        >>> LigamentSettings(moments="published").moment_width
        0.7
    """

    moments: LigamentChoice = setting(
        "none",
        unit="-",
        description="No moment of ligaments and capsule; published ones at the ends of the leg's joints (Anderson 1999); or free ones, "
        "found with the muscles' parameters, from half of what the mean person's relaxed leg resists on (Riener & Edrich 1999).",
        source="choice: the written model has no ligaments; see docs/decisions.md for what they change",
    )
    moment_width: float = setting(
        0.7,
        unit="-",
        description="Standard deviation of the natural logarithm of each free moment.",
        source="choice: a factor of two, as nobody knows the ligaments' share; with 1.0 what was left out of a fit changes little",
        gt=0.0,
    )
