"""What is known of each muscle: lengths, working point and strength side by side, each with its interval and what it rests on."""

from osim_nmscal.data.results import CalibratedParameter, CalibrationResult
from osim_nmscal.report.blocks import Block, Cell, Column, Missing, Table, rows_of
from osim_nmscal.summaries.parameters import INTERVAL, TITLES, shown_in

# In this order; the working point stands beside the lengths that it follows from.
KINDS = ("optimal_fiber_length", "working_point", "tendon_slack_length", "strength_coefficient")


def known_of_muscles(result: CalibrationResult) -> Block:
    """Return the table of a calibration, one row per muscle or group."""
    every = [row for row in (*result.parameters, *result.working_points) if row.name in KINDS]
    if not every:
        return Missing(what="What is known of each muscle", why="neither lengths nor strengths were calibrated.")
    found = {(row.owner, row.name): row for row in every}
    kinds = [kind for kind in KINDS if any(row.name == kind for row in every)]
    rows: list[tuple[Cell, ...]] = []
    for owner in dict.fromkeys(row.owner for row in every):
        cells: list[Cell] = []
        for kind in kinds:
            row = found.get((owner, kind))
            cells += [None, None] if row is None else [_with_interval(row), row.standing]
        rows.append((owner, *cells))
    columns = [Column(title="muscle or group")]
    for kind in kinds:
        unit = shown_in(next(row.unit for row in every if row.name == kind))[1]
        columns += [Column(title=TITLES[kind].lower(), unit="" if unit in ("-", "optimal fiber lengths") else unit), Column(title="is")]
    return Table(
        caption="What is known of each muscle, with 95 % interval. Known: the data at least halve what was unknown; assumed: as believed "
        "before; at bound: the data pull beyond what was allowed. Working point: normalized fiber length at the mean MTU length, behind "
        "a rigid tendon.",
        columns=tuple(columns),
        rows=rows_of(rows),
        folded=True,
    )


def _with_interval(row: CalibratedParameter) -> str:
    scale, _ = shown_in(row.unit)
    value, reach = scale * row.calibrated, scale * INTERVAL * row.standard_error
    return f"{value:.3g} ({value - reach:.3g} to {value + reach:.3g})" if reach == reach else f"{value:.3g}"
