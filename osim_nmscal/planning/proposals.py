"""Which sweeps of a dynamometer a model's calibrated joints could be turned through.

Each joint goes through its range with its neighbours straight, and again with them bent, as in the chairs of dynamometers; neighbours
are the coordinates that share a muscle with it. Postures need no OpenSim; what is done in them is in `candidates`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from osim_nmscal.data.model import Coordinate
from osim_nmscal.planning.ranges import Usable, usable
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
from osim_nmscal.trials.sweeps import SHORTEST_SWEEP, DynamometerRun, MeasuredPostures, runs_of

# Postures of a sweep are this far apart; between them its run is interpolated, rad. Source: choice.
_STEP = np.radians(2.0)
# What a sweep is, before anybody has recorded it: relaxed, without a file.
_RELAXED = DynamometerSettings.model_construct(name="planned", kind="passive", start=None, end=None)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One joint turned through its range, the others held."""

    name: str
    joint: Usable
    held: Mapping[str, float]  # neighbours, rad
    run: DynamometerRun  # from low to high, on the clock of trials; its moments are not known: zero

    @property
    def posture(self) -> str:
        """Say how the neighbours are held, "" where there are none."""
        return ", ".join(f"{name} at {round(float(np.degrees(angle)))}°" for name, angle in self.held.items())


def proposed_sweeps(
    coordinates: Sequence[Coordinate], dofs: Sequence[str], crossing: Mapping[str, frozenset[str]], time_step: float
) -> tuple[Sweep, ...]:
    """Return the sweeps of every calibrated joint that a dynamometer can turn.

    Args:
        coordinates: of the model.
        dofs: those that are calibrated.
        crossing: coordinate -> muscles that cross its joint; empty where that is not known: then the dofs are neighbours of each other.
        time_step: of trials, s.
    """
    known = {one.name: found for one in coordinates if (found := usable(one)) is not None}
    turned = [known[dof] for dof in dofs if dof in known and known[dof].high - known[dof].low > 2.0 * SHORTEST_SWEEP]
    neighbours = {joint.name: _neighbours(joint.name, known, dofs, crossing) for joint in turned}
    moved = tuple(name for name in known if name in dofs or any(name in others for others in neighbours.values()))
    default = {one.name: one.default_value for one in coordinates}
    sweeps = []
    for joint in turned:
        poses = [{name: known[name].postures[end] for name in neighbours[joint.name]} for end in (0, -1)]
        for i, held in enumerate(poses if poses[0] != poses[1] else poses[:1]):
            name = f"{joint.name}_{i + 1}"
            said = {one: angle for one, angle in held.items() if len(known[one].postures) > 1}
            sweeps.append(Sweep(name=name, joint=joint, held=said, run=_run(name, joint, default | held, moved, time_step)))
    return tuple(sweeps)


def _neighbours(name: str, known: Mapping[str, Usable], dofs: Sequence[str], crossing: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    own = crossing.get(name)
    if own is None:
        return tuple(other for other in known if other != name and other in dofs)
    return tuple(other for other in known if other != name and own & crossing.get(other, frozenset()))


def _run(name: str, joint: Usable, pose: Mapping[str, float], moved: tuple[str, ...], time_step: float) -> DynamometerRun:
    count = int(np.ceil((joint.high - joint.low) / _STEP)) + 1
    values = np.tile([pose[one] for one in moved], (count, 1))
    values[:, moved.index(joint.name)] = np.linspace(joint.low, joint.high, count)
    rows = MeasuredPostures(
        coordinates=moved, values=values, measured=(joint.name,), moments=np.zeros((count, 1)), time=None, source="a plan"
    )
    return runs_of(name, rows, _RELAXED, time_step)[0]
