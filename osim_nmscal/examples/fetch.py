"""Put an example into a folder: its published files, checked byte by byte, its configuration, and what the configuration needs.

Without a network, a folder named by the environment variable OSIM_NMSCAL_EXAMPLES stands in: it holds one folder per example with the
files as the example has them.
"""

import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from osim_nmscal.drafting.setups import LoadedFoot, loads_text
from osim_nmscal.errors import ConfigError, FileFormatError, NmscalError, UnknownNameError, did_you_mean
from osim_nmscal.examples.catalogue import EXAMPLES, Example, ExampleFile, ForceFile

LOCAL_COPY = "OSIM_NMSCAL_EXAMPLES"
CONFIG = "config.toml"

# Fetches one file: URL, sha256, where to put it.
Fetch = Callable[[str, str, Path], object]


def fetch_example(name: str, folder: Path, *, fetch: Fetch | None = None, told: Callable[[str], object] = lambda text: None) -> Path:
    """Put an example into a folder.

    Args:
        name: of the example.
        folder: it is made; files that are there already are kept if their bytes are right.
        fetch: how a file is fetched; default: over the network.
        told: is told of each file.

    Returns:
        The configuration; the folder, where the example leaves it to `init`.

    Raises:
        UnknownNameError: there is no such example; offers the nearest.
        ConfigError: the folder holds another configuration; a local copy lacks a file; nothing can be fetched.
        FileFormatError: a fetched file is not the one that was published.

    Example:
        >>> fetch_example("tredmill", Path("example"))
        Traceback (most recent call last):
            ...
        osim_nmscal.errors.UnknownNameError: There is no example 'tredmill'. Did you mean 'treadmill'? There is: treadmill, captures.
    """
    if name not in EXAMPLES:
        raise UnknownNameError(f"There is no example {name!r}.{did_you_mean(name, EXAMPLES)} There is: {', '.join(EXAMPLES)}.")
    example, config = EXAMPLES[name], folder / CONFIG
    text = files("osim_nmscal.examples").joinpath(f"{name}.toml").read_text(encoding="utf-8") if example.configured else ""
    if example.configured and config.exists() and config.read_text(encoding="utf-8") != text:
        raise ConfigError(f"{config} is another configuration; name another folder.")
    copy = os.environ.get(LOCAL_COPY)
    for file in example.files:
        target = folder / file.path
        new = [parent for parent in target.parents if not parent.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        told(file.path)
        try:
            if copy:
                _copy(Path(copy) / name / file.path, target)
            else:
                _fetched(example, file, target, fetch or _over_the_network)
        except NmscalError:
            for parent in new:  # nothing came into them
                parent.rmdir()
            raise
    for loads in example.loads:
        (folder / loads.path).write_text(_loads(loads), encoding="utf-8", newline="\n")
    if not example.configured:
        return folder
    config.write_text(text, encoding="utf-8", newline="\n")
    return config


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise ConfigError(f"{LOCAL_COPY} names a local copy, but {source} does not exist; complete it, or unset the variable.")
    if source.resolve() != target.resolve():
        shutil.copyfile(source, target)


def _fetched(example: Example, file: ExampleFile, target: Path, fetch: Fetch) -> None:
    try:
        fetch(example.url(file), file.sha256, target)
    except ValueError as error:  # pooch's word for other bytes than expected
        raise FileFormatError(f"{example.url(file)} is not the file that was published (its sha256 differs); try again.") from error
    except OSError as error:
        raise ConfigError(
            f"{example.url(file)} cannot be fetched ({type(error).__name__}): is there a network? Else let {LOCAL_COPY} name a folder that "
            f"holds {example.name}/{file.path} and the example's other files, or try `osim-nmscal demo`, which needs none."
        ) from error


def _over_the_network(url: str, sha256: str, target: Path) -> None:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    pooch.retrieve(url=url, known_hash=f"sha256:{sha256}", fname=target.name, path=target.parent)


def _loads(loads: ForceFile) -> str:
    feet = [LoadedFoot(body=body, force=force, point=point, torque=torque) for body, (force, point, torque) in loads.bodies.items()]
    return loads_text(feet, loads.datafile)
