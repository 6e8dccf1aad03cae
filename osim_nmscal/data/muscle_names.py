"""What the name of a model's muscle tells: its side, and the muscle without side and separators."""

import re
from typing import Literal

Side = Literal["r", "l", ""]
# Words for a side, as channels and models have them.
SIDES: dict[str, Side] = {"r": "r", "right": "r", "rt": "r", "re": "r", "l": "l", "left": "l", "lt": "l", "li": "l"}


def words_of(name: str) -> list[str]:
    """Part a name at separators, digits and changes of case: "EMG01_r_TibAnt" -> emg, 01, r, tib, ant."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def muscle_side(muscle: str) -> Side:
    """Return the side that a model's muscle name tells."""
    words = words_of(muscle)
    return next((SIDES[word] for word in (words[-1:] + words[:1]) if word in ("r", "l", "right", "left")), "")


def bare_name(muscle: str) -> str:
    """Return a model's muscle name without side, separators and case: "vas_lat_r" -> "vaslat"."""
    without_side = re.sub(r"(^(r|l|right|left)[_.\- ])|([_.\- ](r|l|right|left)$)", "", muscle.lower())
    return re.sub(r"[^a-z0-9]", "", without_side)
