"""The muscles of a model, as its .osim states them (defaults resolved), with the curve properties of each class.

Default values are OpenSim 4.6's. What a class makes of its properties is computed in `nms/muscle_models`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.noun import frame, listed_short, table_html
from osim_nmscal.errors import UnknownNameError, did_you_mean, listed

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class Millard2012Properties:
    """Properties of an OpenSim Millard2012EquilibriumMuscle beyond those every muscle has; `None` means OpenSim's own fit.

    Example:
        >>> stiff = replace(muscles.muscles[0], properties=Millard2012Properties(tendon_strain_at_one_norm_force=0.03))
        >>> stiff.muscle_class, stiff.properties.fiber_damping
        ('Millard2012EquilibriumMuscle', 0.1)
    """

    fiber_damping: float = 0.1  # -
    maximum_pennation_angle: float = math.acos(0.1)  # rad
    minimum_activation: float = 0.01
    # ActiveForceLengthCurve, in units of the optimal fiber length
    min_norm_active_fiber_length: float = 0.4441
    transition_norm_fiber_length: float = 0.73
    max_norm_active_fiber_length: float = 1.8123
    shallow_ascending_slope: float = 0.8616
    minimum_value: float = 0.1  # OpenSim resets it to 0 with damping or a rigid tendon
    # ForceVelocityCurve
    concentric_slope_at_vmax: float = 0.0
    concentric_slope_near_vmax: float = 0.25
    isometric_slope: float = 5.0
    eccentric_slope_at_vmax: float = 0.0
    eccentric_slope_near_vmax: float = 0.15
    max_eccentric_velocity_force_multiplier: float = 1.4
    concentric_curviness: float = 0.6
    eccentric_curviness: float = 0.9
    # FiberForceLengthCurve
    strain_at_zero_force: float = 0.0
    strain_at_one_norm_force: float = 0.7
    stiffness_at_low_force: float | None = None
    stiffness_at_one_norm_force: float | None = None
    passive_curviness: float | None = None
    # TendonForceLengthCurve
    tendon_strain_at_one_norm_force: float = 0.049
    tendon_stiffness_at_one_norm_force: float | None = None
    tendon_norm_force_at_toe_end: float | None = None
    tendon_curviness: float | None = None


@dataclass(frozen=True, kw_only=True)
class DeGrooteFregly2016Properties:
    """Properties of an OpenSim DeGrooteFregly2016Muscle beyond those every muscle has.

    Example:
        >>> replace(muscles.muscles[0], properties=DeGrooteFregly2016Properties()).muscle_class
        'DeGrooteFregly2016Muscle'
    """

    fiber_damping: float = 0.0
    active_force_width_scale: float = 1.0
    passive_fiber_strain_at_one_norm_force: float = 0.6
    tendon_strain_at_one_norm_force: float = 0.049
    ignore_passive_fiber_force: bool = False


@dataclass(frozen=True, kw_only=True)
class Thelen2003Properties:
    """Properties of an OpenSim Thelen2003Muscle beyond those every muscle has, with OpenSim's own names decoded.

    Example:
        >>> replace(muscles.muscles[0], properties=Thelen2003Properties(max_eccentric_force=1.5)).muscle_class
        'Thelen2003Muscle'
    """

    tendon_strain_at_one_norm_force: float = 0.04  # FmaxTendonStrain
    passive_fiber_strain_at_one_norm_force: float = 0.6  # FmaxMuscleStrain
    active_shape_factor: float = 0.45  # KshapeActive
    passive_shape_factor: float = 5.0  # KshapePassive
    force_velocity_shape_factor: float = 0.25  # Af
    max_eccentric_force: float = 1.4  # Flen
    force_velocity_extrapolation_threshold: float = 0.95  # fv_linear_extrap_threshold
    maximum_pennation_angle: float = math.acos(0.1)  # rad
    minimum_activation: float = 0.01


# What every muscle has, in the order of a table.
COMMON = (
    "max_isometric_force",
    "optimal_fiber_length",
    "tendon_slack_length",
    "pennation_angle_at_optimal",
    "max_contraction_velocity",
    "ignore_tendon_compliance",
)
MuscleProperties = Millard2012Properties | DeGrooteFregly2016Properties | Thelen2003Properties

MUSCLE_CLASSES: dict[type, str] = {
    Millard2012Properties: "Millard2012EquilibriumMuscle",
    DeGrooteFregly2016Properties: "DeGrooteFregly2016Muscle",
    Thelen2003Properties: "Thelen2003Muscle",
}


@dataclass(frozen=True, kw_only=True, repr=False)
class Muscle:
    """One muscle-tendon unit (MTU).

    Example:
        >>> soleus = Muscle(
        ...     name="soleus", max_isometric_force=3549.0, optimal_fiber_length=0.05, tendon_slack_length=0.25,
        ...     pennation_angle_at_optimal=0.44)
        >>> soleus
        Muscle(soleus: 3549 N, fiber 50 mm, tendon 250 mm; Millard2012EquilibriumMuscle)
    """

    name: str
    max_isometric_force: float  # N
    optimal_fiber_length: float  # m
    tendon_slack_length: float  # m
    pennation_angle_at_optimal: float = 0.0  # rad
    max_contraction_velocity: float = 10.0  # optimal fiber lengths per second
    ignore_tendon_compliance: bool = False
    properties: MuscleProperties = Millard2012Properties()

    def __repr__(self) -> str:
        return (
            f"Muscle({self.name}: {self.max_isometric_force:.4g} N, fiber {1000 * self.optimal_fiber_length:.4g} mm, tendon "
            f"{1000 * self.tendon_slack_length:.4g} mm; {self.muscle_class})"
        )

    @property
    def muscle_class(self) -> str:
        """OpenSim's name of the class."""
        return MUSCLE_CLASSES[type(self.properties)]

    def with_tendon_strain(self, strain: float) -> "Muscle":
        """Return the muscle with a tendon of another strain at one norm force, its curve stretched along the strain.

        A stiffness that a Millard muscle states is per strain, so it falls as the strain grows; the other numbers of the
        curve are shares of the force or of the bend and stay.

        Args:
            strain: at one norm force.
        """
        properties = self.properties
        if isinstance(properties, Millard2012Properties) and properties.tendon_stiffness_at_one_norm_force is not None:
            factor = properties.tendon_strain_at_one_norm_force / strain
            properties = replace(properties, tendon_stiffness_at_one_norm_force=properties.tendon_stiffness_at_one_norm_force * factor)
        return replace(self, properties=replace(properties, tendon_strain_at_one_norm_force=strain))


@dataclass(frozen=True, kw_only=True, repr=False)
class MuscleTable:
    """Muscles in a fixed order, with their common properties as arrays.

    Example:
        >>> muscles.names, muscles.values("tendon_slack_length")
        (('extensor', 'flexor'), array([0.2, 0.2]))
        >>> muscles
        MuscleTable(2 muscles: extensor, flexor; Millard2012EquilibriumMuscle)
        >>> muscles["flexor"].optimal_fiber_length, [muscle.name for muscle in muscles]
        (0.1, ['extensor', 'flexor'])
        >>> muscles.to_frame().loc["flexor", "tendon_slack_length"]
        np.float64(0.2)
    """

    muscles: tuple[Muscle, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(muscle.name for muscle in self.muscles)

    @cached_property
    def _positions(self) -> dict[str, int]:
        # of two muscles with one name the first counts
        return {name: i for i, name in reversed(list(enumerate(self.names)))}

    def __len__(self) -> int:
        return len(self.muscles)

    def __iter__(self) -> Iterator[Muscle]:
        return iter(self.muscles)

    def __contains__(self, muscle: object) -> bool:
        return muscle in self._positions if isinstance(muscle, str) else muscle in self.muscles

    @overload
    def __getitem__(self, key: int | str) -> Muscle: ...
    @overload
    def __getitem__(self, key: slice) -> "MuscleTable": ...
    def __getitem__(self, key: int | str | slice) -> "Muscle | MuscleTable":
        """Return a muscle by name or position, or a table of some by a slice."""
        if isinstance(key, slice):
            return MuscleTable(muscles=self.muscles[key])
        return self.muscles[self.index(key) if isinstance(key, str) else key]

    def __repr__(self) -> str:
        classes = dict.fromkeys(muscle.muscle_class for muscle in self.muscles)
        return f"MuscleTable({len(self)} muscles: {listed_short(self.names)}; {', '.join(classes)})"

    def _repr_html_(self) -> str:
        lines = [[muscle.name, muscle.muscle_class, *(getattr(muscle, name) for name in COMMON)] for muscle in self.muscles]
        return table_html(("name", "class", *COMMON), lines)

    def to_frame(self) -> "pandas.DataFrame":
        """Return the common properties as a table, one row per muscle, in SI units; needs pandas (extra `plots`)."""
        lines = [{name: getattr(muscle, name) for name in COMMON} | {"muscle_class": muscle.muscle_class} for muscle in self.muscles]
        made: pandas.DataFrame = frame(lines, index=list(self.names))
        return made

    def values(self, name: str) -> NDArray[np.float64]:
        """Return one common property for all muscles, (muscle,), e.g. `values("optimal_fiber_length")`."""
        return np.array([getattr(muscle, name) for muscle in self.muscles], dtype=np.float64)

    def index(self, name: str) -> int:
        """Return the position of a muscle; an unknown name is an error that offers the nearest one."""
        if name not in self._positions:
            raise UnknownNameError(
                f"The model has no muscle {name!r}.{did_you_mean(name, self.names)} Its muscles are: {listed(self.names)}."
            )
        return self._positions[name]

    def select(self, names: Sequence[str]) -> "MuscleTable":
        """Return the named muscles, in that order."""
        return MuscleTable(muscles=tuple(self.muscles[self.index(name)] for name in names))
