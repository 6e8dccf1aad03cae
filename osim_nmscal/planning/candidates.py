"""Recordings that could be made: of each sweep, the joint moved relaxed and a slow maximal effort in either direction; and electrodes.

The agonists of a direction are the muscles whose moment arm has its sign; they shorten while the joint turns.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.calibration.calibrate import settled
from osim_nmscal.calibration.settings import CalibrationSettings
from osim_nmscal.calibration.synergy.roles import driven_trials
from osim_nmscal.data.muscles import MuscleTable
from osim_nmscal.data.trials import MuscleGeometry, Trial, TrialSet
from osim_nmscal.errors import FiberDynamicsError, listed
from osim_nmscal.planning.electrodes import placements
from osim_nmscal.planning.foreseen import with_foreseen_moments
from osim_nmscal.planning.information import Candidate
from osim_nmscal.planning.proposals import Sweep
from osim_nmscal.planning.worth import MORE_MOTION
from osim_nmscal.trials.dynamometer_settings import DynamometerSettings
from osim_nmscal.trials.sweeps import DynamometerRun, trials_of

# A muscle whose mean moment arm over a sweep is below this does not try, m. Source: choice; who hardly turns a joint is not told to.
LEAST_ARM = 5e-3

# No model says which muscles lie below the skin.
_REACH = "fine wire if deep"

# Settings of a recording name a table; that of a planned one is not there yet.
_NO_FILE = Path("planned.csv")


def candidates_of(
    sweeps: Sequence[Sweep],
    frames: Sequence[NDArray[np.intp]],
    geometry: MuscleGeometry,
    muscles: MuscleTable,
    settings: CalibrationSettings | None = None,
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Find everything that could be recorded: relaxed, both directions of each sweep, and the motions once more.

    Args:
        sweeps: of `proposed_sweeps`.
        frames: which postures of the geometry the samples of each sweep are.
        geometry: of the muscles and degrees of freedom that are calibrated.
        muscles: as the calibration starts; they say how large moments will be.
        settings: of the calibration; only `tendon` is read.

    Returns:
        The candidates; and a sentence for each that is left out, as the model's muscles cannot be in it.
    """
    found: list[Candidate] = []
    left_out: list[str] = []
    for sweep, rows in zip(sweeps, frames, strict=True):
        arm = geometry.moment_arm[rows, geometry.dofs.index(sweep.joint.name)].mean(axis=0)
        pose = f", {sweep.posture}" if sweep.posture else ""
        named: list[tuple[str, Trial]] = []
        passive = DynamometerSettings.model_construct(name=sweep.name, kind="passive", role="calibration")
        named.append((f"{sweep.joint.name} moved relaxed{pose}", trials_of([sweep.run], [rows], geometry, passive)[0]))
        for sign in (1, -1):
            agonists = tuple(name for name, a in zip(geometry.muscles, arm, strict=True) if sign * a > LEAST_ARM)
            if agonists:
                effort = DynamometerSettings(name=sweep.name, kind="effort", table=_NO_FILE, agonists=agonists)
                run, order = _towards(sweep.run, rows, sign)
                trial = trials_of([run], [order], geometry, effort)[0]
                named.append((f"{sweep.joint.name} maximal {sweep.joint.direction(sign)}{pose}", trial))
        for i, (name, trial) in enumerate(named):
            try:
                foreseen = with_foreseen_moments([replace(trial, name=f"{sweep.name}/{i}")], muscles, settings)
            except FiberDynamicsError as error:
                left_out.append(f"The plan leaves out {name}, in which the scaled model's muscles have no equilibrium: {error}")
                continue
            found.append(Candidate(name=name, trials=foreseen))
    return (*found, Candidate(name=MORE_MOTION, repeats_motions=True)), tuple(left_out)


def electrode_candidates(trials: TrialSet, settings: CalibrationSettings) -> tuple[Candidate, ...]:
    """Propose an electrode for muscles that synergies drive: the same motions again, with their EMG.

    Args:
        trials: at hand; those that calibrate count.
        settings: of the calibration: method, roles, groups.

    Returns:
        One candidate for what one electrode would hear; none where no synergies drive anything.
    """
    settings, _ = settled(settings, trials)
    motions = trials.calibration.of_kind("motion")
    if settings.method != "synergy_hybrid" or not motions:
        return ()
    driven = driven_trials(TrialSet(trials=motions), settings.synergy.muscles)
    silent = [name for name in driven.synthesized if name not in driven.withheld]
    return tuple(
        Candidate(name=f"the motions with an electrode on {listed(muscles)} ({_REACH})", electrode=muscles)
        for muscles in placements(silent, settings.groups)
    )


def agonists_of(candidate: Candidate) -> tuple[str, ...]:
    """Return the muscles that try their hardest, none of a relaxed joint."""
    return tuple(
        name
        for trial in candidate.trials
        for name, level in zip(trial.muscles, trial.excitation.max(axis=0), strict=True)
        if trial.kind == "effort" and level == trial.excitation.max()
    )


def _towards(run: DynamometerRun, rows: NDArray[np.intp], sign: int) -> tuple[DynamometerRun, NDArray[np.intp]]:
    """Turn a run round for efforts towards smaller angles: held at the other end first."""
    if sign > 0:
        return run, rows
    before = run.first_counted
    order = np.concatenate([np.full(before, len(rows) - 1), np.arange(len(rows) - 1, before - 1, -1)])
    return replace(run, values=run.values[order]), rows[order]
