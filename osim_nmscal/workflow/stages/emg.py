"""EMG: excitations of every recording's muscles, on the clock of the trials; all recordings share one normalization."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from osim_nmscal.data.emg import EmgMapping
from osim_nmscal.data.time_series import TimeSeries
from osim_nmscal.emg.envelope import EnvelopeSettings, linear_envelope
from osim_nmscal.emg.mapping import MappingSettings, build_mapping
from osim_nmscal.emg.mapping import excitations as driven_excitations
from osim_nmscal.emg.normalization import NormalizationSettings, normalization_reference, normalize
from osim_nmscal.errors import NmscalError, SignalError, listed
from osim_nmscal.formats.emg_table import read_emg
from osim_nmscal.formats.storage import write_storage
from osim_nmscal.osim_model.reader import read_muscles
from osim_nmscal.signals import resample, uniform_time
from osim_nmscal.trials.offsets import shifted
from osim_nmscal.workflow.names import excitations
from osim_nmscal.workflow.recording_files import emg_file
from osim_nmscal.workflow.task import Inputs, Summary, Task

if TYPE_CHECKING:
    from osim_nmscal.config import WorkflowConfig
    from osim_nmscal.workflow.flow import Flow


@dataclass(frozen=True, kw_only=True)
class Excitations:
    """How excitations come from EMG."""

    recordings: tuple[str, ...]
    envelope: EnvelopeSettings
    normalization: NormalizationSettings
    mapping: MappingSettings
    time_step: float  # s, of the trials' clock
    windows: tuple[tuple[float | None, float | None], ...]  # s, used part of each recording; None for its beginning or end
    offsets: tuple[float, ...]  # s, added to the time of each recording's EMG
    substitute_muscle_class: str | None


def outputs(config: "WorkflowConfig") -> tuple[str, ...]:
    """Return what it writes."""
    return tuple(excitations(recording.name) for recording in config.recordings)


def mapping_of(recordings: Sequence[Path], settings: MappingSettings, muscles: Sequence[str]) -> EmgMapping:
    """Return who drives whom, by the channels that all recordings have, in the order of the first."""
    labels = [read_emg(path).labels for path in recordings]
    common = [channel for channel in labels[0] if all(channel in others for others in labels)]
    return build_mapping(settings, common, muscles)


def problems(config: "WorkflowConfig", *, sound: bool) -> Iterator[NmscalError]:
    """Yield what is wrong with the recordings of maximal contractions, once those of movement are sound."""
    if not sound or not config.emg.mvc:
        return
    try:
        muscles = read_muscles(config.model.file, config.model.substitute_muscle_class).names
        mapping = mapping_of([emg_file(recording) for recording in config.recordings], config.emg.mapping, muscles)
        found = [channel for path in config.emg.mvc for channel in contraction_of(path, mapping).labels]
    except NmscalError as error:
        yield error
        return
    silent = [channel for channel in mapping.channels if channel not in found]
    if silent and config.emg.normalization.method == "mvc":
        yield SignalError(
            f"{config.where('emg.mvc')}: no recording of emg.mvc has the channels {listed(silent)}, so nothing normalizes them; name one "
            "that has, or another [emg.normalization] method."
        )


def run(flow: "Flow") -> None:
    """Write excitations.sto of every recording."""
    config, settings = flow.config, flow.config.emg
    task = Task(
        stage="emg",
        settings=Excitations(
            recordings=tuple(recording.name for recording in config.recordings),
            envelope=settings.envelope,
            normalization=settings.normalization,
            mapping=settings.mapping,
            time_step=config.trials.time_step,
            windows=tuple((recording.start, recording.end) for recording in config.recordings),
            offsets=tuple(recording.time_offset.emg for recording in config.recordings),
            substitute_muscle_class=config.model.substitute_muscle_class,
        ),
        inputs={
            "model": config.model.file,
            **{f"emg.{recording.name}": emg_file(recording) for recording in config.recordings},
            **{f"mvc.{i}": path for i, path in enumerate(settings.mvc, start=1)},
        },
        outputs=outputs(config),
        work=work,
    )
    stored = flow.runner.run(task).summary["mapping"]
    flow.mapping = EmgMapping(
        channels=tuple(stored["channels"]), muscles=tuple(stored["muscles"]), weights=np.array(stored["weights"], dtype=np.float64)
    )


def work(inputs: Inputs, task: Excitations, out: Path) -> Summary:
    """Filter, normalize and map; the summary holds what each channel was divided by, and the mapping."""
    recordings = {name: inputs.file(f"emg.{name}") for name in task.recordings}
    muscles = read_muscles(inputs.file("model"), task.substitute_muscle_class).names
    mapping = mapping_of(list(recordings.values()), task.mapping, muscles)
    envelopes = {
        name: linear_envelope(shifted(read_emg(path, mapping.channels), offset), task.envelope, start=start, end=end)
        for (name, path), (start, end), offset in zip(recordings.items(), task.windows, task.offsets, strict=True)
    }
    mvc = [linear_envelope(contraction_of(path, mapping), task.envelope) for path in inputs.starting_with("mvc.").values()]
    reference = normalization_reference(list(envelopes.values()), mvc, task.normalization, windows=task.windows)
    for name, envelope in envelopes.items():
        driven = driven_excitations(normalize(envelope, reference), mapping)
        clock = uniform_time(driven.time, task.time_step)
        write_storage(out / excitations(name), resample(driven, clock, "monotone"), header_name="Excitations")
    peaks = dict(zip(reference.channels, map(float, reference.values), strict=True))
    kept = {"channels": mapping.channels, "muscles": mapping.muscles, "weights": mapping.weights.tolist()}
    return {"normalization": peaks, "mapping": kept, "findings": reference.findings}


def contraction_of(path: Path, mapping: EmgMapping) -> TimeSeries:
    """Read the mapped channels of an MVC recording.

    Raises:
        SignalError: it has none of them.
        FileFormatError: it cannot be read.
    """
    contraction = read_emg(path)
    used = [channel for channel in mapping.channels if channel in contraction.labels]
    if not used:
        raise SignalError(f"{path} is an MVC recording without any mapped channel ({listed(mapping.channels)}); take it out of emg.mvc.")
    return contraction.select(used)
