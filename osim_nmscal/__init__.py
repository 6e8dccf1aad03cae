"""osim_nmscal: make an OpenSim model's muscles a particular person's.

Importing the package loads neither OpenSim nor torch: each public name is imported from its home when first used.

The examples of the public names start from the lines below and from the repository's folder; `tests/test_docstrings.py` runs them.
Two muscles about one joint, two trials of one second, and what a calibration makes of them:

    >>> from dataclasses import replace
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import torch
    >>> from osim_nmscal import *
    >>> time = np.arange(0.0, 1.0, 0.01)
    >>> swing = np.sin(2 * np.pi * time)
    >>> muscles = MuscleTable(muscles=tuple(
    ...     Muscle(name=name, max_isometric_force=3000.0, optimal_fiber_length=0.10, tendon_slack_length=0.20)
    ...     for name in ("extensor", "flexor")))
    >>> trial = Trial(
    ...     name="squat/1", time=time, muscles=muscles.names, dofs=("knee",),
    ...     excitation=np.stack([0.4 + 0.3 * swing, 0.4 - 0.3 * swing], axis=1),
    ...     mtu_length=np.stack([0.30 - 0.01 * swing, 0.30 + 0.01 * swing], axis=1),
    ...     moment_arm=np.tile([[[0.04, -0.04]]], (len(time), 1, 1)), joint_moment=60.0 * np.roll(swing, 8)[:, None], first_counted=10)
    >>> trials = TrialSet(trials=(trial, replace(trial, name="squat/2", joint_moment=66.0 * np.roll(swing, 8)[:, None])))
    >>> result = calibrate(trials, muscles)
    >>> predictions = predict(trials, result.muscles, result.neural)

An arm whose elbow bends and stretches, for what OpenSim does:

    >>> arm = "models/virtual_arm.osim"
    >>> rest = read_coordinates(Path(arm))
    >>> angles = np.tile([one.default_value for one in rest], (51, 1))
    >>> angles[:, -1] = 0.8 + 0.5 * np.sin(np.linspace(0.0, 2.0 * np.pi, 51))
    >>> elbow = TimeSeries(time=np.linspace(0.0, 1.0, 51), labels=tuple(one.name for one in rest), values=angles)

A pendulum with one marker, for kinematics on arrays:

    >>> from osim_nmscal.kinematics.functions import Linear
    >>> from osim_nmscal.kinematics.tree import Frame, Joint, JointAxis
    >>> here = Frame(rotation=np.eye(3), origin=np.zeros(3))
    >>> about_z = JointAxis(
    ...     is_rotation=True, direction=np.array([0.0, 0.0, 1.0]), coordinates=(0,), function=Linear(intercept=0.0, slopes=(1.0,)))
    >>> pendulum = KinematicTree(
    ...     bodies=("ground", "rod"), coordinates=("swing",), joints=(
    ...         Joint(name="pivot", parent=0, child=1, parent_frame=here, child_frame=here, axes=(about_z,)),),
    ...     defaults=np.zeros(1), lower=np.full(1, -np.inf), upper=np.full(1, np.inf), rotational=np.ones(1, bool),
    ...     locked=np.zeros(1, bool), couplings=(), markers=("tip",),
    ...     marker_body=np.array([1]), marker_location=np.array([[0.0, -1.0, 0.0]]))
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers and editors; a test holds both lists together
    from osim_nmscal.calibration.calibrate import calibrate as calibrate
    from osim_nmscal.calibration.cross_validation import leave_one_out as leave_one_out
    from osim_nmscal.calibration.emg_driven import calibrate_emg_driven as calibrate_emg_driven
    from osim_nmscal.calibration.losses import Term as Term
    from osim_nmscal.calibration.losses import TermInputs as TermInputs
    from osim_nmscal.calibration.optimizers import Optimizer as Optimizer
    from osim_nmscal.calibration.prediction import predict as predict
    from osim_nmscal.calibration.settings import CalibrationSettings as CalibrationSettings
    from osim_nmscal.calibration.settings import LossSettings as LossSettings
    from osim_nmscal.calibration.settings import ParameterSettings as ParameterSettings
    from osim_nmscal.calibration.settings import ParametersSettings as ParametersSettings
    from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid as calibrate_synergy_hybrid
    from osim_nmscal.calibration.synergy.factorization import extract_synergies as extract_synergies
    from osim_nmscal.calibration.synergy.prediction import predict_hybrid as predict_hybrid
    from osim_nmscal.calibration.synergy.settings import SynergySettings as SynergySettings
    from osim_nmscal.config import WorkflowConfig as WorkflowConfig
    from osim_nmscal.config import load_config as load_config
    from osim_nmscal.data.emg import EmgMapping as EmgMapping
    from osim_nmscal.data.findings import Finding as Finding
    from osim_nmscal.data.findings import Verdict as Verdict
    from osim_nmscal.data.model import Coordinate as Coordinate
    from osim_nmscal.data.muscles import DeGrooteFregly2016Properties as DeGrooteFregly2016Properties
    from osim_nmscal.data.muscles import Millard2012Properties as Millard2012Properties
    from osim_nmscal.data.muscles import Muscle as Muscle
    from osim_nmscal.data.muscles import MuscleTable as MuscleTable
    from osim_nmscal.data.muscles import Thelen2003Properties as Thelen2003Properties
    from osim_nmscal.data.passive_joint_moment import PassiveJointMoment as PassiveJointMoment
    from osim_nmscal.data.results import CalibratedParameter as CalibratedParameter
    from osim_nmscal.data.results import CalibrationResult as CalibrationResult
    from osim_nmscal.data.results import MomentMetrics as MomentMetrics
    from osim_nmscal.data.results import NeuralParameters as NeuralParameters
    from osim_nmscal.data.results import SynergyResult as SynergyResult
    from osim_nmscal.data.results import TrialPrediction as TrialPrediction
    from osim_nmscal.data.results import VerificationMetrics as VerificationMetrics
    from osim_nmscal.data.starting_values import StartingValues as StartingValues
    from osim_nmscal.data.time_series import MarkerTrajectories as MarkerTrajectories
    from osim_nmscal.data.time_series import TimeSeries as TimeSeries
    from osim_nmscal.data.trials import MuscleGeometry as MuscleGeometry
    from osim_nmscal.data.trials import Trial as Trial
    from osim_nmscal.data.trials import TrialSet as TrialSet
    from osim_nmscal.electrodes.findings import ElectrodeStudy as ElectrodeStudy
    from osim_nmscal.electrodes.of_workflow import ElectrodeStudyResult as ElectrodeStudyResult
    from osim_nmscal.electrodes.of_workflow import study_electrodes as study_electrodes
    from osim_nmscal.electrodes.study import electrode_study as electrode_study
    from osim_nmscal.emg.envelope import EnvelopeSettings as EnvelopeSettings
    from osim_nmscal.emg.envelope import linear_envelope as linear_envelope
    from osim_nmscal.emg.mapping import MappingSettings as MappingSettings
    from osim_nmscal.emg.mapping import build_mapping as build_mapping
    from osim_nmscal.emg.mapping import excitations as excitations
    from osim_nmscal.emg.normalization import NormalizationSettings as NormalizationSettings
    from osim_nmscal.emg.normalization import normalization_reference as normalization_reference
    from osim_nmscal.emg.normalization import normalize as normalize
    from osim_nmscal.errors import NmscalError as NmscalError
    from osim_nmscal.evaluation import moment_metrics as moment_metrics
    from osim_nmscal.examples.fetch import fetch_example as fetch_example
    from osim_nmscal.formats.c3d import read_c3d as read_c3d
    from osim_nmscal.formats.emg_table import read_emg as read_emg
    from osim_nmscal.formats.storage import read_storage as read_storage
    from osim_nmscal.formats.storage import write_storage as write_storage
    from osim_nmscal.formats.trc import read_trc as read_trc
    from osim_nmscal.formats.trc import write_trc as write_trc
    from osim_nmscal.inspection.facts import FileFacts as FileFacts
    from osim_nmscal.inspection.files import inspect_file as inspect_file
    from osim_nmscal.inspection.text import inspection_text as inspection_text
    from osim_nmscal.kinematics.forward import marker_positions as marker_positions
    from osim_nmscal.kinematics.inverse import CoordinateTasks as CoordinateTasks
    from osim_nmscal.kinematics.inverse import MarkerTasks as MarkerTasks
    from osim_nmscal.kinematics.inverse import solve_inverse_kinematics as solve_inverse_kinematics
    from osim_nmscal.kinematics.surrogate import SurrogateGeometry as SurrogateGeometry
    from osim_nmscal.kinematics.tree import KinematicTree as KinematicTree
    from osim_nmscal.nms.model import NmsInputs as NmsInputs
    from osim_nmscal.nms.model import NmsOutputs as NmsOutputs
    from osim_nmscal.nms.model import simulate as simulate
    from osim_nmscal.nms.parameters import NmsParameters as NmsParameters
    from osim_nmscal.nms.parameters import initial_parameters as initial_parameters
    from osim_nmscal.opensim_tools.inverse_dynamics import InverseDynamicsSettings as InverseDynamicsSettings
    from osim_nmscal.opensim_tools.inverse_dynamics import run_inverse_dynamics as run_inverse_dynamics
    from osim_nmscal.opensim_tools.inverse_kinematics import InverseKinematicsSettings as InverseKinematicsSettings
    from osim_nmscal.opensim_tools.inverse_kinematics import run_inverse_kinematics as run_inverse_kinematics
    from osim_nmscal.opensim_tools.muscle_analysis import MuscleAnalysisSettings as MuscleAnalysisSettings
    from osim_nmscal.opensim_tools.muscle_analysis import read_muscle_analysis as read_muscle_analysis
    from osim_nmscal.opensim_tools.muscle_analysis import run_muscle_analysis as run_muscle_analysis
    from osim_nmscal.opensim_tools.scale_setup import ScalingSettings as ScalingSettings
    from osim_nmscal.opensim_tools.scaling import scale_model as scale_model
    from osim_nmscal.opensim_tools.surrogate_fit import fit_surrogate_geometry as fit_surrogate_geometry
    from osim_nmscal.opensim_tools.verification import verify_model as verify_model
    from osim_nmscal.osim_model.conversion import convert_muscles as convert_muscles
    from osim_nmscal.osim_model.ligament_forces import write_with_ligaments as write_with_ligaments
    from osim_nmscal.osim_model.reader import read_coordinates as read_coordinates
    from osim_nmscal.osim_model.reader import read_muscles as read_muscles
    from osim_nmscal.osim_model.writer import write_personalized as write_personalized
    from osim_nmscal.planning.foreseen import with_foreseen_moments as with_foreseen_moments
    from osim_nmscal.planning.information import Candidate as Candidate
    from osim_nmscal.planning.information import Expected as Expected
    from osim_nmscal.planning.information import Plan as Plan
    from osim_nmscal.planning.information import plan as plan
    from osim_nmscal.report.comparison import write_comparison as write_comparison
    from osim_nmscal.report.data import ReportData as ReportData
    from osim_nmscal.report.page import write_report as write_report
    from osim_nmscal.trials.assembly import TrialSettings as TrialSettings
    from osim_nmscal.trials.assembly import cut_trials as cut_trials
    from osim_nmscal.trials.segmentation import SegmentationSettings as SegmentationSettings
    from osim_nmscal.trials.segmentation import cut_times as cut_times
    from osim_nmscal.virtual_subject.make import make_virtual_subject as make_virtual_subject
    from osim_nmscal.workflow.check import CheckReport as CheckReport
    from osim_nmscal.workflow.check import check_workflow as check_workflow
    from osim_nmscal.workflow.demo import DemoResult as DemoResult
    from osim_nmscal.workflow.demo import run_demo as run_demo
    from osim_nmscal.workflow.loading import load_results as load_results
    from osim_nmscal.workflow.opened import open_results as open_results
    from osim_nmscal.workflow.personalize import PersonalizedResult as PersonalizedResult
    from osim_nmscal.workflow.personalize import personalize as personalize
    from osim_nmscal.workflow.planning import PlanResult as PlanResult
    from osim_nmscal.workflow.planning import plan_recordings as plan_recordings
    from osim_nmscal.workflow.progress import Progress as Progress
    from osim_nmscal.workflow.report_data import report_of_folder as report_of_folder
    from osim_nmscal.workflow.verification import Verification as Verification
    from osim_nmscal.workflow.verification import downstream_files as downstream_files
    from osim_nmscal.workflow.verification import verify_results as verify_results


__version__ = "0.2.0.dev0"

# public name -> its one home
_HOMES: dict[str, str] = {
    # workflow: from a configuration to a personalized model, and what lies in its folder
    "WorkflowConfig": "osim_nmscal.config",
    "load_config": "osim_nmscal.config",
    "personalize": "osim_nmscal.workflow.personalize",
    "load_results": "osim_nmscal.workflow.loading",
    "PersonalizedResult": "osim_nmscal.workflow.personalize",
    "verify_results": "osim_nmscal.workflow.verification",
    "downstream_files": "osim_nmscal.workflow.verification",
    "make_virtual_subject": "osim_nmscal.virtual_subject.make",
    "check_workflow": "osim_nmscal.workflow.check",
    "CheckReport": "osim_nmscal.workflow.check",
    "Progress": "osim_nmscal.workflow.progress",
    "run_demo": "osim_nmscal.workflow.demo",
    "DemoResult": "osim_nmscal.workflow.demo",
    "open_results": "osim_nmscal.workflow.opened",
    "Verification": "osim_nmscal.workflow.verification",
    "study_electrodes": "osim_nmscal.electrodes.of_workflow",
    "plan_recordings": "osim_nmscal.workflow.planning",
    "PlanResult": "osim_nmscal.workflow.planning",
    "report_of_folder": "osim_nmscal.workflow.report_data",
    "fetch_example": "osim_nmscal.examples.fetch",
    "inspect_file": "osim_nmscal.inspection.files",
    "inspection_text": "osim_nmscal.inspection.text",
    "FileFacts": "osim_nmscal.inspection.facts",
    "write_report": "osim_nmscal.report.page",
    "write_comparison": "osim_nmscal.report.comparison",
    "ReportData": "osim_nmscal.report.data",
    # stations
    "scale_model": "osim_nmscal.opensim_tools.scaling",
    "ScalingSettings": "osim_nmscal.opensim_tools.scale_setup",
    "run_inverse_kinematics": "osim_nmscal.opensim_tools.inverse_kinematics",
    "InverseKinematicsSettings": "osim_nmscal.opensim_tools.inverse_kinematics",
    "run_inverse_dynamics": "osim_nmscal.opensim_tools.inverse_dynamics",
    "InverseDynamicsSettings": "osim_nmscal.opensim_tools.inverse_dynamics",
    "run_muscle_analysis": "osim_nmscal.opensim_tools.muscle_analysis",
    "read_muscle_analysis": "osim_nmscal.opensim_tools.muscle_analysis",
    "MuscleAnalysisSettings": "osim_nmscal.opensim_tools.muscle_analysis",
    "linear_envelope": "osim_nmscal.emg.envelope",
    "EnvelopeSettings": "osim_nmscal.emg.envelope",
    "normalization_reference": "osim_nmscal.emg.normalization",
    "normalize": "osim_nmscal.emg.normalization",
    "NormalizationSettings": "osim_nmscal.emg.normalization",
    "build_mapping": "osim_nmscal.emg.mapping",
    "excitations": "osim_nmscal.emg.mapping",
    "MappingSettings": "osim_nmscal.emg.mapping",
    "cut_times": "osim_nmscal.trials.segmentation",
    "SegmentationSettings": "osim_nmscal.trials.segmentation",
    "cut_trials": "osim_nmscal.trials.assembly",
    "TrialSettings": "osim_nmscal.trials.assembly",
    "calibrate_emg_driven": "osim_nmscal.calibration.emg_driven",
    "CalibrationSettings": "osim_nmscal.calibration.settings",
    "Term": "osim_nmscal.calibration.losses",
    "calibrate_synergy_hybrid": "osim_nmscal.calibration.synergy.calibration",
    "predict": "osim_nmscal.calibration.prediction",
    "NmsParameters": "osim_nmscal.nms.parameters",
    "NmsInputs": "osim_nmscal.nms.model",
    "simulate": "osim_nmscal.nms.model",
    "predict_hybrid": "osim_nmscal.calibration.synergy.prediction",
    "ParametersSettings": "osim_nmscal.calibration.settings",
    "ParameterSettings": "osim_nmscal.calibration.settings",
    "LossSettings": "osim_nmscal.calibration.settings",
    "Optimizer": "osim_nmscal.calibration.optimizers",
    "TermInputs": "osim_nmscal.calibration.losses",
    "leave_one_out": "osim_nmscal.calibration.cross_validation",
    "calibrate": "osim_nmscal.calibration.calibrate",
    "moment_metrics": "osim_nmscal.evaluation",
    "read_muscles": "osim_nmscal.osim_model.reader",
    "read_coordinates": "osim_nmscal.osim_model.reader",
    "write_personalized": "osim_nmscal.osim_model.writer",
    "write_with_ligaments": "osim_nmscal.osim_model.ligament_forces",
    "electrode_study": "osim_nmscal.electrodes.study",
    "plan": "osim_nmscal.planning.information",
    "with_foreseen_moments": "osim_nmscal.planning.foreseen",
    "fit_surrogate_geometry": "osim_nmscal.opensim_tools.surrogate_fit",
    "SurrogateGeometry": "osim_nmscal.kinematics.surrogate",
    "solve_inverse_kinematics": "osim_nmscal.kinematics.inverse",
    "MarkerTasks": "osim_nmscal.kinematics.inverse",
    "CoordinateTasks": "osim_nmscal.kinematics.inverse",
    "KinematicTree": "osim_nmscal.kinematics.tree",
    "marker_positions": "osim_nmscal.kinematics.forward",
    "NmsOutputs": "osim_nmscal.nms.model",
    "initial_parameters": "osim_nmscal.nms.parameters",
    "verify_model": "osim_nmscal.opensim_tools.verification",
    "extract_synergies": "osim_nmscal.calibration.synergy.factorization",
    "SynergySettings": "osim_nmscal.calibration.synergy.settings",
    "convert_muscles": "osim_nmscal.osim_model.conversion",
    # files
    "read_storage": "osim_nmscal.formats.storage",
    "write_storage": "osim_nmscal.formats.storage",
    "read_trc": "osim_nmscal.formats.trc",
    "write_trc": "osim_nmscal.formats.trc",
    "read_c3d": "osim_nmscal.formats.c3d",
    "read_emg": "osim_nmscal.formats.emg_table",
    # nouns
    "MomentMetrics": "osim_nmscal.data.results",
    "TrialPrediction": "osim_nmscal.data.results",
    "StartingValues": "osim_nmscal.data.starting_values",
    "TimeSeries": "osim_nmscal.data.time_series",
    "MarkerTrajectories": "osim_nmscal.data.time_series",
    "MuscleGeometry": "osim_nmscal.data.trials",
    "Trial": "osim_nmscal.data.trials",
    "TrialSet": "osim_nmscal.data.trials",
    "EmgMapping": "osim_nmscal.data.emg",
    "Muscle": "osim_nmscal.data.muscles",
    "MuscleTable": "osim_nmscal.data.muscles",
    "Millard2012Properties": "osim_nmscal.data.muscles",
    "DeGrooteFregly2016Properties": "osim_nmscal.data.muscles",
    "Thelen2003Properties": "osim_nmscal.data.muscles",
    "CalibrationResult": "osim_nmscal.data.results",
    "NeuralParameters": "osim_nmscal.data.results",
    "PassiveJointMoment": "osim_nmscal.data.passive_joint_moment",
    "NmscalError": "osim_nmscal.errors",
    "VerificationMetrics": "osim_nmscal.data.results",
    "CalibratedParameter": "osim_nmscal.data.results",
    "SynergyResult": "osim_nmscal.data.results",
    "Finding": "osim_nmscal.data.findings",
    "Verdict": "osim_nmscal.data.findings",
    "ElectrodeStudyResult": "osim_nmscal.electrodes.of_workflow",
    "ElectrodeStudy": "osim_nmscal.electrodes.findings",
    "Candidate": "osim_nmscal.planning.information",
    "Expected": "osim_nmscal.planning.information",
    "Plan": "osim_nmscal.planning.information",
    "Coordinate": "osim_nmscal.data.model",
}

__all__ = ["__version__", *_HOMES]


if not TYPE_CHECKING:  # a type checker takes a module with __getattr__ to have every name, misspelt ones too

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'osim_nmscal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
