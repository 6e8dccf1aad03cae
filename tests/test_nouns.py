"""Every noun says in a line what it is, is equal where its values are, and counts, iterates and indexes as its reader expects."""

import pickle
from dataclasses import asdict, fields, replace

import numpy as np
import pytest
import torch
from made_results import made_calibration, made_predictions, made_trials

from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibratedParameter
from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.errors import ConfigError, UnknownNameError
from osim_nmscal.nms.model import NmsInputs
from osim_nmscal.workflow.check import CheckReport

TIME = np.arange(0.0, 1.0, 0.01)


def nouns():
    trials, result = made_trials(), made_calibration()
    trial = trials[0]
    return {
        "series": TimeSeries(time=TIME, labels=("hip", "knee"), values=np.ones((100, 2))),
        "markers": MarkerTrajectories(time=TIME, markers=("heel",), positions=np.full((100, 1, 3), np.nan)),
        "trials": trials,
        "trial": trial,
        "geometry": MuscleGeometry(
            time=TIME, muscles=trial.muscles, dofs=trial.dofs, mtu_length=trial.mtu_length, moment_arm=trial.moment_arm
        ),
        "mapping": EmgMapping(channels=("GM",), muscles=("soleus",), weights=np.ones((1, 1))),
        "result": result,
        "muscles": result.muscles,
        "neural": result.neural,
        "synergy": result.synergy,
        "parameters": result.parameters,
        "history": result.history,
        "prediction": made_predictions(trials, 0.9)[0],
        "predictions": Rows(made_predictions(trials, 0.9)),
    }


@pytest.mark.parametrize("name", list(nouns()))
def test_a_noun_is_shown_in_a_line_and_in_a_notebook(name):
    noun = nouns()[name]
    assert len(repr(noun)) < 200
    assert "\n" not in repr(noun)
    assert "<table" in noun._repr_html_()
    assert len(noun._repr_html_()) < 6000


@pytest.mark.parametrize("name", list(nouns()))
def test_equality_is_that_of_the_values(name):
    noun = nouns()[name]
    assert noun == nouns()[name]
    assert pickle.loads(pickle.dumps(noun)) == noun
    assert noun != 3
    assert noun in (3, noun)


def test_one_other_number_makes_another_noun():
    trial = made_trials()[0]
    moved = trial.joint_moment.copy()
    moved[7, 0] += 1e-12
    assert trial != replace(trial, joint_moment=moved)
    assert trial != replace(trial, role="held_out")
    assert trial != replace(trial, first_counted=21)
    markers = nouns()["markers"]
    seen = markers.positions.copy()
    seen[0] = 0.0
    assert markers != replace(markers, positions=seen)  # not seen is equal to not seen, and to nothing else


def test_trials_muscles_and_series_count_iterate_and_are_found_by_name():
    here = nouns()
    trials, muscles, series, markers = here["trials"], here["muscles"], here["series"], here["markers"]
    assert (len(trials), len(muscles), len(series), len(markers), len(trials[0])) == (3, 2, 100, 100, 100)
    assert [trial.name for trial in trials] == ["walk/1", "walk/2", "walk/3"]
    assert trials["walk/3"] == trials[2] == trials[-1]
    assert trials[:2].names == ("walk/1", "walk/2")
    assert [muscle.name for muscle in muscles] == ["extensor", "flexor"]
    assert muscles["flexor"] == muscles[1]
    assert list(series) == ["hip", "knee"]
    assert "knee" in series
    assert "knee" not in markers
    assert series["knee"].shape == (100,)
    assert markers["heel"].shape == (100, 3)
    assert here["predictions"]["walk/2"].trial == "walk/2"
    for container, wrong, right in (
        (trials, "walk/33", "walk/3"),
        (muscles, "flexxor", "flexor"),
        (series, "kne", "knee"),
        (markers, "heal", "heel"),
    ):
        with pytest.raises(UnknownNameError, match=right):
            container[wrong]


def test_nouns_of_tensors_and_of_texts_are_short_and_comparable_too():
    def inputs(length):
        shape = (100, 1, 2)
        return NmsInputs(
            excitation=torch.full(shape, 0.5), mtu_length=torch.full(shape, length), moment_arm=torch.zeros(100, 1, 1, 2), time_step=0.01
        )

    assert inputs(0.3) == inputs(0.3)
    assert inputs(0.3) != inputs(0.31)
    assert repr(inputs(0.3)).startswith("NmsInputs(excitation 100 × 1 × 2; mtu length 100 × 1 × 2;")
    report = CheckReport(errors=(), findings=("A very long sentence. " * 50,) * 20, summary=())
    assert repr(report) == "CheckReport(errors (0); findings (20); summary (0); judged (0))"
    assert report == replace(report, findings=tuple(report.findings))


def test_a_name_that_several_rows_have_is_said():
    with pytest.raises(UnknownNameError, match="3 rows have owner 'flexor'"):
        made_calibration().parameters["flexor"]
    with pytest.raises(UnknownNameError, match="Did you mean 'flexor'"):
        made_calibration().parameters["flexxor"]


def test_tables_become_frames_of_pandas():
    pytest.importorskip("pandas", reason="frames need pandas, the extra [plots]")
    here = nouns()
    assert here["parameters"].to_frame().shape == (6, len(fields(CalibratedParameter)))
    assert here["result"].to_frame().equals(here["parameters"].to_frame())
    assert here["muscles"].to_frame().loc["flexor", "optimal_fiber_length"] == 0.1
    assert here["series"].to_frame()["knee"].iloc[-1] == 1.0
    assert list(here["trials"].to_frame()["role"]) == ["calibration", "calibration", "held_out"]
    assert here["synergy"].to_frame().loc["flexor", "synergy 2"] == 0.5
    moment = here["prediction"].to_frame()[("joint_moment", "knee")]
    assert np.array_equal(moment.to_numpy(), here["prediction"].joint_moment[:, 0])
    assert here["trial"].to_frame().shape == (100, 5)  # two excitations, two lengths, one moment
    assert Rows().to_frame().empty


def test_without_pandas_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"osim-nmscal\[plots\]"):
        made_calibration().to_frame()


def test_rows_are_a_tuple_to_everything_else():
    rows = made_calibration().parameters
    assert isinstance(rows, tuple)
    assert isinstance(rows[0], CalibratedParameter)
    assert isinstance(rows[1:3], Rows)
    assert rows == tuple(rows)
    assert asdict(made_calibration())["parameters"][0]["owner"] == "extensor"
    assert repr(Rows()) == "Rows of nothing"
