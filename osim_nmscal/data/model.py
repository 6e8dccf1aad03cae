"""What the chain needs to know of a model besides its muscles: the coordinates, as the .osim states them."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Coordinate:
    """One generalized coordinate of a model, in SI units (rad for a rotation, m otherwise).

    Example:
        >>> knee = Coordinate(
        ...     name="knee_angle_r", joint="knee_r", rotational=True, default_value=0.0, range=(-2.0, 0.2), locked=False, clamped=True)
        >>> knee.coupled
        False
    """

    name: str
    joint: str
    rotational: bool  # OpenSim's Rotational: the only kind that `inDegrees=yes` files hold in degrees
    default_value: float  # rad or m
    range: tuple[float, float]  # lower, upper, rad or m
    locked: bool
    clamped: bool
    coupled_to: tuple[str, ...] = ()  # independent coordinates of the enforced coupler that drives this one

    @property
    def coupled(self) -> bool:
        """Whether a coordinate coupler drives it, so that its value follows from others."""
        return bool(self.coupled_to)
