"""Runs the command line in forked children of a process that has imported everything, so that a kill meets work and not imports.

For each line `["run", "config.toml", ...]` on standard input it prints the child's number, then its exit code (negative: signal).
Beside it lie the functions that compare results folders.
"""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

_LOADED = ("workflow.personalize", "workflow.verification", "workflow.stages.calibration", "workflow.stages.verification")


class RunServer:
    """A running server; a context manager."""

    def __init__(self, log: Path, *, threads: str = "1") -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": threads},
        )
        self._read()  # it has imported everything

    def __enter__(self) -> "RunServer":
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    def start(self, *arguments: str) -> int:
        """Start a command and return its process number."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return self._read()

    def wait(self) -> int:
        """Wait for the command that was started and return its exit code."""
        return self._read()

    def run(self, *arguments: str) -> int:
        """Run a command to its end."""
        self.start(*arguments)
        return self.wait()

    def _read(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


def essence(root: Path) -> dict[str, Any]:
    """Return what a results folder shows, without times of work and the report, which tells the day and these times."""
    found: dict[str, Any] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if not path.is_file() or name.startswith((".lock", "unfinished/", "report.html")) or path.suffix == ".log":
            continue
        if path.name == "results.json":
            record = json.loads(path.read_text(encoding="utf-8"))
            found[name] = {key: record[key] for key in ("state", "configuration", "inputs", "versions")} | {
                "files": sorted(record["files"])
            }
        elif path.suffix == ".json":
            found[name] = _timeless(json.loads(path.read_text(encoding="utf-8")))
        elif path.name == "history.csv":
            found[name] = [re.sub(r"^(\d+),[^,]*,", r"\1,", line) for line in path.read_text(encoding="utf-8").splitlines()]
        else:
            found[name] = path.read_bytes()
    return found


def _timeless(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _timeless(value) for key, value in document.items() if key not in ("seconds", "cached")}
    return [_timeless(one) for one in document] if isinstance(document, list) else document


def _serve(log: Path) -> None:
    import importlib

    from osim_nmscal import cli

    for name in _LOADED:
        importlib.import_module(f"osim_nmscal.{name}")
    # started in the background, a process ignores Ctrl-C, and so would its children
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(0, flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 1)
            os.dup2(output, 2)
            sys.argv = ["osim-nmscal", *json.loads(line)]
            try:
                cli.main()
            except SystemExit as ended:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(int(ended.code or 0))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
