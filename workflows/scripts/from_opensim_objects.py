"""From what an OpenSim user holds in memory to a forward simulation with the personalized model.

Every station takes `opensim.Model`, `TimeSeriesTable` and `Storage` where it takes a path. The laboratory is played by OpenSim itself: a
person whose elbow muscles are not those of the generic model moves as excitations say, and the motion is recorded. Then we forget who
they were: from the generic model, the motion, the excitations and the moments their muscles are found, and simulated forward.

python workflows/scripts/from_opensim_objects.py results/elbow
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import opensim

from osim_nmscal import (
    CalibrationSettings,
    InverseDynamicsSettings,
    MuscleAnalysisSettings,
    MuscleTable,
    SegmentationSettings,
    TimeSeries,
    TrialSet,
    TrialSettings,
    calibrate,
    cut_times,
    cut_trials,
    predict,
    read_muscles,
    run_inverse_dynamics,
    run_muscle_analysis,
    write_personalized,
)

ELBOW = "elbow_flexion_r"
MUSCLES = (
    "triceps_long_r",
    "triceps_lateral_r",
    "triceps_medial_r",
    "biceps_long_r",
    "biceps_short_r",
    "brachialis_r",
    "brachioradialis_r",
)
FLEXORS = MUSCLES[3:]
DURATION, STEP = 1.2, 0.01  # s
GENERIC = Path(__file__).resolve().parent.parent.parent / "models" / "virtual_arm.osim"


def excitations(pace: float, effort: float) -> TimeSeries:
    """Return bursts of the flexors over a quiet triceps, (time, muscle)."""
    time = np.arange(0.0, DURATION + STEP / 2, STEP)
    burst = np.clip(np.sin(2 * np.pi * pace * time), 0.0, None) ** 2
    values = np.column_stack([0.06 + (effort * burst if name in FLEXORS else 0.04 * (1 - burst)) for name in MUSCLES])
    return TimeSeries(time=time, labels=MUSCLES, values=values, source=f"excitations at {pace:g} Hz")


def simulated(model: opensim.Model, controls: TimeSeries, *, own_activation_dynamics: bool) -> opensim.TimeSeriesTable:
    """Simulate an arm forward whose elbow alone is free, and return its coordinates, rad, every 10 ms."""
    model = model.clone()
    controller = opensim.PrescribedController()
    for muscle in (opensim.Millard2012EquilibriumMuscle.safeDownCast(one) for one in list(model.getMuscles())):
        name = muscle.getName()
        muscle.set_appliesForce(name in controls.labels)
        if name in controls.labels:
            muscle.set_ignore_activation_dynamics(not own_activation_dynamics)
            controller.addActuator(muscle)
            control = opensim.PiecewiseLinearFunction()
            for moment, value in zip(controls.time, controls[name], strict=True):
                control.addPoint(float(moment), float(value))
            controller.prescribeControlForActuator(muscle.getAbsolutePathString(), control)
    model.addController(controller)
    reporter = opensim.TableReporter()
    reporter.set_report_time_interval(STEP)
    for coordinate in list(model.getCoordinateSet()):
        coordinate.setDefaultLocked(coordinate.getName() != ELBOW)
        reporter.addToReport(coordinate.getOutput("value"), coordinate.getName())
    model.addComponent(reporter)
    model.updCoordinateSet().get(ELBOW).setDefaultValue(0.4)
    state = model.initSystem()
    model.equilibrateMuscles(state)
    manager = opensim.Manager(model)
    manager.setIntegratorAccuracy(1e-5)
    manager.initialize(state)
    manager.integrate(DURATION)
    return reporter.getTable().clone()


def main(folder: Path) -> dict[str, float]:
    """Return by how much the elbow of a generic and of a personalized model leaves the recorded motion, degrees (RMS)."""
    folder.mkdir(parents=True, exist_ok=True)
    opensim.Logger.setLevelString("Error")
    generic = opensim.Model(str(GENERIC))

    # The laboratory: longer tendons, stronger flexors, weaker extensors.
    known = read_muscles(generic).select(MUSCLES)
    truth = MuscleTable(
        muscles=tuple(
            replace(
                one,
                tendon_slack_length=1.03 * one.tendon_slack_length,
                max_isometric_force=(1.3 if one.name in FLEXORS else 0.8) * one.max_isometric_force,
            )
            for one in known
        )
    )
    person = opensim.Model(str(write_personalized(generic, folder / "person.osim", truth)))
    emg = {"slow": excitations(0.8, 0.10), "strong": excitations(0.9, 0.16), "new": excitations(1.1, 0.12)}
    recorded = {name: simulated(person, one, own_activation_dynamics=True) for name, one in emg.items()}

    # What you have: a model, tables of joint angles, EMG as excitations. Everything below takes these objects as they are.
    trials = []
    for name, angles in recorded.items():
        analysis = MuscleAnalysisSettings(dofs=(ELBOW,), muscles=MUSCLES, lowpass_cutoff=0)
        geometry = run_muscle_analysis(generic, angles, folder / name, settings=analysis)
        moments = run_inverse_dynamics(
            generic, angles, folder / name / "id.sto", settings=InverseDynamicsSettings(lowpass_cutoff=0)
        ).moments
        trials += cut_trials(
            name,
            cut_times(SegmentationSettings(method="times", times=((0.3, DURATION - 0.02),))),
            geometry,
            moments.select([ELBOW]),
            emg[name],
            settings=TrialSettings(lead_in=0.25),
            roles={f"{name}/segment_01": "held_out" if name == "new" else "calibration"},
        )
    # These moments carry no error of cameras and plates; by default 1.5 N·m of them are taken for noise, half of what an elbow needs here.
    settings = CalibrationSettings(noise={"floor": 0.1, "relative": 0.05})
    result = calibrate(TrialSet(trials=tuple(trials)), known, settings)
    print(result)

    # What you get: an opensim.Model, here simulated forward with the activations that its EMG gives it.
    written = write_personalized(generic, folder / "personalized.osim", result.muscles)
    models = {
        "generic": (known, result.start_neural, generic),
        "personalized": (result.muscles, result.neural, opensim.Model(str(written))),
    }
    truth_angle = TimeSeries.from_table(recorded["new"])[ELBOW]
    errors = {}
    for name, (muscles, neural, model) in models.items():
        held_out = TrialSet(trials=(trials[-1],))
        activation = predict(held_out, muscles, neural)[0]
        controls = TimeSeries(time=activation.time, labels=activation.muscles, values=activation.activation.clip(0.01, 1.0))
        angle = TimeSeries.from_table(simulated(model, controls, own_activation_dynamics=False))[ELBOW]
        errors[name] = float(np.degrees(np.sqrt(np.mean((angle - truth_angle) ** 2))))
        print(f"{name}: the elbow is {errors[name]:.1f} degrees (RMS) from the recorded motion")
    return errors


if __name__ == "__main__":
    main(Path(sys.argv[1]))
