"""The report of a run as a reader finds it: what is there, what is said to be missing, one file that needs nothing else."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from lxml import etree

from osim_nmscal.data.findings import Finding, Verdict, note
from osim_nmscal.data.results import StartRow, VerificationMetrics
from osim_nmscal.evaluation import moment_metrics
from osim_nmscal.report.data import (
    ChannelView,
    EarlyEnd,
    RecordingView,
    ReportData,
    SettingRow,
    Span,
    Station,
    TrialView,
)
from osim_nmscal.report.methods import methods_paragraph
from osim_nmscal.report.page import report_html, write_report

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)


def views(trials, calibrated, uncalibrated):
    for trial, after, before in zip(trials.trials, calibrated, uncalibrated, strict=True):
        yield TrialView(
            name=trial.name, role=trial.role, time=trial.time, first_counted=trial.first_counted, muscles=trial.muscles, dofs=trial.dofs,
            excitation=trial.excitation, joint_moment=trial.joint_moment, calibrated=after, uncalibrated_moment=before.joint_moment,
        )  # fmt: skip


@pytest.fixture
def data(trials, calibrated, uncalibrated, result):
    time = np.arange(0.0, 2.0, 0.01)
    return ReportData(
        subject="Person <7>",
        model="generic.osim",
        date="2026-11-21",
        mass=70.0,
        verdict=Verdict(level="use with care", sentence="Use with care: one knee only.", reasons=("One knee only.",)),
        findings=(
            Finding(severity="doubt", kind="marker_gap", about="walk", text="Marker RTOE is missing for 0.2 s; fill the gap."),
            note("EMG is fine."),
        ),
        stations=(Station(name="scaling", seconds=1.5, cached=False), Station(name="calibration", seconds=0.5, cached=True)),
        recordings=(
            RecordingView(
                name="walk",
                trials=(
                    Span(trial="walk/1", start=0.2, end=0.9, role="calibration"),
                    Span(trial="walk/3", start=1.2, end=1.8, role="held_out"),
                ),
                marker_time=time,
                marker_rms=np.full(200, 0.012),
                marker_max=np.full(200, 0.05),
                force_time=time,
                force=700 * np.sin(time) ** 2,
                force_label="ground_force_vy",
                residuals=(("pelvis_ty_force", 20.0, 90.0), ("pelvis_tilt_moment", 5.0, 9.0)),
            ),
        ),
        channels=(
            ChannelView(
                recording="walk",
                name="VL",
                time=time,
                low=-np.ones(200),
                high=np.ones(200),
                envelope=np.full(200, 0.4),
                muscles=("extensor",),
                reference=0.5,
                flags=("EMG channel VL is weak.",),
            ),
        ),
        trials=tuple(views(trials, calibrated, uncalibrated)),
        calibration=replace(
            result,
            correlation=np.array([[1.0, -0.9] * 3, [-0.9, 1.0] * 3] * 3),
            starts=tuple(
                StartRow(start=i, status="converged", iterations=9, loss_initial=10.0, loss_final=2.0 + i, best=i == 1) for i in (1, 2)
            ),
        ),
        metrics=(*moment_metrics(trials, uncalibrated, model="uncalibrated"), *moment_metrics(trials, calibrated, model="calibrated")),
        verification=(
            VerificationMetrics(
                trial="walk/1", dof="knee", rmse=0.8, nrmse=0.007, r2_vs_inverse_dynamics=0.99, largest_force_error=0.01, muscle="flexor"
            ),
        ),
        settings=(
            SettingRow(key="emg.envelope.kind", value='"raw"', default='"raw"', unit="-", meaning="Raw or envelope."),
            SettingRow(key="trials.time_step", value="0.005", default="0.01", unit="s", meaning="Clock."),
        ),
        versions={"osim_nmscal": "0.1.0", "opensim": "4.6"},
        inputs={"walk.trc": "ab" * 32},
    )


class _Balance(HTMLParser):
    """Counts what is opened and closed; void elements of HTML need no end."""

    VOID = frozenset({"meta", "link", "br", "path", "rect", "circle", "image", "polygon"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.faults = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))


def test_the_verdict_comes_first_then_a_part_for_each_reader(data):
    page = report_html(data)
    body = page.partition("<body>")[2]
    assert body.index("Use with care.") < body.index("Person &lt;7&gt;") < body.index("Marker RTOE is missing for 0.2 s;")
    sections = re.findall(r'<section id="(\w+)"', page)
    assert sections == ["findings", "clinician", "student", "researcher", "reviewer"]
    for reader in sections[1:]:
        assert f"for the {reader}" in body


def test_the_page_is_well_formed_and_fetches_nothing(data):
    page = report_html(data)
    parser = _Balance()
    parser.feed(page)
    assert parser.faults == []
    assert parser.open == []
    assert len(parser.ids) == len(set(parser.ids))
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_every_panel_is_a_complete_svg_with_a_name(data):
    panels = re.findall(r'<div class="panel">(<svg.*?</svg>)</div>', report_html(data), flags=re.DOTALL)
    assert len(panels) >= 12
    for panel in panels:
        root = etree.fromstring(panel)
        assert root.get("aria-label")
        assert "nan" not in panel
        assert "inf" not in panel


def test_what_is_beyond_its_norm_is_marked(data):
    page = report_html(data)
    marked = re.findall(r'<tr class="marked">(.*?)</tr>', page, flags=re.DOTALL)
    # 90 N are 13 % of a body weight of 687 N; the flagged channel; the moment has no norm here
    assert any("pelvis_ty_force" in row and "13.1" in row for row in marked)
    assert not any("pelvis_tilt_moment" in row for row in marked)
    assert any("VL" in row for row in marked)


def test_numbers_of_the_chain_are_those_shown(data):
    page = report_html(data)
    held = [m for m in data.metrics if m.role == "held_out" and m.model == "calibrated"]
    assert f"→ {held[0].r2:.2f}" in page
    assert f"{held[0].rmse:.2f}" in page
    assert "0.80" in page  # normalized peak of VL: 0.4 / 0.5


def test_settings_that_are_not_the_default_stand_apart(data):
    page = report_html(data)
    changed, rest = page.index("Settings that are not the default (1)."), page.index("Settings left at their default (1).")
    assert changed < page.index("trials.time_step", changed) < rest < page.index("emg.envelope.kind", rest)


def test_the_methods_paragraph_says_what_was_done_and_no_more(data):
    text = methods_paragraph(data)
    assert "2 of 3 trials calibrated 2 muscle-tendon units about knee and 1 were held out (time step 10 ms)" in text
    assert "A synergy-hybrid neuromusculoskeletal model" in text
    assert "OpenSim 4.6" in text
    without = methods_paragraph(replace(data, metrics=(), verification=(), calibration=None, trials=()))
    for word in ("root-mean-square", "reproduced", "calibrated by", "trials"):
        assert word not in without


def test_a_run_without_held_out_trials_says_so(data):
    seen = tuple(m for m in data.metrics if m.role == "calibration")
    kept = tuple(trial for trial in data.trials if trial.role == "calibration")
    page = report_html(replace(data, metrics=seen, trials=kept))
    assert "none was held out" in page
    assert "no trial was held out" in page  # in the methods too


def test_an_unfinished_run_has_a_report_that_says_why():
    end = EarlyEnd(
        station="inverse_kinematics",
        kind="failed",
        reasons=("walk.trc has no marker RASI; add it.",),
        waiting=("inverse_kinematics", "inverse_dynamics", "calibration"),
        files=(("scaling", "model_scaled.osim"),),
    )
    stations = (Station(name="scaling", seconds=1.5, cached=False),)
    page = report_html(ReportData(subject="A", model="m.osim", date="today", early_end=end, stations=stations))
    assert page.index("The run failed in inverse kinematics.") < page.index("walk.trc has no marker RASI; add it.")
    assert page.index("give the same command again") < page.index("model_scaled.osim")
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL)]
    assert ["scaling", "finished", "1.5"] in rows
    assert ["inverse", "kinematics", "failed", "–"] in rows
    assert ["calibration", "not", "run", "–"] in rows
    assert "Nothing can be shown of: Joints and muscles, Parameters and muscles." in page  # rather than pages of what is missing
    assert 'id="clinician"' not in page


def test_what_ended_a_run_is_why_a_part_of_the_report_is_missing(data):
    end = EarlyEnd(station="calibration", kind="interrupted", reasons=("It was interrupted.",), waiting=("calibration",))
    trials = tuple(replace(trial, calibrated=None, uncalibrated_moment=None) for trial in data.trials)
    page = report_html(replace(data, early_end=end, trials=trials, calibration=None, metrics=(), verification=(), verdict=None))
    assert "The run was interrupted in calibration." in page
    assert "the run ended before it, in calibration." in page
    assert "Trials cut from the recordings." in page


def test_pairs_of_parameters_and_the_searches_of_several_starts_are_shown(data):
    page = report_html(data)
    assert "flexor: optimal fiber length" in page
    assert "Starts: 2 searches, of which 1 ended within 1 % of the lowest loss." in page


def test_a_long_verdict_names_the_gravest_reasons_on_top(data):
    reasons = tuple(f"Reason {i}." for i in range(20))
    page = report_html(replace(data, verdict=replace(data.verdict, reasons=reasons)))
    assert "Reason 5." in page
    assert "Reason 6." not in page
    assert "And 14 more, see the findings below." in page


def test_trials_with_other_joints_and_joints_without_a_moment_are_drawn_as_far_as_they_go(data):
    first, second, third = data.trials
    second = replace(second, joint_moment=np.full_like(second.joint_moment, np.nan))
    third = replace(
        third,
        dofs=("ankle",),
        muscles=("flexor",),
        excitation=third.excitation[:, 1:],
        calibrated=None,
        uncalibrated_moment=None,
    )
    page = report_html(replace(data, trials=(first, second, third)))
    assert "nan" not in "".join(re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL))
    calibration = page[page.index("Joint moments of the calibration trials") : page.index("Agreement with inverse dynamics")]
    assert calibration.count("<svg xmlns") == 1  # the knee; in the second trial it was not measured
    held_out = page[page.index("Joint moments of the held-out") :] if "Joint moments of the held-out" in page else ""
    assert held_out == ""  # the third was never evaluated


def test_the_file_is_small(tmp_path, data):
    path = write_report(data, tmp_path / "report.html")
    assert path.stat().st_size < 8e6  # what goes through a mail; real runs make 0.5 to 2 MB


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to load the page in")
def test_nothing_is_wider_than_a_phone_or_a_desk(tmp_path, data):
    write_report(data, tmp_path / "report.html")
    frames = "".join(f'<iframe src="report.html" width="{width}" height="2000"></iframe>' for width in (390, 1280))
    measure = (
        "addEventListener('load', () => { for (const frame of document.querySelectorAll('iframe')) { const page = frame.contentDocument."
        "documentElement; document.body.append(`wide ${page.scrollWidth} of ${page.clientWidth};`); } });"
    )
    outer = tmp_path / "outer.html"
    outer.write_text(f"<!doctype html><body>{frames}<script>{measure}</script></body>", encoding="utf-8")
    done = in_chromium(outer, tmp_path / "chrome")
    widths = [(int(whole), int(seen)) for whole, seen in re.findall(r"wide (\d+) of (\d+);", done.stdout)]
    assert len(widths) == 2
    assert all(whole <= seen for whole, seen in widths), widths  # a table scrolls within itself


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to load the page in")
@pytest.mark.parametrize("kind", ["finished", "failed"])
def test_a_browser_loads_the_page_without_an_error(tmp_path, data, kind):
    if kind == "failed":
        end = EarlyEnd(station="trials", kind="failed", reasons=("No foot is on the ground.",), waiting=("trials",))
        data = replace(data, early_end=end, calibration=None, trials=(), metrics=(), verification=(), verdict=None)
    path = write_report(data, tmp_path / "report.html")
    done = in_chromium(path, tmp_path / "chrome")
    assert "CONSOLE" not in done.stderr  # no script error, nothing that could not be loaded
    assert done.stdout.count(">SVG</button>") == done.stdout.count('class="panel"')  # the script ran to its end
    assert 'class="sortable"' in done.stdout


def in_chromium(page, profile):
    """Load a page, let its scripts run, and return what it has become, and what the browser said."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update "
        "--disable-sync --allow-file-access-from-files --enable-logging=stderr --dump-dom"
    )
    command = [CHROMIUM, *flags.split(), f"--user-data-dir={profile}", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
