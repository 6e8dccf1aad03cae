"""What a results folder holds, gathered for its report.

Everything comes from the folder, so that a report can be made at any time; the user's own recordings are looked at for EMG and
forces while they are there. A part that cannot be read is left out, and the report says so: a report must not fail where a run
succeeded.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from osim_nmscal.config import WorkflowConfig
from osim_nmscal.data.findings import Finding, Verdict, note
from osim_nmscal.data.results import CalibrationResult, MomentMetrics, VerificationMetrics
from osim_nmscal.errors import NmscalError
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.report.data import EarlyEnd, ReportData, SettingRow, Station, TrialView
from osim_nmscal.settings_text import described
from osim_nmscal.workflow import names
from osim_nmscal.workflow.opened import open_results
from osim_nmscal.workflow.records import RECORD_FILE, STAGES_FILE, UNFINISHED, Ending, StageRecord, read_pending
from osim_nmscal.workflow.report_recordings import channel_views, recording_view
from osim_nmscal.workflow.report_trials import trial_views
from osim_nmscal.workflow.results import ResultsFolder, StageTime, read_calibration, read_dynamometer_metric, read_metric, versions
from osim_nmscal.workflow.runner import warnings_collected
from osim_nmscal.workflow.stages import STAGES, TABLE
from osim_nmscal.workflow.user_files import input_digests


@dataclass(frozen=True, kw_only=True)
class ReportSource:
    """Where the parts of a report come from."""

    path: Callable[[str], Path]  # of a file, by its name relative to the results folder
    config: WorkflowConfig
    stages: tuple[StageTime, ...]
    findings: tuple[Finding, ...]
    inputs: Mapping[str, str]  # path -> sha256
    verdict: Verdict | None = None  # None if the run did not come so far
    ending: Ending | None = None  # of a run that ended early
    state: Literal["complete", "partial", "killed"] = "complete"  # where it did not say how it ended
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # task -> what it has written; of a run that ended early
    cut: tuple[TrialView, ...] = ()  # trials of a run that ended before any model saw them


def report_of_folder(root: Path | str) -> ReportData:
    """Gather the report of a results folder.

    Raises:
        FileFormatError: it holds no results, or they are being replaced.

    Example:
        >>> report_of_folder("nowhere")
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.FileFormatError: ...nowhere is no folder of results; give the folder of a run.
    """
    return _of_unfinished(Path(root)) or _of_published(root)


def _of_published(root: Path | str) -> ReportData:
    results = open_results(root, damaged=True, partial=True)
    config = WorkflowConfig.model_validate(results.record.configuration)
    judged = _json(results.folder.metrics) or {}
    found = [Finding(**one) for one in judged.get("findings", ())]
    said = [text for record in results.record.stages.values() for text in record.summary.get("findings", ())]
    found += [note(text) for text in dict.fromkeys(said) if text not in {one.text for one in found}]
    found += [note(f"{path} is missing: it was removed since.") for path in results.missing]
    found += [note(f"{path} was edited since the run.") for path in results.edited]
    later = read_pending(results.folder.root).ending
    if later is not None:
        what = "failed" if later.kind == "failed" else "was interrupted"
        found.insert(0, note(f"A later run into this folder {what} in {later.stage}: {later.text} What follows are the results before it."))
    return report_data(
        ReportSource(
            path=lambda relative: results.folder.root / relative,
            config=config,
            stages=_times(results.record.stages),
            findings=tuple(found),
            inputs=results.record.inputs,
            verdict=_verdict(judged.get("verdict")),
            state="partial" if results.record.state == "partial" else "complete",
            files={label: tuple(record.files) for label, record in results.record.stages.items()},
        )
    )


def _of_unfinished(root: Path) -> ReportData | None:
    """Gather the report of a run that has not ended, where the folder shows no earlier results."""
    if (root / RECORD_FILE).exists() or not (root / UNFINISHED / STAGES_FILE).is_file():
        return None
    pending = read_pending(root)
    if not pending.configuration:
        return None
    config = WorkflowConfig.model_validate(pending.configuration)
    return report_data(
        ReportSource(
            path=lambda relative: root / UNFINISHED / relative,
            config=config,
            stages=_times(pending.stages),
            findings=() if pending.ending is None else said_before_the_end(pending.ending),
            inputs=input_digests(config, missing="leave out"),
            ending=pending.ending,
            state="killed",
            files={label: tuple(record.files) for label, record in pending.stages.items()},
        )
    )


def said_before_the_end(ending: Ending) -> tuple[Finding, ...]:
    """Return what the doctor had said before a run ended early; what ended it stands above."""
    found = (Finding(**one) for one in ending.findings)  # type: ignore[arg-type]  # written by us
    return tuple(one for one in found if one.text not in ending.text)


def report_data(source: ReportSource) -> ReportData:
    """Gather everything that the report of a run shows."""
    with warnings_collected():  # what reading the recordings again would say stands among the findings
        return _gathered(source)


def _gathered(source: ReportSource) -> ReportData:
    config = source.config
    calibration = _calibration(source)
    measured = {recording.name: recording.dofs for recording in config.recordings if recording.dofs}
    trials = trial_views(source.path, measured) or source.cut
    metrics = _metrics(source)
    checked, failure = _verification(source)
    folders = {str(Path(path).parent) for path in source.inputs} | {str(source.path(names.METRICS).parent), str(config.source.parent)}

    def short(text: str) -> str:
        return without_folders(text, folders)

    return ReportData(
        subject=config.subject.name,
        model=config.model.file.name,
        date=datetime.now().strftime("%Y-%m-%d"),
        facts=_facts(config, trials),
        verdict=_shortened(source.verdict, short),
        findings=tuple(replace(one, about=short(one.about), text=short(one.text)) for one in source.findings),
        early_end=_early_end(source, short),
        stations=tuple(Station(name=time.name, seconds=time.seconds, cached=time.cached) for time in source.stages),
        recordings=tuple(recording_view(config, recording, source.path, trials) for recording in config.recordings),
        channels=channel_views(config),
        trials=trials,
        calibration=calibration,
        prior_widths={name: one.prior_width for name, one in config.calibration.parameters},
        metrics=metrics,
        dynamometer=tuple(read_dynamometer_metric(one) for one in _json(source.path(names.DYNAMOMETER_METRICS)) or ()),
        verification=checked,
        verification_tolerance=config.verification.tolerance,
        verification_failure=short(failure),
        settings=setting_rows(config),
        versions=versions(),
        inputs={Path(path).name: digest for path, digest in source.inputs.items()},
        mass=config.subject.mass,
    )


def setting_rows(config: WorkflowConfig, prefix: str = "") -> tuple[SettingRow, ...]:
    """Return every setting with its default; those of the recordings, which are lists, are told by the trials and files."""
    given = {one.key: one.default for one in described(WorkflowConfig, defaults=config)}
    follows = config.inverse_kinematics.setup if config.inverse_kinematics is not None else None
    paths = (config.model.file, config.scaling.setup, follows, config.output.folder, *config.emg.mvc)
    folders = {str(path.parent) for path in paths if path is not None}
    rows = [one for one in described(WorkflowConfig) if "[]" not in one.key and one.key.startswith(prefix)]
    return tuple(
        SettingRow(
            key=one.key,
            value=without_folders(given.get(one.key, one.default), folders),
            default=one.default,
            unit=one.unit,
            meaning=one.meaning,
        )
        for one in rows
    )


def _early_end(source: ReportSource, short: Callable[[str], str]) -> EarlyEnd | None:
    """Say where a run ended before its last station; None of one that came to its end."""
    ending = source.ending
    if ending is None and source.state == "complete":
        return None
    done = [time.name for time in source.stages]
    waiting = tuple(name for name in _needed(source.config) if name not in done)
    files = tuple(sorted((label, path) for label, paths in source.files.items() for path in paths if not path.endswith(".log")))
    if ending is not None:
        reasons = tuple(short(line) for line in ending.text.splitlines() if line.strip())
        return EarlyEnd(station=ending.stage, kind=ending.kind, reasons=reasons, waiting=waiting, files=files)
    if source.state == "partial":
        said = f"These stations have finished: {', '.join(done)}."
        return EarlyEnd(station=done[-1] if done else STAGES[0], kind="partial", reasons=(said,), waiting=waiting, files=files)
    said = "It left no word of how it ended: it was killed, the machine stopped, or it is still at work."
    last = max((STAGES.index(name) for name in done), default=-1)
    after = next((name for name in waiting if STAGES.index(name) > last), STAGES[-1])
    return EarlyEnd(station=after, kind="killed", reasons=(said,), waiting=waiting, files=files)


def _needed(config: WorkflowConfig) -> tuple[str, ...]:
    """Return the stations that this configuration has work for."""
    optional = ("initialization", "dynamometer")
    return tuple(stage.name for stage in TABLE if stage.name not in optional or tuple(stage.outputs(config)))


def _verdict(stored: Mapping[str, Any] | None) -> Verdict | None:
    return None if stored is None else Verdict(level=stored["level"], sentence=stored["sentence"], reasons=tuple(stored["reasons"]))


def _shortened(verdict: Verdict | None, short: Callable[[str], str]) -> Verdict | None:
    if verdict is None:
        return None
    return replace(verdict, sentence=short(verdict.sentence), reasons=tuple(map(short, verdict.reasons)))


def _times(records: Mapping[str, StageRecord]) -> tuple[StageTime, ...]:
    spent: dict[str, float] = {}
    for label, stored in records.items():
        stage = label.partition("/")[0]
        spent[stage] = spent.get(stage, 0.0) + stored.seconds
    return tuple(StageTime(name=name, seconds=spent[name], cached=False) for name in STAGES if name in spent)


def _facts(config: WorkflowConfig, trials: Sequence[TrialView]) -> tuple[tuple[str, str], ...]:
    facts = [("mass", f"{config.subject.mass:.4g} kg")]
    if config.subject.height:
        facts.append(("height", f"{config.subject.height:g} m"))
    facts.append(("recordings", ", ".join(recording.name for recording in config.recordings)))
    if config.dynamometer:
        facts.append(("dynamometer", ", ".join(recording.name for recording in config.dynamometer)))
    if trials:
        used = sum(trial.role == "calibration" for trial in trials)
        facts.append(("trials", f"{used} calibrate, {len(trials) - used} held out"))
        facts.append(("muscle-tendon units", str(len(trials[0].muscles))))
        facts.append(("joints", ", ".join(trials[0].dofs)))
    return tuple(facts)


def _calibration(source: ReportSource) -> CalibrationResult | None:
    """Read the calibration back, with the muscles that it started from."""
    try:
        start = read_muscles(source.path(names.SCALED_MODEL), source.config.model.substitute_muscle_class)
        return read_calibration(ResultsFolder(root=source.path(names.CALIBRATION).parent.parent), start)
    except (NmscalError, OSError):
        return None


def _metrics(source: ReportSource) -> tuple[MomentMetrics, ...]:
    stored = _json(source.path(names.MOMENT_METRICS))
    return tuple(read_metric(one) for one in stored or ())


def _verification(source: ReportSource) -> tuple[tuple[VerificationMetrics, ...], str]:
    """Return what OpenSim's own run gave, and why it could not run."""
    stored = _json(source.path(names.VERIFICATION))
    if stored is None:
        return (), ""
    metrics = tuple(VerificationMetrics(**one) for one in stored)
    return metrics, "" if metrics else "see the logs in predictions/ of the results folder."


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def without_folders(text: str, folders: Iterable[str]) -> str:
    """Drop the folders of paths: where a file lies is the user's own business, and says nothing to a reader elsewhere.

    Args:
        text: any sentence.
        folders: those known, blanks and all; other absolute paths are recognised as far as they hold no blank.
    """
    for folder in sorted(folders, key=len, reverse=True):
        text = re.sub(rf"{re.escape(folder)}[/\\]", "", text) if len(folder) > 1 else text
    return re.sub(r"(?<![\w.])(?:[A-Za-z]:)?[/\\](?:[^/\\\s\"',;]+[/\\])+(?=[^/\\\s\"',;]+)", "", text)
