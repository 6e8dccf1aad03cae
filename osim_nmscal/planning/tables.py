"""A plan as files: every parameter with every candidate, and the candidates in their best order."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.planning.candidates import agonists_of
from osim_nmscal.planning.information import Candidate, Plan
from osim_nmscal.planning.worth import worth

PLAN_FILE, ORDER_FILE = "plan.csv", "plan_order.csv"


def write_plan(plan: Plan, candidates: Sequence[Candidate], out: Path) -> tuple[Path, ...]:
    """Write plan.csv, one row per parameter and candidate, and plan_order.csv, one row per candidate.

    Args:
        plan: of these candidates.
        candidates: they say which muscles an effort's agonists are.
        out: folder, which must be there.

    Returns:
        The files.
    """
    head = ("quantity", "owner", "unit", "prior", "at_hand", "with_all", "known_at_hand", "candidate", "after", "known_after")
    rows = (
        (
            row.quantity,
            row.owner,
            row.unit,
            row.prior,
            row.at_hand,
            row.with_all,
            _yes(row.known(row.at_hand)),
            name,
            after,
            _yes(row.known(after)),
        )
        for row in plan.rows
        for name, after in zip(plan.candidates, row.after, strict=True)
    )
    trying: Mapping[str, tuple[str, ...]] = {one.name: agonists_of(one) for one in candidates}
    order_head = ("place", "candidate", "share_left_in_order", "share_left_alone", "newly_known_alone", "agonists")
    order = (
        (
            one.place,
            one.candidate,
            one.left_in_order,
            one.left_alone,
            " ".join(f"{row.quantity}:{row.owner}" for row in one.newly_known),
            " ".join(trying.get(one.candidate, ())),
        )
        for one in worth(plan)
    )
    return (_write(out / PLAN_FILE, head, rows), _write(out / ORDER_FILE, order_head, order))


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    write_text_atomically(path, text.getvalue())
    return path


def _yes(value: bool) -> str:
    return "yes" if value else "no"
