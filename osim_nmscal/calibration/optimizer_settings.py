"""Settings of the optimisers: when they stop, and how they begin."""

from osim_nmscal.settings import Settings, setting


class GaussNewtonSettings(Settings):
    """Levenberg-Marquardt with bounds."""

    maximum_iterations: int = setting(
        100, unit="-", description="Iterations at most.", source="choice: a limit for runs that do not converge", ge=1
    )
    tolerance: float = setting(
        3e-3,
        unit="-",
        description="Stop when three iterations together lower the loss by less than this part.",
        source="cross-validation on treadmill and running: 1e-3 and 1e-4 take longer and predict held-out trials no better",
        gt=0.0,
    )
    initial_damping: float = setting(
        0.1,
        unit="-",
        description="Starting damping, relative to the Hessian's mean diagonal.",
        source="choice: the first iterations adapt it",
        gt=0.0,
    )


class AdamWSettings(Settings):
    """AdamW with a decaying rate and early stopping, as the method paper's (whose numbers are not published)."""

    learning_rate: float = setting(
        0.02,
        unit="parameter ranges",
        description="First learning rate.",
        source="choice: a fiftieth of a parameter's range in a step; the paper's is not published",
        gt=0.0,
    )
    final_learning_rate: float = setting(
        0.0005,
        unit="parameter ranges",
        description="Rate reached at the last iteration (exponential decay).",
        source="choice: a fortieth of the first, so that the end settles",
        gt=0.0,
    )
    weight_decay: float = setting(
        0.0,
        unit="-",
        description="Decoupled weight decay towards the start.",
        source="choice: the prior pulls to the start already",
        ge=0.0,
    )
    maximum_iterations: int = setting(
        1500,
        unit="-",
        description="Iterations at most.",
        source="choice: the rate decays over so many; the paper's are not published",
        ge=1,
    )
    patience: int = setting(
        100, unit="-", description="Iterations without a better loss before stopping.", source="choice: the paper's is not published", ge=1
    )


class AnnealingSettings(Settings):
    """Simulated annealing: scipy's dual annealing without local search, CEINMS's kind of optimiser."""

    maximum_evaluations: int = setting(
        150_000, unit="-", description="Loss evaluations at most.", source="CEINMS needs 140,000 to 160,000", ge=1
    )
    maximum_seconds: float = setting(
        600.0, unit="s", description="Wall time at most.", source="choice: ten minutes is what a user may wait for", gt=0.0
    )
