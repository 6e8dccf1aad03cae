"""Which muscles have an electrode, and which share one, as the trials show it: muscles of one channel have the same excitation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from osim_nmscal.data.trials import Trial


@dataclass(frozen=True, kw_only=True)
class Electrodes:
    """What drives which muscle."""

    recorded: frozenset[str]  # muscles with EMG
    channels: dict[str, str] = field(default_factory=dict)  # recorded muscle -> its channel, called after the channel's first muscle


def electrodes_of(trials: Sequence[Trial], silenced: Sequence[str] = ()) -> Electrodes:
    """Tell electrodes from excitations that were recorded.

    Args:
        trials: on the same muscles; only those driven by EMG count.
        silenced: muscles whose EMG is not used.
    """
    with_emg = [trial for trial in trials if trial.driven_by == "emg" and trial.kind != "passive"]
    if not with_emg:
        return Electrodes(recorded=frozenset())
    excitation = np.concatenate([trial.excitation for trial in with_emg])
    names = with_emg[0].muscles
    channels: dict[str, str] = {}
    first: dict[bytes, str] = {}
    for column, name in enumerate(names):
        if name not in silenced and excitation[:, column].any():
            channels[name] = first.setdefault(excitation[:, column].tobytes(), name)
    return Electrodes(recorded=frozenset(channels), channels=channels)
