"""Starting values as files: starting_values.json, which the calibration reads, and starting_values.csv, which people read."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal.data.muscles import MUSCLE_CLASSES, Muscle, MuscleTable
from osim_nmscal.data.relaxed_postures import RelaxedPostures
from osim_nmscal.data.starting_values import WIDTHS, StartingValues
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.text_files import write_text_atomically

_SHOWN = {"optimal_fiber_length": "m", "tendon_slack_length": "m", "max_isometric_force": "N"}


def write_starting_values(path: Path, start: StartingValues) -> Path:
    """Write starting values so that they are read back to the bit."""
    document: dict[str, Any] = {"format": 1, "muscles": [asdict(one) | {"muscle_class": one.muscle_class} for one in start.muscles.muscles]}
    for name in WIDTHS:
        values = getattr(start, name).tolist()
        document[name] = {muscle: value for muscle, value in zip(start.muscles.names, values, strict=True) if math.isfinite(value)}
    document["sources"] = {muscle: text for muscle, text in zip(start.muscles.names, start.sources, strict=True) if text}
    document["relaxed"] = [{one.name: _listed(getattr(limb, one.name)) for one in fields(limb)} for limb in start.relaxed]
    return write_text_atomically(path, json.dumps(document, indent=1))


def read_starting_values(path: Path) -> StartingValues:
    """Read starting values.

    Raises:
        FileFormatError: the file is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        muscles = MuscleTable(muscles=tuple(_muscle(stored) for stored in document["muscles"]))
        widths = {name: np.array([float(document[name].get(muscle, math.nan)) for muscle in muscles.names]) for name in WIDTHS}
        sources = tuple(document["sources"].get(name, "") for name in muscles.names)
        relaxed = tuple(_relaxed(stored) for stored in document.get("relaxed", ()))  # files of earlier versions have none
        return StartingValues(muscles=muscles, sources=sources, relaxed=relaxed, **widths)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{path} is missing or damaged ({type(error).__name__}: {str(error)[:200]}); run the workflow again with --from initialization."
        ) from error


def write_comparison(path: Path, scaled: MuscleTable, start: StartingValues) -> Path:
    """Write what changed, one row per muscle and parameter: scaled, start, their ratio, and why."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("muscle", "parameter", "unit", "scaled", "start", "start_over_scaled", "source"))
    for muscle, source in zip(start.muscles.muscles, start.sources, strict=True):
        before = scaled.muscles[scaled.index(muscle.name)]
        for name, unit in _SHOWN.items():
            old, new = getattr(before, name), getattr(muscle, name)
            writer.writerow((muscle.name, name, unit, f"{old:.6g}", f"{new:.6g}", f"{new / old:.4f}", source))
    return write_text_atomically(path, stream.getvalue())


def _listed(values: Any) -> Any:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _relaxed(stored: Mapping[str, Any]) -> RelaxedPostures:
    names = ("muscles", "joint")
    arrays = {one.name: np.array(stored[one.name], dtype=np.float64) for one in fields(RelaxedPostures) if one.name not in names}
    return RelaxedPostures(muscles=tuple(stored["muscles"]), joint=tuple(stored["joint"]), **arrays)


def _muscle(stored: Mapping[str, Any]) -> Muscle:
    kinds = {name: kind for kind, name in MUSCLE_CLASSES.items()}
    common = {key: value for key, value in stored.items() if key not in ("muscle_class", "properties")}
    return Muscle(**common, properties=kinds[stored["muscle_class"]](**stored["properties"]))
