"""A report that goes around must not tell where its maker keeps their files."""

import pytest

from osim_nmscal.workflow.report_data import without_folders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/home/anna/Study 7/walk.trc has a gap.", "walk.trc has a gap."),
        (r"C:\Users\Anna\Study 7\walk.trc has a gap.", "walk.trc has a gap."),
        ("/data/other/grf.mot: the contact is cut off.", "grf.mot: the contact is cut off."),
        ("an error of 0.3 N·m/kg, RMSE / range, walk/stance_01", "an error of 0.3 N·m/kg, RMSE / range, walk/stance_01"),
        ('"/data/lab/setup.xml"', '"setup.xml"'),
    ],
)
def test_folders_are_dropped_from_sentences(text, expected):
    assert without_folders(text, {"/home/anna/Study 7", r"C:\Users\Anna\Study 7", "/home/anna"}) == expected
