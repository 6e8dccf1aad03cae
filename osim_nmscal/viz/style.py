"""How every figure looks: colours, sizes, frames; and one grid of axes for all."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from osim_nmscal.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AxesArray = NDArray[Any]  # of matplotlib.axes.Axes

# Size of one panel, inches: three in a row fill a page's width of 7 inches.
PANEL = (2.3, 1.75)
# A single panel is no narrower, inches, so that its legend finds room.
NARROWEST = 3.2


def new_axes(rows: int, columns: int, axes: Any = None, *, panel: tuple[float, float] = PANEL, sharey: Any = False) -> AxesArray:
    """Return a (rows, columns) grid of axes: new ones, or the caller's.

    Args:
        rows: of the grid.
        columns: of the grid.
        axes: axes to draw into, any shape with rows x columns members; None for a new figure.
        panel: size of each, inches.
        sharey: as in `plt.subplots`.

    Raises:
        ConfigError: matplotlib is not installed, or the number of axes given does not fit.
    """
    if axes is not None:
        given = np.atleast_1d(np.asarray(axes, dtype=object))
        if given.size != rows * columns:
            raise ConfigError(f"{given.size} axes are given for {rows} x {columns} panels; give {rows * columns}, or none.")
        return given.reshape(rows, columns)
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ConfigError('Figures need matplotlib, which is not installed; install it with: pip install "osim-nmscal[plots]"') from error
    size = (max(panel[0] * columns, NARROWEST) + 0.4, panel[1] * rows + 0.6)
    figure, made = plt.subplots(rows, columns, figsize=size, squeeze=False, sharey=sharey, layout="constrained")
    figure.set_facecolor("white")
    for one in made.flat:
        plain(one)
    return np.asarray(made, dtype=object)


def plain(axes: "Axes") -> None:
    """Take away the frame's upper and right side and make the text small enough for a column of a paper."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=7, length=2.5, width=0.6)
    for side in ("left", "bottom"):
        axes.spines[side].set_linewidth(0.6)
    axes.title.set_fontsize(8)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)


def legend_above(grid: AxesArray, of: "Axes") -> None:
    """Put one legend, that of one axes, above all panels, where it covers nothing."""
    handles, labels = of.get_legend_handles_labels()
    if handles:
        grid.flat[0].figure.legend(handles, labels, loc="outside upper center", ncols=min(4, grid.shape[1] + 2), fontsize=7, frameon=False)


def hide_unused(grid: AxesArray, used: int) -> None:
    """Take away panels of the grid that hold nothing."""
    for axes in list(grid.flat)[used:]:
        axes.set_visible(False)
