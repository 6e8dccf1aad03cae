"""Does a muscle with an elastic tendon agree with biology? Rat soleus, maximally activated; and, as far as the data go, cat soleus.

Run: python workflows/benchmarks/rat_soleus.py [--cat]. Needs ../shared/data/rat_soleus (Krylow & Sandercock 1997) and
cat_soleus (Herzog & Leonard 2002); writes plots to results/benchmarks.

Protocol of Hambly et al. (2025): fit on the 2 mm trial, predict the others; activation is first order from 0 at time 0.
Fitted by least squares (scipy, trust region, derivatives by central differences of all parameter sets at once): optimal
fiber length, tendon slack length, maximum isometric force, maximum contraction velocity, tendon strain at one norm force
(elastic only) and the time constant of activation. Fixed: MTU length at rest and pennation as in earlier work on these data
(optimal and slack length 17.1 mm, 6 degrees, 2 mm short of their sum), curves and damping of Millard's muscle.
"""

import argparse
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import torch
from numpy.typing import NDArray
from plotly.subplots import make_subplots
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares
from torch import Tensor

from osim_nmscal.data.muscles import Millard2012Properties, Muscle, MuscleTable
from osim_nmscal.nms.model import FiberDynamicsName, NmsInputs, contract, initial_parameters
from osim_nmscal.nms.muscle_models import muscle_mechanics

Array = NDArray[np.float64]
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PLOTS = ROOT / "results" / "benchmarks"
NAMES = ("optimal fiber mm", "tendon slack mm", "Fmax N", "vmax 1/s", "tendon strain", "tau on ms", "tau off ms")
UNITS = np.array([1e3, 1e3, 1.0, 1.0, 1.0, 1e3, 1e3])
# mean absolute error / maximum isometric force of public work on the same data, %, 0.05 to 2 mm
TO_BEAT = (5.6, 5.7, 5.3, 5.5, 5.4, 8.0)


@dataclass(frozen=True)
class Model:
    """One way to simulate the muscle."""

    name: str
    damping: float
    rigid: bool
    dynamics: FiberDynamicsName
    fitted: tuple[int, ...]  # positions in NAMES


@dataclass(frozen=True)
class Experiment:
    """One muscle, several trials with the same stimulation."""

    labels: tuple[str, ...]
    time: Array  # (time,), s
    mtu_length: Array  # (time, trial), m
    on: Array  # (trial,), s; infinite if never
    off: Array  # (trial,), s
    measured: tuple[Array, ...]  # per trial (sample, 2): s, N
    pennation: float  # rad
    isometric_force: float  # N, measured plateau, to normalise errors

    def activation(self, tau_on: Tensor, tau_off: Tensor) -> Tensor:
        """First-order activation of every parameter set, (set, time, trial, 1)."""
        time = torch.from_numpy(self.time)[None, :, None]
        on, off = torch.from_numpy(self.on), torch.from_numpy(self.off)
        rise = 1.0 - torch.exp(-(torch.minimum(time, off) - on).clamp_min(0.0) / tau_on[:, None, None])
        fall = torch.exp(-(time - off).clamp_min(0.0) / tau_off[:, None, None])
        return (rise * fall)[..., None]

    def force(self, model: Model, parameters: Array) -> Array:
        """Tendon force of every parameter set (set, parameter): (set, time, trial), N."""
        p = torch.from_numpy(np.atleast_2d(parameters))
        muscle = Muscle(
            name="soleus",
            max_isometric_force=1.0,
            optimal_fiber_length=1.0,
            tendon_slack_length=1.0,
            pennation_angle_at_optimal=self.pennation,
            ignore_tendon_compliance=model.rigid,
            properties=Millard2012Properties(fiber_damping=model.damping),
        )
        table = MuscleTable(muscles=(muscle,))
        values = replace(
            initial_parameters(table, c1=0.0, c2=0.0, shape_factor=0.0, electromechanical_delay=0.0),
            optimal_fiber_length=p[:, 0:1],
            tendon_slack_length=p[:, 1:2],
            max_isometric_force=p[:, 2:3],
            max_contraction_velocity=p[:, 3:4],
            tendon_strain_at_one_norm_force=p[:, 4:5],
        )
        mtu_length = torch.from_numpy(self.mtu_length)[..., None]
        activation = self.activation(p[:, 5], p[:, 6])
        inputs = NmsInputs(
            excitation=activation[0],
            mtu_length=mtu_length,
            moment_arm=torch.zeros(*mtu_length.shape[:2], 1, 1, dtype=torch.float64),
            time_step=float(self.time[1] - self.time[0]),
        )
        with torch.no_grad():
            outputs = contract(activation, inputs, values, muscle_mechanics(table), fiber_dynamics=model.dynamics)
        return outputs.tendon_force[..., 0].numpy()

    def errors(self, model: Model, parameters: Array) -> list[Array]:
        """Simulated minus measured force at the measured times, per trial (set, sample), N."""
        force = self.force(model, parameters)
        return [
            np.stack([np.interp(table[:, 0], self.time, one[:, i]) for one in force]) - table[:, 1] for i, table in enumerate(self.measured)
        ]

    def select(self, trials: list[int]) -> "Experiment":
        """Return some of the trials."""
        return Experiment(
            tuple(self.labels[i] for i in trials),
            self.time,
            self.mtu_length[:, trials],
            self.on[trials],
            self.off[trials],
            tuple(self.measured[i] for i in trials),
            self.pennation,
            self.isometric_force,
        )


def fit(experiment: Experiment, model: Model, starts: list[Array], low: Array, high: Array) -> Array:
    """Fit the model's free parameters to all trials of an experiment, every trial counts the same; the best of some starts."""
    found = [_fit_from(start, experiment, model, low, high) for start in starts]
    return min(found, key=lambda result: result[1])[0]


def _fit_from(start: Array, experiment: Experiment, model: Model, low: Array, high: Array) -> tuple[Array, float]:
    free = np.array(model.fitted)
    weight = np.concatenate([np.full(len(table), len(table) ** -0.5) for table in experiment.measured])

    def full(values: Array) -> Array:
        parameters = start.copy()
        parameters[free] = values
        return parameters

    def residual(values: Array) -> Array:
        return np.concatenate([error[0] for error in experiment.errors(model, full(values))]) * weight

    def jacobian(values: Array) -> Array:
        step = 1e-5 * values
        sets = np.repeat(full(values)[None], 2 * len(free), axis=0)
        for i, column in enumerate(free):
            sets[2 * i, column] += step[i]
            sets[2 * i + 1, column] -= step[i]
        errors = np.concatenate(experiment.errors(model, sets), axis=1) * weight
        return ((errors[0::2] - errors[1::2]) / (2.0 * step[:, None])).T

    done = least_squares(residual, start[free], jac=jacobian, bounds=(low[free], high[free]), x_scale=start[free], max_nfev=60)
    return full(done.x), float(done.cost)


def read_table(path: Path) -> Array:
    """Read a table below its 'endheader' and column line, (sample, 2)."""
    lines = path.read_text(encoding="utf-8").split("endheader")[1].split("\n")[2:]
    return np.array([[float(value) for value in line.split()] for line in lines if line.strip()])


def rat_soleus() -> Experiment:
    """Six trials of one displacement waveform, scaled to 0.05-2 mm; 500 Hz."""
    folder = DATA / "rat_soleus"
    displacement = read_table(folder / "displacement.dat")
    time = np.arange(0.0, 2.0005, 0.002)
    wave = CubicSpline(displacement[:, 0], displacement[:, 1])(np.minimum(time, displacement[-1, 0]))
    amplitudes = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
    rest = 0.0171 * (1.0 + math.cos(math.radians(6.0))) - 0.002
    measured = tuple(read_table(folder / f"force_trial{i}.dat") for i in range(1, 7))
    smallest = measured[0]
    return Experiment(
        labels=tuple(f"{amplitude} mm" for amplitude in amplitudes),
        time=time,
        mtu_length=rest + 1e-3 * wave[:, None] * np.array(amplitudes),
        on=np.zeros(6),
        off=np.full(6, np.inf),
        measured=measured,
        pennation=math.radians(6.0),
        isometric_force=float(smallest[smallest[:, 0] > 0.3, 1].mean()),
    )


def cat_soleus(figure: str, off: float) -> Experiment:
    """The six trials of one stretch velocity: isometric short and long, stretches of 3, 6, 9 mm, and one passive; 100 Hz."""
    path = DATA / "cat_soleus" / "forceVelocity" / f"dataHerzogLeonard2002Figure{figure}.dat"
    names = path.read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    table = np.genfromtxt(path, delimiter=",", skip_header=1)
    time, force, length = table[:, 0], table[:, 1::2], 1e-3 * table[:, 2::2]
    passive = force[(time > 1.2) & (time < 1.9)].mean(axis=0) < 1.0
    kernel = np.ones(5) / 5.0  # digitised lengths carry noise of 0.05 mm
    smooth = np.stack([np.convolve(np.pad(column, 2, mode="edge"), kernel, mode="valid") for column in length.T], axis=1)
    return Experiment(
        labels=tuple(name.split()[0] + (" passive" if is_passive else "") for name, is_passive in zip(names[1::2], passive, strict=True)),
        time=time,
        mtu_length=0.067 + smooth,
        on=np.where(passive, np.inf, 0.96),
        off=np.full(6, off),
        measured=tuple(np.stack([time, column], axis=1) for column in force.T),
        pennation=math.radians(7.0),
        isometric_force=float(force[(time > 3.0) & (time < 6.0)][:, ~passive].max(axis=0).min()),
    )


EVERYTHING, WITHOUT_TENDON = (0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 5)
MODELS = (
    Model("elastic, whole trajectory, damping 0.1", 0.1, False, "whole_trajectory", EVERYTHING),
    Model("elastic, whole trajectory, damping 0.01", 0.01, False, "whole_trajectory", EVERYTHING),
    Model("rigid tendon", 0.1, True, "whole_trajectory", WITHOUT_TENDON),
    Model("elastic, Rosenbrock, damping 0.1", 0.1, False, "rosenbrock", EVERYTHING),
)


def rat() -> None:
    """Fit on 2 mm, predict the rest, print and plot."""
    experiment = rat_soleus()
    # earlier work's muscle, and one with a shorter fiber and a longer tendon
    starts = [np.array([0.0171, 0.0158, 1.3, 10.0, 0.049, 0.03, 1.0]), np.array([0.012, 0.022, 1.3, 8.0, 0.049, 0.03, 1.0])]
    low, high = np.array([0.008, 0.008, 0.8, 2.0, 0.005, 0.005, 0.1]), np.array([0.03, 0.03, 3.0, 30.0, 0.3, 0.15, 10.0])
    print(f"Rat soleus: mean absolute error, % of the measured isometric force {experiment.isometric_force:.3f} N (in brackets: of the")
    print("fitted maximum isometric force); fitted on 2 mm only\n")
    print(f"{'':42s}" + "".join(f"{label:>14s}" for label in experiment.labels))
    print(f"{'public work on the same data':42s}" + "".join(f"{value:14.1f}" for value in TO_BEAT))
    plots: dict[str, Array] = {}
    lines = []
    for model in MODELS:
        parameters = fit(experiment.select([5]), model, starts, low, high)
        errors = [100.0 * float(np.abs(error[0]).mean()) for error in experiment.errors(model, parameters)]
        shown = "".join(f"{f'{e / experiment.isometric_force:.1f} ({e / parameters[2]:.1f})':>14s}" for e in errors)
        print(f"{model.name:42s}{shown}")
        plots[model.name] = experiment.force(model, parameters)[0]
        values = ", ".join(f"{NAMES[i]} {(parameters * UNITS)[i]:.4g}" for i in model.fitted)
        lines.append(f"{model.name:42s}{values}")
    print("\n" + "\n".join(lines))
    plot(experiment, plots, "Rat soleus, maximally activated (Krylow & Sandercock 1997); fitted on 2 mm", PLOTS / "rat_soleus.html")


def cat() -> None:
    """Fit on one stretch velocity, predict the slower and the faster."""
    fitted_on = cat_soleus("7B", 8.3)
    others = {"3 mm/s": cat_soleus("7A", 9.95), "9 mm/s (fitted)": fitted_on, "27 mm/s": cat_soleus("7C", 7.5)}
    start = np.array([0.04, 0.03, 25.0, 5.0, 0.049, 0.1, 0.1])
    low, high = np.array([0.025, 0.015, 15.0, 1.0, 0.01, 0.01, 0.01]), np.array([0.06, 0.045, 45.0, 20.0, 0.2, 0.6, 0.6])
    print("\nCat soleus: MAXIMAL stimulation (Herzog & Leonard 2002), not the submaximal data of the paper (Perreault 2003), which are not")
    print("here. Fitted on 9 mm/s, all six trials. After a stretch the real muscle keeps an extra force (residual force enhancement)")
    print("that no Hill-type muscle has, so a systematic error is expected. Mean absolute error, % of isometric force:\n")
    print(f"{'':42s}" + "".join(f"{name:>18s}" for name in others))
    for model in MODELS[:3]:
        free = Model(model.name, model.damping, model.rigid, model.dynamics, (*model.fitted, 6))
        parameters = fit(fitted_on, free, [start], low, high)
        shown = []
        for experiment in others.values():
            errors = [float(np.abs(error[0]).mean()) for error in experiment.errors(model, parameters)]
            shown.append(f"{100.0 * float(np.mean(errors)) / experiment.isometric_force:18.1f}")
        print(f"{model.name:42s}" + "".join(shown))
        if model is MODELS[0]:
            fast = others["27 mm/s"]
            title = "Cat soleus at 27 mm/s (Herzog & Leonard 2002); fitted on 9 mm/s"
            plot(fast, {model.name: fast.force(model, parameters)[0]}, title, PLOTS / "cat_soleus.html")
        print(" " * 6 + ", ".join(f"{name} {value:.4g}" for name, value in zip(NAMES, parameters * UNITS, strict=True)))


def plot(experiment: Experiment, simulated: dict[str, Array], title: str, path: Path) -> None:
    """Write measured and simulated forces of every trial as one offline page."""
    count = len(experiment.labels)
    figure = make_subplots(rows=math.ceil(count / 2), cols=2, subplot_titles=experiment.labels, shared_xaxes=True)
    colors = ("#0072b2", "#56b4e9", "#d55e00", "#009e73")
    for i, table in enumerate(experiment.measured):
        where = {"row": i // 2 + 1, "col": i % 2 + 1}
        first = i == 0
        marker = {"size": 4, "color": "black"}
        figure.add_trace(
            go.Scatter(x=table[:, 0], y=table[:, 1], mode="markers", name="measured", marker=marker, showlegend=first), **where
        )
        for color, (name, force) in zip(colors, simulated.items(), strict=False):
            line = {"color": color, "width": 1.2}
            figure.add_trace(go.Scatter(x=experiment.time, y=force[:, i], name=name, line=line, showlegend=first), **where)
    figure.update_layout(title=title, height=280 * math.ceil(count / 2), template="plotly_white")
    figure.update_yaxes(title_text="force (N)", col=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True)
    print(f"\nplot: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cat", action="store_true", help="also the cat soleus")
    torch.set_num_threads(1)
    chosen = parser.parse_args()
    rat()
    if chosen.cat:
        cat()
