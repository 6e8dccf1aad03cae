"""For the clinician: how the joints are loaded, how well the model knows it, and what changed in the muscles beyond what is plausible."""

from collections import Counter
from statistics import fmean

from osim_nmscal.report.blocks import Block, Cell, Column, Figure, Missing, Section, Table, rows_of
from osim_nmscal.report.data import ReportData, TrialView
from osim_nmscal.report.figures import MOMENT_LEGEND, moment_panel
from osim_nmscal.summaries.parameters import TITLES, implausible

ROLES = {"calibration": "calibration", "held_out": "held-out"}


def clinician_section(data: ReportData) -> Section:
    """Build the section."""
    return Section(
        key="clinician",
        title="Joints and muscles",
        reader="for the clinician",
        lead="How the joints are loaded, as inverse dynamics measures it and as the muscles of the model produce it, and what changed in "
        "the muscles. Held-out trials took no part in the calibration: they tell how far to trust the model.",
        blocks=(*_moments(data), _agreement(data), _changes(data)),
    )


def _moments(data: ReportData) -> tuple[Block, ...]:
    if not data.predictions:
        return (Missing(what="Joint moments over the cycle", why=data.why("the run ended before the model was evaluated.")),)
    before = any(trial.uncalibrated_moment is not None for trial in data.trials)
    figures: list[Block] = []
    for role, name in (("held_out", "held-out"), ("calibration", "calibration")):
        members = [trial for trial in data.trials if trial.role == role and trial.calibrated is not None]
        if not members:
            if role == "held_out":
                figures.append(Missing(what="Held-out trials", why="none was held out, so nothing tells how the model does on new data."))
            continue
        figures.append(
            Figure(
                caption=f"Joint moments of the {name} trials ({_counted(members)}), mean ± standard deviation over the trial's "
                "own duration. R²: mean over trials, before → after calibration.",
                panels=tuple(moment_panel(members, dof, _r2(data, role, dof)) for dof in _dofs(members)),
                legend=MOMENT_LEGEND if before else (MOMENT_LEGEND[0], MOMENT_LEGEND[2]),
                name=f"moments_{role}",
            )
        )
    return tuple(figures)


def _dofs(trials: list[TrialView]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(dof for trial in trials for dof in trial.dofs if trial.is_measured(dof)))


def _counted(trials: list[TrialView]) -> str:
    recordings = Counter(trial.recording for trial in trials)
    return ", ".join(f"{count} of {name}" for name, count in recordings.items())


def _r2(data: ReportData, role: str, dof: str) -> str:
    texts = []
    for model in ("uncalibrated", "calibrated"):
        values = [m.r2 for m in data.metrics if (m.role, m.dof, m.model) == (role, dof, model)]
        if values:
            texts.append(f"{fmean(values):.2f}")
    return f"R² {' → '.join(texts)}" if texts else ""


def _agreement(data: ReportData) -> Block:
    if not data.metrics:
        return Missing(what="Agreement with inverse dynamics", why=data.why("the run ended before the model was evaluated."))
    rows: list[tuple[Cell, ...]] = []
    marked: set[int] = set()
    recordings = sorted(dict.fromkeys((m.trial.rpartition("/")[0], m.role) for m in data.metrics), key=lambda pair: pair[1] != "held_out")
    for recording, role in recordings:
        for dof in dict.fromkeys(m.dof for m in data.metrics):
            chosen = [m for m in data.metrics if (m.trial.rpartition("/")[0], m.role, m.dof) == (recording, role, dof)]
            before, after = ([m for m in chosen if m.model == model] for model in ("uncalibrated", "calibrated"))
            if not after:
                continue
            mean = {name: fmean(getattr(m, name) for m in after) for name in ("rmse", "nrmse", "r2")}
            was = fmean(m.r2 for m in before) if before else None
            if mean["r2"] < 0 or (was is not None and mean["r2"] < was):
                marked.add(len(rows))
            per_mass = mean["rmse"] / data.mass if data.mass > 0 else None
            errors = (mean["rmse"], per_mass, 100 * mean["nrmse"])
            rows.append((dof, ROLES[role], was, mean["r2"], *errors, len(after), recording or "–"))
    return Table(
        caption="Agreement with inverse dynamics, per recording (mean over its trials). Marked: R² below zero or worse than before "
        "calibration.",
        columns=(
            Column(title="joint"),
            Column(title="trials"),
            Column(title="R² before", digits=2),
            Column(title="R² after", digits=2),
            Column(title="error", digits=1, unit="N·m"),
            Column(title="error per mass", digits=2, unit="N·m/kg"),
            Column(title="of range", digits=1, unit="%"),
            Column(title="number", digits=0),
            Column(title="recording"),
        ),
        rows=rows_of(rows),
        marked=frozenset(marked),
    )


def _changes(data: ReportData) -> Block:
    if data.calibration is None:
        return Missing(what="Changed muscles", why=data.why("the run ended before calibration."))
    odd = implausible(data.calibration.parameters)
    rows = [
        (
            change.owner,
            TITLES[change.name].lower(),
            change.value / change.start if change.start else None,
            f"at the {change.at_bound} bound" if change.at_bound in ("lower", "upper") else "more than is plausible",
            "told by the data" if change.identifiable else "not told by the data: do not interpret",
        )
        for change in odd
    ]
    caption = (
        "Strengths and lengths that changed beyond what is plausible (lengths by more than 10 %, strengths by more than a factor of 2), "
        "or that lie at a bound."
    )
    if not rows:
        caption = "No strength changed by more than a factor of 2, no length by more than 10 %, and none lies at a bound."
    return Table(
        caption=caption,
        columns=(
            Column(title="muscle or group"),
            Column(title="what"),
            Column(title="factor of start", digits=2),
            Column(title="why it is listed"),
            Column(title="how sure"),
        ),
        rows=rows_of(rows),
    )
