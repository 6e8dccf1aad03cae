"""For the student: the flow from markers to moments, station by station, with what to look at in each."""

import numpy as np

from osim_nmscal.report.blocks import Block, Cell, Column, Figure, LegendEntry, Missing, Section, Table, rows_of
from osim_nmscal.report.data import ChannelView, RecordingView, ReportData
from osim_nmscal.report.figures import EXCITATION_LEGEND, excitation_panel
from osim_nmscal.report.svg import Frame, Panel, limits
from osim_nmscal.summaries.colours import CALIBRATED, MEASURED, QUIET, UNCALIBRATED
from osim_nmscal.summaries.cycle import over_cycle

# OpenSim's guide: marker errors of inverse kinematics, RMS below 2 cm and maximum below 4 cm; residual forces at most 5 % of the
# external force and residual moments at most 1 % of height x force. Source: OpenSim documentation; Hicks et al. (2015).
MARKER_RMS = 0.02
MARKER_MAX = 0.04
RESIDUAL_SHARE = 0.05
_GRAVITY = 9.81
_WIDE = Frame(width=640, height=190)
_CHANNEL = Frame(width=320, height=120, left=46, right=30, top=22, bottom=22)
_ROLE_COLOURS = {"calibration": CALIBRATED, "held_out": "#E69F00"}


def student_section(data: ReportData) -> Section:
    """Build the section."""
    return Section(
        key="student",
        title="From the recording to the excitations",
        reader="for the student",
        lead="Recordings pass one station after another: scaling, inverse kinematics, inverse dynamics, muscle analysis, EMG, "
        "trials, calibration, "
        "write-back, evaluation, verification. Each has something to look at before the next is believed.",
        blocks=(_flow(data), *_markers(data), _residuals(data), *_cuts(data), *_channels(data), _excitations(data)),
    )


def _flow(data: ReportData) -> Block:
    if not data.stations:
        return Missing(what="Time per station", why=data.why("no station has finished."))
    count = len(data.stations)
    longest = max(station.seconds for station in data.stations) or 1.0
    frame = Frame(width=520, height=52 + 20 * count, left=140, bottom=30)
    ticks = [(count - i - 0.5, station.name.replace("_", " ")) for i, station in enumerate(data.stations)]
    panel = Panel("Time per station", (0, 1.18 * longest), (0, count), x_label="s", y_ticks=ticks, frame=frame, grid=False)
    for i, station in enumerate(data.stations):
        y = count - i - 0.5
        panel.bar(0, station.seconds, y - 0.32, y + 0.32, QUIET if station.cached else CALIBRATED, hint=f"{station.seconds:.2f} s")
        panel.text(
            station.seconds + 0.01 * longest, y - 0.18, f"{station.seconds:.1f} s{' (unchanged, not run again)' if station.cached else ''}"
        )
    total = sum(station.seconds for station in data.stations)
    return Figure(caption=f"The flow, {total:.0f} s of work in all.", panels=(panel.render(),), name="stations", wide=True)


def _markers(data: ReportData) -> tuple[Block, ...]:
    known = [view for view in data.recordings if len(view.marker_time)]
    if not known:
        return (Missing(what="Marker errors", why=data.why("no recording started from markers here.")),)
    panels = []
    for view in known:
        highest = max(1.1 * float(view.marker_max.max()), 1.1 * MARKER_MAX)
        panel = Panel(view.name, limits(view.marker_time, share=0), (0, 1000 * highest), x_label="time, s", y_label="error, mm")
        panel.line(view.marker_time, 1000 * view.marker_max, UNCALIBRATED, width=1.0)
        panel.line(view.marker_time, 1000 * view.marker_rms, MEASURED)
        panel.line(view.marker_time[[0, -1]], [1000 * MARKER_RMS] * 2, MEASURED, dash="2 3", width=1)
        panel.line(view.marker_time[[0, -1]], [1000 * MARKER_MAX] * 2, UNCALIBRATED, dash="2 3", width=1)
        panel.note(f"RMS {1000 * view.marker_rms.mean():.0f}, worst {1000 * view.marker_max.max():.0f} mm")
        panels.append(panel.render())
    legend = (
        LegendEntry(text="RMS over markers", colour=MEASURED),
        LegendEntry(text="worst marker", colour=UNCALIBRATED),
        LegendEntry(text="OpenSim's guide: RMS 2 cm, worst 4 cm", colour=QUIET, dash="2 3"),
    )
    caption = "Inverse kinematics: distance between the model's markers and the recorded ones."
    return (Figure(caption=caption, panels=tuple(panels), legend=legend, name="marker_errors"),)


def _residuals(data: ReportData) -> Block:
    rows: list[tuple[Cell, ...]] = []
    marked: set[int] = set()
    for view in data.recordings:
        for name, rms, peak in view.residuals:
            weight = _GRAVITY * data.mass
            share = 100 * peak / weight if name.endswith("_force") and weight > 0 else None
            if share is not None and share > 100 * RESIDUAL_SHARE:
                marked.add(len(rows))
            rows.append((view.name, name, "N" if name.endswith("_force") else "N·m", rms, peak, share))
    if not rows:
        return Missing(
            what="Residual forces", why=data.why("joint moments were not computed here, or the model's base carries no residual.")
        )
    return Table(
        caption="Residuals: what inverse dynamics needs at the model's base because mass, motion and ground forces do not quite "
        "agree. Marked: a peak "
        f"above {100 * RESIDUAL_SHARE:.0f} % of body weight (Hicks et al. 2015).",
        columns=(
            Column(title="recording"),
            Column(title="residual"),
            Column(title="unit"),
            Column(title="RMS", digits=1),
            Column(title="peak", digits=1),
            Column(title="of body weight", digits=1, unit="%"),
        ),
        rows=rows_of(rows),
        marked=frozenset(marked),
    )


def _cuts(data: ReportData) -> tuple[Block, ...]:
    panels = [_cut_panel(view) for view in data.recordings if view.trials]
    if not panels:
        return (Missing(what="Trials", why=data.why("no trial was cut.")),)
    legend = (
        LegendEntry(text="calibrates", colour=_ROLE_COLOURS["calibration"], kind="bar"),
        LegendEntry(text="held out", colour=_ROLE_COLOURS["held_out"], kind="bar"),
        LegendEntry(text="force the trials are cut by", colour=MEASURED),
    )
    return (Figure(caption="Trials cut from the recordings.", panels=tuple(panels), legend=legend, name="trials", wide=True),)


def _cut_panel(view: RecordingView) -> str:
    has_force = len(view.force) > 0
    times = view.force_time if has_force else np.array([view.trials[0].start, view.trials[-1].end])
    high = 1.12 * float(view.force.max()) if has_force else 1.0
    panel = Panel(
        f"{view.name}: {view.force_label}" if has_force else f"{view.name}: no force was used to cut it",
        limits(times, share=0),
        (min(0.0, float(view.force.min())) if has_force else 0.0, high),
        x_label="time, s",
        y_label="N" if has_force else "",
        y_ticks=None if has_force else (),
        frame=_WIDE,
    )
    for span in view.trials:
        hint = (
            f"{span.trial}: {span.start:.3f} to {span.end:.3f} s ({1000 * (span.end - span.start):.0f} ms), {span.role.replace('_', '-')}"
        )
        panel.bar(span.start, span.end, 0, high, _ROLE_COLOURS[span.role], opacity=0.22, hint=hint)
        panel.text((span.start + span.end) / 2, 0.92 * high, span.trial.rpartition("_")[2], anchor="middle")
    if has_force:
        panel.line(view.force_time, view.force, MEASURED, width=1.0)
    return panel.render()


def _channels(data: ReportData) -> tuple[Block, ...]:
    if not data.channels:
        return (Missing(what="EMG channels", why="the EMG files were not at hand when this report was made."),)
    names = list(dict.fromkeys(view.name for view in data.channels))
    flagged = [(view.recording, view.name, flag) for view in data.channels for flag in view.flags]
    table = Table(
        caption="EMG channels: what drives what, and what the envelope is divided by. Marked: something to look at.",
        columns=(
            Column(title="channel"),
            Column(title="drives"),
            Column(title="reference (own unit)"),
            Column(title="highest normalized", digits=2),
            Column(title="in"),
            Column(title="at", digits=2, unit="s"),
        ),
        rows=rows_of([_channel_row([view for view in data.channels if view.name == name]) for name in names]),
        marked=frozenset(i for i, name in enumerate(names) if any(flag_of == name for _, flag_of, _ in flagged)),
    )
    recordings = list(dict.fromkeys(view.recording for view in data.channels))
    raw = LegendEntry(text="raw", colour="#bdbdbd", kind="bar")
    envelope = LegendEntry(text="envelope, normalized (scale to the right)", colour=CALIBRATED)
    legend = (raw, envelope) if any(len(view.low) for view in data.channels) else (envelope,)
    figures = tuple(
        Figure(
            caption=f"EMG of {recording}: the signal in the unit of the recording, and its envelope divided by the channel's reference.",
            panels=tuple(_channel_panel(view) for view in data.channels if view.recording == recording),
            legend=legend,
            name=f"emg_{recording}",
            folded=recording != recordings[0],
        )
        for recording in recordings
    )
    flags = Table(
        caption="Flags of the channels.",
        columns=(Column(title="recording"), Column(title="channels"), Column(title="what was seen")),
        rows=rows_of(
            (recording, ", ".join(name for at, name, text in flagged if (at, text) == (recording, flag)), flag)
            for recording, flag in dict.fromkeys((recording, flag) for recording, _, flag in flagged)
        ),
    )
    return (table, *((flags,) if flagged else ()), *figures)


def _channel_row(views: list[ChannelView]) -> tuple[Cell, ...]:
    """Tell of one channel where, over all recordings, it is highest."""
    highest = max(views, key=lambda view: float(view.envelope.max()) / view.reference)
    row = int(np.argmax(highest.envelope))
    peak = float(highest.envelope[row]) / highest.reference
    return highest.name, ", ".join(highest.muscles), highest.reference, peak, highest.recording, float(highest.time[row])


def _channel_panel(view: ChannelView) -> str:
    """Draw raw signal and normalized envelope of a channel, each on its scale, their zeros at one height."""
    factor = 1.0 / view.reference if view.reference > 0 else 1.0
    normalized = factor * view.envelope
    highest = 1.06 * max(1.0, float(normalized.max()))
    low, high = limits(view.low, view.high) if len(view.low) else (0.0, highest / factor)
    panel = Panel(view.name, limits(view.time, share=0), (min(low, 0.0), high), frame=_CHANNEL)
    if view.flags:
        panel.note("⚑ see the flags")
    if len(view.low):
        panel.band(view.time, view.low, view.high, "#8c8c8c", opacity=0.55)
    shown = high / highest  # of the left scale, per 1 of the right one
    panel.line(view.time, shown * normalized, CALIBRATED)
    panel.right_ticks([(0.0, "0"), (0.5 * shown, "0.5"), (shown, "1")], CALIBRATED)
    return panel.render()


def _excitations(data: ReportData) -> Block:
    if not data.trials:
        return Missing(what="Excitations", why=data.why("no trial was cut."))
    synergy = data.calibration.synergy if data.calibration is not None else None
    synthesized = synergy.synthesized if synergy is not None else ()
    panels = []
    for muscle in data.muscles:
        recorded = [
            over_cycle(trial.excitation[:, trial.muscles.index(muscle)], trial.first_counted)
            for trial in data.trials
            if muscle in trial.muscles
        ]
        made = data.predictions if muscle in synthesized else ()
        driven = [over_cycle(p.excitation[:, p.muscles.index(muscle)], p.first_counted) for p in made if muscle in p.muscles]
        panels.append(excitation_panel(muscle, recorded, driven))
    return Figure(
        caption="Excitations of the muscles over the trial (%), mean ± standard deviation over all trials.",
        panels=tuple(panels),
        legend=EXCITATION_LEGEND if synthesized else EXCITATION_LEGEND[:1],
        name="excitations",
    )
