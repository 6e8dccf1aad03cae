"""The one file that describes a workflow: `config.toml`, and what its keys mean.

`WorkflowConfig` composes the settings of every station; config_files.py reads what is spelled where.
Every mistake becomes a sentence that names file, key, value, the nearest known key and the unit.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from osim_nmscal.calibration.presets import preset_of_recordings
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.config_files import Location, Origin, Spelled, parsed_location, read_spelled
from osim_nmscal.doctor.settings import ChecksSettings
from osim_nmscal.emg.envelope import EnvelopeSettings
from osim_nmscal.emg.mapping import MappingSettings
from osim_nmscal.emg.normalization import NormalizationSettings
from osim_nmscal.errors import ConfigError, did_you_mean
from osim_nmscal.initialization.settings import InitializationSettings
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings
from osim_nmscal.opensim_tools.model_check import VerificationChoice
from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.settings import Settings, setting
from osim_nmscal.settings_text import SettingDescription, described, sentences
from osim_nmscal.trials.assembly import TrialSettings
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings, split_recordings, written_as
from osim_nmscal.trials.offsets import TimeOffsetSettings
from osim_nmscal.trials.roles import RecordingRole, RoleSettings
from osim_nmscal.trials.segmentation import SegmentationSettings


def section(default: Any, description: str) -> Any:
    """Declare a table of settings inside another."""
    return Field(default, description=description, json_schema_extra={"unit": "-", "source": "-"})


class SubjectSettings(Settings):
    """The person."""

    name: str = setting("subject", unit="-", description="Name of the person or code, for the report.", source="user")
    mass: float = setting(..., unit="kg", description="Body mass.", source="user", gt=0.01, lt=1000)
    height: float | None = setting(
        None, unit="m", description="Body height; for the report, and for strength from mass and height.", source="user", gt=0.01, lt=3
    )


class ModelSettings(Settings):
    """The OpenSim model that personalization starts from."""

    file: Path = setting(..., unit="-", description="The .osim: generic (then give [scaling]) or already scaled.", source="user")
    substitute_muscle_class: str | None = setting(
        None, unit="-", description="Class as which muscles of a class we do not know are calibrated.", source="choice: refuse them"
    )


class RecordingSettings(Settings):
    """One capture, entered wherever the user has something: markers or joint angles, forces or joint moments, raw EMG or envelopes."""

    name: str = setting(
        ..., unit="-", description="Name of the recording and of its results folder.", source="user", pattern=r"^[\w-]+$", max_length=80
    )
    kind: Literal["motion", "passive", "effort"] = setting(
        "motion",
        unit="-",
        description="What it is: a motion with EMG; or what a dynamometer measured without EMG, a 'passive' joint or an 'effort', with the "
        "keys of dynamometer[].",
        source="choice: most recordings",
    )
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
    emg: Path | None = setting(
        None, unit="-", description="EMG, .sto, .mot, .csv or .c3d; stages before emg do without (run --only).", source="user"
    )
    start: float | None = setting(None, unit="s", description="Begin of the part to use; none: of the recording.", source="user")
    end: float | None = setting(None, unit="s", description="End of the part to use; none: of the recording.", source="user")
    role: RecordingRole = setting(
        "any",
        unit="-",
        description="What its trials are for: 'any' (as [trials.roles] says), 'calibration' (all of them), or 'held_out' (evaluation "
        "only).",
        source="choice: [trials.roles] speaks for all recordings",
    )
    dofs: tuple[str, ...] = setting(
        (),
        unit="-",
        description="Joints that this recording's trials are scored by, some of [muscle_analysis] dofs, e.g. the left ones for left "
        "stances; none: all.",
        source="choice: every trial tells of every joint",
    )
    time_offset: TimeOffsetSettings = section(TimeOffsetSettings(), "Clocks of its files.")
    c3d_axes: str = setting(
        "x z -y",
        unit="-",
        description="Laboratory axes that become OpenSim's x, y (up) and z, for c3d files.",
        source="most laboratories: z up",
    )
    segmentation: SegmentationSettings | None = setting(
        None,
        unit="-",
        description="Own way of finding this recording's trials; none: [trials.segmentation].",
        source="choice: one way for all recordings",
    )

    @property
    def needs_angles(self) -> bool:
        """Whether joint angles are needed for anything: they are not with moments and muscle geometry at hand."""
        return self.joint_moments is None or self.muscle_analysis is None

    @model_validator(mode="after")
    def _enough_to_start(self) -> "RecordingSettings":
        if self.kind != "motion":
            raise ValueError(f"recording {self.name!r} is of kind {self.kind!r}: describe it by DynamometerSettings.")
        if self.markers is not None and self.joint_angles is not None:
            raise ValueError(f"recording {self.name!r} gives both markers and joint_angles; keep the one to start from.")
        if self.needs_angles and self.markers is None and self.joint_angles is None:
            raise ValueError(f"recording {self.name!r} gives neither markers nor joint_angles; add one of them.")
        if self.joint_moments is None and self.external_loads is None and not self.force_plates:
            c3d = next((path for path in (self.forces, self.markers) if path is not None and path.suffix.lower() == ".c3d"), None)
            raise ValueError(
                f"recording {self.name!r} gives neither external_loads nor joint_moments; name the ExternalLoads XML "
                "(external_loads = 'none' if nothing touches the person)"
                + (
                    f", or say which force plate of {c3d.name} pushes on which body: forces = {c3d.name!r} and "
                    "force_plates = { plate1 = 'calcn_r' }; `osim-nmscal inspect` lists the plates."
                    if c3d
                    else "."
                )
            )
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ValueError(f"recording {self.name!r} starts at {self.start:g} s and ends at {self.end:g} s; let start be below end.")
        given = {name for name in TimeOffsetSettings.model_fields if getattr(self, name) is not None}
        given |= {"forces"} if self.external_loads != "none" and self.joint_moments is None else set()
        for name, offset in self.time_offset:
            if offset and name not in given:
                raise ValueError(f"recording {self.name!r} has a time_offset of {name}, but gives no {name}; take it out.")
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

    folder: Path = setting(
        Path("results"),
        unit="-",
        description="Results folder, if the command line names none.",
        source="choice: a plain name in the folder of the configuration",
    )
    muscle_class: Literal["keep", "auto", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle"] = setting(
        "keep",
        unit="-",
        description='Class of the calibrated muscles in personalized.osim; "auto" tries the model\'s own and the others, leaving out each '
        "calibration trial in turn, and takes the one that predicts them best.",
        source="choice: as the model has them; auto costs a calibration for each class and trial",
    )


class WorkflowConfig(Settings):
    """A whole workflow, from recordings to personalized.osim.

    Example:
        >>> config = load_config("workflows/treadmill/config.toml")
        >>> config.muscle_analysis.dofs
        ('hip_flexion_r', 'knee_angle_r', 'ankle_angle_r')
        >>> [recording.name for recording in config.recordings]
        ['walk36', 'walk45']
    """

    extends: Path | None = setting(
        None,
        unit="-",
        description="Configuration that this one lies over: tables merge key by key, lists and [[recordings]] replace.",
        source="user",
    )
    subject: SubjectSettings = section(..., "The person.")
    model: ModelSettings = section(..., "The model.")
    scaling: ScalingSettings = section(ScalingSettings(), "Scaling; without setup or mass_only the model is used as it is.")
    initialization: InitializationSettings = section(InitializationSettings(), "What is known of the muscles before any trial is seen.")
    inverse_kinematics: InverseKinematicsSettings | None = section(None, "From markers to joint angles.")
    inverse_dynamics: InverseDynamicsSettings = section(InverseDynamicsSettings(), "From joint angles and forces to joint moments.")
    muscle_analysis: MuscleAnalysisSettings = section(..., "MTU lengths and moment arms.")
    recordings: tuple[RecordingSettings, ...] = setting(..., unit="-", description="The recordings.", source="user", min_length=1)
    dynamometer: tuple[DynamometerSettings, ...] = setting(
        (), unit="-", description="Passive trials and efforts; in a file they stand among the recordings, with their kind.", source="user"
    )
    emg: EmgSettings = section(EmgSettings(), "From EMG to excitations.")
    trials: TrialsSettings = section(TrialsSettings(), "From recordings to trials.")
    calibration: CalibrationSettings = section(CalibrationSettings(), "Calibration.")
    checks: ChecksSettings = section(ChecksSettings(), "What the doctor for the data may not stop.")
    verification: VerificationChoice = section(VerificationChoice(), "OpenSim's confirmation.")
    output: OutputSettings = section(OutputSettings(), "What is written.")
    source: Path = Field(Path("config.toml"), exclude=True, description="The file it was read from.")
    spelled: Spelled | None = Field(None, exclude=True, repr=False, description="Where each key is spelled.")

    def where(self, key: str) -> str:
        """Return the file that spells a key (or the option that sets it), for sentences; the configuration itself if none does."""
        origin = self.spelled.origin(parsed_location(key)) if self.spelled is not None else None
        return str(self.source) if origin is None else str(origin.file or origin.shown)

    @model_validator(mode="before")
    @classmethod
    def _preset_of_recordings(cls, given: Any) -> Any:
        return preset_of_recordings(given)

    @model_validator(mode="before")
    @classmethod
    def _kinds_apart(cls, data: Any) -> Any:
        return split_recordings(data)

    @model_validator(mode="after")
    def _sections_fit(self) -> "WorkflowConfig":
        names = [*(recording.name for recording in self.recordings), *(measured.name for measured in self.dynamometer)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two recordings are called {twice[0]!r}; give each its own name.")
        said = [(one.name, "is scored by", one.dofs) for one in self.recordings]
        said += [(one.name, "has measured", one.dofs) for one in self.dynamometer]
        for name, how, dofs in said:
            for dof in dofs:
                if dof not in self.muscle_analysis.dofs:
                    raise ValueError(
                        f"recording {name!r} {how} {dof!r}, which [muscle_analysis] dofs does not have."
                        f"{did_you_mean(dof, self.muscle_analysis.dofs)}"
                    )
        dofs = self.muscle_analysis.dofs
        if twice := [dof for i, dof in enumerate(dofs) if dof in dofs[:i]]:
            raise ValueError(f"[muscle_analysis] dofs names {twice[0]!r} twice; name it once.")
        from_markers = [recording.name for recording in self.recordings if recording.markers is not None]
        if from_markers and self.inverse_kinematics is None:
            raise ValueError(
                f"recording {from_markers[0]!r} starts from markers, but there is no section [inverse_kinematics]; add it with "
                "setup = the XML with your IKTaskSet."
            )
        return self

    def __repr__(self) -> str:
        return f"WorkflowConfig({self.source.name}: {self.subject.name}, {len(self.recordings)} recordings, {self.calibration.method})"

    __str__ = __repr__


def describe_settings() -> Iterator[SettingDescription]:
    """Yield every setting of a `config.toml`, in the order of their declaration."""
    return described(WorkflowConfig)


def load_config(path: Path | str, changes: Sequence[str] = ()) -> WorkflowConfig:
    """Read a workflow configuration, with what it extends.

    Args:
        path: a TOML file. With `extends = "lab.toml"` it lies over that file: tables are merged key by key, anything else (a list,
            [[recordings]]) replaces what is there. A relative path starts from the folder of the file that spells it.
        changes: `key=value` each, laid over the file in order; dotted keys, TOML values, paths relative to the current folder.

    Raises:
        ConfigError: one sentence for each mistake: file, key, value, nearest known key, what to change.

    Example:
        >>> load_config("workflows/treadmill/config.toml").subject.mass
        58.0
        >>> load_config("workflows/treadmill/config.toml", ["subject.mass=60"]).subject.mass
        60.0
        >>> load_config("nowhere.toml")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.ConfigError: The configuration nowhere.toml cannot be read (No such file or directory); check the path.
    """
    spelled = read_spelled(Path(path), changes)
    places = _Places(spelled, written_as(spelled.values))
    try:
        config = WorkflowConfig.model_validate(dict(spelled.values))
    except ValidationError as error:
        found = sentences(lambda location: places.origin(location).shown, error.errors(), WorkflowConfig)
        raise ConfigError(places.in_words("\n".join(found))) from error
    resolved = _with_absolute_paths(config, places, ())
    return resolved.model_copy(update={"source": spelled.own.file, "spelled": spelled})


@dataclass(frozen=True)
class _Places:
    """Where keys are spelled; recordings of a dynamometer stand among the others in the file, and apart from them in the settings."""

    spelled: Spelled
    written: dict[tuple[str, int], int]

    def origin(self, location: Sequence[str | int]) -> Origin:
        """Return where the key at a place in the settings is spelled."""
        at = list(location)
        if len(at) > 1 and (at[0], at[1]) in self.written:
            at[:2] = ["recordings", self.written[str(at[0]), int(at[1])]]
        return self.spelled.origin(at)

    def in_words(self, text: str) -> str:
        """Number the recordings of a sentence as their user did, from 1."""

        def written(found: re.Match[str]) -> str:
            place = self.written.get((found[1], int(found[2]) - 1))
            return found[0] if place is None else f"recordings[{place + 1}]"

        return re.sub(r"\b(recordings|dynamometer)\[(\d+)\]", written, text)


def _with_absolute_paths(model: Any, places: _Places, location: Location) -> Any:
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        new = _absolute(value, places, (*location, name))
        if new is not value:
            changed[name] = new
    return model.model_copy(update=changed) if changed else model


def _absolute(value: Any, places: _Places, location: Location) -> Any:
    if isinstance(value, BaseModel):
        return _with_absolute_paths(value, places, location)
    if isinstance(value, Path):
        return value if value.is_absolute() else Path(os.path.normpath(places.origin(location).folder / value))
    if isinstance(value, tuple):
        items = tuple(_absolute(item, places, (*location, i)) for i, item in enumerate(value))
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
