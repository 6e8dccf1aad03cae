"""Around the command line: Ctrl-C from the first import on, output that cannot hold every character, closed pipes, unforeseen errors."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "workflows" / "treadmill" / "config.toml"
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and pipes of POSIX")


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def _ended(*arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "osim_nmscal.cli", *arguments]
    return subprocess.run(command, env=_environment(**more), capture_output=True, check=False, timeout=120)


def _interrupted_after(module: str, *arguments: str) -> tuple[int, list[str]]:
    """Send SIGINT once a module has been imported; return the exit code and what was said."""
    command = [sys.executable, "-X", "importtime", "-m", *arguments]
    with subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("import time:") and line.rpartition("|")[2].strip() == module:
                process.send_signal(signal.SIGINT)
                break
        said = [line for line in process.stderr.read().splitlines() if not line.startswith("import time:")]
    return process.returncode, said


@POSIX
@pytest.mark.parametrize("module", ["typer.core", "pydantic", "numpy", "osim_nmscal.config", "osim_nmscal.cli", "osim_nmscal.workflow"])
def test_ctrl_c_while_modules_are_imported_is_one_word_and_code_130(module: str) -> None:
    assert _interrupted_after(module, "osim_nmscal", "check", str(CONFIG)) == (130, ["Interrupted."])


@POSIX
def test_ctrl_c_before_anything_heavy_is_imported_finds_its_handler_in_place() -> None:
    # Python itself needs about 20 ms before it runs our first line; from there on nothing but these light modules precede the handler.
    code = "import sys; before = set(sys.modules); import osim_nmscal.start; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-S", "-c", code], env=_environment(), capture_output=True, text=True, check=True)
    heavy = {"typer", "rich", "pydantic", "numpy", "argparse", "subprocess", "logging", "tempfile", "traceback", "pathlib"}
    assert set(done.stdout.split()) & heavy == set()
    assert len(done.stdout.split()) < 45  # 40 on Linux: encodings, enum and re for streams and signals, and three of ours


@pytest.mark.parametrize("module", ["osim_nmscal", "osim_nmscal.cli"])
def test_either_module_starts_the_command_line(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], env=_environment(), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("osim-nmscal ")


@pytest.mark.parametrize(
    ("environment", "encoding", "written"),
    [
        ({"PYTHONIOENCODING": "ascii"}, "ascii", "in N*m (Eq. 4)"),
        ({"PYTHONIOENCODING": "cp1252"}, "cp1252", "in N·m (Eq. 4)"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "ascii", "in N*m (Eq. 4)"),
    ],
    ids=["ascii", "cp1252", "C locale"],
)
def test_what_an_encoding_lacks_is_spelled_out(environment: dict[str, str], encoding: str, written: str) -> None:
    done = _ended("settings", "calibration.loss", **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert written in done.stdout.decode(encoding)


@POSIX
def test_a_file_name_that_is_no_text_is_named_nevertheless(tmp_path: Path) -> None:
    done = _ended("check", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.toml"))
    assert done.returncode == 2
    assert rb"caf\udce9.toml cannot be read (No such file or directory)" in done.stderr
    assert b"Traceback" not in done.stderr


@POSIX
@pytest.mark.parametrize("arguments", [["settings"], ["--help"]])
def test_a_reader_that_has_seen_enough_ends_the_command_without_a_word(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "osim_nmscal.cli", *arguments]
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # as `| head` does
        said = process.stderr.read()
    assert (process.returncode, said) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "osim_nmscal.cli", "settings"]
        done = subprocess.run(command, env=_environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "No space left on device; free the disk" in line


def _with_settings_that(body: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run `settings` where listing them does something that nobody foresaw."""
    code = (
        f"import sys, osim_nmscal.config as config\ndef broken(): {body}\nconfig.describe_settings = broken\n"
        "from osim_nmscal.start import main\nsys.argv = ['osim-nmscal', 'settings']\nmain()\n"
    )
    environment = _environment(TMPDIR=str(tmp_path), TEMP=str(tmp_path))
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


def test_an_error_of_our_own_is_a_sentence_and_its_traceback_a_file(tmp_path: Path) -> None:
    done = _with_settings_that("1 / 0", tmp_path)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    found = re.search(r"not of your files: ZeroDivisionError: division by zero\. (\S+) says where; please report it", line)
    assert found is not None, line
    written = Path(found[1]).read_text(encoding="utf-8")
    assert written.startswith("osim_nmscal ")
    assert "Traceback (most recent call last)" in written
    assert written.rstrip().endswith("ZeroDivisionError: division by zero")


def test_too_little_memory_is_no_error_of_ours(tmp_path: Path) -> None:
    done = _with_settings_that("raise MemoryError('Unable to allocate 37.3 GiB')", tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("There is not enough memory (Unable to allocate 37.3 GiB); close other programs")
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_ctrl_c_in_a_command_that_does_not_answer_it_ends_with_130(tmp_path: Path) -> None:
    done = _with_settings_that("import os, signal; os.kill(os.getpid(), signal.SIGINT)", tmp_path)
    assert (done.returncode, done.stderr.splitlines()) == (130, ["Interrupted."])
