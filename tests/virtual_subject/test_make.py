"""A whole virtual person, seen through the chain's own stations."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from osim_nmscal.calibration.noise_settings import NoiseSettings
from osim_nmscal.config import load_config
from osim_nmscal.emg.envelope import EnvelopeSettings
from osim_nmscal.errors import ConfigError
from osim_nmscal.formats.c3d import read_c3d
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import read_storage
from osim_nmscal.formats.trc import read_trc
from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings, run_inverse_dynamics
from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings, run_inverse_kinematics
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.opensim_tools.scaling import scale_model
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.virtual_subject.make import VirtualSubject, make_virtual_subject

pytestmark = [pytest.mark.opensim, pytest.mark.slow]


@pytest.fixture(scope="module")
def leg(tmp_path_factory: pytest.TempPathFactory) -> VirtualSubject:
    return make_virtual_subject(tmp_path_factory.mktemp("leg"), "leg", seed=1, noise="none")


@pytest.fixture(scope="module")
def arm(tmp_path_factory: pytest.TempPathFactory) -> VirtualSubject:
    return make_virtual_subject(tmp_path_factory.mktemp("arm"), "arm", seed=2)


def _truth(subject: VirtualSubject) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(subject.truth.read_text())
    return content


def test_the_muscles_produce_the_moments_within_two_percent_of_their_range(leg: VirtualSubject, arm: VirtualSubject) -> None:
    for subject in (leg, arm):
        for dof, residual in subject.moment_residual.items():
            # hip rotation: its whole range is 5 N*m
            assert residual < (0.10 if dof == "hip_rotation_r" else 0.02), dof


def test_few_synergies_hold_most_of_the_excitations(leg: VirtualSubject, arm: VirtualSubject) -> None:
    assert 0.85 < leg.synergy_share < 1.0
    assert 0.85 < arm.synergy_share < 1.0


def test_true_fibers_work_at_plausible_lengths(leg: VirtualSubject, arm: VirtualSubject) -> None:
    # Arnold & Delp 2011: fibers work between 0.5 and 1.3 in walking; the drawn person's working points differ by 0.05
    for subject in (leg, arm):
        for name, row in _truth(subject)["muscles"].items():
            assert row["least_normalized_fiber_length"] > 0.44, name
            assert row["greatest_normalized_fiber_length"] < 1.40, name


def test_excitations_stay_between_zero_and_one(leg: VirtualSubject) -> None:
    excitations = [read_storage(path).values for path in (leg.folder / "truth").glob("*_excitations.sto")]
    assert min(values.min() for values in excitations) > 0.0
    assert max(values.max() for values in excitations) <= 1.0


def test_the_true_model_has_the_true_parameters(leg: VirtualSubject) -> None:
    table, scaled_off = _truth(leg)["muscles"], []
    for muscle in read_muscles(leg.folder / "truth" / "person.osim").muscles:
        for name in ("optimal_fiber_length", "tendon_slack_length", "max_isometric_force"):
            true = table[muscle.name][name]
            assert getattr(muscle, name) == pytest.approx(true, rel=1e-9)  # the digits that the file keeps
            scaled_off.append(abs(table[muscle.name][f"scaled_{name}"] / true - 1.0))
    assert len(scaled_off) == 3 * len(table)
    assert 0.02 < np.mean(scaled_off) < 0.15


def test_the_truth_tells_time_constants_that_are_those_of_its_coefficients(leg: VirtualSubject, arm: VirtualSubject) -> None:
    for subject in (leg, arm):
        truth = _truth(subject)
        for name, row in truth["muscles"].items():
            slower, faster = row["activation_time_constant_1"], row["activation_time_constant_2"]
            assert 0.004 < faster <= slower < 0.1, name
            coefficients = [-np.exp(-truth["time_step_of_c1_c2"] / value) for value in (slower, faster)]
            assert coefficients == pytest.approx(sorted((row["c1"], row["c2"]))), name


def test_without_noise_the_chain_finds_size_angles_and_moments(leg: VirtualSubject, tmp_path: Path) -> None:
    folder, truth = leg.folder, _truth(leg)
    scaled = scale_model(folder / "generic.osim", tmp_path / "scaled.osim", settings=ScalingSettings(setup=folder / "scale_setup.xml"))
    for scale in scaled.scales:
        # 0.2 %: the pelvis' depth is measured between markers at different heights and widths
        np.testing.assert_allclose(scale.factors, truth["scale_factors"][scale.body], rtol=2e-3)
    assert scaled.mass == pytest.approx(truth["mass"], rel=1e-6)
    kinematics = run_inverse_kinematics(
        scaled.model,
        folder / "walk_normal.trc",
        tmp_path / "ik.mot",
        settings=InverseKinematicsSettings(setup=folder / "ik_setup.xml"),
    )
    angles = read_storage(folder / "truth" / "walk_normal_angles.sto")
    for name in ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"):
        assert np.degrees(np.abs(kinematics.coordinates.column(name) - angles.column(name)).max()) < 0.1
    dynamics = run_inverse_dynamics(
        scaled.model,
        kinematics.coordinates,
        tmp_path / "id.sto",
        settings=InverseDynamicsSettings(external_loads=folder / "walk_normal_loads.xml", lowpass_forces=False),  # they hold no impact
    )
    moments = read_storage(folder / "truth" / "walk_normal_moments.sto")
    force = read_storage(folder / "walk_normal_grf.mot")
    stance = np.interp(moments.time, force.time, force.column("ground_force_r_vy")) > 100.0
    for name in ("hip_flexion_r", "knee_flexion_r", "ankle_dorsiflexion_r"):
        error = (dynamics.moments.column(name) - moments.column(name))[stance]
        # 0.5 %: the filter at 6 Hz, and an OpenSim that interpolates the forces
        assert np.sqrt((error**2).mean()) < 0.005 * np.ptp(moments.column(name)), name


def test_the_configuration_is_one_that_the_chain_reads(leg: VirtualSubject, arm: VirtualSubject) -> None:
    for subject, channels, recordings in ((leg, 14, 3), (arm, 11, 3)):
        config = load_config(subject.config)
        assert len(config.recordings) == recordings
        assert len(config.emg.mapping.channels) == channels
        assert config.subject.mass == pytest.approx(_truth(subject)["mass"], abs=1e-5)
        for recording in config.recordings:
            assert set(config.emg.mapping.channels) == set(read_emg(recording.emg).labels)


def test_hip_flexors_have_no_electrode(leg: VirtualSubject) -> None:
    config = load_config(leg.config)
    mapped = {muscle for muscles in config.emg.mapping.channels.values() for muscle in muscles}
    assert not mapped & {"iliacus_r", "psoas_r"}


def test_the_c3d_holds_the_same_markers_and_emg(arm: VirtualSubject) -> None:
    recording = read_c3d(arm.folder / "abduction.c3d", axes="x z -y")
    markers = read_trc(arm.folder / "abduction.trc")
    assert recording.markers.markers == markers.markers
    np.testing.assert_allclose(recording.markers.positions, markers.positions, atol=1e-6)  # c3d holds single precision
    assert recording.analog.rate == pytest.approx(1000.0)


def test_every_recording_of_the_arm_loads_every_joint(arm: VirtualSubject) -> None:
    # electrodes scatter by a tenth: about 0.5 to 1 N*m about the joints. A moment that changes by less tells nothing, and none is predicted
    for name in ("abduction", "rotation", "elbow_flexion"):
        moments = read_storage(arm.folder / "truth" / f"{name}_moments.sto")
        for dof in moments.labels:
            assert moments.column(dof).std() > 1.5, (name, dof)


def test_the_laboratory_sets_its_filters_to_the_pace_of_the_arm(arm: VirtualSubject, leg: VirtualSubject) -> None:
    slow, walking = load_config(arm.config), load_config(leg.config)
    assert slow.emg.envelope.lowpass_cutoff == 3.0
    assert slow.inverse_dynamics.lowpass_cutoff == 6.0
    assert slow.calibration.noise.correlation_time == 0.2
    # a walk stays as the package's defaults have it
    assert walking.emg.envelope == EnvelopeSettings()
    assert walking.calibration.noise == NoiseSettings()


def test_an_unknown_limb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'tail'"):
        make_virtual_subject(tmp_path, "tail")  # type: ignore[arg-type]


def test_a_person_of_the_wide_population_produces_their_moments_with_their_own_arms(tmp_path: Path) -> None:
    person = make_virtual_subject(tmp_path, "leg", seed=3, population="wide")
    for dof, residual in person.moment_residual.items():
        # weaker and shorter muscles meet the moments less well than the usual person's; hip rotation is 5 N*m in all
        assert residual < (0.20 if dof == "hip_rotation_r" else 0.04), dof
    truth = _truth(person)
    arms = np.array([muscle["moment_arm_factor"] for muscle in truth["muscles"].values()])
    assert 0.03 < arms.std() < 0.12
    assert truth["noise"]["emg_crosstalk"] > 0.0
    load_config(person.config)
