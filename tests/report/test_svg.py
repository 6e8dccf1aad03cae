"""Panels: where a value lands, what is left out, which ticks are written."""

import numpy as np
import pytest
from lxml import etree

from osim_nmscal.report.svg import Frame, Panel, limits, nice_ticks

FRAME = Frame(width=120, height=120, left=10, right=10, top=10, bottom=10)
SVG = "{http://www.w3.org/2000/svg}"


def elements(panel, tag):
    return list(etree.fromstring(panel.render()).iter(SVG + tag))


def test_a_line_goes_from_corner_to_corner_and_y_points_up():
    panel = Panel("p", (0, 2), (0, 4), frame=FRAME)
    panel.line([0, 1, 2], [0, 2, 4], "#000")
    (line,) = elements(panel, "polyline")
    assert line.get("points") == "10.0,110.0 60.0,60.0 110.0,10.0"


def test_a_value_that_is_no_number_interrupts_the_line():
    panel = Panel("p", (0, 4), (0, 1), frame=FRAME)
    panel.line(range(5), [0, 0, np.nan, 1, 1], "#000")
    assert [line.get("points").count(",") for line in elements(panel, "polyline")] == [2, 2]


def test_what_lies_outside_is_cut_at_the_frame():
    panel = Panel("p", (0, 1), (0, 1), frame=FRAME)
    panel.bar(-5, 0.5, 0.5, 9, "#000")
    (bar,) = elements(panel, "rect")
    assert (float(bar.get("x")), float(bar.get("y")), float(bar.get("width")), float(bar.get("height"))) == (10, 10, 50, 50)


def test_a_logarithmic_axis_has_equal_steps_per_factor():
    panel = Panel("p", (0, 2), (1, 100), log_y=True, frame=FRAME)
    panel.line([0, 1, 2], [1, 10, 100], "#000")
    (line,) = elements(panel, "polyline")
    assert line.get("points") == "10.0,110.0 60.0,60.0 110.0,10.0"


def test_text_of_a_user_cannot_break_the_page():
    panel = Panel('<script>"', (0, 1), (0, 1))
    panel.dot(0.5, 0.5, "#000", hint="a < b & c")
    assert etree.fromstring(panel.render()).get("aria-label") == '<script>"'


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        (0, 100, ["0", "20", "40", "60", "80", "100"]),
        (-0.3, 0.31, ["-0.2", "0.0", "0.2"]),
        (0.85, 1.15, ["0.9", "1.0", "1.1"]),
        (3, 3.0004, ["3.0000", "3.0001", "3.0002", "3.0003", "3.0004"]),
    ],
)
def test_ticks_are_round_numbers(low, high, names):
    assert [name for _, name in nice_ticks(low, high)] == names


def test_limits_of_a_constant_and_of_nothing_have_a_width():
    assert limits([5.0, 5.0])[0] < 5.0 < limits([5.0, 5.0])[1]
    assert limits([np.nan]) == (0.0, 1.0)


def test_a_second_scale_leaves_out_what_is_too_near_or_outside():
    panel = Panel("EMG", (0, 1), (-10, 10))
    panel.right_ticks([(0.0, "zero"), (0.1, "near"), (9.0, "one"), (20.0, "far")])
    drawn = panel.render()
    assert ">zero<" in drawn
    assert ">one<" in drawn
    assert ">near<" not in drawn
    assert ">far<" not in drawn


def test_a_panel_without_a_title_has_a_name_for_a_screen_reader():
    assert 'aria-label="Correlations"' in Panel("", (0, 1), (0, 1), name="Correlations").render()
