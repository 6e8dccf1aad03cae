"""The picture of the README: moments of the virtual leg before and after calibration.

osim-nmscal demo results/demo
python workflows/scripts/demo_figure.py results/demo/results docs/images/demo_moments.png
"""

import sys

import matplotlib

from osim_nmscal import load_results
from osim_nmscal.viz import plot_moments

matplotlib.use("Agg")
results = load_results(sys.argv[1])
held_out = results.trials.held_out
axes = plot_moments(held_out, results.predictions, results.uncalibrated)
axes.flat[0].figure.savefig(sys.argv[2], dpi=150)
