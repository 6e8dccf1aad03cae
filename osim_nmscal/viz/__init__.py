"""Figures for papers and scripts, on matplotlib (`pip install osim-nmscal[plots]`): each function takes a result and returns its axes.

    import matplotlib.pyplot as plt
    from osim_nmscal.viz import plot_moments

    plot_moments(result)  # of personalize or load_results; or its parts
    plt.savefig("moments.pdf")

Colours are those of Okabe and Ito (2008), told apart by colour-blind readers too; lines that mean different things also differ in
style. matplotlib is imported when a function is called.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osim_nmscal.viz.calibration import plot_convergence, plot_fiber_range, plot_parameters
    from osim_nmscal.viz.excitations import plot_emg, plot_excitations, plot_synergies
    from osim_nmscal.viz.moments import plot_moments

_HOMES = {
    "plot_moments": "osim_nmscal.viz.moments",
    "plot_parameters": "osim_nmscal.viz.calibration",
    "plot_fiber_range": "osim_nmscal.viz.calibration",
    "plot_convergence": "osim_nmscal.viz.calibration",
    "plot_excitations": "osim_nmscal.viz.excitations",
    "plot_emg": "osim_nmscal.viz.excitations",
    "plot_synergies": "osim_nmscal.viz.excitations",
}

__all__ = [
    "plot_convergence",
    "plot_emg",
    "plot_excitations",
    "plot_fiber_range",
    "plot_moments",
    "plot_parameters",
    "plot_synergies",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'osim_nmscal.viz' has no attribute {name!r}")
