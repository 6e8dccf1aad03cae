"""Inverse kinematics of a leg whose motion is known."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from small_tree import COORDINATES, gait, leg

from osim_nmscal.errors import SignalError, UncoveredModelError, UnknownNameError
from osim_nmscal.kinematics.forward import marker_jacobian, marker_positions
from osim_nmscal.kinematics.functions import Linear, Multiple, Polynomial
from osim_nmscal.kinematics.inverse import CoordinateTasks, MarkerTasks, SolvedMotion, solve_inverse_kinematics
from osim_nmscal.kinematics.tree import Coupling, KinematicTree

EXACT = 1e-6  # rad and m: a search that ends with steps of 1e-6 is nearer than that
KNEE, CAP, RY, FLEXION = (COORDINATES.index(name) for name in ("knee", "cap", "ry", "flexion"))


def _followed(tree: KinematicTree, positions: np.ndarray, weights: np.ndarray | None = None) -> MarkerTasks:
    return MarkerTasks(names=tree.markers, positions=positions, weights=np.ones(len(tree.markers)) if weights is None else weights)


def _solve(
    tree: KinematicTree, positions: np.ndarray, weights: np.ndarray | None = None, **tasks: tuple[float, np.ndarray]
) -> SolvedMotion:
    values = [np.broadcast_to(value, (len(positions),)) for _, value in tasks.values()]
    coordinates = CoordinateTasks(
        names=tuple(tasks),
        values=np.column_stack(values) if values else np.zeros((len(positions), 0)),
        weights=np.array([weight for weight, _ in tasks.values()]),
    )
    return solve_inverse_kinematics(tree, _followed(tree, positions, weights), coordinates)


def _recorded(tree: KinematicTree, values: np.ndarray, noise: float = 0.0) -> np.ndarray:
    positions = marker_positions(tree, tree.markers, values)
    return positions + noise * np.random.default_rng(0).normal(size=positions.shape)


def _cost(tree: KinematicTree, values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return ((marker_positions(tree, tree.markers, values) - positions) ** 2).sum(axis=(1, 2))


def test_exact_markers_give_the_motion_back():
    tree = leg()
    truth = gait(tree)
    solved = _solve(tree, _recorded(tree, truth))
    assert solved.converged.all()
    assert_allclose(solved.values, truth, rtol=0, atol=EXACT)
    assert solved.marker_errors.max() < EXACT


def test_the_result_is_a_minimum_and_does_not_depend_on_the_other_frames():
    tree = leg(couplings=())
    positions = _recorded(tree, gait(tree), noise=0.01)
    solved = _solve(tree, positions)
    pull = marker_positions(tree, tree.markers, solved.values) - positions
    gradient = np.einsum("tmi,tmic->tc", pull, marker_jacobian(tree, tree.markers, solved.values))
    assert_allclose(gradient, 0.0, atol=1e-6)  # curvatures are near 1 m^2, steps end at 1e-6
    for frame in (0, 7, 40):
        assert_allclose(_solve(tree, positions[[frame]]).values[0], solved.values[frame], rtol=0, atol=2 * EXACT)


def test_a_clamped_coordinate_stops_at_its_bound_and_the_others_fit_the_rest():
    tree = leg(lower={"knee": -0.9}, upper={"knee": -0.3})
    truth = gait(tree)
    positions = _recorded(tree, truth)
    solved = _solve(tree, positions)
    knee = solved.values[:, KNEE]
    assert knee.min() == -0.9
    assert knee.max() == -0.3
    inside = (truth[:, KNEE] > -0.85) & (truth[:, KNEE] < -0.35)
    assert_allclose(knee[inside], truth[inside, KNEE], rtol=0, atol=EXACT)
    beside = solved.values.copy()
    for place in (FLEXION, RY):  # at the bound, too, the free coordinates are at their minimum
        for step in (-1e-3, 1e-3):
            moved = beside.copy()
            moved[:, place] += step
            assert (_cost(tree, moved, positions) > solved.cost).all()


def test_the_clamp_of_a_linearly_coupled_coordinate_holds_too():
    coupling = Coupling(dependent=CAP, independent=(KNEE,), function=Linear(intercept=0.1, slopes=(-0.5,)))
    tree = leg(couplings=(coupling,), upper={"cap": 0.5})
    solved = _solve(tree, _recorded(tree, gait(tree)))
    assert solved.values[:, KNEE].min() == pytest.approx(-0.8, abs=1e-12)
    assert solved.values[:, CAP].max() == pytest.approx(0.5, abs=1e-12)


def test_a_clamp_that_the_search_cannot_keep_is_refused():
    tree = leg(upper={"cap": 0.3})
    with pytest.raises(UncoveredModelError, match=r"'cap' is determined by others and reaches .* but is clamped to -inf to 0.3"):
        _solve(tree, _recorded(tree, gait(tree)))


def test_a_locked_coordinate_keeps_its_default():
    tree = leg(locked=("adduction",))
    solved = _solve(tree, _recorded(tree, gait(tree)))
    assert_array_equal(solved.values[:, COORDINATES.index("adduction")], 0.0)
    assert solved.converged.all()


def test_a_marker_that_was_not_seen_has_no_say():
    tree = leg()
    positions = _recorded(tree, gait(tree), noise=0.005)
    hidden = positions.copy()
    hidden[5:20, 4] = np.nan
    solved = _solve(tree, hidden)
    weights = np.ones(len(tree.markers))
    weights[4] = 0.0
    without = _solve(tree, positions, weights)
    assert_allclose(solved.values[5:20], without.values[5:20], rtol=0, atol=EXACT)
    assert np.isnan(solved.marker_errors[5:20, 4]).all()
    assert np.isfinite(solved.marker_errors).sum() == solved.marker_errors.size - 15


def test_a_frame_without_any_marker_stays_finite():
    tree = leg()
    positions = _recorded(tree, gait(tree))
    positions[10] = np.nan
    solved = _solve(tree, positions)
    assert np.isfinite(solved.values).all()
    assert_allclose(np.delete(solved.values, 10, axis=0), np.delete(gait(tree), 10, axis=0), rtol=0, atol=EXACT)


def test_weights_decide_between_markers_that_disagree():
    tree = leg(locked=tuple(name for name in COORDINATES if name not in ("tx", "cap")), couplings=())
    positions = _recorded(tree, np.zeros((1, len(COORDINATES))))
    positions[0, 0, 0] += 0.1
    weights = np.zeros(len(tree.markers))
    weights[:2] = 3.0, 1.0
    assert_allclose(_solve(tree, positions, weights).values[0, COORDINATES.index("tx")], 0.1 * 3 / 4, atol=EXACT)  # the weighted mean


def test_a_coordinate_task_pulls_over_time_against_the_markers():
    tree = leg(locked=tuple(name for name in COORDINATES if name != "tx"), couplings=())
    positions = _recorded(tree, np.zeros((9, len(COORDINATES))))
    wanted = np.linspace(0, 1, 9)
    solved = _solve(tree, positions, np.full(len(tree.markers), 7.0), tx=(3.0, wanted))
    assert_allclose(solved.values[:, COORDINATES.index("tx")], wanted * 3 / (3 + 1), atol=EXACT)  # all markers together count 1


def test_a_task_for_a_dependent_coordinate_moves_the_one_it_depends_on():
    tree = leg()
    solved = _solve(tree, _recorded(tree, gait(tree)), np.zeros(len(tree.markers)), cap=(1.0, np.array(0.4)))
    assert_allclose(solved.values[:, CAP], 0.4, atol=EXACT)


@pytest.mark.parametrize("turn", [np.pi / 2, np.pi, -2.0])
def test_a_person_who_faces_elsewhere_is_found(turn):
    tree = leg()
    truth = gait(tree)
    truth[:, RY] += turn
    positions = _recorded(tree, truth, noise=0.003)
    solved = _solve(tree, positions)
    assert (solved.cost <= _cost(tree, truth, positions)).all()


def test_a_person_who_turns_round_does_not_jump_by_a_full_turn():
    tree = leg()
    truth = gait(tree, frames=161)
    truth[:, RY] += np.linspace(0, 7.0, len(truth))
    solved = _solve(tree, _recorded(tree, truth))
    assert_allclose(solved.values[:, RY], truth[:, RY], rtol=0, atol=EXACT)


def test_wrong_and_unreachable_markers_leave_a_finite_minimum():
    tree = leg(lower={"knee": -1.5}, upper={"knee": 0.0})
    positions = _recorded(tree, gait(tree))
    positions[10:15, 7] += [0.0, 0.8, 0.5]  # a swapped label
    positions[20:25, 6:9] *= 1.5  # out of reach
    solved = _solve(tree, positions)
    assert solved.converged.all()
    assert (np.abs(solved.values) < 20).all()
    wrong = np.r_[10:15, 20:25]
    assert (solved.cost < _cost(tree, gait(tree), positions))[wrong].all()
    right = np.r_[0:10, 15:20, 25:41]
    assert_allclose(solved.values[right], gait(tree)[right], rtol=0, atol=EXACT)


def test_coordinates_that_nothing_determines_keep_their_default():
    tree = leg()
    pelvis = MarkerTasks(names=tree.markers[:3], positions=_recorded(tree, gait(tree))[:, :3], weights=np.ones(3))
    solved = solve_inverse_kinematics(tree, pelvis, CoordinateTasks(names=(), values=np.zeros((41, 0)), weights=np.zeros(0)))
    assert_array_equal(solved.values[:, [KNEE, CAP, FLEXION]], 0.0)


def test_a_chain_of_couplings_is_followed():
    chain = (
        Coupling(dependent=KNEE, independent=(FLEXION,), function=Polynomial(coefficients=(0.2, -0.8, -0.1))),
        Coupling(
            dependent=CAP, independent=(KNEE, FLEXION), function=Multiple(factor=0.5, function=Linear(intercept=0.1, slopes=(0.6, -0.2)))
        ),
    )
    tree = leg(couplings=chain)
    truth = gait(tree)
    assert_allclose(_solve(tree, _recorded(tree, truth)).values, truth, rtol=0, atol=EXACT)


def test_shapes_and_names_that_do_not_fit_are_refused():
    tree = leg()
    with pytest.raises(SignalError, match=r"do not fit to 10 markers"):
        _followed(tree, np.zeros((5, 3, 3)))
    with pytest.raises(UnknownNameError, match=r"no marker 'M-10'. Did you mean"):
        marker_positions(tree, ("M-10",), np.zeros((1, len(COORDINATES))))
    with pytest.raises(SignalError, match=r"expected \(time, coordinate\)"):
        marker_positions(tree, tree.markers, np.zeros((1, 3)))
    with pytest.raises(SignalError, match="expected finite numbers of at least 0"):
        _followed(tree, np.zeros((5, 10, 3)), np.full(10, -1.0))
