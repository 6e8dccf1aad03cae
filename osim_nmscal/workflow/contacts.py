"""The stances of a recording as contacts: start, end, peak force and centre of pressure; those unlike the others are left out."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.doctor.forces import AppliedForce, Contact, judged, odd_contacts, other_foot, per_body
from osim_nmscal.errors import SegmentationError, listed
from osim_nmscal.trials.segmentation import Segment
from osim_nmscal.workflow.applied_forces import applied_forces
from osim_nmscal.workflow.feet import feet_of

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig

UNKNOWN = (float("nan"), float("nan"))


def contacts_of(
    config: "WorkflowConfig", recording: "RecordingSettings", segments: Sequence[Segment], forces: TimeSeries
) -> tuple[Contact, ...]:
    """Describe the stances of a recording, each marked if it is unlike the others.

    Args:
        config: the workflow.
        recording: whose stances these are.
        segments: stances.
        forces: that found them, N.
    """
    settings = recording.segmentation or config.trials.segmentation
    force = _found_by(applied_forces(recording, config), settings.vertical_force(forces), forces.time)
    feet = {} if force is None else feet_of(config, recording, [force.body])
    contacts = []
    for segment in segments:
        up = settings.vertical_force(forces.between(segment.start, segment.end))
        contacts.append(
            Contact(
                name=f"{recording.name}/{segment.name}",
                start=segment.start,
                end=segment.end,
                peak=float(up.max()),
                centre=UNKNOWN if force is None else _centre(force, segment),
                odd="" if force is None else other_foot(force, feet, segment.start, segment.end),
            )
        )
    return judged(contacts)


def usual_stances(
    config: "WorkflowConfig", recording: "RecordingSettings", segments: Sequence[Segment], forces: TimeSeries | None
) -> tuple[tuple[Segment, ...], tuple[Finding, ...]]:
    """Leave out the stances whose peak force or place is unlike the others, and say so; other segments stay as they are.

    Raises:
        SegmentationError: none is left.
    """
    settings = recording.segmentation or config.trials.segmentation
    if settings.method != "stance" or forces is None:
        return tuple(segments), ()
    contacts = contacts_of(config, recording, segments, forces)
    kept = tuple(segment for segment, contact in zip(segments, contacts, strict=True) if not contact.odd)
    if not kept:
        reasons = listed(dict.fromkeys(contact.odd for contact in contacts), 2)
        raise SegmentationError(f"None of the {len(contacts)} stances of recording {recording.name!r} is left: {reasons}.")
    return kept, odd_contacts(contacts)


def _found_by(forces: Sequence[AppliedForce], up: np.ndarray, time: np.ndarray) -> AppliedForce | None:
    """Return the external force, of one plate or of all under one body, whose vertical component found the stances; None if none did."""
    for force in (*forces, *per_body(forces)):
        shared = np.interp(force.time, time, up)
        if np.allclose(force.force[:, 1], shared, atol=1e-6 * max(1.0, float(np.abs(up).max()))):
            return force
    return None


def _centre(force: AppliedForce, segment: Segment) -> tuple[float, float]:
    """Return the mean centre of pressure of a force during a stance, m; nan if nothing is carried."""
    inside = (force.time >= segment.start) & (force.time <= segment.end)
    weight = np.maximum(force.force[inside, 1], 0.0)
    if weight.sum() <= 0:
        return UNKNOWN
    x, z = (float(np.average(force.point[inside, k], weights=weight)) for k in (0, 2))
    return x, z
