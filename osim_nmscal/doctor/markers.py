"""Markers: do those of one bone keep their distances, as in the static trial, in the unit and the handedness of the model.

None of this needs inverse kinematics: a bone is rigid, so the distances of its markers hardly change, whatever the person does.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.errors import listed

FloatArray = NDArray[np.float64]

# How far a distance on one bone may be from its median, m, and in which share of the frames. Source: choice: skin moves over bone by up
# to 4 cm (Leardini et al. 2005, Gait Posture 21:212), two markers by twice that at worst.
SKIN = 0.06
MOVED_SHARE = 0.01
# How far the median of a distance may be from that of the static trial, m, and as a share. Source: as above, without the peaks.
APART = 0.05
APART_SHARE = 0.25
# Distances between markers of one body, person over model, beyond which a unit is wrong. Source: choice: a child of two years has
# half of an adult's lengths; cm for mm is a tenth.
UNIT_RANGE = (0.35, 2.5)
FEWEST_PAIRS = 3
# Factors of measured pairs beyond which a marker of the static trial sits elsewhere, with the others of that person at 1.
PAIR_RANGE = (0.6, 1.67)
# The mirror image fits this much better than the markers themselves.
MIRRORED = 2.0
# Shares of the frames in which a marker must be seen; below the first it is as good as missing. Source: choice.
SEEN_SHARE, SEEN_USUALLY = 0.5, 0.9
# A bone is held by so many markers; fewer for longer than this, s, is said. Source: geometry; the default of longest_gap.
ENOUGH = 3
LOOSE = 0.1


def moving_markers(markers: MarkerTrajectories, bodies: Mapping[str, str]) -> tuple[Finding, ...]:
    """Find markers that leave the others of their bone for a while: swapped, jumping, or another reflection.

    Args:
        markers: of a recording.
        bodies: marker -> body.
    """
    blamed: Counter[str] = Counter()
    when: dict[str, float] = {}
    for (i, j), distance in _distances(markers, bodies):
        usual = np.nanmedian(distance)
        off = np.abs(distance - usual) > SKIN
        if off.mean() > MOVED_SHARE:
            for marker in (markers.markers[i], markers.markers[j]):
                blamed[marker] += 1
                when[marker] = float(markers.time[int(off.argmax())])
    if not blamed:
        return ()
    worst = [name for name, count in blamed.most_common() if count == blamed.most_common(1)[0][1]]
    text = (
        f"Markers of {_file(markers.source)} move on their bones by more than {100 * SKIN:g} cm: {listed(worst, 4)}, first at "
        f"{when[worst[0]]:.2f} s. They are swapped, jump to another reflection or stand still there; correct their labels, or cut that "
        f"part "
        "with start and end."
    )
    return (Finding(severity="doubt", kind="marker_moves", about=worst[0], text=text),)


def against_static(markers: MarkerTrajectories, static: MarkerTrajectories, bodies: Mapping[str, str]) -> tuple[Finding, ...]:
    """Find markers that sit elsewhere on their bone than in the static trial: swapped labels in one of the two, or another unit.

    Args:
        markers: of a recording.
        static: of the static trial, same person, same markers.
        bodies: marker -> body.
    """
    blamed: Counter[str] = Counter()
    then = {_pair(static, i, j): float(np.nanmedian(distance)) for (i, j), distance in _distances(static, bodies)}
    ratios = []
    for (i, j), distance in _distances(markers, bodies):
        before = then.get(_pair(markers, i, j), 0.0)
        if before > 0:
            now = float(np.nanmedian(distance))
            ratios.append(now / before)
            if abs(now - before) > max(APART, APART_SHARE * before):
                blamed.update((markers.markers[i], markers.markers[j]))
    if ratios and not 1 / 1.5 < float(np.median(ratios)) < 1.5:
        text = (
            f"{_file(markers.source)} is {np.median(ratios):.3g} times as large as the static trial {_file(static.source)}: one of them "
            "is in another unit, or of another person; correct the unit (mm or m) in its header."
        )
        return (Finding(severity="stop", kind="marker_unit", about=_file(markers.source), text=text),)
    if not blamed:
        return ()
    worst = [name for name, count in blamed.most_common() if count == blamed.most_common(1)[0][1]]
    text = (
        f"Markers sit elsewhere in {_file(markers.source)} than in the static trial {_file(static.source)}, by more than "
        f"{100 * APART:g} cm on their bone: {listed(worst, 4)}. Their labels are swapped in one of the two files, or they were replaced: "
        "correct the labels, or record a static trial anew."
    )
    return (Finding(severity="stop", kind="marker_swapped", about=worst[0], text=text),)


def against_model(markers: MarkerTrajectories, locations: Mapping[str, FloatArray], bodies: Mapping[str, str]) -> tuple[Finding, ...]:
    """Judge the unit of a recording by the size of the model.

    Args:
        markers: of a recording or the static trial.
        locations: marker -> place on its body in the model, m.
        bodies: marker -> body.
    """
    ratios = []
    for (i, j), distance in _distances(markers, bodies):
        names = markers.markers[i], markers.markers[j]
        if all(name in locations for name in names):
            expected = float(np.linalg.norm(locations[names[0]] - locations[names[1]]))
            if expected > APART:
                ratios.append(float(np.nanmedian(distance)) / expected)
    low, high = UNIT_RANGE
    if len(ratios) < FEWEST_PAIRS or low < float(np.median(ratios)) < high:
        return ()
    text = (
        f"The markers of {_file(markers.source)} lie {np.median(ratios):.3g} times as far apart as those of the model: they are in another "
        "unit than its header says, or the model is of another creature; correct the unit (mm or m)."
    )
    return (Finding(severity="stop", kind="marker_unit", about=_file(markers.source), text=text),)


def mirrored(markers: MarkerTrajectories, locations: Mapping[str, FloatArray], bodies: Mapping[str, str]) -> tuple[Finding, ...]:
    """Judge the handedness of a recording: seen from above, the pelvis or another wide body fits the model's, or its mirror image.

    Args:
        markers: of a recording or the static trial, y up.
        locations: marker -> place on its body in the model, m.
        bodies: marker -> body.
    """
    groups = defaultdict(list)
    for i, name in enumerate(markers.markers):
        if name in locations and name in bodies:
            groups[bodies[name]].append(i)
    widest, body = 0.0, ""
    for name, rows in groups.items():
        if len(rows) >= 4:
            model = np.array([locations[markers.markers[i]] for i in rows])[:, [0, 2]]
            spread = float(np.linalg.eigvalsh(np.cov(model, rowvar=False))[0])
            widest, body = max((widest, body), (spread, name))
    if not body or widest < 0.03**2:
        return ()
    rows = groups[body]
    model = np.array([locations[markers.markers[i]] for i in rows])
    model = model - model.mean(axis=0)
    seen = markers.positions[:, rows]
    seen = seen[np.isfinite(seen).all(axis=(1, 2))]
    if len(seen) == 0:
        return ()
    seen = seen - seen.mean(axis=1, keepdims=True)
    m, p = model[:, 0] + 1j * model[:, 2], seen[..., 0] + 1j * seen[..., 2]
    proper, image = np.median(np.abs(p @ m.conj())), np.median(np.abs(p @ m))
    if image < MIRRORED * proper:
        return ()
    text = (
        f"The markers on {body} of {_file(markers.source)} are a mirror image of the model's: the recording's axes are left-handed "
        "(one of them has the wrong sign; for a c3d see c3d_axes), or left and right markers are exchanged."
    )
    return (Finding(severity="stop", kind="mirrored", about=_file(markers.source), text=text),)


def rarely_seen(markers: MarkerTrajectories, needed: Collection[str]) -> tuple[Finding, ...]:
    """Find markers that are not seen in much of a recording.

    Args:
        markers: of the used part of a recording.
        needed: names of the markers that the model follows.
    """
    seen = np.isfinite(markers.positions).all(axis=2).mean(axis=0)
    rare = {name: share for name, share in zip(markers.markers, seen, strict=True) if name in needed and share < SEEN_USUALLY}
    if not rare:
        return ()
    shown = listed([f"{name} ({100 * share:.0f} %)" for name, share in sorted(rare.items(), key=lambda one: one[1])], 4)
    stop = min(rare.values()) < SEEN_SHARE
    remedy = "take their tasks out, or cut that part with start and end" if stop else "their bones follow the other markers meanwhile"
    text = f"Markers of {_file(markers.source)} are not seen in much of the recording: {shown} of the frames have them; {remedy}."
    return (Finding(severity="stop" if stop else "doubt", kind="marker_unseen", about=_file(markers.source), text=text),)


def loose_bones(markers: MarkerTrajectories, needed: Collection[str], bodies: Mapping[str, str]) -> tuple[Finding, ...]:
    """Find bones that three markers or more hold, but fewer for longer than a gap that is interpolated.

    Args:
        markers: of the used part of a recording.
        needed: names of the markers that the model follows.
        bodies: marker -> body.
    """
    findings = []
    seen = np.all(np.isfinite(markers.positions), axis=2)
    for body in dict.fromkeys(bodies.values()):
        columns = [i for i, name in enumerate(markers.markers) if name in needed and bodies.get(name) == body]
        loose = np.sum(seen[:, columns], axis=1) < ENOUGH
        if len(columns) < ENOUGH or not loose.any():
            continue
        edges = np.flatnonzero(np.diff(np.concatenate([[0], loose.astype(np.int8), [0]])))
        first, after = max(zip(edges[::2], edges[1::2], strict=True), key=lambda run: run[1] - run[0])
        start, end = float(markers.time[first]), float(markers.time[after - 1])
        if end - start > LOOSE:
            text = (
                f"From {start:.2f} to {end:.2f} s of {_file(markers.source)} fewer than {ENOUGH} markers of {body} are seen: its joints "
                f"may be "
                "off by many degrees there, and jump at both ends. Fill the gap, or cut that part with start and end."
            )
            findings.append(Finding(severity="doubt", kind="marker_unseen", about=body, text=text))
    return tuple(findings)


def measured_pairs(factors: Mapping[tuple[str, str], float], source: str) -> tuple[Finding, ...]:
    """Judge the pairs of markers that scale a model.

    Args:
        factors: pair -> distance in the static trial over that in the model.
        source: static trial, for the text.
    """
    if not factors:
        return ()
    low, high = PAIR_RANGE
    odd = [f"{a} to {b} ({factor:.2f})" for (a, b), factor in factors.items() if not low <= factor <= high]
    if not odd:
        return ()
    text = (
        f"Distances between markers of the static trial {_file(source)} are not those of a person, as a share of the generic model's: "
        f"{listed(odd, 4)} (people: {low:g} to {high:g}). Markers are swapped, in one place or misplaced there; correct the file, or the "
        "pair."
    )
    return (Finding(severity="stop", kind="marker_swapped", about=_file(source), text=text),)


def _distances(markers: MarkerTrajectories, bodies: Mapping[str, str]) -> Iterator[tuple[tuple[int, int], FloatArray]]:
    groups = defaultdict(list)
    for i, name in enumerate(markers.markers):
        if name in bodies:
            groups[bodies[name]].append(i)
    for rows in groups.values():
        for i, j in itertools.combinations(rows, 2):
            distance = np.linalg.norm(markers.positions[:, i] - markers.positions[:, j], axis=1)
            seen = np.isfinite(distance)
            if seen.any():
                yield (i, j), np.where(seen, distance, np.median(distance[seen]))


def _pair(markers: MarkerTrajectories, i: int, j: int) -> frozenset[str]:
    return frozenset((markers.markers[i], markers.markers[j]))


def _file(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2]
