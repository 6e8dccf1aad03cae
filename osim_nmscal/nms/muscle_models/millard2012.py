"""Millard2012EquilibriumMuscle: the curves of Millard et al. (2013) as OpenSim 4.6 builds them from a muscle's properties.

Constants without a name in the .osim are OpenSim's (SmoothSegmentedFunctionFactory); tests/nms/test_curves.py compares
with values that OpenSim computed. Departure: the tendon is continued below zero strain (see base.py).
"""

import functools

from osim_nmscal.data.muscles import Millard2012Properties
from osim_nmscal.errors import MuscleModelError
from osim_nmscal.nms.curves import BezierCurve, Corner, ExactCurve
from osim_nmscal.nms.muscle_models.base import ContinuedBelowSlack, MuscleCurves, minimum_pennated_length

# With at least this damping OpenSim solves the damped equilibrium, else it inverts the force-velocity curve.
_DAMPED = 0.001
# Half the plateau of the active-force-length curve, as a fraction of the optimum; OpenSim widened Millard 2013 to match its data.
_PLATEAU = 0.05
# Slope of the steep limb relative to the chord from its foot to the transition.
_STEEP_LIMB = 1.25
# End slopes that OpenSim requires for the invertible force-velocity curve of an undamped muscle.
_INVERTIBLE_CONCENTRIC_SLOPE = 0.125
_INVERTIBLE_ECCENTRIC_SLOPE = 0.075
# Where "near vmax" is, normalized fiber velocity.
_NEAR_VMAX = 0.9


def millard2012_curves(properties: Millard2012Properties, pennation_angle_at_optimal: float, *, rigid_tendon: bool) -> MuscleCurves:
    """Return the curves in force inside a muscle with these properties.

    Args:
        properties: as in the .osim.
        pennation_angle_at_optimal: rad.
        rigid_tendon: whether tendon compliance is ignored; OpenSim then resets the minimum active value to 0.

    Raises:
        MuscleModelError: a curve's optional properties are given in part.
    """
    damped = properties.fiber_damping >= _DAMPED
    minimum_active = 0.0 if damped or rigid_tendon else properties.minimum_value
    concentric, eccentric = properties.concentric_slope_at_vmax, properties.eccentric_slope_at_vmax
    if not damped and not rigid_tendon:
        concentric = max(concentric, _INVERTIBLE_CONCENTRIC_SLOPE)
        eccentric = max(eccentric, _INVERTIBLE_ECCENTRIC_SLOPE)
    pennated = minimum_pennated_length(pennation_angle_at_optimal, properties.maximum_pennation_angle)
    return MuscleCurves(
        active_force_length=_active_force_length(
            properties.min_norm_active_fiber_length,
            properties.transition_norm_fiber_length,
            properties.max_norm_active_fiber_length,
            properties.shallow_ascending_slope,
            minimum_active,
        ),
        passive_force_length=_passive_force_length(
            properties.strain_at_zero_force,
            properties.strain_at_one_norm_force,
            properties.stiffness_at_low_force,
            properties.stiffness_at_one_norm_force,
            properties.passive_curviness,
        ),
        force_velocity=_force_velocity(
            concentric,
            properties.concentric_slope_near_vmax,
            properties.isometric_slope,
            eccentric,
            properties.eccentric_slope_near_vmax,
            properties.max_eccentric_velocity_force_multiplier,
            properties.concentric_curviness,
            properties.eccentric_curviness,
        ),
        tendon_force=_tendon_force(
            properties.tendon_strain_at_one_norm_force,
            properties.tendon_stiffness_at_one_norm_force,
            properties.tendon_norm_force_at_toe_end,
            properties.tendon_curviness,
        ),
        tendon_strain_at_one_norm_force=properties.tendon_strain_at_one_norm_force,
        fiber_damping=properties.fiber_damping if damped or rigid_tendon else 0.0,
        velocity_scale_at_rest=1.0,
        minimum_fiber_length=max(pennated, properties.min_norm_active_fiber_length),
    )


def _all_or_none(curve: str, values: dict[str, float | None]) -> bool:
    given = [name for name, value in values.items() if value is not None]
    if given and len(given) < len(values):
        missing = next(name for name in values if name not in given)
        raise MuscleModelError(f"{curve} states {given[0]} but not {missing}; OpenSim needs all of {', '.join(values)} or none.")
    return bool(given)


@functools.lru_cache(maxsize=256)
def _active_force_length(minimum_length: float, transition: float, maximum_length: float, slope: float, minimum_value: float) -> ExactCurve:
    optimum = 1.0
    half_plateau = _PLATEAU * optimum
    shoulder = optimum - half_plateau
    y1 = 1.0 - slope * (shoulder - transition)
    steep = _STEEP_LIMB * y1 / (transition - minimum_length)
    x01, y01 = 0.5 * (minimum_length + transition), 0.5 * y1
    x1s, y1s = 0.5 * (transition + shoulder), 0.5 * (y1 + 1.0)
    falling = -1.0 / ((maximum_length - half_plateau) - (optimum + half_plateau))
    x23, y23 = 0.5 * (optimum + half_plateau + maximum_length), 0.5
    corners = [
        Corner(x0=minimum_length, y0=minimum_value, slope0=0.0, x1=x01, y1=y01, slope1=steep, curviness=1.0),
        Corner(x0=x01, y0=y01, slope0=steep, x1=x1s, y1=y1s, slope1=slope, curviness=1.0),
        Corner(x0=x1s, y0=y1s, slope0=slope, x1=optimum, y1=1.0, slope1=0.0, curviness=1.0),
        Corner(x0=optimum, y0=1.0, slope0=0.0, x1=x23, y1=y23, slope1=falling, curviness=1.0),
        Corner(x0=x23, y0=y23, slope0=falling, x1=maximum_length, y1=minimum_value, slope1=0.0, curviness=1.0),
    ]
    return BezierCurve(corners, end_slopes=(0.0, 0.0))


@functools.lru_cache(maxsize=256)
def _passive_force_length(
    strain_zero: float, strain_one: float, low_stiffness: float | None, stiffness: float | None, curviness: float | None
) -> ExactCurve:
    names = {"stiffness_at_low_force": low_stiffness, "stiffness_at_one_norm_force": stiffness, "curviness": curviness}
    _all_or_none("FiberForceLengthCurve", names)
    # OpenSim's fitted values
    low = 0.2 if low_stiffness is None else low_stiffness
    iso = 2.0 / (strain_one - strain_zero) if stiffness is None else stiffness
    bend = 0.75 if curviness is None else curviness
    x_zero, x_iso = 1.0 + strain_zero, 1.0 + strain_one
    x_low = x_zero + min(0.1 / iso, 0.1 * (x_iso - x_zero))
    y_low = low * (x_low - (x_zero + 0.5 * (x_low - x_zero)))
    corners = [
        Corner(x0=x_zero, y0=0.0, slope0=0.0, x1=x_low, y1=y_low, slope1=low, curviness=bend),
        Corner(x0=x_low, y0=y_low, slope0=low, x1=x_iso, y1=1.0, slope1=iso, curviness=bend),
    ]
    return BezierCurve(corners, end_slopes=(0.0, iso))


@functools.lru_cache(maxsize=256)
def _force_velocity(
    concentric: float,
    near_concentric: float,
    isometric: float,
    eccentric: float,
    near_eccentric: float,
    maximum: float,
    concentric_curviness: float,
    eccentric_curviness: float,
) -> ExactCurve:
    gap = 1.0 - _NEAR_VMAX
    y_near_c = 0.5 * gap * (near_concentric + concentric)
    y_near_e = maximum - 0.5 * gap * (near_eccentric + eccentric)
    cc, ce = concentric_curviness, eccentric_curviness
    corners = [
        Corner(x0=-1.0, y0=0.0, slope0=concentric, x1=-_NEAR_VMAX, y1=y_near_c, slope1=near_concentric, curviness=cc),
        Corner(x0=-_NEAR_VMAX, y0=y_near_c, slope0=near_concentric, x1=0.0, y1=1.0, slope1=isometric, curviness=cc),
        Corner(x0=0.0, y0=1.0, slope0=isometric, x1=_NEAR_VMAX, y1=y_near_e, slope1=near_eccentric, curviness=ce),
        Corner(x0=_NEAR_VMAX, y0=y_near_e, slope0=near_eccentric, x1=1.0, y1=maximum, slope1=eccentric, curviness=ce),
    ]
    return BezierCurve(corners, end_slopes=(concentric, eccentric))


def _tendon_force(strain_one: float, stiffness: float | None, toe_force: float | None, curviness: float | None) -> ExactCurve:
    names = {"stiffness_at_one_norm_force": stiffness, "norm_force_at_toe_end": toe_force, "curviness": curviness}
    _all_or_none("TendonForceLengthCurve", names)
    # In units of the strain at one norm force; OpenSim's fitted values are then the same for every tendon. One object for tendons that
    # differ in strain alone, so that it is tabulated once: twelve digits of a product hold its value, not its rounding.
    slope = 1.375 if stiffness is None else float(f"{stiffness * strain_one:.12g}")
    return _stretched_tendon(slope, 2.0 / 3.0 if toe_force is None else toe_force, 0.5 if curviness is None else curviness)


@functools.lru_cache(maxsize=256)
def _stretched_tendon(slope: float, y_toe: float, bend: float) -> ExactCurve:
    """Return the curve of strain / strain at one norm force; slope at one norm force, force at the end of the toe, curviness."""
    x_toe = (y_toe - 1.0) / slope + 1.0
    x_foot = x_toe / 10.0
    y_middle = 0.5 * y_toe
    x_middle = (y_middle - 1.0) / slope + 1.0
    middle_slope = y_middle / (x_middle - x_foot)
    x_control = x_foot + 0.5 * (x_middle - x_foot)
    y_control = middle_slope * (x_control - x_foot)
    corners = [
        Corner(x0=0.0, y0=0.0, slope0=0.0, x1=x_control, y1=y_control, slope1=middle_slope, curviness=bend),
        Corner(x0=x_control, y0=y_control, slope0=middle_slope, x1=x_toe, y1=y_toe, slope1=slope, curviness=bend),
    ]
    return ContinuedBelowSlack(BezierCurve(corners, end_slopes=(0.0, slope)))
