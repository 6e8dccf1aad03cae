"""Every error this package raises on purpose.

Each is also a built-in error, so that a script's `except ValueError` keeps working, and each carries one clear
sentence: what is wrong (file, name, value), what was expected (with its unit), what to change.
"""

import difflib
from collections.abc import Iterable


class NmscalError(Exception):
    """Base of all errors of osim_nmscal; its text can be shown to a user as it is."""


class ConfigError(NmscalError, ValueError):
    """A workflow configuration or a setting cannot be used."""


class FileFormatError(NmscalError, ValueError):
    """A file is missing, truncated, or not what its name says."""


class UnknownNameError(NmscalError, ValueError):
    """A muscle, coordinate, marker, channel, recording or setting is named that does not exist."""


class SignalError(NmscalError, ValueError):
    """A recorded signal cannot be used: gaps, wrong unit, wrong clock, no content."""


class SegmentationError(NmscalError, ValueError):
    """No trial, or not the trials asked for, can be cut from a recording."""


class UncoveredModelError(NmscalError, ValueError):
    """A model holds a joint, function or constraint that only OpenSim itself computes; the text names it."""


class OpenSimToolError(NmscalError, RuntimeError):
    """An OpenSim tool failed or crashed; the text quotes the end of OpenSim's own log."""


class MuscleModelError(NmscalError, ValueError):
    """A muscle cannot be simulated: unknown class or impossible properties."""


class FiberDynamicsError(NmscalError, RuntimeError):
    """The fiber dynamics of at least one muscle could not be solved; the text names muscle, trial and time."""


class CalibrationError(NmscalError, ValueError):
    """A calibration problem is ill-posed as stated."""


class WriteBackError(NmscalError, RuntimeError):
    """A personalized model could not be written, read back or verified."""


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?` for the nearest of the candidates, or an empty string if none is near."""
    names = list(candidates)
    folded = {candidate.lower(): candidate for candidate in reversed(names)}
    near = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.5)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def listed(names: Iterable[str], most: int = 8) -> str:
    """Join names for an error text, shortening a long list: `a, b, c, ... (40 in all)`."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
