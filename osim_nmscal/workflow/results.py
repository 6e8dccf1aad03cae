"""The results folder: fixed names, and the files that are not OpenSim's own.

`calibration/` (parameters.csv, history.csv, correlation.csv, calibration.json), `metrics.json` and the sidecar `personalized.json`
are written and read here. calibration.json holds what has no home in an .osim (C1, C2, shape factor, delay, strength coefficients)
and the time step that C1 and C2 belong to; the sidecar, which travels with the model, holds the same with every setting, the digests
of the inputs and the versions that made it.
"""

import csv
import io
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from osim_nmscal import __version__
from osim_nmscal.data.muscles import MUSCLE_CLASSES, Muscle, MuscleTable
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import (
    CalibratedParameter,
    CalibrationResult,
    DynamometerMetrics,
    HistoryRow,
    MomentMetrics,
    NeuralParameters,
    StartRow,
    SynergyResult,
    VerificationMetrics,
)
from osim_nmscal.errors import FileFormatError
from osim_nmscal.formats.text_files import write_text_atomically
from osim_nmscal.osim_model.conversion import in_classes_of
from osim_nmscal.provenance.code import library_versions
from osim_nmscal.workflow import names
from osim_nmscal.workflow.ligaments import ligament_document, read_ligaments

PARAMETER_COLUMNS = (
    "muscle",
    "parameter",
    "unit",
    "start",
    "calibrated",
    "lower",
    "upper",
    "at_bound",
    *("standard_error", "identifiable", "prior_deviation", "standing"),
    *("disagreement", "left_out", "calibrated_without"),
)
_FIELDS = {"muscle": "owner", "parameter": "name"}
_NUMBERS = ("start", "calibrated", "lower", "upper", "standard_error", "prior_deviation", "disagreement", "calibrated_without")
# Rows of parameters.csv that follow from others.
_DERIVED = "working_point"
SIDECAR_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class ResultsFolder:
    """Where everything lies in a results folder."""

    root: Path

    @property
    def scaled_model(self) -> Path:
        return self.root / names.SCALED_MODEL

    @property
    def personalized_model(self) -> Path:
        return self.root / names.PERSONALIZED_MODEL

    @property
    def predictions(self) -> Path:
        """Folder of the predictions of every trial."""
        return self.root / names.PREDICTIONS

    @property
    def verification(self) -> Path:
        return self.root / names.VERIFICATION

    @property
    def sidecar(self) -> Path:
        return self.root / names.SIDECAR

    @property
    def metrics(self) -> Path:
        return self.root / names.METRICS

    @property
    def parameters(self) -> Path:
        return self.root / names.PARAMETERS

    @property
    def history(self) -> Path:
        return self.root / names.HISTORY

    @property
    def calibration(self) -> Path:
        return self.root / names.CALIBRATION

    @property
    def correlation(self) -> Path:
        return self.root / names.CORRELATION

    def recording(self, name: str) -> Path:
        """Folder of one recording: ik.mot, id.sto, mtu_length.sto, moment_arm_<dof>.sto, excitations.sto."""
        return self.root / name


@dataclass(frozen=True, kw_only=True)
class StageTime:
    """How long a stage took, over all recordings; `cached` when nothing of it had to run."""

    name: str
    seconds: float
    cached: bool


def write_calibration(folder: ResultsFolder, result: CalibrationResult) -> None:
    """Write parameters.csv, history.csv (units as in the column `unit`), correlation.csv and calibration.json of a calibration."""
    rows = [
        (*(getattr(p, _FIELDS.get(column, column)) for column in PARAMETER_COLUMNS),) for p in (*result.parameters, *result.working_points)
    ]
    write_text_atomically(folder.parameters, _csv(PARAMETER_COLUMNS, rows))
    terms = result.history[0].term_names if result.history else ()
    history = [(row.iteration, row.seconds, row.loss, *row.term_values) for row in result.history]
    write_text_atomically(folder.history, _csv(("iteration", "seconds", "loss", *terms), history))
    labels = [f"{p.owner} {p.name}" for p in result.parameters]
    related = [] if result.correlation is None else np.round(result.correlation, 6).tolist()
    correlation = [(label, *row) for label, row in zip(labels, related, strict=False)]
    write_text_atomically(folder.correlation, _csv(("parameter", *labels), correlation))
    write_text_atomically(folder.calibration, json.dumps({"format": SIDECAR_FORMAT} | _result_document(result), indent=1))


def write_sidecar(folder: ResultsFolder, result: CalibrationResult, *, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> Path:
    """Write personalized.json.

    Args:
        folder: the results folder.
        result: the calibration.
        settings: every setting of the workflow, JSON.
        inputs: path -> sha256 of every file the workflow read.
    """
    head = {"format": SIDECAR_FORMAT, "model": folder.personalized_model.name}
    document = head | _result_document(result) | {"settings": settings, "inputs": inputs, "versions": versions()}
    return write_text_atomically(folder.sidecar, json.dumps(document, indent=1))


def write_metrics(
    folder: ResultsFolder,
    result: CalibrationResult,
    metrics: Iterable[MomentMetrics],
    stages: Sequence[StageTime],
    verification: Iterable[VerificationMetrics] = (),
    *,
    dynamometer: Iterable[DynamometerMetrics] = (),
    judged: Mapping[str, Any] | None = None,
) -> Path:
    """Write metrics.json: rmse in N*m, nrmse = rmse / range of the inverse-dynamics moment, r2 = 1 - SSE/SST; verdict and findings."""
    document = {
        "stages": [asdict(stage) for stage in stages],
        "calibration": _calibration_document(result),
        "moments": [metric_document(metric) for metric in metrics],
        "verification": [asdict(metric) for metric in verification],
    }
    measured = [dynamometer_document(metric) for metric in dynamometer]
    if measured:
        document["dynamometer"] = measured
    document |= judged or {}
    if result.cross_validation:
        document["cross_validation"] = [metric_document(metric) for metric in result.cross_validation]
    return write_text_atomically(folder.metrics, json.dumps(document, indent=1))


def read_calibration(folder: ResultsFolder, start_muscles: MuscleTable) -> CalibrationResult:
    """Read a finished calibration back from its results folder.

    Args:
        folder: as written by `write_calibration`.
        start_muscles: at least the calibrated muscles, as the scaled model states them; they take the classes that were calibrated.

    Raises:
        FileFormatError: a file is missing or damaged.
    """
    try:
        document = json.loads(folder.calibration.read_text(encoding="utf-8"))
        muscles = MuscleTable(muscles=tuple(_read_muscle(stored) for stored in document["muscles"]))
        summary = document["calibration"]
        return CalibrationResult(
            method=summary["method"],
            optimizer=summary["optimizer"],
            status=summary["status"],
            sentence=summary["sentence"],
            seconds=summary["seconds"],
            iterations=summary["iterations"],
            evaluations=summary["evaluations"],
            loss_initial=_number(summary["loss_initial"]),
            loss_final=_number(summary["loss_final"]),
            start_muscles=in_classes_of(start_muscles.select(muscles.names), muscles),
            muscles=muscles,
            strength_coefficient=np.array([document["strength_coefficient"][name] for name in muscles.names]),
            start_neural=_read_neural(document["start_neural"], muscles),
            neural=_read_neural(document["neural"], muscles),
            parameters=Rows(row for row in _read_parameters(folder.parameters) if row.name != _DERIVED),
            working_points=Rows(row for row in _read_parameters(folder.parameters) if row.name == _DERIVED),
            history=_read_history(folder.history),
            findings=tuple(summary["findings"]),
            synergy=None if document["synergy"] is None else _read_synergy(document["synergy"]),
            cross_validation=tuple(read_metric(stored) for stored in document["cross_validation"]),
            correlation=_read_correlation(folder.correlation),
            starts=tuple(_read_start(stored) for stored in document.get("starts", ())),
            start_ligaments=read_ligaments(document.get("start_ligaments")),
            ligaments=read_ligaments(document.get("ligaments")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"The calibration in {folder.root} cannot be read back ({type(error).__name__}: {str(error)[:200]}); "
            "run with --from calibration."
        ) from error


def read_calibrated_muscles(path: Path) -> MuscleTable:
    """Read the calibrated muscles from a calibration.json or a sidecar.

    Raises:
        FileFormatError: the file is missing or damaged.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return MuscleTable(muscles=tuple(_read_muscle(stored) for stored in document["muscles"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FileFormatError(
            f"{path} is missing or damaged ({type(error).__name__}: {str(error)[:200]}); run the workflow again with --from calibration."
        ) from error


def metric_document(metric: MomentMetrics) -> dict[str, Any]:
    """Return a metric as JSON; what is not finite becomes null."""
    return {"set" if key == "role" else key: _finite(value) for key, value in asdict(metric).items()}


def read_metric(stored: Mapping[str, Any]) -> MomentMetrics:
    """Read a metric back from JSON."""
    numbers = {key: _number(stored[key]) for key in ("rmse", "nrmse", "r2", "correlation_squared")}
    return MomentMetrics(trial=stored["trial"], role=stored["set"], dof=stored["dof"], model=stored["model"], **numbers)


def dynamometer_document(metric: DynamometerMetrics) -> dict[str, Any]:
    """Return a metric of a dynamometer trial as JSON; what is not finite becomes null."""
    return {"set" if key == "role" else key: _finite(value) for key, value in asdict(metric).items()}


def read_dynamometer_metric(stored: Mapping[str, Any]) -> DynamometerMetrics:
    """Read such a metric back from JSON."""
    numbers = {key: _number(stored[key]) for key in ("largest", "rmse_uncalibrated", "rmse_calibrated", "submaximal")}
    return DynamometerMetrics(trial=stored["trial"], kind=stored["kind"], role=stored["set"], dof=stored["dof"], **numbers)


def versions() -> dict[str, str]:
    """Return the versions of this package, of Python and of the libraries that decide the numbers."""
    installed = library_versions()
    libraries = {name: installed[name] for name in ("opensim", "torch", "numpy", "scipy")}
    return {"osim_nmscal": __version__, "python": platform.python_version(), **libraries}


def _calibration_document(result: CalibrationResult) -> dict[str, Any]:
    names = ("method", "optimizer", "seconds", "iterations", "evaluations", "status", "loss_initial", "loss_final")
    return {name: _finite(getattr(result, name)) for name in names}


def _result_document(result: CalibrationResult) -> dict[str, Any]:
    return {
        "muscles": [_muscle_document(muscle) for muscle in result.muscles.muscles],
        "neural": _neural_document(result.muscles, result.neural),
        "start_neural": _neural_document(result.muscles, result.start_neural),
        "strength_coefficient": _by_muscle(result.muscles, result.strength_coefficient),
        "calibration": _calibration_document(result) | {"sentence": result.sentence, "findings": list(result.findings)},
        "synergy": None if result.synergy is None else _synergy_document(result.synergy),
        "cross_validation": [metric_document(metric) for metric in result.cross_validation],
        "ligaments": ligament_document(result.ligaments),
        "start_ligaments": ligament_document(result.start_ligaments),
        "starts": [{key: _finite(value) for key, value in asdict(start).items()} for start in result.starts],
    }


def _neural_document(muscles: MuscleTable, neural: NeuralParameters) -> dict[str, Any]:
    """One number for all muscles, or one by name."""
    document: dict[str, Any] = {}
    for field in fields(neural):
        value = getattr(neural, field.name)
        one = isinstance(value, float)
        document[field.name] = value if one else _by_muscle(muscles, np.broadcast_to(value, (len(muscles),)))
    return document


def _read_neural(document: Mapping[str, Any], muscles: MuscleTable) -> NeuralParameters:
    def values(stored: Any) -> Any:
        return np.array([stored[name] for name in muscles.names]) if isinstance(stored, dict) else stored

    return NeuralParameters(**{field.name: values(document[field.name]) for field in fields(NeuralParameters)})


def _synergy_document(synergy: SynergyResult) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(asdict(synergy), default=np.ndarray.tolist))
    return document


def _read_synergy(stored: Mapping[str, Any]) -> SynergyResult:
    return SynergyResult(
        muscles=tuple(stored["muscles"]),
        recorded=tuple(stored["recorded"]),
        synthesized=tuple(stored["synthesized"]),
        withheld=tuple(stored["withheld"]),
        vaf=np.array(stored["vaf"]),
        vaf_per_muscle=np.array(stored["vaf_per_muscle"]),
        weights=np.array(stored["weights"]),
        trial_weights=np.array(stored["trial_weights"]),
        trials=tuple(stored["trials"]),
        primitives=tuple(np.array(one) for one in stored["primitives"]),
        excitations=tuple(np.array(one) for one in stored["excitations"]),
    )


def _muscle_document(muscle: Muscle) -> dict[str, Any]:
    """One calibrated muscle; max_isometric_force already holds the strength coefficient."""
    return asdict(muscle) | {"muscle_class": muscle.muscle_class}


def _read_muscle(stored: Mapping[str, Any]) -> Muscle:
    kinds = {name: kind for kind, name in MUSCLE_CLASSES.items()}
    common = {key: value for key, value in stored.items() if key not in ("muscle_class", "properties")}
    return Muscle(**common, properties=kinds[stored["muscle_class"]](**stored["properties"]))


def _by_muscle(muscles: MuscleTable, values: Iterable[float]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(muscles.names, values, strict=True)}


def _read_parameters(path: Path) -> Rows[CalibratedParameter]:
    with path.open(encoding="utf-8", newline="") as stream:
        return Rows(
            CalibratedParameter(
                owner=row["muscle"],
                name=row["parameter"],
                unit=row["unit"],
                at_bound=row["at_bound"],  # type: ignore[arg-type]  # written by us
                identifiable=row["identifiable"] == "True",
                left_out=row["left_out"],
                **{key: float(row[key]) for key in _NUMBERS},
            )
            for row in csv.DictReader(stream)
        )


def _read_start(stored: Mapping[str, Any]) -> StartRow:
    return StartRow(**{**stored, **{key: _number(stored[key]) for key in ("loss_initial", "loss_final")}})


def _read_correlation(path: Path) -> np.ndarray | None:
    """Read the correlation of the parameters, (parameter, parameter); None where it was not kept."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as stream:
        _, *rows = csv.reader(stream)
    return np.array([[float(cell) for cell in row[1:]] for row in rows]) if rows else None


def _read_history(path: Path) -> Rows[HistoryRow]:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *rows = csv.reader(stream)
    terms = tuple(header[3:])
    return Rows(
        HistoryRow(
            iteration=int(row[0]),
            seconds=float(row[1]),
            loss=float(row[2]),
            term_names=terms,
            term_values=tuple(map(float, row[3:])),
        )
        for row in rows
    )


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _finite(value: Any) -> Any:
    """JSON has no NaN: what is not finite becomes null."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
