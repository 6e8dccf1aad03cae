"""The other end of `run.in_worker`: a process that does one job and leaves its outcome in the job's folder.

Started as `python -m osim_nmscal.opensim_tools.worker FOLDER`. Errors of this package go back as they are; anything else ends
the process with its traceback in the log.
"""

import pickle
import sys
from pathlib import Path

from osim_nmscal.errors import NmscalError
from osim_nmscal.opensim_tools.run import JOB, OUTCOME


def main(folder: Path) -> None:
    """Do the job that lies in a folder.

    Args:
        folder: holds the pickled function with its arguments, gets the pickled outcome.
    """
    _quiet_opensim()
    function, args = pickle.loads((folder / JOB).read_bytes())
    try:
        outcome: object = (function(*args),)
    except NmscalError as error:
        outcome = error
    (folder / OUTCOME).write_bytes(pickle.dumps(outcome))


def _quiet_opensim() -> None:
    import opensim

    opensim.Logger.removeFileSink()  # otherwise it appends to opensim.log in the working directory


if __name__ == "__main__":
    main(Path(sys.argv[1]))
