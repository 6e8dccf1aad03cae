"""Inverse kinematics of all frames at once against OpenSim's tool: time, distance from the exact minimum, cost.

Run: python workflows/benchmarks/inverse_kinematics.py [--cases running gait2354 gait2392 virtual_leg virtual_arm] [--frames 150]
     [--disturb] [--out results/benchmarks/inverse_kinematics.json]

CPU-seconds of one process, the least of three for the batched solution; OpenSim's tool runs once on the same frames at accuracies of 1e-5
and 1e-9. The cost is OpenSim's: the weighted mean of squared marker distances plus coordinate tasks. `--disturb` repeats each case with
a marker taken away in half of the frames, with two labels swapped, and with a limb's markers out of reach. gait2392 and the virtual
limbs have no recordings with markers: theirs are those of a smooth motion within the coordinates' ranges, with 5 mm of noise.
"""

import argparse
import importlib
import json
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from osim_nmscal.data.time_series import MarkerTrajectories
from osim_nmscal.formats.storage import in_radians, read_storage
from osim_nmscal.formats.trc import read_trc, write_trc
from osim_nmscal.kinematics.forward import marker_positions
from osim_nmscal.kinematics.inverse import solve_inverse_kinematics
from osim_nmscal.kinematics.tree import KinematicTree
from osim_nmscal.opensim_tools import inverse_kinematics_batched as batched
from osim_nmscal.opensim_tools.kinematic_tree import kinematic_tree
from osim_nmscal.opensim_tools.model_access import coordinates_of, open_model
from osim_nmscal.opensim_tools.run import in_worker
from osim_nmscal.opensim_tools.scale_setup import ScalingSettings
from osim_nmscal.opensim_tools.scaling import scale_model
from osim_nmscal.opensim_tools.setup_file import marker_tasks, read_setup

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
CASES = ("running", "gait2354", "gait2392", "virtual_leg", "virtual_arm")
DISTURBANCES = ("none", "gap", "swapped", "unreachable")
ACCURACIES = (1e-5, 1e-9)
NOISE = 0.005  # m


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case."""

    case: str
    disturbance: str
    frames: int
    coordinates: int
    markers: int
    ours: float  # ms/frame, CPU
    reading: float  # s, the tree
    judging: float  # s, OpenSim's frames
    doubt: str
    opensim: dict[str, float]  # ms/frame at each accuracy
    ratio: dict[str, float]
    angle: dict[str, float]  # largest difference, degrees
    worst_coordinate: dict[str, str]
    cost_above_ours: dict[str, float]  # least over frames of OpenSim's cost / ours - 1
    converged: bool


def model_and_setup(case: str, folder: Path) -> tuple[Path, str]:
    """Return a case's model and the text of its IK tasks; without recordings every marker has weight 1."""
    if case == "running":
        data = DATA / "rajagopal_run_walk"
        settings = ScalingSettings(setup=data / "Scale" / "scale_setup_run.xml", mass=72.84)
        scaled = scale_model(data / "generic_unscaled.osim", folder / "scaled.osim", settings=settings).model
        return scaled, (data / "IK" / "ik_setup_run.xml").read_text()
    if case == "gait2354":
        data = DATA / "gait2354_chain"
        return data / "OutputReference" / "subject01_simbody.osim", (data / "subject01_Setup_IK.xml").read_text()
    return (DATA / "treadmill_speeds" / "model" / "gait2392.osim" if case == "gait2392" else ROOT / "models" / f"{case}.osim"), ""


def recording(case: str) -> MarkerTrajectories | None:
    """Return the markers recorded, None where there are none."""
    if case == "running":
        return read_trc(DATA / "rajagopal_run_walk" / "ExpData" / "motion_capture_run.trc")
    return read_trc(DATA / "gait2354_chain" / "subject01_walk1.trc") if case == "gait2354" else None


def made(tree: KinematicTree, frames: int) -> MarkerTrajectories:
    """Return the markers of a smooth motion within the ranges."""
    moment = np.arange(frames) / 100.0
    lower, upper = np.maximum(tree.lower, tree.defaults - 0.6), np.minimum(tree.upper, tree.defaults + 0.6)
    phases = np.random.default_rng(1).uniform(0, 2 * np.pi, len(tree.coordinates))
    values = 0.5 * (lower + upper) + 0.35 * (upper - lower) * np.sin(2 * np.pi * moment[:, None] + phases)
    values[:, tree.locked] = tree.defaults[tree.locked]
    positions = marker_positions(tree, tree.markers, values)
    positions += NOISE * np.random.default_rng(2).normal(size=positions.shape)
    return MarkerTrajectories(time=moment, markers=tree.markers, positions=positions, source=tree.bodies[1])


def disturbed(seen: MarkerTrajectories, how: str) -> MarkerTrajectories:
    """Spoil the middle third of a recording."""
    positions = seen.positions.copy()
    rows = slice(len(positions) // 3, 2 * len(positions) // 3)
    if how == "gap":
        positions[rows, len(seen.markers) // 2] = np.nan
    if how == "swapped":
        a, b = len(seen.markers) // 3, 2 * len(seen.markers) // 3
        positions[rows, [a, b]] = positions[rows, [b, a]]
    if how == "unreachable":
        half = slice(2 * len(seen.markers) // 3, None)
        centre = positions[rows].mean(axis=1, keepdims=True)
        positions[rows, half] = centre + 1.4 * (positions[rows, half] - centre)
    return replace(seen, positions=positions)


def measure(case: str, model_file: Path, setup: str, frames: int, how: str) -> Row:
    """Runs in a worker, so that OpenSim's log stays out of sight."""
    import opensim

    folder = Path.cwd()
    model = open_model(model_file)
    state = model.initSystem()
    coordinates = coordinates_of(model)
    began = time.process_time()
    tree = kinematic_tree(model, coordinates)
    reading = time.process_time() - began
    whole = recording(case) or made(tree, frames)
    (folder / "setup.xml").write_text(setup or _tasks(tree.markers))
    wanted = marker_tasks(read_setup(folder / "setup.xml", "InverseKinematicsTool").node)
    followed = [name for name in whole.markers if name in tree.markers and name in wanted]
    kept = [whole.markers.index(name) for name in followed]
    part = slice(0, frames)
    seen = replace(whole, time=whole.time[part], markers=tuple(followed), positions=whole.positions[part][:, kept])
    seen = disturbed(seen, how)
    write_trc(folder / "markers.trc", seen)
    tool = opensim.InverseKinematicsTool("setup.xml")
    tool.setModel(model)
    tool.set_marker_file("markers.trc")
    tool.setStartTime(float(seen.time[0]))
    tool.setEndTime(float(seen.time[-1]))
    tool.setOutputMotionFileName("ik.mot")
    problem = batched._problem(tool, model, state, coordinates, seen)
    times = []
    for _ in range(3):
        began = time.process_time()
        ours = solve_inverse_kinematics(tree, problem.markers, problem.coordinates)
        times.append(1e3 * (time.process_time() - began) / len(seen.time))
    began = time.process_time()
    doubt = batched._doubt(model, state, coordinates, problem, seen.time, ours)
    judging = time.process_time() - began
    row = Row(
        case=case,
        disturbance=how,
        frames=len(seen.time),
        coordinates=len(tree.coordinates),
        markers=len(seen.markers),
        ours=min(times),
        reading=reading,
        judging=judging,
        doubt=doubt,
        opensim={},
        ratio={},
        angle={},
        worst_coordinate={},
        cost_above_ours={},
        converged=bool(ours.converged.all()),
    )
    for accuracy in ACCURACIES:
        tool.set_accuracy(accuracy)
        began = time.process_time()
        tool.run()
        took = 1e3 * (time.process_time() - began) / len(seen.time)
        theirs = in_radians(read_storage(folder / "ik.mot"), coordinates.rotational)
        off = np.rad2deg(np.abs(theirs.values - ours.values))[:, tree.rotational].max(axis=0)
        costs = [_cost(tree, problem, values) for values in (theirs.values, ours.values)]
        key = f"{accuracy:g}"
        row.opensim[key], row.ratio[key], row.angle[key] = took, took / row.ours, float(off.max())
        row.worst_coordinate[key] = np.array(tree.coordinates)[tree.rotational][int(off.argmax())]
        row.cost_above_ours[key] = float((costs[0] / costs[1] - 1).min())
    return row


def _cost(tree: KinematicTree, problem: batched._Problem, values: np.ndarray) -> np.ndarray:
    squared = ((marker_positions(tree, problem.markers.names, values) - problem.markers.positions) ** 2).sum(axis=2)
    weights = np.where(np.isnan(squared), 0.0, problem.markers.weights)
    rows = [tree.coordinates.index(name) for name in problem.coordinates.names]
    beside = problem.coordinates.weights * (values[:, rows] - problem.coordinates.values) ** 2
    mean: np.ndarray = (weights * np.nan_to_num(squared)).sum(axis=1) / weights.sum(axis=1) + beside.sum(axis=1)
    return mean


def _tasks(markers: tuple[str, ...]) -> str:
    tasks = "".join(f'<IKMarkerTask name="{name}"><apply>true</apply><weight>1</weight></IKMarkerTask>' for name in markers)
    return (
        '<OpenSimDocument Version="40600"><InverseKinematicsTool name="ik">'
        f"<IKTaskSet><objects>{tasks}</objects></IKTaskSet></InverseKinematicsTool></OpenSimDocument>"
    )


def main() -> None:
    """Print a line per case and write them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES)
    parser.add_argument("--frames", type=int, default=150)
    parser.add_argument("--disturb", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "benchmarks" / "inverse_kinematics.json")
    args = parser.parse_args()
    rows = []
    for case in args.cases:
        if case not in ("virtual_leg", "virtual_arm") and not DATA.is_dir():
            print(f"{case}: its data are not here")
            continue
        with tempfile.TemporaryDirectory() as folder:
            model, setup = model_and_setup(case, Path(folder))
            for how in DISTURBANCES if args.disturb else DISTURBANCES[:1]:
                row = in_worker(
                    importlib.import_module(Path(__file__).stem).measure, case, model, setup, args.frames, how, log=Path(folder) / "x.log"
                )
                rows.append(row)
                told = "; ".join(
                    f"OpenSim at {a}: {row.opensim[a]:.1f} ms/frame, {row.ratio[a]:.0f} times ours, up to {row.angle[a]:.2g} degrees off "
                    f"({row.worst_coordinate[a]}), cost above ours by at least {row.cost_above_ours[a]:.2g}"
                    for a in row.opensim
                )
                print(
                    f"{case} ({how}): {row.frames} frames, {row.coordinates} coordinates: "
                    f"{row.ours:.3f} ms/frame, tree {row.reading:.3f} s, "
                    f"judge {row.judging:.2f} s {row.doubt or 'agrees'}; {told}",
                    flush=True,
                )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
