"""A study as files: one JSON with everything, and one CSV per table."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.electrodes.findings import ElectrodeStudy
from osim_nmscal.formats.text_files import write_text_atomically


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
