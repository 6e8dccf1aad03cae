"""The names inside a results folder, relative to it."""

SCALED_MODEL = "model_scaled.osim"
PERSONALIZED_MODEL = "personalized.osim"
SIDECAR = "personalized.json"
METRICS = "metrics.json"
REPORT = "report.html"
VERIFICATION = "verification.json"
PARAMETERS = "calibration/parameters.csv"
HISTORY = "calibration/history.csv"
STARTING_VALUES = "initialization/starting_values.json"
STARTING_TABLE = "initialization/starting_values.csv"
RELAXED_LEG = "initialization/relaxed_leg_{side}"
CALIBRATION = "calibration/calibration.json"
CORRELATION = "calibration/correlation.csv"
PREDICTIONS = "predictions"
PREDICTION_INDEX = "predictions/index.json"
MOMENT_METRICS = "predictions/moments.json"
DYNAMOMETER_METRICS = "predictions/dynamometer.json"


def motion(recording: str) -> str:
    """Joint angles of a recording."""
    return f"{recording}/ik.mot"


def marker_errors(recording: str) -> str:
    """Distances between the model's markers and the recorded ones, where joint angles come from markers."""
    return f"{recording}/marker_errors.sto"


def moments(recording: str) -> str:
    """Joint moments of a recording."""
    return f"{recording}/id.sto"


def postures(recording: str) -> str:
    """Postures of a recording of a dynamometer, rad and m, one row each; time only counts them."""
    return f"{recording}/coordinates.sto"


def excitations(recording: str) -> str:
    """Excitations of a recording's muscles."""
    return f"{recording}/excitations.sto"
