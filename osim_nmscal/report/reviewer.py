"""For the reviewer: every number, every setting, what made it, and the methods paragraph."""

from osim_nmscal.report.blocks import Block, Column, Missing, Section, Table, Text, rows_of
from osim_nmscal.report.clinician import ROLES
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.methods import citations, methods_paragraph


def reviewer_section(data: ReportData) -> Section:
    """Build the section."""
    return Section(
        key="reviewer",
        title="Numbers, settings, methods",
        reader="for the reviewer",
        lead="What is needed to judge and to repeat this run.",
        blocks=(
            Text(title="Methods, ready to paste", paragraphs=(methods_paragraph(data),), copied=True),
            _metrics(data),
            *_dynamometer(data),
            _verification(data),
            *_settings(data),
            _versions(data),
            _inputs(data),
            Text(title="Sources", paragraphs=citations(data)),
        ),
    )


def _metrics(data: ReportData) -> Block:
    if not data.metrics:
        return Missing(what="Errors per trial", why=data.why("the run ended before the model was evaluated."))
    rows = [
        (m.trial, ROLES[m.role], m.dof, m.model, m.rmse, 100 * m.nrmse, m.r2, m.correlation_squared)
        for m in sorted(data.metrics, key=lambda m: (m.role != "held_out", m.dof))
    ]
    return Table(
        caption="Joint moments against inverse dynamics, per trial and degree of freedom. Marked: R² of the calibrated model below zero.",
        columns=(
            Column(title="trial"),
            Column(title="set"),
            Column(title="degree of freedom"),
            Column(title="model"),
            Column(title="RMSE", digits=2, unit="N·m"),
            Column(title="of range", digits=2, unit="%"),
            Column(title="R²", digits=3),
            Column(title="r²", digits=3),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, row in enumerate(rows) if row[3] == "calibrated" and row[6] < 0),
        folded=True,
    )


def _dynamometer(data: ReportData) -> tuple[Block, ...]:
    if not data.dynamometer:
        return ()
    rows = [(m.trial, m.kind, ROLES[m.role], m.dof, m.largest, m.rmse_uncalibrated, m.rmse_calibrated) for m in data.dynamometer]
    table = Table(
        caption="Moments of the dynamometer, per trial and measured degree of freedom. Marked: the error grew by calibration.",
        columns=(
            Column(title="trial"),
            Column(title="kind"),
            Column(title="set"),
            Column(title="degree of freedom"),
            Column(title="largest measured", digits=1, unit="N·m"),
            Column(title="RMSE before", digits=2, unit="N·m"),
            Column(title="RMSE after", digits=2, unit="N·m"),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, m in enumerate(data.dynamometer) if m.rmse_calibrated > m.rmse_uncalibrated),
        folded=len(rows) > 12,
    )
    return (table,)


def _verification(data: ReportData) -> Block:
    what = "Prediction against OpenSim's own run"
    if data.verification_failure:
        return Missing(what=what, why=f"OpenSim could not run the personalized model: {data.verification_failure}")
    if not data.verification:
        return Missing(what=what, why=data.why("the model was not run by OpenSim."))
    rows = [
        (v.trial, v.dof, v.rmse, 100 * v.nrmse, v.r2_vs_inverse_dynamics, 100 * v.largest_force_error, v.muscle) for v in data.verification
    ]
    return Table(
        caption="Moments that OpenSim's own muscles produce with the personalized model, against those that calibration "
        "predicted: it tells that "
        "the written file does what was calibrated, not that the muscles are right. Marked: beyond the tolerance of "
        f"{100 * data.verification_tolerance:g} % of the range.",
        columns=(
            Column(title="trial"),
            Column(title="degree of freedom"),
            Column(title="difference", digits=2, unit="N·m"),
            Column(title="of range", digits=2, unit="%"),
            Column(title="R² of OpenSim's moment", digits=3),
            Column(title="largest force difference", digits=2, unit="% Fmax"),
            Column(title="in muscle"),
        ),
        rows=rows_of(rows),
        marked=frozenset(i for i, v in enumerate(data.verification) if not v.nrmse <= data.verification_tolerance),
        folded=len(rows) > 12,
    )


def _settings(data: ReportData) -> tuple[Block, ...]:
    if not data.settings:
        return (Missing(what="Settings", why="the configuration was not at hand when this report was made."),)
    columns = (Column(title="setting"), Column(title="value"), Column(title="default"), Column(title="unit"), Column(title="meaning"))
    changed = [(s.key, s.value, s.default, s.unit, s.meaning) for s in data.settings if s.changed]
    rest = [(s.key, s.value, s.default, s.unit, s.meaning) for s in data.settings if not s.changed]
    return (
        Table(caption=f"Settings that are not the default ({len(changed)}).", columns=columns, rows=rows_of(changed)),
        Table(caption=f"Settings left at their default ({len(rest)}).", columns=columns, rows=rows_of(rest), folded=True),
    )


def _versions(data: ReportData) -> Block:
    if not data.versions:
        return Missing(what="Versions", why="they were not kept.")
    return Table(
        caption="Versions.", columns=(Column(title="software"), Column(title="version")), rows=rows_of(list(data.versions.items()))
    )


def _inputs(data: ReportData) -> Block:
    if not data.inputs:
        return Missing(what="Digests of the input files", why="they were not kept.")
    columns = (Column(title="file"), Column(title="sha256"))
    return Table(caption="Input files.", columns=columns, rows=rows_of(sorted(data.inputs.items())), folded=True)
