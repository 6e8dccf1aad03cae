"""The embedded default: make a virtual person whose muscles are known, personalize their model, and compare with the truth.

Everything runs as it would for a laboratory: the chain reads the person's recordings, never `truth/`; only the comparison does.
A folder holds the person, `config.toml` and `results/`. The person is made again only for another limb or seed, another version
of the package, or when one of its files has changed; an edited `config.toml` is kept, so that its settings can be played with.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from osim_nmscal import __version__
from osim_nmscal.config import load_config
from osim_nmscal.errors import CalibrationError, ConfigError, did_you_mean
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.provenance.code import code_version
from osim_nmscal.provenance.values import file_digest
from osim_nmscal.virtual_subject.make import VirtualSubject, make_virtual_subject
from osim_nmscal.virtual_subject.truth import TruthComparison, compare_with_truth
from osim_nmscal.workflow.personalize import PersonalizedResult, personalize
from osim_nmscal.workflow.progress import Progress, ProgressCallback

KINDS = ("leg", "arm")
RECORD_FILE = "demo.json"
CONFIG_FILE = "config.toml"
RESULTS_FOLDER = "results"
TRUTH_FILE = Path("truth") / "truth.json"
STAGE = "virtual_subject"

# Keys of the record that say who was made.
_IDENTITY = ("kind", "seed", "dynamometer", "made_by")

# What makes the person; another such function stands in for it in tests.
SubjectMaker = Callable[..., VirtualSubject]


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo made.

    Example:
        >>> made = PersonalizedResult(folder=Path("demo/results"), stages=(), findings=())
        >>> demo = DemoResult(
        ...     folder=Path("demo"), kind="arm", seed=3, reused=True, seconds_person=0.0, seconds=40.0, personalized=made, comparison=())
        >>> demo.truth.as_posix()
        'demo/truth/truth.json'
    """

    folder: Path
    kind: str
    seed: int
    reused: bool  # the person was there already
    seconds_person: float  # s, to make the person; 0 if reused
    seconds: float  # s, in all
    personalized: PersonalizedResult
    comparison: tuple[TruthComparison, ...]  # one per kind of parameter

    @property
    def truth(self) -> Path:
        """The true parameters, which the chain never read."""
        return self.folder / TRUTH_FILE

    @property
    def config(self) -> Path:
        """What the chain was told to do."""
        return self.folder / CONFIG_FILE


def run_demo(
    folder: Path | str,
    *,
    kind: Literal["leg", "arm"] = "leg",
    seed: int = 1,
    dynamometer: bool = False,
    jobs: int = 2,
    progress: ProgressCallback | None = None,
    make: SubjectMaker = make_virtual_subject,
) -> DemoResult:
    """Make a virtual person, personalize their model, and compare with the truth.

    Args:
        folder: for the person and the results; new, empty, or of an earlier demo.
        kind: which limb.
        seed: the person, their motion and the noise follow from it; 0 or more.
        dynamometer: whether the same person also sits on a dynamometer, passive and trying their hardest; a leg only.
        jobs: recordings that OpenSim works on at the same time.
        progress: called as steps start and end.
        make: makes the person.

    Raises:
        ConfigError: unknown limb, negative seed, an arm on the dynamometer, or a folder that holds something else.
        NmscalError: a station failed; see `personalize`.

    Example:
        It takes a minute of OpenSim, so the first does not run here:

        >>> result = run_demo("demo", kind="arm", seed=3)  # doctest: +SKIP
        >>> run_demo("demo", kind="hand")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.ConfigError: There is no virtual 'hand'. Choose 'leg' or 'arm'.
    """
    began, folder = time.perf_counter(), Path(folder).absolute()
    if kind not in KINDS:
        raise ConfigError(f"There is no virtual {kind!r}.{did_you_mean(kind, KINDS)} Choose 'leg' or 'arm'.")
    if seed < 0:
        raise ConfigError(f"The seed is {seed}; give a whole number of 0 or more.")
    if dynamometer and kind != "leg":
        raise ConfigError("The dynamometer of the virtual laboratory turns legs only; leave --arm out.")
    identity = _identity(kind, seed, dynamometer=dynamometer)
    reused = _has_person(folder, identity)
    if not reused:
        _make_person(folder, identity, progress, make)
    elif progress is not None:
        progress(Progress(stage=STAGE, state="cached"))
    made = time.perf_counter() - began
    config = load_config(folder / CONFIG_FILE)
    result = personalize(config, folder / RESULTS_FOLDER, jobs=jobs, progress=progress)
    if result.calibration is None:  # only a run of one stage ends before it
        raise CalibrationError(f"The run in {folder / RESULTS_FOLDER} ended before calibration; run the demo again.")
    return DemoResult(
        folder=folder,
        kind=kind,
        seed=seed,
        reused=reused,
        seconds_person=0.0 if reused else made,
        seconds=time.perf_counter() - began,
        personalized=result,
        comparison=compare_with_truth(folder / TRUTH_FILE, result.calibration, config.calibration.groups),
    )


def _has_person(folder: Path, identity: Mapping[str, Any]) -> bool:
    """Tell whether the folder holds this very person, unchanged.

    Raises:
        ConfigError: it holds something that no demo has made.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    record = _read_record(folder)
    if record is None:
        what = "is no folder" if not folder.is_dir() else f"holds files, but no {RECORD_FILE} of an earlier demo"
        raise ConfigError(f"{folder} {what}; give the demo a folder of its own.")
    if {key: record[key] for key in _IDENTITY if key in record} != identity or not (folder / CONFIG_FILE).is_file():
        return False
    files = record.get("files", {})
    return bool(files) and all((folder / name).is_file() and file_digest(folder / name) == digest for name, digest in files.items())


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "kind" in record else None


def _identity(kind: str, seed: int, *, dynamometer: bool) -> dict[str, Any]:
    sits = {"dynamometer": True} if dynamometer else {}
    return {"kind": kind, "seed": seed, **sits, "made_by": f"{__version__} {code_version(make_virtual_subject.__module__)[:16]}"}


def _make_person(folder: Path, identity: Mapping[str, Any], progress: ProgressCallback | None, make: SubjectMaker) -> None:
    """Make the person and remember its files; an earlier one in the folder goes first."""
    began = time.perf_counter()

    def say(sentence: str) -> None:
        if progress is not None:
            progress(Progress(stage=STAGE, state="iteration", text=sentence))

    try:
        folder.mkdir(parents=True, exist_ok=True)
        earlier = [folder / name for name in (_read_record(folder) or {}).get("files", {}) if ".." not in Path(name).parts]
        for path in earlier:
            if _is_person(path, folder):
                path.unlink(missing_ok=True)
        record = dict(identity)
        write_text_atomically(folder / RECORD_FILE, json.dumps(record))  # an interrupted demo's folder is known as one
    except OSError as error:
        raise ConfigError(f"The demo cannot write to {folder} ({error.strerror or error}); give it another folder.") from error
    if progress is not None:
        progress(Progress(stage=STAGE, state="started"))
    more = {key: identity[key] for key in ("dynamometer",) if key in identity}
    subject = make(folder, identity["kind"], identity["seed"], progress=say, **more)
    written = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size and _is_person(path, folder)]
    files = {path.relative_to(folder).as_posix(): file_digest(path) for path in written if path != subject.config}
    write_text_atomically(folder / RECORD_FILE, json.dumps(record | {"files": files}, indent=1))
    if progress is not None:
        progress(Progress(stage=STAGE, state="done", seconds=time.perf_counter() - began))


def _is_person(path: Path, folder: Path) -> bool:
    if not path.is_relative_to(folder):
        return False
    return path.relative_to(folder).parts[0] not in (RESULTS_FOLDER, RECORD_FILE) and path.suffix != ".log"
