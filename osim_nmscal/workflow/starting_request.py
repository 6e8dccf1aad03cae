"""What an initialization is asked for; here, so that neither the stage nor its work needs the other to name it."""

from dataclasses import dataclass

from osim_nmscal.initialization.settings import InitializationSettings
from osim_nmscal.opensim_tools.path_geometry import MomentArmMethod


@dataclass(frozen=True, kw_only=True)
class Initialization:
    """Everything that starting values depend on, beside the files."""

    settings: InitializationSettings
    mass: float  # kg
    height: float | None  # m
    dofs: tuple[str, ...]
    moment_arms: MomentArmMethod
    is_scaled: bool  # whether a ScaleTool makes the scaled model from the generic one
    substitute_muscle_class: str | None
    muscle_class: str  # as in [output]
