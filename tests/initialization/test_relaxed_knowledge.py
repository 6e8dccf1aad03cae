"""What people's relaxed legs tell of one person's goes with the starting values, into a file and out of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from resting_cases import GEOMETRY, MUSCLES, REFERENCE

from osim_nmscal.data.muscles import Muscle, MuscleTable
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.errors import UnknownNameError
from osim_nmscal.initialization.files import read_starting_values, write_starting_values
from osim_nmscal.initialization.relaxed_knowledge import SAMPLES_A_SWEEP, SHARE_OF_MOMENT, with_relaxed_leg

START = StartingValues.of(MUSCLES)
KNOWN = with_relaxed_leg(START, GEOMETRY, REFERENCE, 4.0)


def test_a_sweep_counts_as_few_independent_postures_of_its_deviation() -> None:
    (leg,) = KNOWN.relaxed
    sweeps = len(np.unique(REFERENCE.curve))
    spread = np.hypot(4.0, SHARE_OF_MOMENT * np.abs(REFERENCE.moment).max())
    told = float((leg.deviation**-2.0).sum())  # at most of samples that differ by the spread, at least by the largest moment's
    assert sweeps * SAMPLES_A_SWEEP / spread**2 < told <= sweeps * SAMPLES_A_SWEEP / 4.0**2


def test_each_posture_has_the_arm_about_the_joint_that_moves() -> None:
    (leg,) = KNOWN.relaxed
    arms = {name: np.unique(np.abs(leg.moment_arm[:, i])) for i, name in enumerate(leg.muscles)}
    np.testing.assert_allclose(arms["soleus_r"], [0.0, 0.045])  # the ankle, and nothing where hip or knee moves
    np.testing.assert_allclose(arms["gasmed_r"], [0.0, 0.02, 0.045])
    assert len(leg.deviation) < len(REFERENCE.moment)


def test_two_legs_are_known_beside_each_other_and_selected_by_muscle() -> None:
    both = with_relaxed_leg(KNOWN, GEOMETRY, REFERENCE, 8.0)
    own = both.select(["vaslat_r", "psoas_r"])
    assert [leg.muscles for leg in own.relaxed] == [("vaslat_r", "psoas_r")] * 2
    assert (own.relaxed[1].deviation > own.relaxed[0].deviation).all()


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    idle = Muscle(name="idle_r", optimal_fiber_length=0.05, tendon_slack_length=0.1, max_isometric_force=900.0)
    start = with_relaxed_leg(StartingValues.of(MuscleTable(muscles=(*MUSCLES.muscles, idle))), GEOMETRY, REFERENCE, 4.0)
    path = write_starting_values(tmp_path / "starting_values.json", start)
    assert read_starting_values(path) == start
    assert read_starting_values(path) != replace(start, relaxed=())


def test_a_file_of_an_earlier_version_knows_nothing_of_relaxed_legs(tmp_path: Path) -> None:
    path = write_starting_values(tmp_path / "starting_values.json", KNOWN)
    document = json.loads(path.read_text(encoding="utf-8"))
    del document["relaxed"]
    path.write_text(json.dumps(document), encoding="utf-8")
    assert read_starting_values(path) == START


def test_relaxed_muscles_are_among_the_starting_values() -> None:
    stranger = replace(KNOWN.relaxed[0], muscles=("stranger_r", *MUSCLES.names[1:]))
    with pytest.raises(UnknownNameError, match="stranger_r"):
        replace(START, relaxed=(stranger,))
