"""What a type checker sees of the public names; read by mypy (`make lint`), never run.

An ignore that is not needed is an error in our mypy settings, so each line below holds that the mistake in it is found.
"""

import numpy as np

import osim_nmscal
from osim_nmscal import CalibrationSettings, Trial, load_config, read_storage

Trial(nam=3)  # type: ignore[call-arg]
load_config(3)  # type: ignore[arg-type]
seconds: float = read_storage("ik.mot")  # type: ignore[assignment]
osim_nmscal.calibrate_emg_drivn  # type: ignore[attr-defined]  # noqa: B018
settings: CalibrationSettings = CalibrationSettings()
first: Trial = osim_nmscal.load_results("results").trials["walk/1"]
moment: np.ndarray = osim_nmscal.load_results("results").predictions["walk/1"].joint_moment
owner: str = osim_nmscal.load_results("results").calibration.parameters[0].owner
column: np.ndarray = read_storage("ik.mot")["knee_angle_r"]
name: str = osim_nmscal.load_results("results").calibration.parameters[0]  # type: ignore[assignment]
times: np.ndarray = osim_nmscal.TimeSeries(time=np.zeros(1), labels=("a",), values=np.zeros((1, 1)), source="made").time
