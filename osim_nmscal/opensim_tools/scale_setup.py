"""What scales a model: the settings, and the user's ScaleTool setup with what the configuration puts in its place."""

from pathlib import Path

from osim_nmscal.errors import ConfigError
from osim_nmscal.opensim_tools.setup_file import SetupFile, numbers_of, put, read_setup
from osim_nmscal.settings import Settings, setting

# The two steps of a ScaleTool that read a static trial, and what its copy is called.
STATIC_TRIALS = {"ModelScaler": "static_scale.trc", "MarkerPlacer": "static_place.trc"}
# The configured mass and that of the setup file agree to this share.
MASS_TOLERANCE = 1e-3


class ScalingSettings(Settings):
    """How the generic model becomes the subject's. With neither `setup` nor `mass_only` the model is taken as already scaled.

    Example:
        >>> ScalingSettings().mass_only
        False
        >>> scale_model("models/virtual_arm.osim", "scaled.osim", settings=ScalingSettings(mass_only=True))
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.ConfigError: [scaling] mass_only = true needs the subject's mass in kg; add it.
    """

    setup: Path | None = setting(None, unit="-", description="OpenSim setup XML with a ScaleTool, used as it is.", source="user")
    static_trial: Path | None = setting(
        None, unit="-", description="Static trial, .trc or .c3d, in place of the one that setup names.", source="user"
    )
    static_range: tuple[float, float] | None = setting(
        None, unit="s", description="Part of the static trial that scales, in place of setup's time_range.", source="user"
    )
    c3d_axes: str = setting(
        "x z -y",
        unit="-",
        description="Laboratory axes that become OpenSim's x, y (up) and z, for a static trial in a c3d file.",
        source="most laboratories: z up",
    )
    mass_only: bool = setting(
        False,
        unit="-",
        description="Change masses and inertias only, geometry fits already.",
        source="choice: geometry is scaled by a setup; leaving it is to be asked for",
    )
    mass: float | None = setting(
        None, unit="kg", description="Mass of the subject; needed with mass_only, and compared with the setup file's.", source="user", gt=0
    )
    longest_gap: float = setting(
        0.1,
        unit="s",
        description="Longest gap of a marker of the static trial that is interpolated.",
        source="choice: as in inverse kinematics",
        ge=0,
    )


def read_scale_setup(settings: ScalingSettings) -> SetupFile:
    """Read the ScaleTool setup, with the static trial and its range as the configuration says.

    Raises:
        ConfigError: a static trial is given, but no setup.
        FileFormatError: the setup is missing or malformed.
    """
    if settings.setup is None:
        raise ConfigError("[scaling] static_trial and static_range belong to a ScaleTool setup; name it in setup, or take them out.")
    setup = read_setup(settings.setup, "ScaleTool")
    for place in STATIC_TRIALS:
        if settings.static_trial is not None:
            put(setup.node, f"{place}/marker_file", str(settings.static_trial.absolute()))
        if settings.static_range is not None:
            put(setup.node, f"{place}/time_range", f"{settings.static_range[0]!r} {settings.static_range[1]!r}")
    return setup


def agreed_mass(setup: SetupFile, configured: float | None) -> float:
    """Return the mass that a setup file and the configuration ask for, kg; the latter is put into a setup that states none.

    Raises:
        ConfigError: they differ.
    """
    stated = numbers_of(setup, "mass", (-1.0,))[0]
    if configured is None:
        return stated
    if stated > 0 and abs(stated - configured) > MASS_TOLERANCE * configured:
        raise ConfigError(f"{setup.path} says <mass> {stated:g} kg, the configuration {configured:g} kg; make them agree.")
    if stated <= 0:
        put(setup.node, "mass", repr(configured))
        return configured
    return stated
