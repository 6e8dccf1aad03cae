"""Muscles and signals that several tests of the physics share."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from osim_nmscal.data.muscles import (
    DeGrooteFregly2016Properties,
    Millard2012Properties,
    Muscle,
    MuscleProperties,
    MuscleTable,
    Thelen2003Properties,
)
from osim_nmscal.nms.contraction import TendonAndFiber
from osim_nmscal.nms.fiber_dynamics import FiberSolution, solve_trajectory
from osim_nmscal.nms.muscle_models import MuscleMechanics, muscle_mechanics
from osim_nmscal.nms.parameters import tendon_and_fiber

REFERENCE = Path(__file__).parent.parent / "reference"
# As in tests/reference/make_opensim_reference.py, from Rajagopal2016.osim.
RAJAGOPAL = Millard2012Properties(
    min_norm_active_fiber_length=0.25,
    transition_norm_fiber_length=0.77,
    max_norm_active_fiber_length=1.9,
    shallow_ascending_slope=0.75,
    minimum_value=0.0,
)
EVERY_CLASS: tuple[MuscleProperties, ...] = (
    Millard2012Properties(),
    Millard2012Properties(fiber_damping=0.0),
    RAJAGOPAL,
    DeGrooteFregly2016Properties(),
    Thelen2003Properties(),
)


@dataclass(frozen=True)
class Case:
    """Columns ready to be solved: signals (time, column), parameters (column,)."""

    activation: Tensor
    mtu_length: Tensor
    parameters: TendonAndFiber
    muscle: MuscleMechanics
    time_step: float

    def solve(self, start: FiberSolution | None = None) -> FiberSolution:
        strain = None if start is None else start.at.tendon_strain
        return solve_trajectory(self.activation, self.mtu_length, self.parameters, self.muscle, self.time_step, strain)


def make_case(muscles: tuple[Muscle, ...], activation: Tensor, mtu_length: Tensor, time_step: float) -> Case:
    """One column per muscle."""
    return Case(
        activation, mtu_length, tendon_and_fiber(MuscleTable(muscles=muscles)), muscle_mechanics(MuscleTable(muscles=muscles)), time_step
    )


def leg_case(properties: MuscleProperties, *, columns: int = 6, steps: int = 80, time_step: float = 0.01, seed: int = 0) -> Case:
    """Muscles between vastus and soleus that move and contract as in walking, 0.8 s."""
    random = np.random.default_rng(seed)
    muscles = []
    for i in range(columns):
        fiber = float(random.uniform(0.05, 0.12))
        muscles.append(
            Muscle(
                name=f"muscle_{i}",
                max_isometric_force=float(random.uniform(500.0, 3000.0)),
                optimal_fiber_length=fiber,
                tendon_slack_length=fiber * float(random.uniform(0.8, 4.0)),
                pennation_angle_at_optimal=float(random.uniform(0.0, 0.4)),
                properties=properties,
            )
        )
    seconds = np.arange(steps)[:, None] * time_step
    fiber, slack, pennation = (
        MuscleTable(muscles=tuple(muscles)).values(name)
        for name in ("optimal_fiber_length", "tendon_slack_length", "pennation_angle_at_optimal")
    )
    stretch = 0.97 + 0.1 * np.sin(2.0 * math.pi * (seconds + random.uniform(size=columns)))
    activation = 0.4 + 0.35 * np.sin(2.0 * math.pi * (1.3 * seconds + random.uniform(size=columns)))
    mtu_length = 1.015 * slack + fiber * stretch * np.cos(pennation)
    return make_case(tuple(muscles), torch.from_numpy(activation), torch.from_numpy(mtu_length), time_step)


def simulations() -> dict[str, dict[str, Tensor]]:
    """tests/reference/opensim_simulations.csv as columns per simulation."""
    with (REFERENCE / "opensim_simulations.csv").open(encoding="utf-8") as file:
        file.readline()
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name != "simulation"]
    kinds = dict.fromkeys(row["simulation"] for row in rows)
    return {
        kind: {name: torch.tensor([float(row[name]) for row in rows if row["simulation"] == kind], dtype=torch.float64) for name in names}
        for kind in kinds
    }


def simulated_muscle(kind: str) -> Muscle:
    """The muscle of one of our own reference simulations, parameters as in make_opensim_reference.py."""
    properties: dict[str, MuscleProperties] = {
        "millard_elastic": Millard2012Properties(),
        "millard_rajagopal": RAJAGOPAL,
        "millard_lightly_damped": Millard2012Properties(fiber_damping=0.01),
        "millard_undamped": Millard2012Properties(fiber_damping=0.0),
        "millard_rigid": Millard2012Properties(),
        "degroote_elastic": DeGrooteFregly2016Properties(),
        "thelen_elastic": Thelen2003Properties(),
    }
    rajagopal = kind == "millard_rajagopal"
    return Muscle(
        name=kind,
        max_isometric_force=2000.0,
        optimal_fiber_length=0.055,
        tendon_slack_length=0.1 if rajagopal else 0.25,
        pennation_angle_at_optimal=0.1 if rajagopal else 0.3,
        ignore_tendon_compliance=kind == "millard_rigid",
        properties=properties[kind],
    )


def shared_muscle(path: Path) -> Muscle:
    """The muscle beside a table of the larger OpenSim reference set, from its JSON."""
    stated = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    kind = path.name.split("_")[1]
    properties: MuscleProperties = {
        "millard": Millard2012Properties(fiber_damping=stated["fiber_damping"]),
        "degroote": DeGrooteFregly2016Properties(fiber_damping=stated["fiber_damping"]),
        "thelen": Thelen2003Properties(),
    }[kind]
    return Muscle(
        name=path.stem,
        max_isometric_force=stated["max_isometric_force"],
        optimal_fiber_length=stated["optimal_fiber_length"],
        tendon_slack_length=stated["tendon_slack_length"],
        pennation_angle_at_optimal=stated["pennation_angle_at_optimal"],
        max_contraction_velocity=stated["max_contraction_velocity"],
        ignore_tendon_compliance=bool(stated.get("rigid_tendon", False)),
        properties=properties,
    )


def shared_table(path: Path) -> dict[str, Tensor]:
    """A table of the larger OpenSim reference set as columns."""
    table = np.genfromtxt(path, delimiter=",", names=True)
    assert table.dtype.names is not None
    return {name: torch.from_numpy(np.ascontiguousarray(table[name])) for name in table.dtype.names}
