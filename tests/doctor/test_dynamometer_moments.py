"""The doctor looks at a dynamometer's moments."""

import numpy as np

from osim_nmscal.data.results import DynamometerMetrics
from osim_nmscal.data.trials import Trial
from osim_nmscal.doctor.dynamometer import effort_direction, moment_of_a_person, not_maximal, passive_resists

ANGLE = np.radians(np.arange(0.0, 101.0, 10.0))


def test_a_relaxed_joint_resists_at_the_ends_of_its_range_and_a_moment_that_grows_with_the_angle_is_doubted() -> None:
    resisting = -20.0 * (ANGLE - ANGLE.mean()) ** 3
    assert passive_resists("knee", "knee_angle_r", ANGLE, resisting) == ()
    (finding,) = passive_resists("knee", "knee_angle_r", ANGLE, -resisting)
    assert (finding.severity, finding.kind) == ("doubt", "moment_sign")
    assert "grows with the angle" in finding.text
    assert "reverse the column" in finding.text
    small = 0.1 * resisting / np.abs(resisting).max()  # below what a dynamometer can tell
    assert passive_resists("knee", "knee_angle_r", ANGLE, -small) == ()
    assert passive_resists("knee", "knee_angle_r", ANGLE[:2], -resisting[:2]) == ()  # ten degrees are no range


def test_moments_of_no_person_are_doubted() -> None:
    assert moment_of_a_person("knee", "knee_angle_r", np.array([200.0]), 70.0) == ()
    (finding,) = moment_of_a_person("knee", "knee_angle_r", np.array([-20000.0]), 70.0)
    assert "reaches -285.7 N·m/kg" in finding.text


def _effort(moment: float, arm: float) -> Trial:
    n = 5
    return Trial(
        name="push/pose_01",
        time=np.arange(n) / 100,
        muscles=("extensor", "flexor"),
        dofs=("knee",),
        excitation=np.full((n, 2), 0.5),
        mtu_length=np.full((n, 2), 0.3),
        moment_arm=np.tile([[[arm, -0.04]]], (n, 1, 1)),
        joint_moment=np.full((n, 1), moment),
        kind="effort",
        measured=("knee",),
        driven_by="assumed",
    )


def test_an_effort_whose_moment_has_the_direction_of_the_antagonists_is_doubted() -> None:
    strength = np.array([3000.0, 1000.0])
    assert effort_direction([_effort(100.0, 0.04)], ["extensor"], strength) == ()
    (finding,) = effort_direction([_effort(-100.0, 0.04)], ["extensor"], strength)
    assert finding.kind == "moment_sign"
    assert "positive moment, but -100 N·m was measured" in finding.text
    (finding,) = effort_direction([_effort(100.0, 0.0)], ["extensor"], strength)
    assert "none of the agonists (extensor) turns knee" in finding.text


def _metric(largest: float, submaximal: float, recording: str = "push") -> DynamometerMetrics:
    return DynamometerMetrics(
        trial=f"{recording}/pose_01",
        kind="effort",
        role="calibration",
        dof="knee",
        largest=largest,
        rmse_uncalibrated=9.0,
        rmse_calibrated=3.0,
        submaximal=submaximal,
    )


def test_an_effort_below_a_third_of_what_the_scaled_model_can_is_doubted_unless_another_of_its_trials_is_stronger() -> None:
    assert not_maximal([_metric(-100.0, -40.0)]) == ()
    (finding,) = not_maximal([_metric(-30.0, -40.0), _metric(100.0, 40.0, "pull")])
    assert (finding.kind, finding.about) == ("weak_effort", "push")
    assert "push is no maximal effort" in finding.text
    assert not_maximal([_metric(-30.0, -40.0), _metric(-60.0, -40.0)]) == ()
