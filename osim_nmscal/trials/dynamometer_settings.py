"""What a dynamometer measured, as a recording of `config.toml`: a relaxed joint that is moved, or an effort of muscles told to try.

Such a recording needs neither markers nor EMG: a table of joint angles and of the moments about the measured joints says it all.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from osim_nmscal.errors import did_you_mean
from osim_nmscal.settings import Settings, setting

# Ends of the names of a table's moment columns.
MOMENT = "_moment"
KINDS = ("passive", "effort")


class DynamometerSettings(Settings):
    """One recording of a dynamometer, written as a `[[recordings]]` with kind = "passive" or "effort".

    Example:
        >>> DynamometerSettings(name="knee", kind="passive", table="knee.csv", pose={"hip_flexion_r": 75}).role
        'calibration'
        >>> DynamometerSettings(name="knee", kind="effort", table="knee.csv")
        Traceback (most recent call last):
            ...
        pydantic_core._pydantic_core.ValidationError: 1 validation error for DynamometerSettings
          Value error, recording 'knee' is an effort, but names no agonists; name the muscles that try their hardest...
    """

    name: str = setting(
        ..., unit="-", description="Name of the recording and of its results folder.", source="user", pattern=r"^[\w-]+$", max_length=80
    )
    kind: Literal["passive", "effort"] = setting(
        ...,
        unit="-",
        description="'passive': relaxed muscles while the joint is moved; 'effort': agonists try their hardest, and no EMG was taken.",
        source="user",
    )
    table: Path | None = setting(
        None,
        unit="-",
        description="Table (.csv, .sto, .mot): coordinates of the model (degrees in a .csv, as its header says in the others), at "
        "least one "
        "<coordinate>_moment (N·m), and time (s) if the joint was moved; without time every row is a pose that was held.",
        source="user",
    )
    joint_angles: Path | None = setting(
        None, unit="-", description="Instead of a table: joint angles, .mot or .sto of OpenSim; with joint_moments.", source="user"
    )
    joint_moments: Path | None = setting(
        None, unit="-", description="Instead of a table: joint moments, .sto of OpenSim; with joint_angles and dofs.", source="user"
    )
    dofs: tuple[str, ...] = setting(
        (),
        unit="-",
        description="Joints whose moment was measured, some of [muscle_analysis] dofs; none: every one that the table has a moment of.",
        source="user",
    )
    pose: dict[str, float] = setting(
        {},
        unit="degrees",
        description="Coordinates that the table lacks, as they were held (m for translations); those of no dof may keep the "
        "model's default.",
        source="user",
    )
    agonists: tuple[str, ...] = setting((), unit="-", description="Muscles that try their hardest in an effort.", source="user")
    effort_level: float = setting(
        0.92,
        unit="-",
        description="Excitation of agonists in an effort.",
        source="virtual people, whose maximal efforts are 0.85 to 1 of full excitation",
        gt=0.0,
        le=1.0,
    )
    rest_level: float = setting(
        0.03,
        unit="-",
        description="Excitation of all other muscles in an effort.",
        source="virtual people: others are at 0.01 to 0.08 in an effort",
        ge=0.0,
        lt=0.5,
    )
    role: Literal["calibration", "held_out"] = setting(
        "calibration", unit="-", description="Whether it calibrates, or only tests the result.", source="choice: it was recorded for that"
    )
    start: float | None = setting(None, unit="s", description="Begin of the part to use; none: of the recording.", source="user")
    end: float | None = setting(None, unit="s", description="End of the part to use; none: of the recording.", source="user")

    @model_validator(mode="before")
    @classmethod
    def _no_emg(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "emg" in data:
            name, kind = data.get("name", "?"), data.get("kind", "passive")
            if kind == "passive":
                raise ValueError(
                    f"recording {name!r} is passive, but names emg: relaxed muscles have none; take emg out, or leave kind out if the "
                    "muscles worked."
                )
            raise ValueError(
                f"recording {name!r} is an effort, whose excitations are assumed, but names emg; take emg out, or make it a motion, which "
                "EMG drives: no kind, with joint_angles, joint_moments and dofs."
            )
        return data

    @model_validator(mode="after")
    def _complete(self) -> "DynamometerSettings":
        pair = (self.joint_angles, self.joint_moments)
        if self.table is not None and pair != (None, None):
            raise ValueError(f"recording {self.name!r} gives a table as well as joint_angles or joint_moments; keep one of the two.")
        if self.table is None and None in pair:
            raise ValueError(
                f"recording {self.name!r} gives no table; name one with the coordinates and moments, or joint_angles and joint_moments."
            )
        if self.table is None and not self.dofs:
            raise ValueError(f"recording {self.name!r} does not say whose moments were measured; name the joints under dofs.")
        if self.kind == "effort" and not self.agonists:
            raise ValueError(f"recording {self.name!r} is an effort, but names no agonists; name the muscles that try their hardest.")
        if self.kind == "passive" and self.agonists:
            raise ValueError(f"recording {self.name!r} is passive, but names agonists; take them out, or make it an effort.")
        if self.start is not None and self.end is not None and not self.start < self.end:
            raise ValueError(f"recording {self.name!r} starts at {self.start:g} s and ends at {self.end:g} s; let start be below end.")
        return self


def split_recordings(data: Any) -> Any:
    """Part the list of recordings of a configuration: motions stay, what a dynamometer measured becomes `dynamometer`.

    Args:
        data: what a configuration is made from, a table of its keys; anything else is returned as it is.
    """
    given = data.get("recordings") if isinstance(data, Mapping) else None
    if not isinstance(given, list | tuple):
        return data
    for one in given:
        _require_kind(one)
    measured = [one for one in given if kind_of(one) in KINDS]
    if not measured:
        return data
    kept = [one for one in given if kind_of(one) not in KINDS]
    if not kept:
        raise ValueError(
            "every recording is passive or an effort, which has no clock of EMG and no trials to verify; add a motion, or "
            "calibrate in Python: "
            "calibrate(TrialSet(trials=...)) takes trials of any kind."
        )
    return {**data, "recordings": tuple(kept), "dynamometer": (*measured, *data.get("dynamometer", ()))}


def _require_kind(recording: Any) -> None:
    """Refuse an unknown kind, and a table of a dynamometer without any."""
    if not isinstance(recording, Mapping):
        return
    name, kind = recording.get("name", "?"), kind_of(recording)
    if kind not in ("motion", *KINDS):
        raise ValueError(f"recording {name!r} is of kind {kind!r}, expected 'motion', 'passive' or 'effort'.{did_you_mean(kind, KINDS)}")
    if kind == "motion" and "table" in recording:
        raise ValueError(f"recording {name!r} gives a table, but no kind; add kind = 'passive' or kind = 'effort'.")


def written_as(data: Any) -> dict[tuple[str, int], int]:
    """Return ("recordings" or "dynamometer", place in the parted list) -> place in the list that its user wrote, all from 0."""
    found, counts = {}, {"recordings": 0, "dynamometer": 0}
    given = data.get("recordings") if isinstance(data, Mapping) else None
    for i, one in enumerate(given if isinstance(given, list | tuple) else ()):
        part = "dynamometer" if kind_of(one) in KINDS else "recordings"
        found[part, counts[part]] = i
        counts[part] += 1
    return found


def kind_of(recording: Any) -> str:
    """Return what a recording says of its kind, whether it is settings or a table of keys."""
    if isinstance(recording, Mapping):
        return str(recording.get("kind", "motion"))
    return str(getattr(recording, "kind", "motion"))
