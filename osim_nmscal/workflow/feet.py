"""Where the bodies under external forces are, and their twins of the other side, by the markers that the model has on them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories, TimeSeries
from osim_nmscal.workflow.recording_files import recorded_markers
from osim_nmscal.workflow.setup_needs import marker_bodies

if TYPE_CHECKING:
    from osim_nmscal.config import RecordingSettings, WorkflowConfig


def feet_of(config: "WorkflowConfig", recording: "RecordingSettings", named: Iterable[str]) -> dict[str, TimeSeries]:
    """Return where some bodies of a recording are; see `feet_by_markers`. Nothing where there are no markers."""
    markers = recorded_markers(recording)
    return {} if markers is None else feet_by_markers(markers, marker_bodies(config.model.file, config.scaling.setup), named)


def feet_by_markers(markers: MarkerTrajectories, bodies: Mapping[str, str], named: Iterable[str]) -> dict[str, TimeSeries]:
    """Return where some bodies are.

    Args:
        markers: of a recording.
        bodies: marker -> body of the model.
        named: bodies; their twins of the other side come with them.

    Returns:
        Body -> mean place of its markers (columns x, y, z, m) and height of the lowest (column lowest, m) over time; those without
        markers are left out.
    """
    feet = {}
    for body in {name for one in named for name in (one, _other_side(one))}:
        columns = [i for i, name in enumerate(markers.markers) if bodies.get(name) == body]
        on_body = markers.positions[:, columns]
        seen = np.any(np.all(np.isfinite(on_body), axis=2), axis=1)
        if np.count_nonzero(seen) > 2:
            place, lowest = np.nanmean(on_body[seen], axis=1), np.nanmin(on_body[seen, :, 1], axis=1)
            values = np.column_stack([place, lowest])
            feet[body] = TimeSeries(time=markers.time[seen], labels=("x", "y", "z", "lowest"), values=values, source=markers.source)
    return feet


def _other_side(body: str) -> str:
    return f"{body[:-2]}{'_l' if body.endswith('_r') else '_r'}" if body.endswith(("_r", "_l")) else body
