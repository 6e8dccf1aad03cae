"""Forces and moments: which plate is which foot, what nobody named, contacts unlike the others, moments no person has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import TimeSeries

FloatArray = NDArray[np.float64]

# A plate carries somebody above this vertical force, N; below, its centre of pressure means nothing. Source: common practice.
LOADED = 50.0
# A centre of pressure lies under the foot it belongs to: in two thirds of the frames no further than this from the middle of its
# markers, m. Source:
# choice: a foot is 0.3 m long; the median is 0.05 to 0.10 m in three recordings.
UNDER_FOOT = 0.25
MOSTLY = 67
# Share of the loaded frames in which the centre of pressure must lie nearer to another foot for the plates to be swapped.
NEARER_SHARE = 0.5
# Largest joint moments per body mass, N·m/kg, flexion and extension of hip, knee and ankle. Source: sprinting and jumping reach 4 to 6
# (Schache et al. 2011, Med. Sci. Sports Exerc. 43:1260); swapped plates gave 11.
HUMAN_MOMENT, IMPOSSIBLE_MOMENT = 6.0, 9.0
# Mean vertical force over the weight that is said. Source: both feet on plates give 0.99 to 1.01.
WEIGHT_TOLERANCE = 0.1
# A contact differs from the median of its recording by more than this share of peak force, or this far sideways, m: a rule to leave it out
# by.
ODD_PEAK = 0.3
ODD_PLACE = 0.15
FEWEST_CONTACTS = 4


@dataclass(frozen=True, kw_only=True)
class AppliedForce:
    """One external force as the model gets it."""

    name: str  # of the ExternalForce, or the plate
    body: str  # it acts on
    time: FloatArray  # (time,), s
    force: FloatArray  # (time, 3), N, in ground, y up
    point: FloatArray  # (time, 3), m, in ground


@dataclass(frozen=True, kw_only=True)
class Contact:
    """One time that a foot was on the ground."""

    name: str
    start: float  # s
    end: float  # s
    peak: float  # N
    centre: tuple[float, float]  # m, mean centre of pressure along x and z, nan where it is not known
    odd: str = ""  # why it is unlike the others, if it is

    def __str__(self) -> str:
        place = f" at {self.centre[0]:.2f}, {self.centre[1]:.2f} m" if np.isfinite(self.centre).all() else ""
        name = self.name.rpartition("/")[2]
        lasts = f"{self.start:.2f}-{self.end:.2f} s ({self.end - self.start:.2f} s)"
        return f"{name} {lasts}, {self.peak:.0f} N{place}{', odd' if self.odd else ''}"


def feet_under_forces(forces: Sequence[AppliedForce], feet: Mapping[str, TimeSeries]) -> tuple[Finding, ...]:
    """Judge whether each force acts where its foot is.

    Args:
        forces: of one recording.
        feet: body -> its origin over time in ground (columns x, y, z, m), e.g. calcn_r and calcn_l.
    """
    findings = []
    for force in forces:
        loaded = force.force[:, 1] > LOADED
        if not loaded.any() or force.body not in feet:
            continue
        own, others = _distance(force, feet[force.body], loaded), {}
        for body, origin in feet.items():
            if body != force.body:
                others[body] = _distance(force, origin, loaded)
        nearer = {body: float((distance < own).mean()) for body, distance in others.items()}
        rival = max(nearer, key=lambda body: nearer[body], default="")
        if rival and nearer[rival] > NEARER_SHARE and np.percentile(own, MOSTLY) > UNDER_FOOT:
            text = (
                f"{force.name} acts on {force.body}, but its centre of pressure is {np.median(own):.2f} m away from it and "
                f"{np.median(others[rival]):.2f} m from {rival}: the plates are swapped; let it act on {rival!r}."
            )
        elif np.percentile(own, MOSTLY) > UNDER_FOOT:
            text = (
                f"{force.name} acts on {force.body}, but its centre of pressure is {np.median(own):.2f} m away from it (a foot is 0.3 m "
                f"long): "
                "check axes, unit and origin of the forces against the markers."
            )
        else:
            continue
        findings.append(Finding(severity="stop", kind="plate_on_wrong_foot", about=force.name, text=text))
    return tuple(findings)


def other_foot(force: AppliedForce, feet: Mapping[str, TimeSeries], start: float, end: float) -> str:
    """Say that another foot stands on a plate during one contact; nothing if it does not.

    Args:
        force: what acts on a body.
        feet: body -> where it is over time (columns x, y, z, m), those of both sides.
        start: of the contact, s.
        end: s.
    """
    loaded = (force.time >= start) & (force.time <= end) & (force.force[:, 1] > LOADED)
    if force.body not in feet or not loaded.any():
        return ""
    own = _distance(force, feet[force.body], loaded)
    for body in (body for body in feet if body != force.body):
        other = _distance(force, feet[body], loaded)
        if float((other < own).mean()) > NEARER_SHARE and np.median(own) > UNDER_FOOT:
            there = f"{body} stands on it, {np.median(other):.2f} m from its centre of pressure"
            return f"{there}, and {force.body} is {np.median(own):.2f} m away"
    return ""


def per_body(forces: Sequence[AppliedForce]) -> tuple[AppliedForce, ...]:
    """Join the forces that act on one body, as where a foot is on several plates.

    Args:
        forces: of one file, on one clock.

    Returns:
        One for each body: the sum, at the centre of pressure of both.
    """
    joined = []
    for body in dict.fromkeys(force.body for force in forces):
        mine = [force for force in forces if force.body == body]
        up = np.array([np.maximum(force.force[:, 1], 0.0) for force in mine])
        share = up / np.maximum(up.sum(axis=0), 1e-300)
        point = np.sum([part[:, None] * force.point for part, force in zip(share, mine, strict=True)], axis=0)
        total = np.sum([force.force for force in mine], axis=0)
        names = " + ".join(force.name for force in mine)
        joined.append(mine[0] if len(mine) == 1 else AppliedForce(name=names, body=body, time=mine[0].time, force=total, point=point))
    return tuple(joined)


def _distance(force: AppliedForce, origin: TimeSeries, loaded: NDArray[np.bool_]) -> FloatArray:
    """Return the horizontal distance of the centre of pressure from a body's origin in the loaded frames, m."""
    time = force.time[loaded]
    here = np.stack([np.interp(time, origin.time, origin.column(axis)) for axis in "xz"], axis=1)
    return np.linalg.norm(force.point[loaded][:, [0, 2]] - here, axis=1)


def far_forces(places: Iterable[Mapping[str, Any]], source: str) -> tuple[Finding, ...]:
    """Judge where forces act in the pose that inverse dynamics sees, also where joint angles came without markers.

    Args:
        places: name, body, and the horizontal distance `mostly` (m) that is not exceeded in two thirds of the loaded poses.
        source: recording, for the text.
    """
    findings = []
    for place in places:
        if place["mostly"] > UNDER_FOOT:
            text = (
                f"{place['name']} of {source} acts on {place['body']}, but its centre of pressure is {place['mostly']:.2f} m and more away "
                "from that body in a third of the time, in the pose of the joint angles (sound: 0.1 m): an angle has the other sign or "
                "unit, plates are swapped, or angles and forces have other axes, origins or clocks."
            )
            findings.append(Finding(severity="stop", kind="plate_on_wrong_foot", about=str(place["name"]), text=text))
    return tuple(findings)


def unnamed_plates(loads: Mapping[str, float], named: Sequence[str], source: str) -> tuple[Finding, ...]:
    """Find plates that carried somebody and act on nothing.

    Args:
        loads: plate -> its largest vertical force in the used time, N.
        named: plates that act on a body.
        source: file, for the text.
    """
    return tuple(
        Finding(
            severity="doubt",
            kind="plate_unnamed",
            about=plate,
            text=f"{source}: {plate} carries up to {peak:.0f} N but acts on no body; name it in force_plates or external_loads, or its "
            "step lacks its force.",
        )
        for plate, peak in loads.items()
        if plate not in named and peak > 4 * LOADED
    )


def joint_moments(moments: TimeSeries, dofs: Sequence[str], mass: float) -> tuple[Finding, ...]:
    """Judge joint moments by what people can do.

    Args:
        moments: columns named by degree of freedom, N·m.
        dofs: rotations to judge.
        mass: of the body, kg.
    """
    findings = []
    for dof in dofs:
        values = moments.column(dof) / mass
        worst = int(np.abs(values).argmax())
        if abs(values[worst]) > HUMAN_MOMENT:
            stop = abs(values[worst]) > IMPOSSIBLE_MOMENT
            text = (
                f"{moments.source}: the moment about {dof} reaches {values[worst]:.1f} N·m/kg at {moments.time[worst]:.2f} s; people reach "
                f"{HUMAN_MOMENT:g}. Check which force acts on which foot, its point of application, units, mass and clocks."
            )
            findings.append(Finding(severity="stop" if stop else "doubt", kind="moment_beyond_human", about=dof, text=text))
    return tuple(findings)


def weight_carried(share: float, source: str) -> tuple[Finding, ...]:
    """Judge the mean vertical force as a share of the weight; 0 where no force acts, which is not judged."""
    if share == 0.0 or abs(share - 1.0) <= WEIGHT_TOLERANCE:
        return ()
    text = (
        f"{source}: the mean vertical force is {share:.2f} of the weight: check the mass, which plate is which foot, or use only the time "
        f"when "
        "every foot is on a plate."
    )
    return (Finding(severity="doubt", kind="weight_not_carried", about=source, text=text),)


def judged(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    """Mark the contacts that are unlike the others, by a stated rule: peak force or place.

    A foot that hits the other foot's plate differs in place across the direction of walking; a partial hit in its peak.

    Args:
        contacts: of one foot in one recording.
    """
    alike = [i for i, contact in enumerate(contacts) if not contact.odd]
    if len(alike) < FEWEST_CONTACTS:
        return tuple(contacts)
    peak = float(np.median([contacts[i].peak for i in alike]))
    centres = np.array([contact.centre for contact in contacts])
    usual = np.nanmedian(centres[alike], axis=0) if np.isfinite(centres[alike]).any() else np.full(2, np.nan)
    spread = np.nanmedian(np.abs(centres[alike] - usual), axis=0) if np.isfinite(usual).all() else np.full(2, np.nan)
    allowed = np.maximum(ODD_PLACE, 6 * spread)  # along the way of walking contacts spread, across they do not
    marked = []
    for contact, centre in zip(contacts, centres, strict=True):
        odd = ""
        if abs(contact.peak - peak) > ODD_PEAK * peak:
            odd = f"its peak of {contact.peak:.0f} N is not near the usual {peak:.0f} N"
        elif np.isfinite(spread).all() and (np.abs(centre - usual) > allowed).any():
            odd = f"its centre of pressure lies {np.abs(centre - usual).max():.2f} m from that of the others"
        marked.append(replace(contact, odd=contact.odd or odd))
    return tuple(marked)


def odd_contacts(contacts: Sequence[Contact]) -> tuple[Finding, ...]:
    """Turn marked contacts into findings."""
    return tuple(
        Finding(
            severity="doubt",
            kind="odd_contact",
            about=contact.name,
            text=f"{contact.name} ({contact.start:.2f} to {contact.end:.2f} s): {contact.odd}"
            f"{'' if 'stands on it' in contact.odd else '; perhaps the other foot, or a step that missed the plate'}; it was left out.",
        )
        for contact in contacts
        if contact.odd
    )
