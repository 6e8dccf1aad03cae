"""Compare two results folders number by number, e.g. of two versions of this package on the same workflow.

Run: python workflows/benchmarks/compare_results.py BEFORE AFTER [--tolerance 1e-9]. Looks at every .sto and .mot, at the models,
at calibration/parameters.csv and at the moments in metrics.json; seconds, logs and digests do not count. A difference is relative
to the largest value of its column, or to the value itself in tables and models. Prints the largest difference of each kind of file
and ends with exit code 1 beyond the tolerance.
"""

import argparse
import csv
import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from osim_nmscal import read_storage

# Any number in an .osim, to compare the text around numbers exactly and the numbers by value.
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")


def differences(before: Path, after: Path) -> dict[str, tuple[float, str]]:
    """Return for each kind of file the largest relative difference and where it is; infinity where a file or name is missing."""
    worst: dict[str, tuple[float, str]] = defaultdict(lambda: (0.0, "-"))

    def note(kind: str, value: float, where: str) -> None:
        if value > worst[kind][0] or worst[kind][1] == "-":
            worst[kind] = (value, where)

    for path in sorted(before.rglob("*")):
        relative = path.relative_to(before)
        if path.suffix not in (".sto", ".mot", ".osim") or any(part.startswith(".") for part in relative.parts):
            continue
        other = after / relative
        kind = f"{path.stem.split('_')[0] if path.suffix != '.osim' else relative.name}{path.suffix if path.suffix != '.osim' else ''}"
        kind = "predictions" if relative.parts[0] == "predictions" else kind
        if not other.is_file():
            note(kind, float("inf"), f"{relative} is missing")
        elif path.suffix == ".osim":
            note(kind, *_models(path, other))
        else:
            note(kind, *_series(path, other))
    note("parameters.csv", *_parameters(before / "calibration" / "parameters.csv", after / "calibration" / "parameters.csv"))
    note("metrics.json", *_metrics(before / "metrics.json", after / "metrics.json"))
    return dict(worst)


def _series(one: Path, other: Path) -> tuple[float, str]:
    a, b = read_storage(one), read_storage(other)
    if a.labels != b.labels or a.values.shape != b.values.shape:
        return float("inf"), f"{one.name}: other columns or rows"
    scale = np.maximum(np.abs(a.values).max(axis=0), 1e-12)
    off = np.abs(a.values - b.values) / scale
    column = int(off.max(axis=0).argmax())
    return float(max(off.max(), np.abs(a.time - b.time).max())), f"{one.parent.name}/{one.name}: {a.labels[column]}"


def _models(one: Path, other: Path) -> tuple[float, str]:
    a, b = one.read_text(encoding="utf-8"), other.read_text(encoding="utf-8")
    if a == b:
        return 0.0, "identical"
    if NUMBER.sub("#", a) != NUMBER.sub("#", b):
        return float("inf"), f"{one.name}: other text"
    x, y = (np.array(NUMBER.findall(text), dtype=float) for text in (a, b))
    off = np.abs(x - y) / np.maximum(np.abs(x), 1e-12)
    return float(off.max()), f"{one.name}: {x[off.argmax()]:.9g} against {y[off.argmax()]:.9g}"


def _parameters(one: Path, other: Path) -> tuple[float, str]:
    if not (one.is_file() and other.is_file()):
        return float("inf"), f"{one} or {other} is missing"
    tables = []
    for path in (one, other):
        with path.open(encoding="utf-8", newline="") as stream:
            tables.append({(row["muscle"], row["parameter"]): row for row in csv.DictReader(stream)})
    if lost := sorted(set(tables[0]) - set(tables[1])):
        return float("inf"), f"{lost[0]} is missing"
    worst, where = 0.0, "-"
    for key, row in tables[0].items():
        for name in ("start", "calibrated", "lower", "upper", "standard_error"):
            a, b = float(row[name]), float(tables[1][key][name])
            off = 0.0 if a == b or (np.isnan(a) and np.isnan(b)) else abs(a - b) / max(abs(a), 1e-12)
            if not off <= worst:
                worst, where = off, f"{' '.join(key)}, {name}: {a:.9g} against {b:.9g}"
    return worst, where


def _metrics(one: Path, other: Path) -> tuple[float, str]:
    if not (one.is_file() and other.is_file()):
        return float("inf"), f"{one} or {other} is missing"
    moments = [
        {(row["trial"], row["dof"], row["model"]): row for row in json.loads(path.read_text(encoding="utf-8"))["moments"]}
        for path in (one, other)
    ]
    if set(moments[0]) - set(moments[1]):
        return float("inf"), "moments of other trials"
    worst, where = 0.0, "-"
    for key, row in moments[0].items():
        for name in ("rmse", "nrmse", "r2"):
            off = abs(row[name] - moments[1][key][name]) / max(abs(row[name]), 1e-12)
            if off > worst:
                worst, where = off, f"{' '.join(key)} {name}"
    return worst, where


def main() -> int:
    """Print the comparison and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-9)
    arguments = parser.parse_args()
    found = differences(arguments.before, arguments.after)
    for kind, (value, where) in sorted(found.items()):
        print(f"{kind:<24}{value:10.2e}  {where}")
    return int(any(value > arguments.tolerance for value, _ in found.values()))


if __name__ == "__main__":
    sys.exit(main())
