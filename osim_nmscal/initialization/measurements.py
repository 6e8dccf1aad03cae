"""`measurements.csv`: what was measured of single muscles before the calibration, with its unit and standard deviation.

One row a measurement, columns muscle, quantity, value, unit, sd, pose, source. `sd` is in the unit of the value; `pose` is needed for a
fascicle length alone and names the coordinates that are not at the model's default, in degrees: "knee_angle_r = 0; ankle_angle_r = 10".
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.errors import FileFormatError, NmscalError, SignalError, UnknownNameError, did_you_mean, listed
from osim_nmscal.formats.text_files import read_text

COLUMNS = ("muscle", "quantity", "value", "unit", "sd", "pose", "source")
_NEEDED = ("muscle", "quantity", "value", "unit", "sd")


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """What can be measured: units (name -> factor to SI) and the range beyond which a value is a mistake, SI."""

    units: Mapping[str, float]
    lowest: float
    highest: float
    property: str = ""  # of the model's muscle, that the value is another one of; "": none
    farthest: float = math.inf  # factor from that, either way, beyond which a value is a mistake


_LENGTHS = MappingProxyType({"m": 1.0, "cm": 1e-2, "mm": 1e-3})
_VOLUMES = MappingProxyType({"m3": 1.0, "cm3": 1e-6, "ml": 1e-6, "mm3": 1e-9, "l": 1e-3})
_AREAS = MappingProxyType({"m2": 1.0, "cm2": 1e-4, "mm2": 1e-6})
# Ranges. Source: choice, from half of the smallest to twice the largest muscle of the models of leg and arm that we know.
# Factors from the muscle's own value. Source: choice; people's fibers differ by 12 % and their strengths by 31 % (SD), bodies by 1.5.
_LENGTH_FACTOR, _FORCE_FACTOR = 3.0, 5.0
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {
        "optimal_fiber_length": Quantity(
            units=_LENGTHS, lowest=0.01, highest=0.8, property="optimal_fiber_length", farthest=_LENGTH_FACTOR
        ),
        "fascicle_length": Quantity(units=_LENGTHS, lowest=0.01, highest=0.8, property="optimal_fiber_length", farthest=_LENGTH_FACTOR),
        "tendon_slack_length": Quantity(units=_LENGTHS, lowest=0.003, highest=0.7, property="tendon_slack_length", farthest=_LENGTH_FACTOR),
        "max_isometric_force": Quantity(
            units=MappingProxyType({"N": 1.0, "kN": 1e3}), lowest=20.0, highest=2e4, property="max_isometric_force", farthest=_FORCE_FACTOR
        ),
        "volume": Quantity(units=_VOLUMES, lowest=2e-6, highest=3e-3),
        "pcsa": Quantity(units=_AREAS, lowest=5e-5, highest=2.5e-2),
    }
)
# Share of a value that its SD may be. Source: choice; beyond it nothing was measured.
_WIDEST_SD = 1.0


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One measured value of one muscle, SI."""

    muscle: str
    quantity: str
    value: float
    sd: float
    pose: tuple[tuple[str, float], ...] = ()  # coordinate, rad
    source: str = ""

    def __str__(self) -> str:
        return f"measured {self.quantity.replace('_', ' ')}" + (f" ({self.source})" if self.source else "")


def read_measurements(path: Path, muscles: MuscleTable, coordinates: Sequence[str]) -> tuple[Measurement, ...]:
    """Read measurements of a model's muscles.

    Args:
        path: the table.
        muscles: of the model, generic or scaled.
        coordinates: of the model, that a pose may name.

    Raises:
        FileFormatError: a column or a cell is missing, or not a number.
        UnknownNameError: an unknown muscle, quantity, unit or coordinate; with the nearest name.
        SignalError: a value outside what muscles are, or far from the model's own.
    """
    lines = [line for line in read_text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    delimiter = ";" if lines and lines[0].count(";") > lines[0].count(",") else ","
    rows = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
    header = [(name or "").strip().lower() for name in rows.fieldnames or ()]
    rows.fieldnames = header
    for name in _NEEDED:
        if name not in header:
            raise FileFormatError(f"{path} has no column {name!r}; its first line must be {','.join(COLUMNS)}.")
    for name in header:
        if name not in COLUMNS:
            raise UnknownNameError(f"{path} has a column {name!r}, which nothing reads.{did_you_mean(name, COLUMNS)}")
    found = tuple(
        _measurement(f"{path}, row {number}", {key: (cell or "").strip() for key, cell in row.items() if key}, muscles, coordinates)
        for number, row in enumerate(rows, start=1)
    )
    if not found:
        raise FileFormatError(f"{path} holds no measurement; add rows below its heading, or leave the file out.")
    return found


def measurement_problems(path: Path, muscles: MuscleTable, coordinates: Sequence[str]) -> Iterator[NmscalError]:
    """Yield what `read_measurements` refuses."""
    try:
        read_measurements(path, muscles, coordinates)
    except NmscalError as error:
        yield error


def _measurement(where: str, row: Mapping[str, str], muscles: MuscleTable, coordinates: Sequence[str]) -> Measurement:
    name, quantity = row["muscle"], row["quantity"].lower().replace(" ", "_")
    if name not in muscles.names:
        raise UnknownNameError(f"{where} is of {name!r}, which the model does not have.{did_you_mean(name, muscles.names)}")
    if quantity not in QUANTITIES:
        raise UnknownNameError(
            f"{where} gives {row['quantity']!r} of {name}, which is no quantity.{did_you_mean(quantity, QUANTITIES)} "
            f"Known are: {listed(QUANTITIES)}."
        )
    kind = QUANTITIES[quantity]
    factor = _factor(where, row["unit"], f"{quantity} of {name}", kind)
    value, sd = (factor * _number(where, column, row[column]) for column in ("value", "sd"))
    if not kind.lowest <= value <= kind.highest:
        low, high = kind.lowest / factor, kind.highest / factor
        raise SignalError(
            f"{where}: {quantity} of {name} is {row['value']} {row['unit']}, expected {low:.3g} to {high:.3g} {row['unit']}; "
            "check value and unit."
        )
    if kind.property:
        own = float(getattr(muscles.muscles[muscles.index(name)], kind.property))
        if not own / kind.farthest <= value <= own * kind.farthest:
            raise SignalError(
                f"{where}: {quantity} of {name} is {row['value']} {row['unit']}, {value / own:.3g} times the model's {kind.property}, "
                f"{own / factor:.3g} {row['unit']}; expected {1.0 / kind.farthest:.2g} to {kind.farthest:.2g} times; "
                "check value, unit and muscle."
            )
    if not 0.0 < sd <= _WIDEST_SD * value:
        raise SignalError(
            f"{where}: the SD of {quantity} of {name} is {row['sd']} {row['unit']}, expected more than 0 and no more than the value; "
            "give what repeated measurements differ by."
        )
    pose = _pose(where, row.get("pose", ""), coordinates)
    if quantity == "fascicle_length" and not pose:
        raise FileFormatError(
            f"{where}: a fascicle length of {name} needs the pose it was measured in, e.g. 'knee_angle_r = 0; ankle_angle_r = 0' (degrees, "
            "relaxed)."
        )
    return Measurement(muscle=name, quantity=quantity, value=value, sd=sd, pose=pose, source=row.get("source", ""))


def _factor(where: str, unit: str, what: str, kind: Quantity) -> float:
    if not unit:
        raise FileFormatError(f"{where}: {what} has no unit; give one of {', '.join(kind.units)}.")
    if unit not in kind.units:
        raise UnknownNameError(f"{where}: {what} is in {unit!r}, expected one of {', '.join(kind.units)}.")
    return kind.units[unit]


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileFormatError(f"{where}: {column} is {text!r}, expected a number.")
    return value


def _pose(where: str, text: str, coordinates: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return the coordinates of a pose, rad."""
    found = []
    for part in filter(None, (part.strip() for part in text.replace(",", ";").split(";"))):
        name, _, angle = (piece.strip() for piece in part.partition("="))
        if name not in coordinates:
            raise UnknownNameError(f"{where}: the pose names {name!r}, which the model does not have.{did_you_mean(name, coordinates)}")
        found.append((name, math.radians(_number(where, f"the angle of {name}", angle))))
    return tuple(found)
