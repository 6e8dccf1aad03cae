"""What is written into the results folder can be read back to the last bit, by us and by any JSON or CSV reader."""

import csv
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from osim_nmscal.data.muscles import DeGrooteFregly2016Properties, Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.data.passive_joint_moment import ligaments_of
from osim_nmscal.data.results import CalibratedParameter, CalibrationResult, HistoryRow, MomentMetrics, NeuralParameters, SynergyResult
from osim_nmscal.errors import FileFormatError
from osim_nmscal.workflow.results import ResultsFolder, StageTime, read_calibration, write_calibration, write_metrics, write_sidecar

START = MuscleTable(
    muscles=(
        Muscle(name="soleus_r", max_isometric_force=3000.0, optimal_fiber_length=0.044, tendon_slack_length=0.28),
        Muscle(
            name="tibant_r",
            max_isometric_force=1200.0,
            optimal_fiber_length=0.068,
            tendon_slack_length=0.24,
            properties=DeGrooteFregly2016Properties(fiber_damping=0.01),
        ),
    )
)


METRIC = MomentMetrics(
    trial="run/stance_01", role="held_out", dof="knee", model="calibrated", rmse=3.0, nrmse=0.1, r2=0.5, correlation_squared=0.9
)


def _result() -> CalibrationResult:
    calibrated = MuscleTable(
        muscles=(
            Muscle(
                name="soleus_r",
                max_isometric_force=3000.0 * 1.1,
                optimal_fiber_length=0.1 / 3,
                tendon_slack_length=0.28,
                properties=Millard2012Properties(tendon_strain_at_one_norm_force=0.06),
            ),
            START.muscles[1],
        )
    )
    neural = NeuralParameters(
        c1=np.array([-0.5, -1 / 3]),
        c2=np.array([-0.6, -0.2]),
        shape_factor=np.array([-1.0, -2.0]),
        electromechanical_delay=0.035,
        time_step=0.01,
    )
    row = CalibratedParameter(
        owner="soleus_r",
        name="optimal_fiber_length",
        unit="m",
        start=0.044,
        calibrated=0.1 / 3,
        lower=0.03,
        upper=0.05,
        at_bound="",
        standard_error=float("nan"),
        identifiable=True,
    )
    return CalibrationResult(
        method="emg_driven",
        optimizer="gauss_newton",
        status="converged",
        sentence="The loss stopped improving.",
        seconds=0.5,
        iterations=7,
        evaluations=9,
        loss_initial=3.0,
        loss_final=0.1,
        start_muscles=START,
        muscles=calibrated,
        strength_coefficient=np.array([1.1, 1.0]),
        start_neural=neural,
        neural=neural,
        parameters=(row,),
        history=(HistoryRow(iteration=1, seconds=0.1, loss=3.0, term_names=("moment", "prior"), term_values=(2.9, 0.1)),),
        findings=("A parameter lies at its bound.",),
        synergy=SynergyResult(
            muscles=("soleus_r", "tibant_r"),
            recorded=("soleus_r",),
            synthesized=("tibant_r",),
            withheld=(),
            vaf=np.array([0.9]),
            vaf_per_muscle=np.array([[0.9]]),
            weights=np.array([[1 / 3, 0.2]]),
            trial_weights=np.array([[[1 / 3, 0.2]]]),
            trials=("run/stance_01",),
            primitives=(np.array([[0.1], [0.7]]),),
            excitations=(np.array([[0.1, 0.2], [0.3, 0.4]]),),
        ),
        cross_validation=(METRIC,),
        start_ligaments=ligaments_of(("knee_angle_r", "elbow_r")),
        ligaments=replace(ligaments_of(("knee_angle_r", "elbow_r")), low_moment=np.array([1 / 3, 0.0])),
    )


@pytest.fixture
def folder(tmp_path: Path) -> ResultsFolder:
    written = ResultsFolder(root=tmp_path)
    write_calibration(written, _result())
    write_sidecar(written, _result(), settings={"emg": {"lowpass_cutoff": 5.0}}, inputs={"emg.sto": "ab12"})
    return written


def test_a_calibration_is_read_back_to_the_last_bit(folder: ResultsFolder) -> None:
    read, written = read_calibration(folder, START), _result()
    for field in fields(CalibrationResult):
        if field.name in ("neural", "start_neural"):
            for name in ("c1", "c2", "shape_factor"):
                np.testing.assert_array_equal(getattr(getattr(read, field.name), name), getattr(getattr(written, field.name), name))
        elif field.name == "strength_coefficient":
            np.testing.assert_array_equal(read.strength_coefficient, written.strength_coefficient)
        elif field.name == "synergy":
            np.testing.assert_equal(vars(read.synergy), vars(written.synergy))
        elif field.name != "parameters":
            assert getattr(read, field.name) == getattr(written, field.name), field.name
    assert repr(read.parameters) == repr(written.parameters)  # repr, because nan is not itself


def test_parameters_csv_has_the_promised_columns(folder: ResultsFolder) -> None:
    with folder.parameters.open(encoding="utf-8") as stream:
        row = next(csv.DictReader(stream))
    assert list(row)[:8] == ["muscle", "parameter", "unit", "start", "calibrated", "lower", "upper", "at_bound"]
    assert (row["muscle"], row["parameter"], float(row["calibrated"])) == ("soleus_r", "optimal_fiber_length", 0.1 / 3)


def test_the_sidecar_holds_what_has_no_home_in_an_osim(folder: ResultsFolder) -> None:
    sidecar = json.loads(folder.sidecar.read_text(encoding="utf-8"))
    assert sidecar["neural"]["c1"] == {"soleus_r": -0.5, "tibant_r": -1 / 3}
    assert sidecar["neural"]["time_step"] == 0.01
    assert sidecar["neural"]["electromechanical_delay"] == 0.035
    assert sidecar["strength_coefficient"]["soleus_r"] == 1.1
    assert sidecar["settings"] == {"emg": {"lowpass_cutoff": 5.0}}
    assert sidecar["inputs"] == {"emg.sto": "ab12"}
    assert {"osim_nmscal", "opensim", "torch", "numpy", "python"} <= set(sidecar["versions"])


def test_metrics_json_is_plain_json_also_where_a_number_is_not_one(folder: ResultsFolder) -> None:
    metric = MomentMetrics(
        trial="run/stance_01",
        role="held_out",
        dof="knee",
        model="calibrated",
        rmse=3.0,
        nrmse=0.1,
        r2=float("nan"),
        correlation_squared=0.9,
    )
    write_metrics(folder, _result(), [metric], [StageTime(name="scaling", seconds=1.5, cached=True)])
    document = json.loads(folder.metrics.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert document["stages"] == [{"name": "scaling", "seconds": 1.5, "cached": True}]
    assert document["moments"][0] == {
        "trial": "run/stance_01",
        "set": "held_out",
        "dof": "knee",
        "model": "calibrated",
        "rmse": 3.0,
        "nrmse": 0.1,
        "r2": None,
        "correlation_squared": 0.9,
    }
    assert set(document["calibration"]) == {
        *("method", "optimizer", "seconds", "iterations", "evaluations", "status", "loss_initial", "loss_final")
    }


def test_a_damaged_calibration_says_how_to_get_another(folder: ResultsFolder) -> None:
    folder.calibration.write_text('{"muscles": []}')
    with pytest.raises(FileFormatError, match="run with --from calibration"):
        read_calibration(folder, START)


def test_a_delay_of_each_muscle_comes_back(tmp_path: Path) -> None:
    folder, result = ResultsFolder(root=tmp_path), _result()
    result = replace(result, neural=replace(result.neural, electromechanical_delay=np.array([0.035, 1 / 60])))
    write_calibration(folder, result)
    write_sidecar(folder, result, settings={}, inputs={})
    np.testing.assert_array_equal(read_calibration(folder, START).neural.electromechanical_delay, [0.035, 1 / 60])
