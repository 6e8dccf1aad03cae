"""Every error this package raises on purpose.

Each is also a built-in error, so that a script's `except ValueError` keeps working, and each carries one clear
sentence: what is wrong (file, name, value), what was expected (with its unit), what to change.
"""

import difflib
import re
from collections.abc import Iterable

# Likeness (difflib's ratio) from which a name is offered: usually; for short names, which are alike by chance; and where the other
# side's name is there, so that this side's is probably missing. Source: choice, by the names in the tests.
_NEAR, _NEAR_IF_SHORT, _NEAR_BESIDE_OPPOSITE = 0.6, 0.66, 0.8
_SHORT = 6  # characters
_OPPOSITE_WORDS = (("left", "right"), ("medial", "lateral"), ("med", "lat"), ("flexion", "extension"), ("proximal", "distal"))
_OPPOSITE_LETTERS = ({"l", "r"}, {"m", "l"}, {"a", "p"})
# A word of its own, or the first letter of a marker written in capitals.
_SIDE = re.compile(r"(?:^|[._ -])(?:[lLrR]|left|right|Left|Right)(?=$|[._ -])|^[LR](?=[A-Z]+\d*$)")


class NmscalError(Exception):
    """Base of all errors of osim_nmscal; its text can be shown to a user as it is.

    Example:
        >>> try:
        ...     trials.select(["squat/3"])
        ... except NmscalError as error:
        ...     print(error)
        ...
        The trial set has no trial 'squat/3'. Did you mean 'squat/2'?
    """


class ConfigError(NmscalError, ValueError):
    """A workflow configuration or a setting cannot be used."""


class FileFormatError(NmscalError, ValueError):
    """A file is missing, truncated, or not what its name says."""


class UnknownNameError(NmscalError, ValueError):
    """A muscle, coordinate, marker, channel, recording or setting is named that does not exist."""


class SignalError(NmscalError, ValueError):
    """A recorded signal cannot be used: gaps, wrong unit, wrong clock, no content."""


class DataRefusedError(NmscalError, ValueError):
    """The doctor for the data found what no result can come from; [checks] allow lets it pass."""


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
    """Return ` Did you mean 'x'?` for the nearest of the candidates, or an empty string if none is near.

    Never offered are the name itself (what is wrong is then something else) and what lies on the other side: whoever writes
    soleus_l or a medial marker does not mean soleus_r or the lateral one.
    """
    names = list(dict.fromkeys(candidates))
    if name in names:
        return ""
    same_side = [one for one in names if not _opposite(name, one)]
    nearest = {one.lower(): one for one in reversed(same_side) if {_side(name), _side(one)} != {"l", "r"}}
    for near in difflib.get_close_matches(name.lower(), list(nearest), n=1, cutoff=_NEAR):
        likeness = difflib.SequenceMatcher(None, near, name.lower()).ratio()
        short = len(near) <= _SHORT and near not in name.lower() and name.lower() not in near
        enough = _NEAR_BESIDE_OPPOSITE if len(same_side) < len(names) else _NEAR_IF_SHORT if short else _NEAR
        if likeness >= enough:
            return f" Did you mean {nearest[near]!r}?"
    begun = [one for one in nearest if one.startswith(name.lower())] if len(name) > 3 else []
    return f" Did you mean {nearest[begun[0]]!r}?" if len(begun) == 1 else ""


def _side(name: str) -> str:
    """Return "l" or "r" if a name says it: soleus_l, left_knee, L.Heel, LASI."""
    found = _SIDE.search(name)
    return found.group().strip("._- ")[0].lower() if found else ""


def _opposite(name: str, other: str) -> bool:
    """Tell whether two names differ by side, or by medial and lateral, alone."""
    one, two = name.lower(), other.lower()
    for pair in _OPPOSITE_WORDS:
        for mine, theirs in (pair, pair[::-1]):
            if mine in one and one.replace(mine, theirs) == two:
                return True
    where = [i for i in range(len(one)) if one[i] != two[i]] if len(one) == len(two) else []
    return bool(where) and all({one[i], two[i]} in _OPPOSITE_LETTERS and _stands_for_a_word(one, i) for i in where)


def _stands_for_a_word(name: str, i: int) -> bool:
    """Tell whether a letter is a word of its own (soleus_r, RKNE), or follows one that is (RMEPI)."""
    before, after = name[i - 1 : i], name[i + 1 : i + 2]
    return i == 0 or not before.isalpha() or not after.isalpha() or (i == 1 and before in "rl")


def listed(names: Iterable[str], most: int = 8) -> str:
    """Join names for an error text, shortening a long list: `a, b, c, ... (40 in all)`."""
    names = list(names)
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"


def listed_in(names: Iterable[str], file: str, most: int = 8) -> str:
    """Join the names that a file holds as `listed` does, with the command that lists them all where they are many."""
    names = list(names)
    text = listed(names, most)
    if len(names) <= most or not file:
        return text
    quoted = f'"{file}"' if " " in file else file
    return f"{text}; `osim-nmscal inspect {quoted}` lists them"
