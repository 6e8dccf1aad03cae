"""Synergy-hybrid calibration: muscles without electrodes are driven by synergies of the recorded ones (Hambly 2025, Eq. 5)."""
