"""Settings of muscles without electrodes: which are synthesised, from how many synergies, and what holds them in place."""

from typing import Literal

from osim_nmscal.settings import Settings, setting

MuscleRole = Literal["recorded", "synthesized", "withheld", "excluded"]


class SynergySettings(Settings):
    """Synergy-hybrid calibration (Eq. 5 of Hambly 2025). The paper's weights are in a supplement that is not public.

    Example:
        >>> SynergySettings(muscles={"iliacus_r": "synthesized", "soleus_r": "withheld"}).variance_accounted_for
        0.85
    """

    muscles: dict[str, MuscleRole] = setting(
        {},
        unit="-",
        description="Muscle -> 'recorded' (driven by its EMG), 'synthesized', 'withheld' (synthesised although it has EMG, which is kept "
        "to compare with) or 'excluded'. A muscle not named is recorded if it has an excitation, otherwise synthesised.",
        source="Hambly 2025",
    )
    count: int = setting(
        0, unit="-", description="Number of synergies; 0 takes the fewest above variance_accounted_for.", source="Hambly 2025", ge=0
    )
    variance_accounted_for: float = setting(
        0.85,
        unit="-",
        description="Share of the sum of squares of every recorded excitation that the synergies must reproduce.",
        source="Hambly 2025: more than 85 %; of every muscle by choice, since in total 2 synergies would do for gait",
        gt=0.0,
        lt=1.0,
    )
    factorization_starts: int = setting(
        10,
        unit="-",
        description="Seeded restarts of the non-negative matrix factorisation; the best is kept.",
        source="choice: the first is deterministic, nine more guard against its local minimum",
        ge=1,
    )
    weights: Literal["shared", "per_trial"] = setting(
        "shared",
        unit="-",
        description="One set of synergy weights for all trials, or one for each (a new trial then gets their mean).",
        source="choice: a new trial is predicted from weights that were found in others",
    )
    knot_spacing: float = setting(
        0.05,
        unit="s",
        description="Distance of the knots of the cubic splines that primitives are made of.",
        source="choice: twice the 5 Hz of the envelopes' low-pass; 0.04 and 0.06 s predict running equally well",
        gt=0.0,
    )
    tracking_weight: float = setting(
        50.0,
        unit="-",
        description="Weight w_e of recorded excitations that the synergies miss, in units of the recorded excitations' mean square.",
        source="choice by held-out error on treadmill and running data: five times less overfits the primitives to the moments",
        ge=0.0,
    )
    excitation_weight: float = setting(
        0.01,
        unit="-",
        description="Weight w_s of squared synthesised excitations, in units of the recorded excitations' mean square.",
        source="virtual people (tuning): told strengths 0.49 of scaling's squared error against 0.53 at 0.003",
        gt=0.0,
    )
    range_weight: float = setting(
        10.0,
        unit="-",
        description="Weight of primitives, weights and synthesised excitations above 1.",
        source="choice: as fiber_length_weight, a soft bound",
        ge=0.0,
    )
    starts: int = setting(
        1,
        unit="-",
        description="Random starting weights of unrecorded muscles to try; the best end is kept.",
        source="choice: each costs a whole calibration",
        ge=1,
    )
