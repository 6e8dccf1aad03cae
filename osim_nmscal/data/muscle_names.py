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


# Heads of one muscle, and lines into which models part it: what they are called without side and separators. Sources: gait2354,
# gait2392, Rajagopal 2016, our own limbs. The two heads of the thigh's biceps cross different joints and are two muscles here.
_HEADS = (
    r"gas(t|med|lat)|(med|lat)gas",
    r"vas(tus|ti|med|int|lat)",
    r"gl(ut|uteus)?max",
    r"gl(ut|uteus)?med",
    r"gl(ut|uteus)?min",
    r"add(uctor)?mag",
    r"delt",
    r"pec(t|toralis)?(major|maj|clav|stern)",
    r"lat(issimus|s?dorsi)",
    r"tri(ceps)?(long|lat|med|$)",
    r"biceps(long|short|$)|bic(long|short)",
)


def whole_muscle(muscle: str) -> str:
    """Return what a model's muscle is a head or a line of, the same for all of them and for both sides: "vas_lat_r" and "vas_int_l"."""
    bare = bare_name(muscle)
    return next((heads for heads in _HEADS if re.match(heads, bare)), bare)
