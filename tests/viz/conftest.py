"""Results made by hand, see made_results."""

from made_results import calibrated, result, trials, uncalibrated  # noqa: F401  # fixtures
