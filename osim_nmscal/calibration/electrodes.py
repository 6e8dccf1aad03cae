"""Which muscles have an electrode, and which share one, as the trials show it: muscles of one channel have the same excitation."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from osim_nmscal.calibration.prior_settings import UnrecordedStrength
from osim_nmscal.data.trials import Trial

# Who is assumed to be excited more than this in an effort is measured by its moment. Source: choice; agonists are at 0.92, others at 0.03.
TRYING = 0.5


@dataclass(frozen=True, kw_only=True)
class Electrodes:
    """What drives which muscle."""

    recorded: frozenset[str]  # muscles with EMG
    channels: dict[str, str] = field(default_factory=dict)  # recorded muscle -> its channel, called after the channel's first muscle
    trying: frozenset[str] = frozenset()  # muscles that are assumed to try their hardest in an effort

    def leaves_open(self, muscles: Collection[str], strength: UnrecordedStrength) -> bool:
        """Return whether nothing measures the strength that muscles share, so that it stays where it starts."""
        measured = self.recorded | self.trying if strength == "by_efforts" else self.recorded
        return strength != "free" and measured.isdisjoint(muscles)


def electrodes_of(trials: Sequence[Trial], silenced: Sequence[str] = (), efforts: Sequence[Trial] = ()) -> Electrodes:
    """Tell electrodes from excitations that were recorded, and who tries their hardest from those that are assumed.

    Args:
        trials: on the same muscles; only those driven by EMG count.
        silenced: muscles whose EMG is not used.
        efforts: only efforts without EMG count.
    """
    trying = frozenset(
        name
        for trial in efforts
        if trial.kind == "effort" and trial.driven_by == "assumed"
        for name, level in zip(trial.muscles, trial.excitation.max(axis=0), strict=True)
        if level > TRYING
    )
    with_emg = [trial for trial in trials if trial.driven_by == "emg" and trial.kind != "passive"]
    if not with_emg:
        return Electrodes(recorded=frozenset(), trying=trying)
    excitation = np.concatenate([trial.excitation for trial in with_emg])
    names = with_emg[0].muscles
    channels: dict[str, str] = {}
    first: dict[bytes, str] = {}
    for column, name in enumerate(names):
        if name not in silenced and excitation[:, column].any():
            channels[name] = first.setdefault(excitation[:, column].tobytes(), name)
    return Electrodes(recorded=frozenset(channels), channels=channels, trying=trying)
