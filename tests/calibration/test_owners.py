"""Owners and starts without torch."""

import subprocess
import sys
from pathlib import Path

from osim_nmscal.calibration.owners import owners_of_every_kind
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.osim_model.reader import read_muscles

MODEL = Path(__file__).parent.parent.parent / "models" / "virtual_leg.osim"


def test_what_all_muscles_share_starts_at_the_setting_to_the_last_bit() -> None:
    muscles = read_muscles(MODEL)
    for count in range(2, len(muscles) + 1):
        owned = owners_of_every_kind(muscles.select(muscles.names[:count]), CalibrationSettings())["electromechanical_delay"]
        assert owned.names == ("all",)
        assert owned.start.tolist() == [0.035]


def test_owners_load_no_torch() -> None:
    code = "import sys, osim_nmscal.calibration.owners; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "False"
