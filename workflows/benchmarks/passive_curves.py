"""How near is a model's relaxed leg to measured passive moments: as scaled, and with fiber lengths and working points fitted?

Run: python workflows/benchmarks/passive_curves.py [--models rajagopal gait2392] [--work results/benchmarks/passive]
Needs ../shared/data (the models, and Silder et al. (2007)'s curves of healthy adults, digitised; not part of the package). About a minute.

Rows: RMS distance from Silder's curves at hip, knee and ankle, N·m, within the range of walking (hip -15..40, knee 0..75, ankle -30..20
degrees) or over all that was measured. `start`: passive = "normative", fitted to Riener & Edrich's equations, which are other people
measured by others: Silder's curves are all new to it. `half`: fitted to the curves with even (odd) numbers, tested on the others.
`ligaments`: with a passive joint moment, published or free, beside the muscles.
"""

import argparse
import csv
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.data.passive_joint_moment import PassiveJointMoment, ligaments_of
from osim_nmscal.data.passive_moments import PassiveMoments
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import MuscleGeometry
from osim_nmscal.initialization.mean_person import FLOOR_OFF, SHARE_OFF, LegCoordinates, legs_of, mean_person
from osim_nmscal.initialization.passive_fit import PassiveFit, fit_passive_moments, free_ligaments
from osim_nmscal.initialization.relaxed_leg import distance, relaxed_leg
from osim_nmscal.nms.passive_joint_moment import joint_moment_of
from osim_nmscal.opensim_tools.scaling import ScalingSettings, scale_model
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.leg_geometry import posed_geometry

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
CURVES = SHARED / "passive_moments" / "silder2007_digitized.csv"
JOINTS = ("hip_flexion", "knee_flexion", "ankle_dorsiflexion")
WALKING = np.array([40.0, 75.0, 20.0])  # degrees, highest angles
BoolArray = NDArray[np.bool_]
Ligaments = Callable[[PassiveMoments], PassiveJointMoment | None]


@dataclass(frozen=True, kw_only=True)
class Posed:
    """Moments with the model's geometry in their postures."""

    moments: PassiveMoments
    geometry: MuscleGeometry

    def part(self, rows: BoolArray) -> "Posed":
        """Return some postures."""
        m, g = self.moments, self.geometry
        return Posed(
            moments=replace(
                m, postures=m.postures[rows], about=m.about[rows], moment=m.moment[rows], deviation=m.deviation[rows], curve=m.curve[rows]
            ),
            geometry=replace(g, time=g.time[rows], mtu_length=g.mtu_length[rows], moment_arm=g.moment_arm[rows]),
        )


@dataclass(frozen=True, kw_only=True)
class Silder:
    """Silder's curves with a model's signs."""

    moments: PassiveMoments
    walking: BoolArray  # (posture,)
    number: NDArray[np.intp]  # (posture,), of the curve within its joint


def silder(leg: LegCoordinates) -> Silder:
    """Read the curves."""
    with CURVES.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    angles = np.array([[float(row[f"{joint}_deg"]) for joint in JOINTS] for row in rows])
    about = np.array([JOINTS.index(row["joint"]) for row in rows], dtype=np.intp)
    moment = np.array([float(row["passive_moment_Nm"]) for row in rows])
    names = sorted({row["curve"] for row in rows})
    signs = np.array([1.0, leg.knee_sign, 1.0])
    return Silder(
        moments=PassiveMoments(
            coordinates=leg.names,
            postures=np.deg2rad(angles * signs),
            about=about,
            moment=moment * signs[about],
            deviation=np.hypot(SHARE_OFF * moment, FLOOR_OFF),
            curve=np.array([names.index(row["curve"]) for row in rows], dtype=np.intp),
            source="Silder et al. (2007)",
        ),
        walking=(angles <= WALKING).all(axis=1),
        number=np.array([int(row["curve"][-1]) for row in rows], dtype=np.intp),
    )


def model_of(name: str, work: Path) -> Path:
    """Return a model as the workflows use it: Rajagopal's scaled to the runner, gait2392 with its generic bones."""
    if name == "gait2392":
        return SHARED / "treadmill_speeds" / "model" / "gait2392.osim"
    folder, scaled = SHARED / "rajagopal_run_walk", work / "rajagopal_scaled.osim"
    if not scaled.is_file():
        settings = ScalingSettings(setup=folder / "Scale" / "scale_setup_run.xml", mass=72.84)
        scale_model(folder / "generic_unscaled.osim", scaled, settings=settings)
    return scaled


def off(fit: PassiveFit, posed: Posed) -> NDArray[np.float64]:
    """Return the distance of a fitted leg, with its ligaments, from moments, (joint,), N·m RMS."""
    moment = relaxed_leg(fit.start.muscles, posed.geometry, posed.moments).moment
    if fit.ligaments is not None:
        moment = moment + joint_moment_of(fit.ligaments, posed.moments.postures)[np.arange(len(moment)), posed.moments.about]
    return distance(moment, posed.moments)


def rows_of(name: str, work: Path) -> Iterator[str]:
    """Yield the table of one model."""
    model = model_of(name, work)
    leg = legs_of(read_coordinates(model))["r"]
    muscles = read_muscles(model)
    start = StartingValues.of(muscles)
    curves, formula = silder(leg), mean_person(leg)
    measured = Posed(moments=curves.moments, geometry=posed_geometry(model, curves.moments, work / f"{name}_silder"))
    normative = Posed(moments=formula, geometry=posed_geometry(model, formula, work / f"{name}_formula"))
    published = ligaments_of(leg.names)
    kinds: dict[str, tuple[Ligaments, bool]] = {
        "none": (lambda _: None, False),
        "published": (lambda _: published if leg.knee_sign > 0 else published.mirrored(leg.knee), False),
        "free": (free_ligaments, True),
    }
    everywhere = np.ones(len(curves.walking), dtype=np.bool_)
    for place, chosen in (("walking", curves.walking), ("all", everywhere)):
        whole = measured.part(chosen)
        scaled = relaxed_leg(muscles, whole.geometry, whole.moments).rms
        for kind, (ligaments, free) in kinds.items():
            fit = fit_passive_moments(start, normative.geometry, formula, ligaments=ligaments(formula), free=free)
            yield _row(name, place, kind, "start", scaled, None, off(fit, whole), fit)
        for parity, label in ((0, "even -> odd"), (1, "odd -> even")):
            own, other = (measured.part(chosen & (curves.number % 2 == half)) for half in (parity, 1 - parity))
            before = relaxed_leg(muscles, other.geometry, other.moments).rms
            for kind, (ligaments, free) in kinds.items():
                fit = fit_passive_moments(start, own.geometry, own.moments, ligaments=ligaments(own.moments), free=free)
                yield _row(name, place, kind, label, before, off(fit, own), off(fit, other), fit)


def _row(name: str, place: str, kind: str, label: str, before: object, inside: object, after: object, fit: PassiveFit) -> str:
    def numbers(values: object) -> str:
        return "    -             " if values is None else " / ".join(f"{value:4.1f}" for value in values)  # type: ignore[attr-defined]

    moved = f"fibers {np.sqrt((fit.log_fiber_change**2).mean()):.3f}, working points {np.sqrt((fit.working_point_change**2).mean()):.3f}"
    return f"{name:10} {place:8} {kind:10} {label:12} {numbers(before):20} {numbers(inside):20} {numbers(after):20} {moved}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", choices=("rajagopal", "gait2392"), default=["rajagopal", "gait2392"])
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/passive"))
    options = parser.parse_args()
    if not CURVES.is_file():
        raise SystemExit(f"Silder's curves are not here: {CURVES}")
    logging.disable(logging.WARNING)  # wrapping of the gastrocnemii, said in the workflows
    options.work.mkdir(parents=True, exist_ok=True)
    print(f"{'model':10} {'range':8} {'ligaments':10} {'fit':12} {'scaled, on tested':20} {'on fitted':20} {'on tested':20} moved (RMS)")
    for name in options.models:
        for row in rows_of(name, options.work):
            print(row, flush=True)


if __name__ == "__main__":
    main()
