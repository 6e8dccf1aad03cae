"""A study as files: one JSON with everything, and one CSV per table."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from osim_nmscal.electrodes.findings import ElectrodeStudy, StudyComparison, StudyExcitation, StudyMetric, StudyModel
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.text_files import write_text_atomically

T = TypeVar("T")

# Where a study lies in a results folder.
FOLDER = "electrode_study"


def write_study(study: ElectrodeStudy, out: Path) -> tuple[Path, ...]:
    """Write electrode_study.json and one CSV per table.

    Args:
        study: the results.
        out: folder.

    Returns:
        the files.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / "electrode_study.json"]
    write_text_atomically(paths[0], json.dumps(_strict(asdict(study)), indent=1))
    for name in ("models", "metrics", "excitations", "comparisons"):
        rows = [asdict(row) for row in getattr(study, name)]
        path = out / f"electrode_study_{name}.csv"
        lines = [",".join(rows[0])] if rows else []
        lines += [",".join(_cell(value) for value in row.values()) for row in rows]
        write_text_atomically(path, "\n".join(lines) + "\n")
        paths.append(path)
    return tuple(paths)


def read_study(folder: Path) -> ElectrodeStudy | None:
    """Read a study back; None where there is none.

    Args:
        folder: `electrode_study/` of a results folder.

    Raises:
        FileFormatError: it is damaged.
    """
    path = folder / "electrode_study.json"
    if not path.is_file():
        return None
    kinds = {"models": StudyModel, "metrics": StudyMetric, "excitations": StudyExcitation, "comparisons": StudyComparison}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        tables: dict[str, Any] = {name: tuple(_row(kind, row) for row in stored.pop(name)) for name, kind in kinds.items()}
        return ElectrodeStudy(**tables, **{name: tuple(_number(one) for one in values) for name, values in stored.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path} is damaged ({type(error).__name__}); run the electrode study again.") from error


def _row(kind: type[T], stored: dict[str, Any]) -> T:
    return kind(**{name: tuple(value) if isinstance(value, list) else _number(value) for name, value in stored.items()})


def _number(value: Any) -> Any:
    return float("nan") if value is None else value


def _strict(value: Any) -> Any:
    """JSON has no NaN: what is no number becomes null."""
    if isinstance(value, dict):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(one) for one in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _cell(value: object) -> str:
    text = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\n') else text
