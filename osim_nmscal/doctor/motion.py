"""Motion: holes in the time axis, marker errors, joint angles, scale factors, axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries

FloatArray = NDArray[np.float64]

# A step longer than so many usual ones is a hole; longer than so many seconds nobody can bridge it (a twentieth of a stride of walking).
HOLE_STEPS = 1.5
LONGEST_BRIDGE = 0.05  # s
# Marker errors of inverse kinematics, m. Source: Hicks et al. 2015, J. Biomech. Eng. 137:020905: RMS below 2 cm, maximum below 4 cm.
MARKER_RMS = 0.02
MARKER_MAX = 0.04
# The same of the static trial, m, where the generic model's own markers are off as well. Source: choice: the norms above and 0.5 to 1 cm
# more; two published scalings have 2.0 cm, and 3.8 and 3.9 cm at most.
STATIC_RMS = 0.025
STATIC_MAX = 0.05
# At this mean error markers are mixed up, or in another unit or frame. Source: choice; sound recordings here have 0.9 to 2.3 cm.
MARKER_RMS_STOP = 0.05
# Share of the frames at an end of the range, and how near counts as there, as a share of the range. Source: choice.
AT_LIMIT_SHARE = 0.1
AT_LIMIT = 1e-3
# How far, rad, and in which share of the frames an angle may leave the model's range. Source: choice; ranges of generic models are drawn
# wide.
OUTSIDE = np.radians(10.0)
OUTSIDE_SHARE = 0.1
# Share of the frames outside the range as they are, and inside it with the other sign, at which the sign is taken to be flipped.
FLIPPED_OUTSIDE, FLIPPED_INSIDE = 0.5, 0.9
# Factors of linear scaling between adults. Source: choice: 1.3 to 2.2 m against a generic model of 1.7 to 1.8 m.
SCALE_RANGE = (0.7, 1.4)
# Markers of legs or more reach at least so far when standing, m; those of an arm do not, and may point anywhere. Source: choice.
STANDING = 0.85
# Left and right of one body differ by less. Source: choice: leg length differences are below 2 cm in 90 cm.
LEFT_RIGHT = 0.05


def time_holes(time: FloatArray, source: str) -> tuple[Finding, ...]:
    """Find where samples are missing.

    Args:
        time: (time,), s.
        source: file, for the text.

    Returns:
        One finding per recording at most: a stop where the longest hole cannot be bridged, else a doubt.
    """
    steps = np.diff(time)
    if len(steps) < 3:
        return ()
    usual = float(np.median(steps))
    holes = np.flatnonzero(steps > HOLE_STEPS * usual)
    if len(holes) == 0:
        return ()
    longest = int(holes[steps[holes].argmax()])
    stop = steps[longest] > max(LONGEST_BRIDGE, 2.5 * usual)
    others = f" and {len(holes) - 1} shorter ones" if len(holes) > 1 else ""
    remedy = "export it without the hole, or leave that part out with start and end" if stop else "it is interpolated"
    return (
        Finding(
            severity="stop" if stop else "doubt",
            kind="time_hole",
            about=source,
            text=f"{source} has a hole of {steps[longest]:.3f} s after {time[longest]:.3f} s{others} (samples every {usual:.4g} s): "
            f"{remedy}.",
        ),
    )


def marker_errors(mean: float, largest: float, when: float, source: str) -> tuple[Finding, ...]:
    """Judge how far the model's markers lie from the measured ones.

    Args:
        mean: m, root mean square over the markers of a frame, mean over the frames.
        largest: m, worst marker of the worst frame.
        when: s, that frame.
        source: recording, for the text.
    """
    if mean <= MARKER_RMS and largest <= MARKER_MAX:
        return ()
    stop = mean > MARKER_RMS_STOP
    remedy = (
        "markers are swapped, misnamed or in another unit or frame: compare the marker names and positions with the model's"
        if stop
        else "look at the worst markers and their weights"
    )
    return (
        Finding(
            severity="stop" if stop else "doubt",
            kind="marker_error",
            about=source,
            text=f"Inverse kinematics of {source} misses the markers by {100 * mean:.1f} cm (RMS, mean over frames; good is below "
            f"{100 * MARKER_RMS:g} cm) and by {100 * largest:.1f} cm at most, at {when:.2f} s: {remedy}.",
        ),
    )


def placed_markers(rms: float, largest: float, marker: str) -> tuple[Finding, ...]:
    """Judge how far the scaled model's markers lie from the static trial, before the ScaleTool moves them there.

    Args:
        rms: m, root mean square over the markers, by their weights.
        largest: m.
        marker: the one furthest off.
    """
    if rms <= STATIC_RMS and largest <= STATIC_MAX:
        return ()
    stop = rms > MARKER_RMS_STOP
    text = (
        f"The scaled model in its static pose misses the markers of the static trial by {100 * rms:.1f} cm (weighted RMS; good is below "
        f"{100 * STATIC_RMS:g} cm) and {marker} by {100 * largest:.1f} cm: look at that marker's place in the model, its label and weight, "
        "and the measurements that scale its body."
    )
    return (Finding(severity="stop" if stop else "doubt", kind="marker_error", about="static trial", text=text),)


def joint_angles(angles: TimeSeries, coordinates: Sequence[Coordinate]) -> tuple[Finding, ...]:
    """Judge joint angles against the ranges that the model states.

    Args:
        angles: columns named by coordinate, rad (m for translations); others are not looked at.
        coordinates: of the model.
    """
    findings = []
    for coordinate in coordinates:
        if coordinate.name not in angles.labels or not coordinate.rotational or coordinate.locked or coordinate.coupled:
            continue
        lower, upper = coordinate.range
        if not upper - lower < 2 * np.pi:  # a free rotation has no range
            continue
        findings += _one_angle(angles.column(coordinate.name), coordinate, angles.source)
    return tuple(findings)


def _one_angle(values: FloatArray, coordinate: Coordinate, source: str) -> list[Finding]:
    lower, upper = coordinate.range
    outside = (values < lower - OUTSIDE) | (values > upper + OUTSIDE)
    inside_if_flipped = float(((-values >= lower) & (-values <= upper)).mean())
    shown = f"{coordinate.name} of {source} runs from {np.degrees(values.min()):.0f} to {np.degrees(values.max()):.0f} degrees"
    has = f"the model's range is {np.degrees(lower):.0f} to {np.degrees(upper):.0f}"
    if float(((values < lower) | (values > upper)).mean()) > FLIPPED_OUTSIDE and inside_if_flipped > FLIPPED_INSIDE:
        text = f"{shown}, {has}: the sign is flipped; turn it round, or take the model that the angles belong to."
        return [Finding(severity="stop", kind="sign_flipped", about=coordinate.name, text=text)]
    if float(outside.mean()) > OUTSIDE_SHARE:
        text = f"{shown}, {has}: check unit, sign and model."
        return [Finding(severity="doubt", kind="outside_range", about=coordinate.name, text=text)]
    edge = AT_LIMIT * (upper - lower)
    resting = float(((np.abs(values - lower) < edge) | (np.abs(values - upper) < edge)).mean())
    if resting > AT_LIMIT_SHARE:
        text = (
            f"{coordinate.name} of {source} rests at an end of its range ({np.degrees(lower):.0f} to {np.degrees(upper):.0f} degrees) in "
            f"{100 * resting:.0f} % of the frames: widen the range in the model, or check the markers of that joint."
        )
        return [Finding(severity="doubt", kind="coordinate_limit", about=coordinate.name, text=text)]
    return []


def scale_factors(factors: Mapping[str, tuple[float, float, float]]) -> tuple[Finding, ...]:
    """Judge the factors by which bodies were scaled.

    Args:
        factors: body -> factors along its x, y, z.
    """
    findings = []
    lowest, highest = SCALE_RANGE
    for body, three in factors.items():
        odd = [factor for factor in three if not lowest <= factor <= highest]
        if odd:
            text = (
                f"Body {body!r} is scaled by {odd[0]:.2f}, people differ from a generic model by {lowest:g} to {highest:g}: two markers "
                f"of its "
                "measurements coincide, are swapped or misplaced in the static trial."
            )
            findings.append(Finding(severity="stop", kind="scale_factor", about=body, text=text))
    for body, three in factors.items():
        twin = f"{body[:-2]}_l"
        if body.endswith("_r") and twin in factors:
            apart = max(abs(a / b - 1.0) for a, b in zip(three, factors[twin], strict=True))
            if apart > LEFT_RIGHT:
                text = (
                    f"Bodies {body!r} and {twin!r} are scaled {100 * apart:.0f} % apart; check the markers of both sides in the static "
                    f"trial."
                )
                findings.append(Finding(severity="doubt", kind="left_right", about=body, text=text))
    return tuple(findings)


def vertical_axis(markers: MarkerTrajectories) -> tuple[Finding, ...]:
    """Judge whether the recording's y axis is the one along which a person stands.

    Args:
        markers: in the axes that OpenSim will see.

    Returns:
        A stop where the markers of a frame reach further along another axis than along y, by half and more.
    """
    seen = markers.positions[np.any(np.all(np.isfinite(markers.positions), axis=2), axis=1)]
    if len(seen) == 0 or len(markers.markers) < 6:
        return ()
    reach = np.median(np.nanmax(seen, axis=1) - np.nanmin(seen, axis=1), axis=0)
    tallest = int(reach.argmax())
    if tallest == 1 or reach[tallest] < max(1.5 * reach[1], STANDING):
        return ()
    name, suggestion = ("z", "x z -y") if tallest == 2 else ("x", "z x y")
    return (
        Finding(
            severity="stop",
            kind="vertical_axis",
            about=markers.source,
            text=f"The markers of {markers.source} reach {reach[tallest]:.2f} m along {name} but {reach[1]:.2f} m along y, which is up in "
            f"OpenSim: turn the "
            f"axes (for a c3d: c3d_axes = {suggestion!r} on top of what is set now).",
        ),
    )
