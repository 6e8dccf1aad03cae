"""Does `osim-nmscal plan` say what a calibration will say? Expected deviations against those that calibrations report.

Run: python workflows/benchmarks/planning.py --cache /tmp/cohort/cache [--people 11/201 12/201] [--efforts 15] [--keep results.json]
The cache is that of cohort.py and is only read; a calibration takes 3 to 10 CPU-seconds, and there is one for each effort and person,
besides that of walking alone. `--keep` holds the deviations of finished calibrations, so that a run can go on where it stopped.

For each dynamometer run of a virtual person: the deviations that a plan expects from walking and that run (moments of the run foreseen from
the scaled muscles, nothing of the recording known), and those that a calibration with the recorded run reports. Columns: median over
parameters of expected / reported deviation, by quantity (walking: all; with a run: those that it narrowed, their number last); then what
is left of narrowed deviations, and the rank correlation over the runs of what they are worth (sum over parameters of the logarithm of what
is left of each deviation).

`--truth`: the plan's promises against true errors instead, with two calibrations a person (walking; walking and the whole session). By
quantity: RMS of errors over RMS of expected deviations (1 is honest), rank correlation of expected deviation and error's size over all
parameters of all people, and of their RMS over people by owner; then the squared error that the session leaves of walking's, of
parameters to which the plan promised less than `PROMISED` of their deviation, and of the others.
"""

import argparse
import functools
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from cohort import PROTOCOLS, assess, by_settings, trials_of
from cohort_people import Person, person_of
from scipy.stats import spearmanr

from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.calibration import calibrate_synergy_hybrid
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.planning.foreseen import with_foreseen_moments
from osim_nmscal.planning.information import QUANTITIES, Candidate, Plan, plan

# A parameter counts as narrowed by a run if its deviation falls below this share of what walking left.
NARROWED = 0.95
# What a session promises to narrow: less than this share of the deviation is left.
PROMISED = 0.8
Deviations = dict[str, float]  # "quantity owner" -> standard deviation, % of the value or optimal fiber lengths


def reported(person: Person, trials: TrialSet, settings: CalibrationSettings) -> Deviations:
    """Return the deviations that a calibration reports."""
    result = calibrate_synergy_hybrid(trials, person.table, settings)
    rows = {
        f"{row.name} {row.owner}": 100.0 * row.standard_error / row.calibrated
        for row in result.parameters
        if row.name in QUANTITIES and row.at_bound != "fixed"
    }
    return rows | {f"working_point {row.owner}": row.standard_error for row in result.working_points}


def expected(found: Plan, which: int | None) -> Deviations:
    """Return the deviations that a plan expects with the recordings at hand (None), or with one candidate more."""
    return {f"{row.quantity} {row.owner}": row.at_hand if which is None else row.after[which] for row in found.rows}


def gain(before: Deviations, after: Deviations, shared: set[str]) -> float:
    """Return the sum of the logarithm of what is left of each deviation; slack lengths follow from the other quantities."""
    return float(sum(np.log(after[key] / before[key]) for key in shared if not key.startswith("tendon_slack_length")))


def print_ratios(label: str, plan_says: Deviations, calibration_says: Deviations, before: Deviations | None = None) -> None:
    """Print expected / reported by quantity: median, and the middle four fifths; of those that the run narrowed, if `before` is given."""
    cells = []
    for quantity in QUANTITIES:
        keys = [key for key in plan_says if key.startswith(f"{quantity} ") and calibration_says.get(key, 0.0) > 0.0]
        if before is not None:
            keys = [key for key in keys if key in before and calibration_says[key] < NARROWED * before[key]]
        if keys:
            ratio = np.array([plan_says[key] / calibration_says[key] for key in keys])
            low, middle, high = np.percentile(ratio, [10, 50, 90])
            cells.append(f"{quantity} {middle:.2f} ({low:.2f}-{high:.2f}; {len(keys)})")
    print(f"  {label:28} {'   '.join(cells)}", flush=True)


def true_errors(person: Person, protocol: str) -> tuple[Deviations, Deviations]:
    """Return what a plan expects of the recordings of a protocol, and the errors of their calibration; units as of the plan."""
    trials = trials_of(person, protocol)
    settings = CalibrationSettings(method="synergy_hybrid", groups=person.groups)
    foreseen = expected(plan(trials, person.table, [], settings), None)
    outcome = assess(person, trials, functools.partial(by_settings, table={}))
    errors = {
        f"{kind} {owner}": float(error) * (1.0 if kind == "working_point" else 100.0)
        for kind in QUANTITIES
        for owner, error in zip(outcome.kinds[kind].owners, outcome.kinds[kind].after, strict=True)
    }
    return foreseen, {key: errors[key] for key in foreseen if key in errors}


def print_truth(people: list[tuple[dict[str, Deviations], dict[str, Deviations]]]) -> None:
    """Print promises against truth.

    Args:
        people: protocol -> expected, and protocol -> true errors, of each person.
    """
    for quantity in QUANTITIES:
        for protocol in PROTOCOLS:
            pairs = [
                (key, foreseen[protocol][key], abs(errors[protocol][key]))
                for foreseen, errors in people
                for key in errors[protocol]
                if key.startswith(f"{quantity} ")
            ]
            promise, truth = (np.array([pair[i] for pair in pairs]) for i in (1, 2))
            owners = sorted({pair[0] for pair in pairs})
            means = [[np.sqrt(np.mean([p[i] ** 2 for p in pairs if p[0] == key])) for key in owners] for i in (1, 2)]
            print(
                f"{quantity:22} {protocol:12} error / expected {np.sqrt((truth**2).mean() / (promise**2).mean()):.2f}, inside 1.96 "
                f"{(truth < 1.96 * promise).mean():.2f}, rank correlation {spearmanr(promise, truth).statistic:.2f} over {len(pairs)}, "
                f"{spearmanr(*means).statistic:.2f} over {len(owners)} owners"
            )
        walking, session = PROTOCOLS
        kept: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for foreseen, errors in people:
            for key in (key for key in errors[session] if key.startswith(f"{quantity} ") and key in errors[walking]):
                narrowed = foreseen[session][key] < PROMISED * foreseen[walking][key]
                kept[narrowed].append((errors[walking][key] ** 2, errors[session][key] ** 2))
        for narrowed, values in kept.items():
            if values:
                before, after = np.array(values).T
                label = f"promised less than {PROMISED:g} of the deviation" if narrowed else "others"
                print(f"{'':22} {label}: {len(values)}, squared error left {after.sum() / before.sum():.2f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("results/cohort"))
    parser.add_argument("--people", nargs="+", default=["11/201"], help="base/person")
    parser.add_argument("--truth", action="store_true", help="promises against true errors")
    parser.add_argument("--efforts", type=int, default=15, help="how many of the dynamometer's runs")
    parser.add_argument("--keep", type=Path, default=Path("results/planning_benchmark.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept: dict[str, Deviations] = json.loads(options.keep.read_text(encoding="utf-8")) if options.keep.is_file() else {}
    truths = []
    for name in options.people:
        base, seed = map(int, name.split("/"))
        if not (options.cache / f"person_{base}_{seed}.pkl").is_file():
            raise SystemExit(f"{options.cache} has no person {name}; make them with cohort.py --cache {options.cache}.")
        person = person_of(base, seed, options.cache)
        if options.truth:
            found_of = {protocol: true_errors(person, protocol) for protocol in PROTOCOLS}
            truths.append(({name: one[0] for name, one in found_of.items()}, {name: one[1] for name, one in found_of.items()}))
            continue
        settings = CalibrationSettings(method="synergy_hybrid", groups=person.groups)
        walking = trials_of(person, "gait")
        efforts = [effort.as_recorded() for effort in person.efforts][: options.efforts]

        def calibrated(label: str, more: tuple[Trial, ...], person: Person = person, walking: TrialSet = walking) -> Deviations:
            key = f"{person.name} {label}"
            if key not in kept:
                kept[key] = reported(person, TrialSet(trials=(*walking.calibration.trials, *more)), settings)  # noqa: B023  # used at once
                options.keep.parent.mkdir(parents=True, exist_ok=True)
                options.keep.write_text(json.dumps(kept), encoding="utf-8")
            return kept[key]

        began = time.process_time()
        candidates = [Candidate(name=trial.name, trials=with_foreseen_moments([trial], person.table)) for trial in efforts]
        candidates.append(Candidate(name="twice as many strides", repeats_motions=True))
        found = plan(walking, person.table, candidates, settings)
        print(f"person {name}: a plan of {len(candidates)} candidates took {time.process_time() - began:.1f} CPU-seconds")
        print(f"  best first: {', '.join(found.order[:6])}")
        before, hand = calibrated("walking", ()), expected(found, None)
        print_ratios("walking", hand, before)
        shared = set(hand) & {key for key, value in before.items() if value > 0.0}
        foretold, told, pairs = [], [], []
        for i, trial in enumerate(efforts):
            after = calibrated(trial.name, (trial,))
            print_ratios(f"+ {trial.name}", expected(found, i), after, before)
            pairs += [
                (expected(found, i)[key] / hand[key], after[key] / before[key], key.split()[0])
                for key in shared
                if after.get(key, 0.0) > 0.0 and min(after[key] / before[key], expected(found, i)[key] / hand[key]) < NARROWED
            ]
            both = shared & {key for key, value in after.items() if value > 0.0}
            foretold.append(gain(hand, expected(found, i), both))
            told.append(gain(before, after, both))
        strides = len(walking.calibration.trials)
        again = tuple(replace(trial, role="calibration") for trial in walking.held_out.trials[:strides])
        doubled = calibrated(f"{len(again)} strides more", again)
        print_ratios(f"+ {len(again)} strides to {strides}", expected(found, len(efforts)), doubled, before)
        both = shared & {key for key, value in doubled.items() if value > 0.0}
        worth = gain(hand, expected(found, len(efforts)), both), gain(before, doubled, both)
        print(f"  {len(again)} strides to {strides}: gain expected {worth[0]:.2f} (of {strides} more)   reported {worth[1]:.2f}")
        for trial, one, other in zip(efforts, foretold, told, strict=True):
            print(f"  {trial.name:28} gain expected {one:7.2f}   reported {other:7.2f}")
        for quantity in QUANTITIES:
            own = np.array([pair[:2] for pair in pairs if pair[2] == quantity])
            if len(own):
                text = f"expected {own[:, 0].mean():.3f}, reported {own[:, 1].mean():.3f}, correlation {np.corrcoef(own.T)[0, 1]:.2f}"
                print(f"  {quantity:22} narrowed {len(own):3} times, left of the deviation: {text}")
        print(f"  rank correlation of gains over {len(efforts)} runs: {spearmanr(foretold, told).statistic:.2f}")
    if truths:
        print_truth(truths)


if __name__ == "__main__":
    main()
