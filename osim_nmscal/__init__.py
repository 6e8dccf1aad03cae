"""osim_nmscal: make an OpenSim model's muscles a particular person's.

Importing the package loads neither OpenSim nor torch: each public name is imported from its home when first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> its one home
_HOMES: dict[str, str] = {
    "WorkflowConfig": "osim_nmscal.config",
    "load_config": "osim_nmscal.config",
    "personalize": "osim_nmscal.workflow.personalize",
    "PersonalizedResult": "osim_nmscal.workflow.personalize",
    "verify_results": "osim_nmscal.workflow.verification",
    "downstream_files": "osim_nmscal.workflow.verification",
    "make_virtual_subject": "osim_nmscal.virtual_subject.make",
    # stations
    "scale_model": "osim_nmscal.opensim_tools.scaling",
    "ScalingSettings": "osim_nmscal.opensim_tools.scaling",
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
    "moment_metrics": "osim_nmscal.evaluation",
    "read_muscles": "osim_nmscal.osim_model.reader",
    "read_coordinates": "osim_nmscal.osim_model.reader",
    "write_personalized": "osim_nmscal.osim_model.writer",
    # files
    "read_storage": "osim_nmscal.formats.storage",
    "write_storage": "osim_nmscal.formats.storage",
    "read_trc": "osim_nmscal.formats.trc",
    "write_trc": "osim_nmscal.formats.trc",
    "read_c3d": "osim_nmscal.formats.c3d",
    "read_emg": "osim_nmscal.formats.emg_table",
    # nouns
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
    "NmscalError": "osim_nmscal.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'osim_nmscal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
