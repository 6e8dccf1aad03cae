"""Does a calibrated leg, relaxed, stay like people's, and what does that cost? Three real people, with and without that memory.

Run: python workflows/benchmarks/relaxed_legs.py [--people running treadmill walker] [--parts same speeds] [--class keep] [--heads 0.5]
     [--cache results/real_people] [--work results/benchmarks/relaxed_legs]
Needs the recordings of the shipped workflows (trials as of real_people.py, kept in its cache) and Silder's curves in ../shared/data.

Rows: `scaled` starts from plain scaling, `forgotten` from the mean person's relaxed leg ([initialization] passive), whose prior then
forgets it ([calibration.prior] relaxed_leg = "free"), `kept` remembers it, `kept, heads` with heads of one muscle correlated as well.
Relaxed: RMS distance from Silder's curves within walking at hip / knee / ankle, N·m: of the scaled model, of the start, and calibrated.
same: held-out trials of the same task, N·m; the ratio is the mean over joints of the error over that of version 0.1.0's calibration
("weak_prior", of the scaled muscles as the model has them). speeds: treadmill, calibrated on three stances of one speed, scored on
stances and whole strides of the other, and how far parameters from stances and from strides lie apart, in standard errors.
"""

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from passive_curves import Posed, silder
from real_people import PEOPLE, _apart, _role, heard, made, rmse, settings_of, shown, uncalibrated

from osim_nmscal.calibration.calibrate import calibrate
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.results import CalibrationResult
from osim_nmscal.data.starting_values import StartingValues
from osim_nmscal.data.trials import TrialSet
from osim_nmscal.initialization.mean_person import legs_of, mean_person
from osim_nmscal.initialization.passive_fit import fit_passive_moments
from osim_nmscal.initialization.relaxed_knowledge import with_relaxed_leg
from osim_nmscal.initialization.relaxed_leg import relaxed_leg
from osim_nmscal.initialization.settings import InitializationSettings
from osim_nmscal.osim_model.conversion import in_class
from osim_nmscal.osim_model.reader import read_coordinates, read_muscles
from osim_nmscal.workflow.leg_geometry import posed_geometry

FloatArray = NDArray[np.float64]
ROWS: dict[str, dict[str, object]] = {"scaled": {}, "forgotten": {"relaxed_leg": "free"}, "kept": {}}


@dataclass(frozen=True, kw_only=True)
class Leg:
    """A person's leg in every start, and Silder's curves about it."""

    stated: MuscleTable  # scaled, as the model has them
    scaled: StartingValues
    fitted: StartingValues
    measured: Posed  # Silder's curves within the range of walking

    def off(self, table: MuscleTable) -> FloatArray:
        """Return the distance of a model's relaxed leg from Silder's, (joint,), N·m."""
        return relaxed_leg(table, self.measured.geometry, self.measured.moments).rms


def leg_of(name: str, muscle_class: str, spread: float, cache: Path, work: Path) -> Leg:
    """Return the right leg of a person whose trials `made` has made."""
    made(name, cache)
    model = cache / f"{name}_own" / "model_scaled.osim"
    coordinates = legs_of(read_coordinates(model))["r"]
    curves, formula = silder(coordinates), mean_person(coordinates)
    stated = read_muscles(model)
    scaled = StartingValues.of(in_class(stated, muscle_class))
    geometry = posed_geometry(model, formula, work / f"{name}_formula")
    measured = Posed(moments=curves.moments, geometry=posed_geometry(model, curves.moments, work / f"{name}_silder"))
    fitted = with_relaxed_leg(fit_passive_moments(scaled, geometry, formula).start, geometry, formula, spread)
    return Leg(stated=stated, scaled=scaled, fitted=fitted, measured=measured.part(curves.walking))


def starts_of(leg: Leg, heads: float) -> dict[str, tuple[StartingValues, dict[str, object]]]:
    """Return what each row starts from, and its settings of the prior."""
    rows = {label: (leg.scaled if label == "scaled" else leg.fitted, prior) for label, prior in ROWS.items()}
    return rows | ({"kept, heads": (leg.fitted, {"head_correlation": heads})} if heads > 0.0 else {})


def _settings(method: str, groups: dict[str, tuple[str, ...]], muscles: tuple[str, ...], prior: dict[str, object]) -> CalibrationSettings:
    stated = settings_of("without_mvc", method, groups, muscles)
    return stated.model_copy(update={"prior": stated.prior.model_copy(update=prior)})


def same_task(name: str, leg: Leg, heads: float, cache: Path) -> None:
    """Print distances and held-out errors of one person."""
    trials, _, groups = made(name, cache)
    print(f"{name}, {' / '.join(trials.dofs)}")
    print(f"  relaxed: scaled {shown(leg.off(leg.scaled.muscles))}, fitted {shown(leg.off(leg.fitted.muscles))}")
    for method in ("synergy_hybrid", "emg_driven"):
        own = trials.with_muscles(heard(trials)) if method == "emg_driven" else trials
        old = settings_of("weak_prior", method, groups, own.muscles)
        before = rmse(own.held_out, calibrate(own, leg.stated.select(own.muscles), old), old)
        print(f"  {method:15} 0.1.0        held out {shown(before)} N·m", flush=True)
        for label, (start, prior) in starts_of(leg, heads).items():
            settings = _settings(method, groups, own.muscles, prior)
            result = calibrate(own, start.select(own.muscles), settings)
            error = rmse(own.held_out, result, settings)
            print(
                f"  {method:15} {label:12} held out {shown(error)} N·m, ratio {float((error / before).mean()):.2f}   "
                f"relaxed {shown(leg.off(_whole(start, result)))}   {result.seconds:.1f} s",
                flush=True,
            )


def _whole(start: StartingValues, result: CalibrationResult) -> MuscleTable:
    """Return all muscles of the model: the calibrated ones, and the others as they started."""
    own = {one.name: one for one in result.muscles.muscles}
    return MuscleTable(muscles=tuple(own.get(one.name, one) for one in start.muscles.muscles))


def speeds(leg: Leg, heads: float, cache: Path) -> None:
    """Print errors at the treadmill's other speed."""
    stances, _, groups = made("treadmill", cache)
    strides = made("treadmill", cache, "stride")[0].with_muscles(stances.muscles)
    for seen, unseen in (("walk36", "walk45"), ("walk45", "walk36")):
        own = [trial for trial in stances.trials if trial.name.startswith(seen)]
        chosen = _role([own[i] for i in np.linspace(0, len(own) - 1, 5).round().astype(int)[1:4]], "calibration")
        whole = _role([trial for trial in strides.trials if trial.name.startswith(seen)][1:4], "calibration")
        tested = [
            TrialSet(trials=_role([trial for trial in some.trials if trial.name.startswith(unseen)], "held_out"))
            for some in (stances, strides)
        ]
        print(f"treadmill, three stances of {seen} -> {unseen}: stances; strides (uncalibrated)")
        for label, (start, prior) in starts_of(leg, heads).items():
            settings = _settings("synergy_hybrid", groups, stances.muscles, prior)
            result, again = (calibrate(TrialSet(trials=some), start.select(stances.muscles), settings) for some in (chosen, whole))
            cells = [f"{shown(rmse(one, result, settings))} ({shown(uncalibrated(one, result))})" for one in tested]
            print(f"  {label:12} {'; '.join(cells)}   relaxed {shown(leg.off(_whole(start, result)))}")
            print(f"  {label:12} stances against strides: {_apart(result, again)}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", nargs="+", choices=PEOPLE, default=list(PEOPLE))
    parser.add_argument("--parts", nargs="+", choices=("same", "speeds"), default=["same", "speeds"])
    parser.add_argument("--class", dest="muscle_class", default="keep", help="as [output] muscle_class")
    parser.add_argument("--spread", type=float, default=InitializationSettings().passive_spread, help="N·m")
    parser.add_argument("--heads", type=float, default=0.0, help="correlation of heads in a further row")
    parser.add_argument("--cache", type=Path, default=Path("results/real_people"))
    parser.add_argument("--work", type=Path, default=Path("results/benchmarks/relaxed_legs"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    for name in options.people:
        leg = leg_of(name, options.muscle_class, options.spread, options.cache, options.work)
        if "same" in options.parts:
            same_task(name, leg, options.heads, options.cache)
        if "speeds" in options.parts and name == "treadmill":
            speeds(leg, options.heads, options.cache)


if __name__ == "__main__":
    main()
