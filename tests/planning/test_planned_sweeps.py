"""Which sweeps are proposed for which coordinates, and what is done in them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from osim_nmscal.calibration.simulated_twin import make_twin
from osim_nmscal.data.model import Coordinate
from osim_nmscal.data.trials import MuscleGeometry, Trial
from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.planning.candidates import agonists_of, candidates_of
from osim_nmscal.planning.proposals import proposed_sweeps
from osim_nmscal.planning.ranges import usable
from osim_nmscal.planning.worth import MORE_MOTION
from osim_nmscal.trials.sweeps import frames_of

STEP = 0.01


def _coordinate(name: str, low: float, high: float, **more: object) -> Coordinate:
    given = {"joint": name, "rotational": True, "default_value": 0.0, "locked": False, "clamped": True}
    return Coordinate(name=name, range=(np.radians(low), np.radians(high)), **(given | more))  # type: ignore[arg-type]


HIP, KNEE, ANKLE = _coordinate("hip_flexion_r", -30, 120), _coordinate("knee_angle_r", -120, 10), _coordinate("ankle_angle_r", -40, 30)
CROSSING = {
    "hip_flexion_r": frozenset({"psoas", "hamstrings"}),
    "knee_angle_r": frozenset({"hamstrings", "gastrocnemius"}),
    "ankle_angle_r": frozenset({"gastrocnemius", "soleus"}),
}


def test_a_knee_that_bends_with_negative_angles_is_swept_with_them_and_its_directions_keep_their_names() -> None:
    knee = usable(KNEE)
    assert knee is not None
    assert np.degrees([knee.low, knee.high]) == pytest.approx([-100.0, -5.0])
    assert (knee.direction(1), knee.direction(-1)) == ("extension", "flexion")
    assert np.degrees(knee.postures) == pytest.approx([-10.0, -75.0])  # straight first


def test_a_joint_goes_no_further_than_its_model_and_an_unknown_one_less_far() -> None:
    stiff, unknown = usable(_coordinate("hip_flexion_l", 0, 40)), usable(_coordinate("tail", -50, 50))
    assert stiff is not None
    assert unknown is not None
    assert np.degrees([stiff.low, stiff.high]) == pytest.approx([0.0, 40.0])
    assert np.degrees([unknown.low, unknown.high]) == pytest.approx([-30.0, 30.0])  # 60 % of the range


def test_a_range_that_allows_anything_is_no_anatomy() -> None:
    hip, unknown = usable(_coordinate("hip_flexion_r", -120, 120)), usable(_coordinate("tail", -180, 180))
    assert hip is not None
    assert unknown is not None
    assert np.degrees([hip.low, hip.high]) == pytest.approx([-10.0, 80.0])  # as people go
    assert np.degrees([unknown.low, unknown.high]) == pytest.approx([-27.0, 27.0])  # 60 % of a quarter turn about the default


@pytest.mark.parametrize("change", [{"locked": True}, {"rotational": False}, {"coupled_to": ("knee_angle_r",)}])
def test_what_no_dynamometer_can_turn_is_not_proposed(change: dict[str, object]) -> None:
    assert usable(replace(HIP, **change)) is None  # type: ignore[arg-type]


def test_every_joint_is_swept_with_its_neighbours_straight_and_bent() -> None:
    sweeps = proposed_sweeps((HIP, KNEE, ANKLE), ("knee_angle_r", "ankle_angle_r"), CROSSING, STEP)
    said = [(sweep.joint.name, sweep.posture) for sweep in sweeps]
    assert said == [
        ("knee_angle_r", "hip_flexion_r at 10°"),  # the hip is not calibrated, but shares the hamstrings
        ("knee_angle_r", "hip_flexion_r at 75°"),
        ("ankle_angle_r", "knee_angle_r at -10°"),
        ("ankle_angle_r", "knee_angle_r at -75°"),
    ]
    for sweep in sweeps:
        counted = sweep.run.values[sweep.run.first_counted :]
        swept = counted[:, sweep.run.coordinates.index(sweep.joint.name)]
        # the last sample falls within one step of the clock at 60 degrees/s
        assert np.degrees(swept[[0, -1]]) == pytest.approx(np.degrees([sweep.joint.low, sweep.joint.high]), abs=0.61)
        assert np.count_nonzero(np.ptp(counted, axis=0)) == 1


def test_agonists_pull_towards_the_effort_and_shorten_in_it() -> None:
    sweeps = proposed_sweeps((ANKLE,), ("ankle_angle_r",), {}, STEP)
    _, rows = frames_of([sweep.run for sweep in sweeps], STEP)
    twin = make_twin(muscles=4, dofs=1)
    count, names = rows[0].max() + 1, twin.true.names
    arms = np.array([0.04, 0.03, -0.05, -0.001])  # m; the last one is too short to count
    angle = sweeps[0].run.values[np.unique(rows[0], return_index=True)[1], 0]
    middle = twin.trials.trials[0].mtu_length.mean(axis=0)
    geometry = MuscleGeometry(
        time=STEP * np.arange(count),
        muscles=names,
        dofs=("ankle_angle_r",),
        mtu_length=middle - 0.2 * arms * angle[:, None],
        moment_arm=np.tile(arms, (count, 1, 1)),
    )
    (relaxed, up, down, more), left_out = candidates_of(sweeps, rows, geometry, twin.start)
    assert left_out == ()
    assert [one.name for one in (relaxed, up, down, more)] == [
        "ankle_angle_r moved relaxed",
        "ankle_angle_r maximal dorsiflexion",
        "ankle_angle_r maximal plantarflexion",
        MORE_MOTION,
    ]
    assert (agonists_of(relaxed), agonists_of(up), agonists_of(down)) == ((), names[:2], names[2:3])
    for one, muscle in ((up, 0), (down, 2)):
        trial = one.trials[0]
        lengths = trial.mtu_length[:, muscle]
        assert lengths[trial.first_counted] > lengths[-1]
        assert np.ptp(lengths[: trial.first_counted]) == 0.0  # held before it counts
        assert np.sign(trial.joint_moment[-1, 0]) == np.sign(arms[muscle])
    assert relaxed.trials[0].kind == "passive"
    assert not relaxed.trials[0].excitation.any()


def test_a_posture_in_which_a_muscle_cannot_be_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps = proposed_sweeps((ANKLE,), ("ankle_angle_r",), {}, STEP)
    _, rows = frames_of([sweep.run for sweep in sweeps], STEP)
    twin = make_twin(muscles=2, dofs=1)
    count = rows[0].max() + 1
    lengths = np.tile(twin.trials.trials[0].mtu_length.mean(axis=0), (count, 1))
    arms = np.tile([0.04, -0.04], (count, 1, 1))
    geometry = MuscleGeometry(
        time=STEP * np.arange(count), muscles=twin.true.names, dofs=("ankle_angle_r",), mtu_length=lengths, moment_arm=arms
    )

    def impossible(trials: Sequence[Trial], *_: object) -> tuple[Trial, ...]:
        if trials[0].kind == "passive":
            raise FiberDynamicsError("Muscle 'soleus' has no equilibrium.")
        return tuple(trials)

    monkeypatch.setattr("osim_nmscal.planning.candidates.with_foreseen_moments", impossible)
    candidates, left_out = candidates_of(sweeps, rows, geometry, twin.start)
    assert [one.name for one in candidates] == ["ankle_angle_r maximal dorsiflexion", "ankle_angle_r maximal plantarflexion", MORE_MOTION]
    assert len(left_out) == 1
    assert left_out[0].startswith("The plan leaves out ankle_angle_r moved relaxed")
