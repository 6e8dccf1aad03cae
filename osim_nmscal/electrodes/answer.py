"""The answer of an electrode study in words: which channels each method can do without, and where the methods differ."""

from collections.abc import Sequence

from osim_nmscal.electrodes.findings import StudyComparison, StudyData, StudyMethod, StudyMetric
from osim_nmscal.electrodes.paired_tests import FEWEST_PAIRS

METHODS: dict[StudyMethod, str] = {"emg_driven": "EMG-driven", "synergy_hybrid": "synergy-hybrid"}
# A loss of R2 that a laboratory may find small; used in the answer only. Source: choice.
SMALL_LOSS = 0.05


def deciding_data(metrics: Sequence[StudyMetric]) -> StudyData:
    """Return which trials decide: those held out, if there are any."""
    return "held_out" if any(metric.data == "held_out" for metric in metrics) else "calibration"


def answer(channels: Sequence[str], order: Sequence[str], comparisons: Sequence[StudyComparison], data: StudyData) -> tuple[str, ...]:
    """Say in words what can be left off, for each method and degree of freedom, and where the methods differ.

    Args:
        channels: all of them.
        order: in which they were left off.
        comparisons: of the methods, see `compare_methods`.
        data: the trials that decide.
    """
    tests = [test for test in comparisons if test.data == data and test.measure == "r2"]
    everything = len(channels)
    if not any(test.count == everything for test in tests):
        return ("The calibration with all channels failed, so there is nothing to compare with.",)
    sentences = []
    for method, name in METHODS.items():
        parts = []
        for dof in dict.fromkeys(test.dof for test in tests):
            r2 = {test.count: getattr(test, method) for test in tests if test.dof == dof}
            enough = [count for count in r2 if all(r2[c] >= r2[everything] - SMALL_LOSS for c in r2 if c >= count)]
            gone = order[: everything - min(enough)]
            without = f"can do without {', '.join(gone)}" if gone else "can do without none"
            parts.append(f"{dof} {without} (R² {r2[everything]:.2f} → {r2[min(enough)]:.2f})")
        sentences.append(f"{name[0].upper()}{name[1:]}, losing at most {SMALL_LOSS:g} of R²: {'; '.join(parts)}.")
    for method, name in METHODS.items():
        wins = [f"{test.dof} with {test.count}" for test in tests if test.better == method]
        if wins:
            sentences.append(f"{name[0].upper()}{name[1:]} has the higher R² (Holm-adjusted p < 0.05) for {', '.join(wins)} channels.")
    if all(test.trials < FEWEST_PAIRS for test in tests):
        sentences.append(f"Fewer than {FEWEST_PAIRS} trials: no difference between the methods can be tested.")
    elif all(test.better == "neither" for test in tests):
        sentences.append("At no number of channels do the methods differ beyond chance (Holm-adjusted p < 0.05).")
    return tuple(sentences)
