"""What maximal efforts tell of muscles without electrodes: their strength, which synergies in motions must not move."""

from dataclasses import replace

import numpy as np
import pytest
from calibration_twin import with_dynamometer

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.simulated_twin import make_synergy_twin
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibratedParameter
from osim_nmscal.data.trials import TrialSet

SILENT = "muscle_6"
ROLES = {SILENT: "withheld"}
TOO_STRONG = 1.5  # the start, in true strengths


@pytest.fixture(scope="module")
def recordings() -> tuple[TrialSet, TrialSet, MuscleTable]:
    """Motions; motions and a dynamometer's session; muscles of which the silent one starts too strong."""
    person = make_synergy_twin()
    muscles = tuple(
        replace(muscle, max_isometric_force=TOO_STRONG * true.max_isometric_force) if muscle.name == SILENT else muscle
        for muscle, true in zip(person.twin.start.muscles, person.twin.true.muscles, strict=True)
    )
    motions = person.trials.calibration
    session = [trial for trial in with_dynamometer(person.twin) if trial.kind == "passive" or trial.driven_by == "assumed"]
    return motions, TrialSet(trials=(*motions, *session)), MuscleTable(muscles=muscles)


def strength(trials: TrialSet, muscles: MuscleTable, how: str, *, groups: dict[str, tuple[str, ...]] | None = None) -> CalibratedParameter:
    settings = CalibrationSettings.model_validate(
        {"method": "synergy_hybrid", "prior": {"unrecorded_strength": how}, "subsets": "none", "groups": groups or {}}
    )
    rows = calibrate(trials, muscles, settings, roles=ROLES).parameters
    return next(row for row in rows if row.name == "strength_coefficient" and row.owner in (SILENT, "pair"))


def test_an_effort_tells_the_strength_of_its_agonist_without_electrode(recordings: tuple[TrialSet, TrialSet, MuscleTable]) -> None:
    _, together, muscles = recordings
    held, told = strength(together, muscles, "held"), strength(together, muscles, "by_efforts")
    assert held.calibrated == pytest.approx(1.0, abs=0.02)
    assert told.start == 1.0
    # 0.3 of what was wrong, as four agonists share the moment and the prior spreads it over them
    assert abs(told.calibrated * TOO_STRONG - 1.0) < 0.8 * (TOO_STRONG - 1.0)
    assert told.prior_deviation / told.calibrated == pytest.approx(held.prior_deviation / held.calibrated, rel=1e-2)  # held is not quite 1
    assert told.standard_error < held.standard_error


def test_motions_do_not_move_it(recordings: tuple[TrialSet, TrialSet, MuscleTable]) -> None:
    motions, together, muscles = recordings
    session = TrialSet(trials=together.of_kind("passive", "effort"))
    rows = calibrate(session, muscles, CalibrationSettings(method="emg_driven")).parameters
    alone = next(row for row in rows if row.name == "strength_coefficient" and row.owner == SILENT)
    assert strength(together, muscles, "by_efforts").calibrated == pytest.approx(alone.calibrated, rel=0.02)  # held as hard as that
    # and without efforts nothing tells it
    assert strength(motions, muscles, "by_efforts").calibrated == pytest.approx(1.0, abs=0.02)


def test_a_strength_that_an_electrode_shares_is_calibrated_with_the_motions(recordings: tuple[TrialSet, TrialSet, MuscleTable]) -> None:
    _, together, muscles = recordings
    pair = {"pair": (SILENT, "muscle_2")}
    found, usual = (strength(together, muscles, how, groups=pair).calibrated for how in ("by_efforts", "held"))
    assert found == usual


def test_a_session_on_the_dynamometer_alone_tells_strengths(recordings: tuple[TrialSet, TrialSet, MuscleTable]) -> None:
    # no trial has EMG: strengths were held as if nothing measured them
    _, together, muscles = recordings
    session = TrialSet(trials=together.of_kind("passive", "effort"))
    rows = calibrate(session, muscles, CalibrationSettings(method="emg_driven")).parameters
    moved = [abs(row.calibrated - 1.0) for row in rows if row.name == "strength_coefficient"]
    assert np.median(moved) > 0.02
