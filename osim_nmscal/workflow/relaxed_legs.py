"""The calibrated leg, relaxed, beside the mean person's: worked out once for a calibration, as muscles at rest need torch."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.findings import Finding, note
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.passive_joint_moment import PassiveJointMoment
from osim_nmscal.data.trials import Trial
from osim_nmscal.errors import FiberDynamicsError
from osim_nmscal.initialization.mean_person import SOURCE, LegCoordinates, legs_of, mean_person
from osim_nmscal.initialization.relaxed_leg import RelaxedLeg, relaxed_leg, relaxed_leg_findings
from osim_nmscal.opensim_tools.muscle_analysis import LENGTH_FILE, read_muscle_analysis
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.names import RELAXED_LEG, SCALED_MODEL
from osim_nmscal.workflow.starting_request import ligaments_of_leg
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class LegsToCompare:
    """Whose relaxed legs are compared."""

    legs: dict[str, LegCoordinates]  # by side
    start: MuscleTable  # all muscles of the model
    calibrated: MuscleTable
    start_ligaments: dict[str, PassiveJointMoment | None]  # by side
    ligaments: PassiveJointMoment | None  # beside which muscles were calibrated


def findings_of_legs(
    flow: "Flow", start: MuscleTable, calibrated: MuscleTable, ligaments: PassiveJointMoment | None = None
) -> Iterator[Finding]:
    """Say where the calibrated leg, relaxed, went away from the mean person's.

    Args:
        flow: of a run that has passed the initialization, whose geometry is used.
        start: muscles that the calibration started from; those that it lacks are as it would have started with them.
        calibrated: the personalized ones.
        ligaments: beside which they were calibrated, if there are any.

    Raises:
        FileFormatError: the geometry is damaged.
    """
    model, config = flow.place.path(SCALED_MODEL), flow.config
    dofs = config.muscle_analysis.dofs
    legs = {side: leg for side, leg in legs_of(read_coordinates(model)).items() if set(leg.names) & set(dofs)}
    if not legs:
        return
    stated = read_muscles(model, config.model.substitute_muscle_class) if flow.starting_values is None else flow.starting_values.muscles
    task = Task(
        stage="evaluation",
        recording="relaxed_leg",
        settings=LegsToCompare(
            legs=legs,
            start=_over(stated, start),
            calibrated=_over(stated, calibrated),
            start_ligaments={side: ligaments_of_leg(leg, dofs, config.calibration.ligaments.moments) for side, leg in legs.items()},
            ligaments=ligaments,
        ),
        inputs={side: flow.place.path(f"{RELAXED_LEG.format(side=side)}/{LENGTH_FILE}").parent for side in legs},
        outputs=(),
        work=work,
    )
    summary = flow.runner.run(task).summary
    if "impossible" in summary:
        yield note(f"The calibrated leg cannot be compared with the mean person's relaxed leg: {summary['impossible']}")
        return
    for side, leg in legs.items():
        before, after = (_read(leg, summary["rms"][side][name]) for name in ("start", "calibrated"))
        yield from relaxed_leg_findings(before, after, [dof for dof in dofs if dof not in passively_measured(flow.dynamometer)], SOURCE)


def passively_measured(trials: Iterable[Trial]) -> frozenset[str]:
    """Return the joints about which the person's own passive moments calibrate: there the mean person's are no measure."""
    own = (trial for trial in trials if trial.kind == "passive" and trial.role == "calibration")
    return frozenset(dof for trial in own for dof, measured in zip(trial.dofs, trial.is_measured, strict=True) if measured)


def work(inputs: Inputs, task: LegsToCompare, out: Path) -> Summary:
    """Return the distances, N·m, by side, table and coordinate; None where the reference tells nothing."""
    found: dict[str, Mapping[str, list[float | None]]] = {}
    try:
        for side, leg in task.legs.items():
            geometry, reference = read_muscle_analysis(inputs.file(side), leg.names), mean_person(leg)
            tables = {"start": (task.start, task.start_ligaments[side]), "calibrated": (task.calibrated, task.ligaments)}
            distances = {name: relaxed_leg(table, geometry, reference, helping).rms for name, (table, helping) in tables.items()}
            found[side] = {name: [None if np.isnan(one) else float(one) for one in rms] for name, rms in distances.items()}
    except FiberDynamicsError as error:
        return {"impossible": str(error)}
    return {"rms": found}


def _read(leg: LegCoordinates, rms: list[float | None]) -> RelaxedLeg:
    distances = np.array([np.nan if one is None else one for one in rms])
    return RelaxedLeg(coordinates=leg.names, moment=np.empty(0), rms=distances)


def _over(stated: MuscleTable, table: MuscleTable) -> MuscleTable:
    own = set(table.names)
    return MuscleTable(muscles=tuple(table.muscles[table.index(one.name)] if one.name in own else one for one in stated.muscles))
