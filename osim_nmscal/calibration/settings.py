"""Settings of a calibration: which parameters move, within what, by which loss, with which optimiser."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, ModelWrapValidatorHandler, create_model, model_validator

from osim_nmscal.calibration.ligament_settings import LigamentSettings
from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.calibration.optimizer_settings import AdamWSettings, AnnealingSettings, GaussNewtonSettings
from osim_nmscal.calibration.parameter_kinds import KINDS, ParameterKind
from osim_nmscal.calibration.presets import PRESETS, PresetName, over_preset
from osim_nmscal.calibration.prior_settings import PriorSettings
from osim_nmscal.calibration.synergy.settings import SynergySettings
from osim_nmscal.errors import CalibrationError
from osim_nmscal.settings import Settings, setting

# What calibrations leave out in turn.
SubsetsSetting = Literal["auto", "none", "recordings", "trials"]


class ParameterSettings(Settings):
    """One kind of parameter.

    Example:
        >>> fixed = ParameterSettings(free=False, lower=0.9, upper=1.1, bounds="relative")
        >>> ParametersSettings(tendon_slack_length=fixed).tendon_slack_length.free
        False
    """

    free: bool = setting(
        True,
        unit="-",
        description="Whether the parameter is calibrated.",
        source="choice: kind by kind: what joint moments hardly tell from lengths and strength stays fixed",
    )
    scope: Literal["muscle", "group", "channel", "global"] = setting(
        "muscle",
        unit="-",
        description="One value per muscle, per group (muscles in no group stand alone), per EMG channel, or one for all.",
        source="CEINMS",
    )
    bounds: Literal["absolute", "relative"] = setting(
        "absolute", unit="-", description="Whether lower and upper are values, or factors of the starting value.", source="CEINMS"
    )
    lower: float = setting(..., unit="parameter's own or -", description="Lower bound.", source="CEINMS")
    upper: float = setting(..., unit="parameter's own or -", description="Upper bound.", source="CEINMS")
    start: float | Literal["model"] = setting(
        "model",
        unit="parameter's own",
        description="Starting value; 'model' takes that of the .osim.",
        source="choice: the .osim is the best guess there is; what it does not hold starts inside CEINMS's bounds",
    )
    prior_width: float = setting(
        0.0,
        unit="as the bounds",
        description="Standard deviation of the prior around the start, of the natural logarithm for lengths, strengths, gains and time "
        "constants; 0 takes that of a flat prior between the bounds, range / sqrt(12).",
        source="kind by kind, see there; otherwise bounds already say how far a value is believed",
        ge=0.0,
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "ParameterSettings":
        if not self.lower < self.upper:
            raise ValueError(f"lower bound {self.lower:g} is not below upper bound {self.upper:g}")
        return self


def _section(kind: ParameterKind) -> tuple[type[ParameterSettings], Any]:
    """Return annotation and field of one kind of parameter, with its defaults."""
    defaults = {name: getattr(kind, name) for name in ParameterSettings.model_fields}
    default = ParameterSettings(**defaults)
    return ParameterSettings, Field(default=default, description=kind.description, json_schema_extra={"unit": "-", "source": kind.source})


_SECTIONS: dict[str, Any] = {kind.name: _section(kind) for kind in KINDS.values()}
_AllKinds: Any = create_model("_AllKinds", __base__=Settings, **_SECTIONS)


class ParametersSettings(_AllKinds):
    """Every kind of parameter (parameter_kinds.py); CEINMS's usual ranges.

    Example:
        >>> one_for_all = ParameterSettings(scope="global", bounds="relative", lower=0.8, upper=1.2)
        >>> ParametersSettings(optimal_fiber_length=one_for_all).of("optimal_fiber_length").scope
        'global'
    """

    @model_validator(mode="wrap")
    @classmethod
    def _over_the_kinds_defaults(cls, given: Any, handler: ModelWrapValidatorHandler["ParametersSettings"]) -> "ParametersSettings":
        """Let a table state only what differs from its kind's defaults, and remember what it stated: a preset lies beneath that."""
        if not isinstance(given, dict):
            return handler(given)
        whole = {}
        for name, value in given.items():
            field = cls.model_fields.get(name)
            default = field.default.model_dump() if field is not None else {}
            whole[name] = {**default, **value} if isinstance(value, dict) else value
        settings = handler(whole)
        for name, value in given.items():
            if isinstance(value, dict):
                object.__setattr__(settings.of(name), "__pydantic_fields_set__", set(value))
        return settings

    def of(self, kind: str) -> ParameterSettings:
        """Return the settings of one kind."""
        found: ParameterSettings = getattr(self, kind)
        return found


class LossSettings(Settings):
    """Terms of the loss and their weights; a weight of 0 leaves a term out.

    Example:
        >>> LossSettings(prior_weight=3e-4, moment_scale="range").moment_weight
        1.0
    """

    moment_weight: float = setting(1.0, unit="-", description="Weight of the moment error.", source="Hambly 2025, Eq. 4", ge=0.0)
    moment_scale: Literal["noise", "raw", "sd", "trial_sd", "range"] = setting(
        "noise",
        unit="-",
        description="Moment errors weighed by their noise in each trial and DOF ([calibration.noise]), in N·m (Eq. 4), divided by each "
        "DOF's standard deviation or range over the calibration trials, or by its standard deviation in each trial.",
        source="virtual people: the balance of data and prior follows from the noise; CEINMS divides by the variance of each trial",
    )
    fiber_length_weight: float = setting(
        10.0,
        unit="-",
        description="Weight of normalized fiber lengths outside their range.",
        source="choice: a fiber 0.1 beyond its range costs as much as a tendon 0.01 beyond its own",
        ge=0.0,
    )
    fiber_length_range: tuple[float, float] = setting(
        (0.5, 1.5), unit="optimal fiber lengths", description="Range without penalty.", source="Hambly 2025"
    )
    tendon_strain_weight: float = setting(
        1000.0,
        unit="-",
        description="Weight of tendon strains outside their range.",
        source="choice: a tendon 0.01 beyond its range costs as much as a fiber 0.1 beyond its own",
        ge=0.0,
    )
    tendon_strain_range: tuple[float, float] = setting((0.0, 0.05), unit="-", description="Range without penalty.", source="Hambly 2025")
    passive_force_weight: float = setting(
        0.0,
        unit="-",
        description="Weight of passive fiber forces (in units of the maximum isometric force).",
        source="NMSM Pipeline",
        ge=0.0,
    )
    prior_weight: float = setting(
        1.0,
        unit="-",
        description="Weight of the squared deviation from what is known before, in prior standard deviations. 1 is right where errors are "
        "weighed by their noise; with another moment_scale it is in units of the mean squared scaled moment error (0.001 is a weak prior).",
        source="Bayes: with the noise known there is nothing to balance",
        ge=0.0,
    )
    similarity_weight: float = setting(
        0.0,
        unit="-",
        description="Weight of how far relative fiber and slack lengths stray from the mean of their group.",
        source="NMSM Pipeline",
        ge=0.0,
    )


class CalibrationSettings(Settings):
    """One calibration.

    Example:
        >>> slack = {"bounds": "relative", "lower": 0.9, "upper": 1.1}
        >>> settings = CalibrationSettings(tendon="rigid", parameters={"tendon_slack_length": slack})
        >>> settings.optimizer, settings.parameters.tendon_slack_length.upper
        ('gauss_newton', 1.1)
    """

    preset: PresetName = setting(
        "natural",
        unit="-",
        description="Defaults of all that follows: 'natural' (priors in natural coordinates and a likelihood), 'without_mvc' (the same, "
        "with strengths and gains of EMG less known; a workflow without [emg] mvc takes it by itself), 'hambly2025' (Eq. 4 and 5 to the "
        "letter), 'ceinms' (its objective and ranges), 'weak_prior' (version 0.1.0). What is set beside it goes over it.",
        source="virtual people: natural priors make strengths truer than scaling's, the others do not",
    )
    method: Literal["auto", "emg_driven", "synergy_hybrid"] = setting(
        "auto",
        unit="-",
        description="Whether muscles without electrodes are left out ('emg_driven') or synthesised; 'auto' synthesises where a muscle that "
        "crosses the calibrated joints has no electrode.",
        source="Hambly 2025; held-out stances: hybrid R2 .90/.90/.95 (hip/knee/ankle) where EMG-driven had -.08/.81/.89",
    )
    optimizer: Literal["gauss_newton", "adamw", "simulated_annealing"] = setting(
        "gauss_newton",
        unit="-",
        description="Optimiser of the loss.",
        source="measured: 7 iterations where adamw takes 1500; Hambly 2025 has adamw, CEINMS simulated_annealing",
    )
    parameters: ParametersSettings = Field(
        default=ParametersSettings(), description="Parameters.", json_schema_extra={"unit": "-", "source": "-"}
    )
    groups: dict[str, tuple[str, ...]] = setting(
        {}, unit="-", description="Named groups of muscles that share group-scoped parameters.", source="CEINMS"
    )
    loss: LossSettings = Field(default=LossSettings(), description="Loss.", json_schema_extra={"unit": "-", "source": "-"})
    noise: NoiseSettings = Field(default=NoiseSettings(), description="Noise.", json_schema_extra={"unit": "-", "source": "-"})
    prior: PriorSettings = Field(default=PriorSettings(), description="Prior.", json_schema_extra={"unit": "-", "source": "-"})
    ligaments: LigamentSettings = Field(
        default=LigamentSettings(), description="Ligaments and capsule.", json_schema_extra={"unit": "-", "source": "-"}
    )
    gauss_newton: GaussNewtonSettings = Field(
        default=GaussNewtonSettings(), description="Gauss-Newton.", json_schema_extra={"unit": "-", "source": "-"}
    )
    adamw: AdamWSettings = Field(default=AdamWSettings(), description="AdamW.", json_schema_extra={"unit": "-", "source": "-"})
    simulated_annealing: AnnealingSettings = Field(
        default=AnnealingSettings(), description="Simulated annealing.", json_schema_extra={"unit": "-", "source": "-"}
    )
    synergy: SynergySettings = Field(
        default=SynergySettings(), description="Muscles without electrodes.", json_schema_extra={"unit": "-", "source": "-"}
    )
    starts: int = setting(
        1,
        unit="-",
        description="Starting points; the first is the start, others are drawn between the bounds.",
        source="choice: each costs a whole calibration",
        ge=1,
    )
    seed: int = setting(
        0, unit="-", description="Seed of everything random.", source="choice: any number does, the same one gives the same result", ge=0
    )
    tendon: Literal["model", "elastic", "rigid"] = setting(
        "model",
        unit="-",
        description="Tendon: as the .osim says per muscle, or the same for all.",
        source="choice: the muscles that the .osim holds",
    )
    cross_validation: bool = setting(
        False,
        unit="-",
        description="Also calibrate leaving out each calibration trial in turn, and report the error on it.",
        source="choice: it costs one calibration per trial",
    )

    subsets: SubsetsSetting = setting(
        "auto",
        unit="-",
        description="What is left out in turn, to see whether recordings agree: each recording of a motion, all passive trials and all "
        "efforts, or halves where there is one recording ('auto', up to 1000 parameters); every recording, every trial, or nothing. "
        "Where errors are weighed by their noise.",
        source="measured: see docs/decisions.md",
    )

    @property
    def rigid_tendon(self) -> bool | None:
        """Whether every tendon is rigid; None: as the .osim says per muscle."""
        return {"model": None, "elastic": False, "rigid": True}[self.tendon]

    @model_validator(mode="before")
    @classmethod
    def _over_its_preset(cls, given: Any) -> Any:
        return over_preset(given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _every_setting_is_read(self) -> "CalibrationSettings":
        ignored = unread_settings(self)
        if ignored:
            raise ValueError(" ".join(ignored))
        return self


def unread_settings(settings: CalibrationSettings, *, own_optimizer: bool = False) -> list[str]:
    """Name every setting that differs from its default and that this calibration would not read, and say what to do.

    Args:
        settings: of a calibration; its `method` and `optimizer` decide.
        own_optimizer: whether the calibration was given an optimiser of the user's own.

    Returns:
        one sentence each; none if all is read.
    """
    hybrid, parameters, loss = settings.method != "emg_driven", settings.parameters, settings.loss
    preset = PRESETS[settings.preset]
    sentences = []

    def unread(section: str, names: list[str], reason: str) -> None:
        if names:
            sentences.append(f"[{section}] {', '.join(names)} would change nothing, as {reason}.")

    for optimizer in get_args(CalibrationSettings.model_fields["optimizer"].annotation):
        # predictions that follow the moments of held-out trials are made by Gauss-Newton
        if (own_optimizer or optimizer != settings.optimizer) and not (hybrid and optimizer == "gauss_newton"):
            given = "the calibration was given an optimizer of its own" if own_optimizer else f"optimizer is '{settings.optimizer}'"
            reason = f"{given}; remove it, or choose optimizer = '{optimizer}'"
            unread(f"calibration.{optimizer}", _changed(getattr(settings, optimizer)), reason)
    if not hybrid:
        reason = "method is 'emg_driven'; remove it, or choose method = 'synergy_hybrid'"
        unread("calibration.synergy", _changed(settings.synergy, preset.get("synergy")), reason)
        if settings.seed != 0 and settings.starts == 1 and settings.optimizer != "simulated_annealing":
            unread("calibration", ["seed"], "nothing is random in one start of this optimizer; remove it, or ask for more starts")
    kinds = {name: parameters.of(name) for name in KINDS}
    for name, kind in kinds.items():
        if not kind.free:
            default = ParametersSettings.model_fields[name].default.model_copy(update=preset.get("parameters", {}).get(name, {}))
            moved = [field for field in ("scope", "bounds", "lower", "upper") if getattr(kind, field) != getattr(default, field)]
            if kind.prior_width not in (0.0, default.prior_width):
                moved.append("prior_width")
            unread(f"calibration.parameters.{name}", moved, "free is false; remove it, or set free = true")
    if settings.ligaments.moments != "free":
        reason = f"moments is '{settings.ligaments.moments}'; remove it, or choose 'free'"
        unread("calibration.ligaments", [name for name in _changed(settings.ligaments) if name == "moment_width"], reason)
    grouped = any(kind.free and kind.scope == "group" for kind in kinds.values())
    if settings.groups and not grouped and loss.similarity_weight == 0.0:
        unread("calibration", ["groups"], "no free parameter has scope = 'group' and similarity_weight is 0; remove them, or use them")
    if loss.similarity_weight > 0.0 and not any(len(members) > 1 for members in settings.groups.values()):
        unread("calibration.loss", ["similarity_weight"], "no group in [calibration.groups] has two muscles; name groups, or set it to 0")
    if loss.moment_scale != "noise":
        unread("calibration", [name for name in ("subsets",) if settings.subsets in ("recordings", "trials")], "moments have no noise")
        reason = f"moment_scale is '{loss.moment_scale}'; remove it, or choose 'noise'"
        unread("calibration.noise", _changed(settings.noise), reason)
        unread("calibration.prior", [name for name in _changed(settings.prior) if name == "moment_arm_width"], reason)
    if settings.prior.working_point_width == 0.0 or loss.prior_weight == 0.0:
        reason = "fiber and slack lengths have independent priors, or none; give working_point_width and prior_weight a value"
        coupled = ("head_correlation", "side_correlation", "relaxed_leg")
        unread("calibration.prior", [name for name in _changed(settings.prior, preset.get("prior")) if name in coupled], reason)
    for weight, field in (
        ("fiber_length_weight", "fiber_length_range"),
        ("tendon_strain_weight", "tendon_strain_range"),
        ("moment_weight", "moment_scale"),
    ):
        if getattr(loss, weight) == 0.0 and field in _changed(loss, preset.get("loss")):
            unread("calibration.loss", [field], f"{weight} is 0; remove it, or give it a weight")
    return sentences


def require_read(settings: CalibrationSettings, *, own_optimizer: bool = False) -> None:
    """Refuse settings that this calibration would not read; what pydantic's `model_copy` lets through.

    Raises:
        CalibrationError: as `unread_settings` says.
    """
    sentences = unread_settings(settings, own_optimizer=own_optimizer)
    if sentences:
        raise CalibrationError(" ".join(sentences))


def without_synergies(settings: CalibrationSettings) -> CalibrationSettings:
    """Return the same calibration as an EMG-driven one, without what only synergies read."""
    update: dict[str, object] = {"method": "emg_driven", "synergy": SynergySettings(**PRESETS[settings.preset].get("synergy", {}))}
    if settings.optimizer != "gauss_newton":
        update["gauss_newton"] = GaussNewtonSettings()
    if settings.starts == 1 and settings.optimizer != "simulated_annealing":
        update["seed"] = 0
    return settings.model_copy(update=update)


def _changed(section: Settings, preset: Mapping[str, object] | None = None) -> list[str]:
    """Return the fields whose values are neither the defaults nor a preset's."""
    stated = {name: field.default for name, field in type(section).model_fields.items()} | dict(preset or {})
    return [name for name, value in stated.items() if getattr(section, name) != value]
