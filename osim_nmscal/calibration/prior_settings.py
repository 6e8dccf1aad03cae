"""Settings of what is known of a person's muscles before anything is measured, beyond the width of each kind of parameter."""

from typing import Literal

from osim_nmscal.data.starting_values import GEOMETRY_SD, WORKING_POINT_SD
from osim_nmscal.settings import Settings, setting

# What becomes of the strength of muscles without an electrode.
UnrecordedStrength = Literal["held", "by_efforts", "free"]


class PriorSettings(Settings):
    """The prior's natural coordinates: tendon slack lengths follow from fiber lengths and working points.

    The widths of optimal fiber length, strength, time constants and the others stand with each kind, in
    [calibration.parameters]; here is what couples them.

    Example:
        >>> PriorSettings(working_point_width=0.0).unrecorded_strength  # independent fiber and slack lengths
        'by_efforts'
    """

    working_point_width: float = setting(
        WORKING_POINT_SD,
        unit="optimal fiber lengths",
        description="Standard deviation of the working point: a muscle's normalized fiber length behind a rigid tendon at its mean MTU "
        "length over the calibration trials. 0: slack lengths have a prior of their own alone.",
        source="virtual people; sarcomere lengths in Ward et al. (2009) spread by several per cent",
        ge=0.0,
    )
    geometry_width: float = setting(
        GEOMETRY_SD,
        unit="MTU length",
        description="What the error of scaling and of the muscle's path adds to the working point's deviation.",
        source="markers and scaling place muscles to about 1 %",
        ge=0.0,
    )
    length_caution: float = setting(
        2.0,
        unit="-",
        description="How many times harder than their own deviation says optimal fiber lengths are pulled to their start. Above 1 they "
        "follow the data less than these deserve; intervals stay those of the stated deviation.",
        source="virtual people (tuning): mean squared error of fiber lengths against scaling's 1.07 -> 1.00, nothing else moves",
        ge=1.0,
    )
    head_correlation: float = setting(
        0.0,
        unit="-",
        description="Correlation of the deviations of heads of one muscle (gastrocnemii, vasti, lines of gluteus maximus, ...), found by "
        "their names: of fiber lengths, and of working points.",
        source="fibers of the two gastrocnemii of one person differ much (Kelp et al. 2022, 32 people by diffusion MRI); virtual people, "
        "whose heads are drawn apart: 0.5 takes working points from 1.08 to 1.18 of scaling's squared error; real people: no gain",
        ge=0.0,
        le=0.99,
    )
    side_correlation: float = setting(
        0.0,
        unit="-",
        description="Correlation of the deviations of the same muscle of both sides: of fiber lengths, and of working points.",
        source="choice: no trials of both legs were at hand; a person's sides differ less than people do",
        ge=0.0,
        le=0.99,
    )
    relaxed_leg: Literal["kept", "free"] = setting(
        "kept",
        unit="-",
        description="Whether what a relaxed leg is like remains part of the prior where [initialization] passive has moved lengths for it.",
        source="three real people: relaxed, no joint of the calibrated leg is farther from Silder et al. (2007) than the scaled model's; "
        "forgotten, a knee goes from 5 to 13 N·m",
    )
    unrecorded_strength: UnrecordedStrength = setting(
        "by_efforts",
        unit="-",
        description="Strength of muscles without an electrode: held at its start and reported as assumed ('held'), told by the maximal "
        "efforts alone whose agonists they are and held without any ('by_efforts'), or calibrated with the others ('free').",
        source="virtual people (tuning): squared error of all strengths .82 of scaling's held, .70 by efforts, 1.10 free, as the penalty "
        "on their excitation in motions makes them grow",
    )
    moment_arm_width: float = setting(
        0.07,
        unit="moment arm",
        description="Error of the model's moment arms (SD of one factor per muscle, which stretches its length's excursion, too), part of "
        "every interval; where moment_arm_scale is free, its own prior_width takes the place.",
        source="generic moment arms miss personal ones by 5-10 %",
        ge=0.0,
    )
