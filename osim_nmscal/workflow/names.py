"""The names inside a results folder, relative to it."""

SCALED_MODEL = "model_scaled.osim"
PERSONALIZED_MODEL = "personalized.osim"
SIDECAR = "personalized.json"
METRICS = "metrics.json"
REPORT = "report.html"
VERIFICATION = "verification.json"
PARAMETERS = "calibration/parameters.csv"
HISTORY = "calibration/history.csv"
CALIBRATION = "calibration/calibration.json"
PREDICTIONS = "predictions"
PREDICTION_INDEX = "predictions/index.json"
MOMENT_METRICS = "predictions/moments.json"


def motion(recording: str) -> str:
    """Joint angles of a recording."""
    return f"{recording}/ik.mot"


def moments(recording: str) -> str:
    """Joint moments of a recording."""
    return f"{recording}/id.sto"


def excitations(recording: str) -> str:
    """Excitations of a recording's muscles."""
    return f"{recording}/excitations.sto"
