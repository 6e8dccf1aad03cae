"""What is known of each muscle stands side by side, and new kinds of parameters have names and units a reader knows."""

from dataclasses import replace

import numpy as np
import pytest
from made_results import made_calibration

from osim_nmscal.data.noun import Rows
from osim_nmscal.data.results import CalibratedParameter
from osim_nmscal.report.data import ReportData
from osim_nmscal.report.known import known_of_muscles
from osim_nmscal.report.researcher import researcher_section


def _row(name: str, unit: str, value: float, **more: object) -> CalibratedParameter:
    given = {"owner": "flexor", "start": value, "calibrated": value, "lower": 0.0, "upper": np.inf, "at_bound": ""}
    rest = {"standard_error": 0.1 * value, "identifiable": False, "prior_deviation": 0.2 * value}
    return CalibratedParameter(name=name, unit=unit, **(given | rest | more))  # type: ignore[arg-type]


def _calibration():
    made = made_calibration()
    kinds = (
        _row("activation_time_constant_1", "s", 0.03),
        _row("activation_time_constant_2", "s", 0.02, at_bound="lower"),
        _row("emg_scale", "-", 0.93, owner="VL"),
    )
    points = Rows([_row("working_point", "optimal fiber lengths", 0.9)])
    return replace(made, parameters=Rows((*made.parameters, *kinds)), working_points=points)


def test_working_points_stand_beside_slack_lengths_with_interval_and_standing():
    table = known_of_muscles(_calibration())
    titles = [column.title for column in table.columns]
    flexor = dict(zip(titles, next(row for row in table.rows if row[0] == "flexor"), strict=False))
    extensor = next(row for row in table.rows if row[0] == "extensor")
    assert flexor["working point"] == "0.9 (0.724 to 1.08)"  # 0.9 -+ 1.96 x 0.09
    assert titles.index("tendon slack length") == titles.index("working point") + 2
    assert extensor[titles.index("working point")] is None  # it has none
    assert "known" in extensor
    assert "assumed" in flexor.values()


def test_every_kind_has_a_name_and_times_are_in_milliseconds():
    section = researcher_section(ReportData(subject="S", model="m", date="d", calibration=_calibration()))
    table = next(block for block in section.blocks if block.kind == "table" and block.caption.startswith("All parameters"))
    rows = {row[1]: row for row in table.rows}
    assert rows["Slower time constant of activation"][2:4] == ("ms", 30.0)
    assert rows["Faster time constant of activation"][-1] == "at bound"
    assert rows["EMG scale"][0] == "VL"
    assert rows["Working point"][6] is None  # no upper bound
    assert rows["Working point"][4] == pytest.approx(0.18)  # the prior's deviation that the calibration kept
