"""Faults that show only in what a run has made: made arrays, judged by the doctor as the stages ask. Each must give a finding of a kind."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from osim_nmscal.data.findings import Finding
from osim_nmscal.data.results import MomentMetrics, VerificationMetrics
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.data.trials import Trial, TrialSet
from osim_nmscal.doctor import calibration, contacts, emg, forces, motion

CLOCK = np.arange(0.0, 6.0, 0.01)


@dataclass(frozen=True, kw_only=True)
class Made:
    """One fault, judged on arrays."""

    name: str
    kind: str
    found: Callable[[], Iterable[Finding]]
    outcome: Literal["stopped", "doubted"]


def _metric(r2: float, rmse: float, model: str = "calibrated") -> MomentMetrics:
    return MomentMetrics(trial="run/1", role="held_out", dof="ankle", model=model, rmse=rmse, nrmse=0.1, r2=r2, correlation_squared=0.5)  # type: ignore[arg-type]


def _verified(nrmse: float) -> VerificationMetrics:
    return VerificationMetrics(
        trial="run/1", dof="knee", rmse=9.0, nrmse=nrmse, r2_vs_inverse_dynamics=0.3, largest_force_error=0.2, muscle="vasti"
    )


def _trials(driven: int, roles: tuple[str, ...]) -> TrialSet:
    excitation = np.zeros((20, 3))
    excitation[:, :driven] = 0.3
    return TrialSet(
        trials=tuple(
            Trial(
                name=f"walk/{i}",
                time=np.arange(20) * 0.01,
                muscles=("a", "b", "c"),
                dofs=("hip",),
                excitation=excitation,
                mtu_length=np.full((20, 3), 0.3),
                moment_arm=np.full((20, 1, 3), 0.05),
                joint_moment=np.zeros((20, 1)),
                role=role,  # type: ignore[arg-type]
            )
            for i, role in enumerate(roles)
        )
    )


STRENGTH = np.full(3, 1000.0)


def _two_ways(arms: tuple[float, ...], lowest: float = -30.0) -> TrialSet:
    """Three muscles about a joint whose moment points both ways, or one."""
    one = _trials(3, ("calibration", "held_out"))
    moment = np.linspace(lowest, 30, 20)[:, None]
    arm = np.tile([[list(arms)]], (20, 1, 1))
    return TrialSet(trials=tuple(replace(trial, moment_arm=arm, joint_moment=moment) for trial in one.trials))


def _moments(peak: float) -> TimeSeries:
    return TimeSeries(time=CLOCK, labels=("ankle",), values=70 * peak * np.sin(3 * CLOCK[:, None]), source="id.sto")


def _late(seconds: float) -> Iterable[Finding]:
    """Two antagonists whose EMG comes at another time than the moment asks for."""

    def bursts(shift: float) -> np.ndarray:
        irregular = CLOCK + 0.25 * np.sin(0.9 * CLOCK)
        wave = np.interp(CLOCK - shift, CLOCK, np.sin(2 * np.pi * 0.8 * irregular))
        return np.column_stack([np.maximum(wave, 0), np.maximum(-wave, 0)])

    arm = np.tile([[0.05, -0.05]], (len(CLOCK), 1, 1))
    moment = 50 * (bursts(0.06)[:, :1] - bursts(0.06)[:, 1:])
    return emg.against_motion(_moved(bursts(seconds), arm, moment))


def _moved(excitation: np.ndarray, arm: np.ndarray, moment: np.ndarray) -> emg.Movement:
    strength = np.array([1000.0, 1000.0])
    return emg.Movement(time=CLOCK, excitation=excitation, moment_arm=arm, strength=strength, moment=moment, source="Recording walk")


def _exchanged(order: tuple[int, int]) -> Iterable[Finding]:
    """Two antagonists with their electrodes in some order."""
    wave = np.sin(2 * np.pi * 0.8 * CLOCK)
    bursts = np.column_stack([np.maximum(wave, 0), np.maximum(-wave, 0)])
    arm = np.tile([[0.05, -0.05]], (len(CLOCK), 1, 1))
    return emg.against_joints(_moved(bursts[:, order], arm, 50 * wave[:, None]), ("a", "b"), ("knee",))


def _contact(i: int, peak: float, z: float) -> forces.Contact:
    return forces.Contact(name=f"run/stance_{i:02}", start=float(i), end=i + 0.25, peak=peak, centre=(0.1 * i, z))


def _other_foot() -> Iterable[Finding]:
    """The right foot walks over its plate, which the left foot meets at 4 s."""

    def foot(x: float, z: float) -> TimeSeries:
        return TimeSeries(time=CLOCK, labels=("x", "y", "z"), values=np.tile([x, 0.03, z], (len(CLOCK), 1)), source="model")

    up = np.where(np.abs(CLOCK - 4.0) < 0.2, 800.0, 0.0)
    force = np.stack([0 * up, up, 0 * up], axis=1)
    plate = forces.AppliedForce(name="p", body="foot_r", time=CLOCK, force=force, point=np.tile([0.5, 0.0, -0.1], (len(CLOCK), 1)))
    odd = forces.other_foot(plate, {"foot_r": foot(0.0, 0.1), "foot_l": foot(0.55, -0.1)}, 3.8, 4.2)
    return forces.odd_contacts([replace(_contact(4, 800.0, -0.1), odd=odd)])


def _odd(peak: float, z: float) -> Iterable[Finding]:
    return forces.odd_contacts(forces.judged([*(_contact(i, 1600.0, 0.1) for i in range(6)), _contact(6, peak, z)]))


def _one_leg(share: float) -> Iterable[Finding]:
    up = np.where(np.sin(2 * np.pi * CLOCK) > 0, share * 2 * 70 * 9.80665, 0.0)
    force = np.stack([0 * up, up, 0 * up], axis=1)
    return contacts.weight_in_strides([forces.AppliedForce(name="p", body="foot", time=CLOCK, force=force, point=0 * force)], 70.0, "walk")


MADE = (
    Made(
        name="markers missed by 8.4 cm", kind="marker_error", outcome="stopped", found=lambda: motion.marker_errors(0.084, 0.2, 1.0, "run")
    ),
    Made(name="markers missed by 3 cm", kind="marker_error", outcome="doubted", found=lambda: motion.marker_errors(0.03, 0.06, 1.0, "run")),
    Made(
        name="one marker missed by 6 cm",
        kind="marker_error",
        outcome="doubted",
        found=lambda: motion.marker_errors(0.012, 0.06, 1.0, "run"),
    ),
    Made(name="a pelvis halved", kind="scale_factor", outcome="stopped", found=lambda: motion.scale_factors({"pelvis": (0.49, 1.0, 1.0)})),
    Made(name="a thigh doubled", kind="scale_factor", outcome="stopped", found=lambda: motion.scale_factors({"femur_r": (1.0, 2.1, 1.0)})),
    Made(
        name="thighs of two people",
        kind="left_right",
        outcome="doubted",
        found=lambda: motion.scale_factors({"femur_r": (1.0, 1.0, 1.0), "femur_l": (1.0, 1.1, 1.0)}),
    ),
    Made(
        name="an ankle of 11 N·m/kg",
        kind="moment_beyond_human",
        outcome="stopped",
        found=lambda: forces.joint_moments(_moments(11), ["ankle"], 70.0),
    ),
    Made(
        name="a hip of 7 N·m/kg",
        kind="moment_beyond_human",
        outcome="doubted",
        found=lambda: forces.joint_moments(_moments(7), ["ankle"], 70.0),
    ),
    Made(name="the left foot on the right plate", kind="odd_contact", outcome="doubted", found=lambda: _odd(1600.0, -0.2)),
    Made(name="one step of the left foot among those of the right", kind="odd_contact", outcome="doubted", found=lambda: _other_foot()),
    Made(name="half a foot on the plate", kind="odd_contact", outcome="doubted", found=lambda: _odd(700.0, 0.1)),
    Made(name="half the weight", kind="weight_not_carried", outcome="doubted", found=lambda: _one_leg(0.25)),
    Made(
        name="a plate nobody named",
        kind="plate_unnamed",
        outcome="doubted",
        found=lambda: forces.unnamed_plates({"p1": 900.0}, [], "run.c3d"),
    ),
    Made(name="EMG half a second late", kind="emg_late", outcome="doubted", found=lambda: _late(0.5)),
    Made(name="EMG a third of a second early", kind="emg_late", outcome="doubted", found=lambda: _late(-0.35)),
    Made(name="two electrodes exchanged", kind="emg_swapped", outcome="doubted", found=lambda: _exchanged((1, 0))),
    Made(
        name="a hip flexor alone against extensors",
        kind="one_muscle",
        outcome="doubted",
        found=lambda: calibration.problem(_two_ways((0.05, -0.05, -0.05)), STRENGTH),
    ),
    Made(
        name="a held-out moment told by half",
        kind="held_out_poor",
        outcome="doubted",
        found=lambda: calibration.held_out_moments([_metric(0.3, 20.0)]),
    ),
    Made(
        name="one muscle for a joint",
        kind="one_muscle",
        outcome="doubted",
        found=lambda: calibration.problem(_trials(1, ("calibration", "held_out")), STRENGTH),
    ),
    Made(
        name="nothing held out",
        kind="not_validated",
        outcome="doubted",
        found=lambda: calibration.problem(_trials(3, ("calibration",)), STRENGTH),
    ),
    Made(
        name="a held-out moment below its mean",
        kind="held_out",
        outcome="doubted",
        found=lambda: calibration.held_out_moments([_metric(-0.58, 60.0)]),
    ),
    Made(
        name="worse by calibration",
        kind="held_out",
        outcome="doubted",
        found=lambda: calibration.held_out_moments([_metric(0.7, 10.0, "uncalibrated"), _metric(0.5, 15.0)]),
    ),
    Made(
        name="OpenSim computes something else",
        kind="verification",
        outcome="stopped",
        found=lambda: calibration.confirmed([_verified(0.2)], 0.02),
    ),
    Made(
        name="OpenSim cannot run it", kind="verification", outcome="stopped", found=lambda: calibration.confirmed([], 0.02, failure="no.")
    ),
)
# The same measures on what is sound.
SOUND = (
    Made(name="markers missed by 1.5 cm", kind="", outcome="stopped", found=lambda: motion.marker_errors(0.015, 0.035, 1.0, "run")),
    Made(
        name="a tall person",
        kind="",
        outcome="stopped",
        found=lambda: motion.scale_factors({"femur_r": (1.2, 1.25, 1.1), "femur_l": (1.21, 1.24, 1.1)}),
    ),
    Made(name="a sprinter's hip of 5 N·m/kg", kind="", outcome="stopped", found=lambda: forces.joint_moments(_moments(5), ["ankle"], 70.0)),
    Made(name="EMG 60 ms before the moment", kind="", outcome="stopped", found=lambda: _late(0.0)),
    Made(name="electrodes in order", kind="", outcome="stopped", found=lambda: _exchanged((0, 1))),
    Made(
        name="two muscles for the one way that is asked for",
        kind="",
        outcome="stopped",
        found=lambda: calibration.problem(_two_ways((0.05, 0.02, -0.05), lowest=0.0), STRENGTH),
    ),
    Made(name="steps that vary", kind="", outcome="stopped", found=lambda: _odd(1500.0, 0.14)),
    Made(name="a held-out moment predicted", kind="", outcome="stopped", found=lambda: calibration.held_out_moments([_metric(0.8, 6.0)])),
)
