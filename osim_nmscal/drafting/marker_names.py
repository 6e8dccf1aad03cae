"""Where on the body a marker sits, from its name: the marker sets of the field in one table.

Sources: Plug-in Gait, Cleveland Clinic, Helen Hayes, ISB, CAST, the marker sets of gait2354, gait2392, Rajagopal 2016 and our own models.
"""

import re
from collections.abc import Iterable

# place -> names after the side was taken away, compacted and in lower case
_PLACES: dict[str, str] = {
    "trochanter": r"trc|gtr|gtro?c?h?|troch(anter)?|grtroch",
    "iliac_crest": r"ilc|ilcr|iliac(crest)?|icr",
    "asis": r"asis?|asi",
    "psis": r"psis?|psi",
    "hip_centre": r"hjc",
    "knee_centre": r"kjc|kneejoint",
    "ankle_centre": r"ajc|anklejoint",
    "knee_lateral": r"kne|knee(lat)?|knl|lfc|lepi|lflc|lfe|fle|kneel|kneelateral|lknee",
    "knee_medial": r"kneemed|mfc|mepi|fme|kneem|kneemedial|mknee|knm|mfe",
    "ankle_lateral": r"ank|ankle(lat)?|anl|lmal|lm|anklel|anklelateral|lankle",
    "ankle_medial": r"anklemed|anm|mmal|mm|anklem|anklemedial|mankle|med(ial)?mal",
    "heel": r"hee|heel|cal|calc|calcaneus",
    "toe": r"toe|toetip|toe1|hallux|tiptoe|toemed|mt[12]|[12]mt|mth?[12]|[12]mth|[12]mh|mh[12]|met[12]|fmh|d1m",
    "small_toe": r"to5|toelat|smalltoe|toe5|mt5h?|5mt|mth5|5mth|5mh|mh5|met5|vmh",
    "acromion": r"acr|acromi(on|um)|sho|shoulder|ac",
    "elbow_lateral": r"elb|elbow|lel|lelb|hle|elbowlat",
    "elbow_medial": r"mel|melbow|hme|melb|elbowmed",
    "wrist_radial": r"wra|faradius|wristrad|rst|wrist|wristlat|rad",
    "wrist_ulnar": r"wrb|faulna|wristuln|ust|wristmed|uln",
}
# Places over bone: their markers follow the skeleton best.
BONY = frozenset(_PLACES) - {"hip_centre", "knee_centre", "ankle_centre"}


def marker_places(names: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the marker at each place that the names tell.

    Args:
        names: of the markers.

    Returns:
        (place, side) -> marker, side "r" or "l"; also ("c7", ""), ("sternum", "") and ("sacrum", "").
    """
    found: dict[tuple[str, str], str] = {}
    for name in names:
        compact = re.sub(r"[^a-z0-9]", "", name.lower())
        if compact in ("c7", "cer7", "cv7"):
            found.setdefault(("c7", ""), name)
        if compact in ("clav", "sternum", "strn", "sjn", "inci", "ij"):
            found.setdefault(("sternum", ""), name)
        if compact in ("sacr", "sacrum", "sacral", "vsacral", "sac", "s2"):
            found.setdefault(("sacrum", ""), name)
        for side, bare in _without_side(name):
            place = next((place for place, pattern in _PLACES.items() if re.fullmatch(pattern, bare)), None)
            if place is not None:
                found.setdefault((place, side), name)
                break
    return found


def _without_side(name: str) -> Iterable[tuple[str, str]]:
    """Yield (side, compacted rest) for each place where a side may be written."""
    compact = re.sub(r"[^a-z0-9]", "", name.lower())
    for word, side in (("right", "r"), ("left", "l")):
        if compact.startswith(word):
            yield side, compact.removeprefix(word)
        if compact.endswith(word):
            yield side, compact.removesuffix(word)
    if compact[:1] in ("r", "l"):
        yield compact[0], compact[1:]
    if re.search(r"[_.\- ][rlRL]$", name):
        yield compact[-1], compact[:-1]
