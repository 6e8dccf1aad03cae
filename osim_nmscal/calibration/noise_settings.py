"""Settings of the likelihood: how far a moment may lie from the truth when all parameters are right."""

from osim_nmscal.settings import Settings, setting


class NoiseSettings(Settings):
    """Standard deviations of joint moments by kind of trial; read where `[calibration.loss] moment_scale = "noise"`.

    Everything that is not a parameter is noise here: markers and plates, EMG that is not the muscle's, curves that differ from the
    person's. Neighbouring samples repeat the same error, so `correlation_time` of them count as one.

    Example:
        >>> NoiseSettings(relative=0.2).floor
        1.5
    """

    relative: float = setting(
        0.22,
        unit="SD of the trial's moment",
        description="Standard deviation of a moment of a motion, as a share of that moment's own standard deviation in that trial.",
        source="virtual people (tuning) and three real ones: 0.28 fits truth best (working points 1.04 of scaling's squared error against "
        "1.10 at 0.20 and 1.26 at 0.15), 0.15 held-out moments; between them; nobody measures better than 0.05",
        ge=0.05,
    )
    floor: float = setting(
        1.5, unit="N·m", description="Least standard deviation of a moment of a motion.", source="virtual people, as relative", gt=0.0
    )
    correlation_time: float = setting(
        0.08,
        unit="s",
        description="Time over which errors repeat themselves (integrated autocorrelation time).",
        source="virtual people, as relative",
        ge=0.0,
    )
    refit: bool = setting(
        False,
        unit="-",
        description="Whether the noise of each DOF and its autocorrelation are taken from the first fit's errors, for a second fit. "
        "Intervals hold the noise that errors show either way.",
        source="three real people: errors of the model count as noise, so that a second fit believes the start again (treadmill ankle 17 "
        "against 13 N·m held out)",
    )
    passive_relative: float = setting(
        0.15, unit="moment", description="Part of the moment in the SD of a passive trial.", source="virtual people, as relative", ge=0.0
    )
    passive_floor: float = setting(
        2.0, unit="N·m", description="Least standard deviation of a passive moment.", source="virtual people, as relative", gt=0.0
    )
    passive_samples: float = setting(
        4.0, unit="-", description="Independent samples in a passive trial.", source="virtual people, as relative", gt=0.0
    )
    effort_relative: float = setting(
        0.12,
        unit="largest moment",
        description="Part of the trial's largest moment in the SD of an effort.",
        source="virtual people: how hard a person tries differs by this",
        ge=0.0,
    )
    effort_floor: float = setting(
        5.0, unit="N·m", description="Least standard deviation of the moment of an effort.", source="virtual people, as relative", gt=0.0
    )
    effort_samples: float = setting(
        3.0, unit="-", description="Independent samples in an effort.", source="virtual people, as relative", gt=0.0
    )
