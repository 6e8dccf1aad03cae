"""The one file that describes a workflow: `config.toml`, and what its keys mean.

`WorkflowConfig` composes the settings of every station. Paths are relative to the configuration file.
Every mistake becomes a sentence that names file, key, value, the nearest known key and the unit."""

import os
import tomllib
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.emg.envelope import EnvelopeSettings
from osim_nmscal.emg.mapping import MappingSettings
from osim_nmscal.emg.normalization import NormalizationSettings
from osim_nmscal.errors import ConfigError, did_you_mean, listed
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings
from osim_nmscal.opensim_tools.model_check import VerificationChoice
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings
from osim_nmscal.opensim_tools.scaling import ScalingSettings
from osim_nmscal.settings import Settings, setting
from osim_nmscal.trials.assembly import TrialSettings
from osim_nmscal.trials.roles import RoleSettings
from osim_nmscal.trials.segmentation import SegmentationSettings

# pydantic's kinds of error -> what was expected
_EXPECTED = {
    "path_type": "a path in quotes",
    "string_type": "text in quotes",
    "string_pattern_mismatch": "letters, digits, - and _ only",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list in square brackets",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def section(default: Any, description: str) -> Any:
    """Declare a table of settings inside another."""
    return Field(default, description=description, json_schema_extra={"unit": "-", "source": "-"})


class SubjectSettings(Settings):
    """The person."""

    name: str = setting("subject", unit="-", description="Name of the person or code, for the report.", source="user")
    mass: float = setting(..., unit="kg", description="Body mass.", source="user", gt=0.01, lt=1000)
    height: float | None = setting(None, unit="m", description="Body height; for the report only.", source="user", gt=0.01, lt=3)


class ModelSettings(Settings):
    """The OpenSim model that personalization starts from."""

    file: Path = setting(..., unit="-", description="The .osim: generic (then give [scaling]) or already scaled.", source="user")
    substitute_muscle_class: str | None = setting(
        None, unit="-", description="Class as which muscles of a class we do not know are calibrated.", source="choice: refuse them"
    )


class RecordingSettings(Settings):
    """One capture, entered wherever the user has something: markers or joint angles, forces or joint moments, raw EMG or envelopes."""

    name: str = setting(..., unit="-", description="Name of the recording and of its results folder.", source="user", pattern=r"^[\w-]+$")
    markers: Path | None = setting(None, unit="-", description="Marker trajectories, .trc or .c3d.", source="user")
    joint_angles: Path | None = setting(
        None, unit="-", description="Joint angles instead of markers, .mot or .sto of an earlier inverse kinematics.", source="user"
    )
    external_loads: Path | Literal["none"] | None = setting(
        None, unit="-", description="OpenSim ExternalLoads XML, or 'none' where nothing touches the person.", source="user"
    )
    forces: Path | None = setting(
        None,
        unit="-",
        description="Ground reaction forces for finding the trials, .mot, .sto or .c3d; default: the data file of external_loads.",
        source="user",
    )
    force_plates: dict[str, str] = setting(
        {}, unit="-", description="For forces in a c3d: plate (plate1, plate2, ...) -> body it pushes on.", source="user"
    )
    joint_moments: Path | None = setting(
        None, unit="-", description="Joint moments instead of forces, .sto of an earlier inverse dynamics.", source="user"
    )
    muscle_analysis: Path | None = setting(
        None, unit="-", description="Folder of an earlier MuscleAnalysis: MTU lengths and moment arms are read from it.", source="user"
    )
    emg: Path = setting(..., unit="-", description="EMG, .sto, .mot, .csv or .c3d.", source="user")
    start: float | None = setting(None, unit="s", description="Begin of the part to use; none: of the recording.", source="user")
    end: float | None = setting(None, unit="s", description="End of the part to use; none: of the recording.", source="user")
    c3d_axes: str = setting(
        "x z -y",
        unit="-",
        description="Laboratory axes that become OpenSim's x, y (up) and z, for c3d files.",
        source="most laboratories: z up",
    )
    segmentation: SegmentationSettings | None = setting(
        None, unit="-", description="Own way of finding this recording's trials; none: [trials.segmentation].", source="choice"
    )

    @property
    def needs_angles(self) -> bool:
        """Whether joint angles are needed for anything: they are not with moments and muscle geometry at hand."""
        return self.joint_moments is None or self.muscle_analysis is None

    @model_validator(mode="after")
    def _enough_to_start(self) -> "RecordingSettings":
        if self.markers is not None and self.joint_angles is not None:
            raise ValueError(f"recording {self.name!r} gives both markers and joint_angles; keep the one to start from.")
        if self.needs_angles and self.markers is None and self.joint_angles is None:
            raise ValueError(f"recording {self.name!r} gives neither markers nor joint_angles; add one of them.")
        if self.joint_moments is None and self.external_loads is None and not self.force_plates:
            raise ValueError(
                f"recording {self.name!r} gives neither external_loads nor joint_moments; name the ExternalLoads XML "
                "(external_loads = 'none' if nothing touches the person)."
            )
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ValueError(f"recording {self.name!r} starts at {self.start:g} s and ends at {self.end:g} s; let start be below end.")
        return self


class EmgSettings(Settings):
    """From EMG recordings to the excitation of muscles."""

    mvc: tuple[Path, ...] = setting(
        (), unit="-", description="Recordings of maximal voluntary contractions, for normalization.", source="user"
    )
    envelope: EnvelopeSettings = section(EnvelopeSettings(), "Filters.")
    normalization: NormalizationSettings = section(NormalizationSettings(), "What envelopes are divided by.")
    mapping: MappingSettings = section(MappingSettings(), "Which channel drives which muscles.")


class TrialsSettings(TrialSettings):
    """From recordings to trials."""

    segmentation: SegmentationSettings = section(SegmentationSettings(), "How trials are found.")
    roles: RoleSettings = section(RoleSettings(), "Which trials calibrate.")


class OutputSettings(Settings):
    """What is written."""

    folder: Path = setting(Path("results"), unit="-", description="Results folder, if the command line names none.", source="choice")
    muscle_class: Literal["keep", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle"] = setting(
        "keep", unit="-", description="Class of the calibrated muscles in personalized.osim.", source="choice: as the model has them"
    )


class WorkflowConfig(Settings):
    """A whole workflow, from recordings to personalized.osim."""

    subject: SubjectSettings = section(..., "The person.")
    model: ModelSettings = section(..., "The model.")
    scaling: ScalingSettings = section(ScalingSettings(), "Scaling; without setup or mass_only the model is used as it is.")
    inverse_kinematics: InverseKinematicsSettings | None = section(None, "From markers to joint angles.")
    inverse_dynamics: InverseDynamicsSettings = section(InverseDynamicsSettings(), "From joint angles and forces to joint moments.")
    muscle_analysis: MuscleAnalysisSettings = section(..., "MTU lengths and moment arms.")
    recordings: tuple[RecordingSettings, ...] = setting(..., unit="-", description="The recordings.", source="user", min_length=1)
    emg: EmgSettings = section(EmgSettings(), "From EMG to excitations.")
    trials: TrialsSettings = section(TrialsSettings(), "From recordings to trials.")
    calibration: CalibrationSettings = section(CalibrationSettings(), "Calibration.")
    verification: VerificationChoice = section(VerificationChoice(), "OpenSim's confirmation.")
    output: OutputSettings = section(OutputSettings(), "What is written.")
    source: Path = Field(Path("config.toml"), exclude=True, description="The file it was read from.")

    @model_validator(mode="after")
    def _sections_fit(self) -> "WorkflowConfig":
        names = [recording.name for recording in self.recordings]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two recordings are called {twice[0]!r}; give each its own name.")
        from_markers = [recording.name for recording in self.recordings if recording.markers is not None]
        if from_markers and self.inverse_kinematics is None:
            raise ValueError(
                f"recording {from_markers[0]!r} starts from markers, but there is no section [inverse_kinematics]; add it with "
                "setup = the XML with your IKTaskSet."
            )
        return self


@dataclass(frozen=True, kw_only=True)
class SettingDescription:
    """One setting as `osim-nmscal settings` prints it."""

    key: str  # as in config.toml, e.g. "emg.envelope.lowpass_cutoff"; [] marks a list of tables
    unit: str
    default: str  # as TOML; or "required", "none"
    meaning: str
    source: str


def describe_settings(
    model: type[BaseModel] = WorkflowConfig, prefix: str = "", defaults: BaseModel | None = None
) -> Iterator[SettingDescription]:
    """Yield every setting of a settings class and of the classes inside it, in the order of their declaration.

    Args:
        model: the settings class.
        prefix: of the keys, "" or ending with a dot.
        defaults: an object whose values stand for the class's own defaults.
    """
    for name, info in model.model_fields.items():
        if info.exclude:
            continue
        key, default = f"{prefix}{name}", getattr(defaults, name, info.get_default(call_default_factory=True))
        inner = _inner_models(info.annotation)
        marker = "[]" if typing.get_origin(info.annotation) is tuple else ""
        for nested in inner:
            yield from describe_settings(nested, f"{key}{marker}.", default if isinstance(default, nested) else None)
        if not inner:
            yield SettingDescription(
                key=key,
                unit=_extra(info, "unit"),
                default=_default_text(default),
                meaning=info.description or "",
                source=_extra(info, "source"),
            )


def load_config(path: Path | str) -> WorkflowConfig:
    """Read a workflow configuration.

    Args:
        path: a TOML file; paths inside it are taken relative to its folder.

    Raises:
        ConfigError: one sentence for each mistake: file, key, value, nearest known key, what to change.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"The configuration {path} cannot be read ({error.strerror or error}); check the path.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct that line.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} nests brackets or tables hundreds deep; no setting does, so write them flat.") from error
    except ValueError as error:  # Python's own limit, which tomllib passes on without a line
        raise ConfigError(f"{path} holds a number of thousands of digits, expected at most 17; shorten it.") from error
    try:
        config = WorkflowConfig.model_validate(_over_defaults(WorkflowConfig, raw))
    except ValidationError as error:
        raise ConfigError("\n".join(_sentences(path, error.errors()))) from error
    resolved = _with_absolute_paths(config, path.resolve().parent)
    return resolved.model_copy(update={"source": path.resolve()})


def _over_defaults(model: type[BaseModel], raw: dict[str, Any]) -> dict[str, Any]:
    """Lay a table over the default of its field, so that naming one bound of a parameter keeps the parameter's other defaults."""
    merged = dict(raw)
    for name, value in raw.items():
        info = model.model_fields.get(name)
        if info is None or not isinstance(value, dict):
            continue
        default = info.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            merged[name] = default.model_dump() | _over_defaults(type(default), value)
    return merged


def _with_absolute_paths(model: Any, base: Path) -> Any:
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        new = _absolute(value, base)
        if new is not value:
            changed[name] = new
    return model.model_copy(update=changed) if changed else model


def _absolute(value: Any, base: Path) -> Any:
    if isinstance(value, BaseModel):
        return _with_absolute_paths(value, base)
    if isinstance(value, Path):
        return value if value.is_absolute() else Path(os.path.normpath(base / value))
    if isinstance(value, tuple):
        items = tuple(_absolute(item, base) for item in value)
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _sentences(path: Path, details: list[ErrorDetails]) -> list[str]:
    """Turn pydantic's findings into sentences about the configuration file, one for each key."""
    found: dict[str, list[ErrorDetails]] = {}
    for detail in details:
        found.setdefault(_key_text(_field_at(list(detail["loc"]))[0]), []).append(detail)
    if len(found) > 1 and "recordings" in found and found["recordings"][0]["type"] == "too_short":
        del found["recordings"]  # pydantic counts the good recordings only, and the bad ones have their own sentence
    return [_sentence(path, key, details) for key, details in found.items()]


def _sentence(path: Path, key: str, details: list[ErrorDetails]) -> str:
    detail = details[0]
    location, model, info = _field_at(list(detail["loc"]))
    if detail["type"] == "extra_forbidden":
        name, known = str(location[-1]), list(model.model_fields) if model else []
        table = f"[{_key_text(location[:-1])}]" if len(location) > 1 else "the top level"
        hint = did_you_mean(name, known) or _known_elsewhere(name)
        return f"{path}: key '{key}' is not known.{hint} Known in {table}: {listed(known, 12)}."
    unit = _extra(info, "unit") if info is not None else "-"
    meaning = f" ({info.description.rstrip('.')})" if info is not None and info.description else ""
    in_unit = "" if unit == "-" or " " in unit else f" in {unit}"
    if detail["type"] == "missing":
        return f"{path}: key '{key}' is missing; add it{in_unit}{meaning}."
    if detail["type"] in ("value_error", "assertion_error"):
        where = f"key '{key}': " if key else ""
        return f"{path}: {where}{str(detail['msg']).removeprefix('Value error, ').rstrip('.')}."
    shown = repr(detail["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    expected = " or ".join(dict.fromkeys(_EXPECTED.get(one["type"], one["msg"].removeprefix("Input should be ")) for one in details))
    offer = did_you_mean(str(detail["input"]), _choices(info)) if isinstance(detail["input"], str) else ""
    return f"{path}: key '{key}' is {shown}, expected {expected}{in_unit}{meaning}.{offer}"


def _key_text(location: list[int | str]) -> str:
    text = ""
    for part in location:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _field_at(location: list[int | str]) -> tuple[list[int | str], type[BaseModel] | None, FieldInfo | None]:
    """Walk one of pydantic's locations.

    Returns:
        The location without the names of union members that pydantic adds, the settings class that holds its last key, and
        that key's field if it is known.
    """
    models: list[type[BaseModel]] = [WorkflowConfig]
    holder: type[BaseModel] | None = WorkflowConfig
    info: FieldInfo | None = None
    kept: list[int | str] = []
    for part in location:
        if isinstance(part, int):
            kept.append(part)
            continue
        found = next(((model, model.model_fields[part]) for model in models if part in model.model_fields), None)
        if found is not None:
            holder, info = found
            models = _inner_models(info.annotation)
            kept.append(part)
        elif models:  # a key that nobody knows
            return [*kept, part], models[0], None
        elif info is not None and "dict" in str(info.annotation):  # a key the user chose, e.g. a channel
            kept.append(part)
    return kept, holder, info


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in typing.get_args(annotation) for model in _inner_models(argument)]


def _extra(info: FieldInfo, name: str) -> str:
    extra: Any = info.json_schema_extra
    return str(extra.get(name, "-")) if isinstance(extra, dict) else "-"


def _choices(info: FieldInfo | None) -> list[str]:
    def literals(annotation: Any) -> Iterator[str]:
        if typing.get_origin(annotation) is Literal:
            yield from map(str, typing.get_args(annotation))
        else:
            for argument in typing.get_args(annotation):
                yield from literals(argument)

    return list(literals(info.annotation)) if info is not None else []


def _known_elsewhere(name: str) -> str:
    homes = [description.key for description in describe_settings() if description.key.split(".")[-1] == name]
    return f" A key of that name is {listed(homes)}: move it there." if homes else ""


def _default_text(default: Any) -> str:
    """Write a default as TOML."""
    match default:
        case _ if default is PydanticUndefined:
            return "required"
        case None:
            return "none"
        case bool():
            return str(default).lower()
        case str() | Path():
            return f'"{default}"'
        case tuple():
            return f"[{', '.join(_default_text(item) for item in default)}]"
        case dict():
            return f"{{{', '.join(f'{key} = {_default_text(value)}' for key, value in default.items())}}}"
    return str(default)
