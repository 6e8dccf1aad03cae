"""What lies in a laboratory's folder: models, setups, and the files of each recording, grouped by their names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from osim_nmscal.errors import ConfigError
from osim_nmscal.inspection.facts import FileFacts
from osim_nmscal.inspection.files import KINDS, inspect_file

# Words of a file's name that say what kind of file it is, not which recording.
_KIND_WORDS = {
    *(
        "grf",
        "grfs",
        "force",
        "forces",
        "fp",
        "emg",
        "raw",
        "filt",
        "filtered",
        "envelope",
        "envelopes",
        "env",
        "marker",
        "markers",
        "mocap",
    ),
    *("motion", "capture", "trc", "ik", "id", "angles", "angle", "moments", "loads", "external", "xld", "kinematics", "dynamics", "data"),
    *("mvc", "mot", "sto", "c", "d", "joint", "output"),
}
_STATIC_WORDS = {"static", "standing", "stand", "cal", "calib", "calibration", "anatomic", "anatomical", "tpose", "npose", "neutral"}
_MVC_WORDS = {"mvc", "mvic", "mvcs", "maxvol", "maximal"}
_SETUPS = {"ScaleTool": "scale", "InverseKinematicsTool": "ik", "IKTaskSet": "ik", "ExternalLoads": "loads", "InverseDynamicsTool": "id"}
# More files are a disk, not a laboratory's folder for one project.
MOST_FILES = 400
_RESULTS = "results.json"
_SUFFIXES = frozenset({f".{kind}" for kind in KINDS} | {".xml"})
# A folder's name that says that it holds a person.
_PERSON = re.compile(r"(subject|subj|sub|s|participant|part|p|patient|pat|person|vp|pp|id)[ _-]?\d+", re.IGNORECASE)


@dataclass(kw_only=True)
class RecordingFiles:
    """The files of one recording."""

    name: str
    markers: FileFacts | None = None  # .trc or .c3d
    forces: FileFacts | None = None  # .mot, .sto or .c3d
    emg: FileFacts | None = None
    angles: FileFacts | None = None
    moments: FileFacts | None = None
    loads: Path | None = None  # ExternalLoads XML

    @property
    def usable(self) -> bool:
        """Whether it may become a recording of a configuration: motion, EMG, and joint moments or a force that gives them."""
        return not self.lacks

    @property
    def lacks(self) -> str:
        """What keeps it from becoming a recording of a configuration; "" if nothing does."""
        if self.markers is None and self.angles is None:
            return "no motion was found for it"
        if self.emg is None:
            return "no EMG was found for it"
        loaded = self.forces is None or any(plate.contacts for plate in self.forces.plates)
        return "" if loaded or self.moments is not None else "no foot is on a force plate, so it gives no joint moments"


@dataclass(kw_only=True)
class LabFolder:
    """What a folder holds."""

    root: Path
    models: list[FileFacts] = field(default_factory=list)
    setups: dict[str, list[Path]] = field(default_factory=dict)  # scale, ik, loads, id
    recordings: list[RecordingFiles] = field(default_factory=list)
    static: list[FileFacts] = field(default_factory=list)
    mvc: list[FileFacts] = field(default_factory=list)
    unreadable: list[FileFacts] = field(default_factory=list)
    people: dict[str, "LabFolder"] = field(default_factory=dict)  # subfolder -> what it holds of a person, if there are several


def look_through(root: Path) -> LabFolder:
    """Inspect every file below a folder, but those of results folders and hidden ones.

    Raises:
        ConfigError: it is no folder, or holds too many files.
    """
    if not root.is_dir():
        raise ConfigError(f"{root} is no folder; name the folder with your recordings and models.")
    files = [path for path in sorted(root.rglob("*")) if path.suffix.lower() in _SUFFIXES and _is_users(path, root)]
    if len(files) > MOST_FILES:
        raise ConfigError(f"{root} holds {len(files)} recordings, models and setups, more than {MOST_FILES}; name a smaller folder.")
    inspected = {path: inspect_file(path) for path in files if path.suffix.lower() != ".xml"}
    lab = _sorted(root, files, inspected)
    homes = _people(root, inspected)
    if len(homes) > 1:
        common = [path for path in files if path.relative_to(root).parts[0] not in homes]
        shared = _sorted(root, common, inspected)
        for home in homes:
            person = _sorted(root / home, [path for path in files if path.is_relative_to(root / home)], inspected)
            person.models += shared.models
            for kind in ("scale", "ik"):
                if kind in shared.setups:
                    person.setups.setdefault(kind, shared.setups[kind])
            lab.people[home] = person
    return lab


def _people(root: Path, inspected: Mapping[Path, FileFacts]) -> list[str]:
    """Return the subfolders that each hold a person: motion and EMG, and a static trial or a name that says so."""
    holds: dict[str, set[str]] = {}
    for path, facts in inspected.items():
        inside = path.relative_to(root).parts
        if len(inside) < 2:
            continue
        words = holds.setdefault(inside[0], set())
        content = facts.table.content if facts.table is not None else ""
        if facts.markers is not None or content == "joint angles":
            words.add("motion")
        if content in ("raw EMG", "EMG envelopes"):
            words.add("emg")
        if facts.markers is not None and _words(path) & _STATIC_WORDS:
            words.add("static")
    return sorted(home for home, words in holds.items() if {"motion", "emg"} <= words and ("static" in words or _PERSON.fullmatch(home)))


def _sorted(root: Path, files: Iterable[Path], inspected: Mapping[Path, FileFacts]) -> LabFolder:
    """Tell models, setups, static trials, contractions and recordings apart."""
    lab = LabFolder(root=root)
    groups: dict[str, RecordingFiles] = {}
    for path in files:
        if path.suffix.lower() == ".xml":
            _add_setup(lab, groups, path)
            continue
        facts = inspected[path]
        if facts.problem:
            lab.unreadable.append(facts)
        elif facts.model is not None:
            lab.models.append(facts)
        elif _words(path) & _STATIC_WORDS and facts.markers is not None:
            lab.static.append(facts)
        elif (_words(path) & _MVC_WORDS or _words(path.parent) & _MVC_WORDS) and facts.table is not None:
            lab.mvc.append(facts)
        else:
            _add_recording(groups, facts, root)
    _share_loads(lab, groups)
    lab.recordings = list(groups.values())
    return lab


def recording_name(path: Path, root: Path) -> str:
    """Return which recording a file belongs to: its name without the words for kinds of files; else its folder's name."""
    words = [word for word in _parts(path.stem) if word.lower() not in _KIND_WORDS]
    if words:
        return re.sub(r"[^\w-]", "_", "_".join(words)).lower()
    return path.parent.name if path.parent != root else path.stem


def _is_users(path: Path, root: Path) -> bool:
    inside = path.relative_to(root)
    if any(part.startswith(".") for part in inside.parts):
        return False
    return not any((root / parent / _RESULTS).is_file() for parent in inside.parents)


def _parts(text: str) -> list[str]:
    """Part a name at separators and changes of case, numbers kept with what stands before them: "emgFilt_walk36" -> emg, Filt, walk36."""
    return re.findall(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+", text)


def _words(path: Path) -> set[str]:
    return {re.sub(r"\d+$", "", part.lower()) for part in _parts(path.stem)}


def _add_setup(lab: LabFolder, groups: dict[str, RecordingFiles], path: Path) -> None:
    head = path.read_text(encoding="utf-8", errors="replace")[:20000]
    kind = next((kind for tag, kind in _SETUPS.items() if re.search(rf"<{tag}[\s>]", head)), None)
    if kind is None:
        return
    lab.setups.setdefault(kind, []).append(path)
    if kind == "loads":
        name = recording_name(path, lab.root)
        groups.setdefault(name, RecordingFiles(name=name)).loads = path


def _add_recording(groups: dict[str, RecordingFiles], facts: FileFacts, root: Path) -> None:
    name = recording_name(facts.path, root)
    group = groups.setdefault(name, RecordingFiles(name=name))
    if facts.kind == "c3d":
        group.markers = group.markers or facts
        if facts.plates:
            group.forces = group.forces or facts
        if facts.table is not None and facts.table.content in ("raw EMG", "EMG envelopes"):
            group.emg = group.emg or facts
    elif facts.markers is not None:
        group.markers = facts  # a .trc was made from the .c3d beside it, often cleaned by hand
    elif facts.table is not None:
        match facts.table.content:
            case "ground reaction forces":
                group.forces = facts
            case "raw EMG" | "EMG envelopes":
                group.emg = facts
            case "joint angles":
                group.angles = facts
            case "joint moments":
                group.moments = facts


def _share_loads(lab: LabFolder, groups: dict[str, RecordingFiles]) -> None:
    """Drop groups of which only an ExternalLoads file is known, and give each recording that of the nearest name."""
    only = [name for name, group in groups.items() if not (group.markers or group.angles or group.emg or group.forces or group.moments)]
    for name in only:
        loads = groups.pop(name).loads
        for other, group in groups.items():
            if group.loads is None and (other in name or name in other):
                group.loads = loads
