"""Every figure shows an example, and the examples are true."""

import doctest
import inspect

import pytest

import osim_nmscal
from osim_nmscal import viz

matplotlib = pytest.importorskip("matplotlib", reason="figures need matplotlib, the extra [plots]")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def test_the_examples_of_the_figures_are_true():
    parser, runner, told = doctest.DocTestParser(), doctest.DocTestRunner(), []
    scene = parser.get_doctest(osim_nmscal.__doc__, {}, "osim_nmscal", "osim_nmscal", 0)
    runner.run(scene, out=told.append, clear_globs=False)
    for name in viz.__all__:
        found = parser.get_doctest(inspect.getdoc(getattr(viz, name)), {**scene.globs, name: getattr(viz, name)}, name, name, 0)
        assert found.examples, f"{name} has no example"
        runner.run(found, out=told.append)
    plt.close("all")
    assert not runner.failures, "".join(told)
