"""Where the keys of a configuration are spelled: its file, the files that it extends, and what a command line sets.

Each lies over the one before. Tables are merged key by key, at any depth; anything else (a number, a list, [[recordings]]) replaces
as a whole what was there. A relative path starts from the folder of the file that spells it; one set on a command line from the
current folder.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osim_nmscal.errors import ConfigError

EXTENDS = "extends"
# Where a key stands: names of tables and keys, numbers (from 0) of records in a list.
Location = tuple[str | int, ...]

_NAME = r"(?:[\w-]+|\"[^\"]*\"|'[^']*')"
_KEY = rf"{_NAME}(?:\[\d+\])?(?:\.{_NAME}(?:\[\d+\])?)*"


@dataclass(frozen=True)
class Origin:
    """A place that spells keys."""

    shown: str  # as sentences call it
    folder: Path  # absolute; relative paths start here
    file: Path | None = None  # absolute; None for a command line


@dataclass(frozen=True)
class Spelled:
    """Everything that a configuration says, and where each of it is spelled."""

    values: Mapping[str, Any]
    origins: Mapping[Location, Origin]  # of each value that is no table
    layers: tuple[Origin, ...]  # each lies over the one before
    own: Origin  # the file that was asked for

    def origin(self, location: Sequence[str | int]) -> Origin:
        """Return where a key is spelled; of a table, the last that spells something in it; of what nobody spells, the file itself."""
        at = tuple(location)
        for length in range(len(at), 0, -1):
            if at[:length] in self.origins:
                return self.origins[at[:length]]
        inside = [origin for key, origin in self.origins.items() if key[: len(at)] == at] if at else []
        return max(inside, key=self.layers.index, default=self.own)


@dataclass
class _Layers:
    """Layers as they are laid over one another."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Location, Origin] = field(default_factory=dict)

    def lay(self, table: Mapping[str, Any], origin: Origin) -> None:
        self._lay(self.values, table, (), origin)

    def put(self, location: Location, value: Any, origin: Origin) -> None:
        """Lay one value; a number in the location finds a record that is there.

        Raises:
            ConfigError: there is no such record.
        """
        holder: Any = self.values
        for depth, part in enumerate(location[:-1], start=1):
            following = location[depth]
            if isinstance(part, int):
                holder = self._record(holder, part, location[: depth - 1], origin)
            elif not isinstance(holder.get(part), list if isinstance(following, int) else dict):
                self._forget(location[:depth])
                holder[part] = [] if isinstance(following, int) else {}
                holder = holder[part]
            else:
                holder = holder[part]
        last = location[-1]
        if isinstance(last, int):
            self._record(holder, last, location[:-1], origin)
            holder[last] = value
            self.origins[location] = origin
        else:
            self._lay(holder, {last: value}, location[:-1], origin)

    def _record(self, holder: list[Any], number: int, location: Location, origin: Origin) -> Any:
        if not 0 <= number < len(holder):
            name = ".".join(map(str, location))
            raise ConfigError(f"{origin.shown}: there is no {name}[{number + 1}]; the configuration has {len(holder)}.")
        return holder[number]

    def _lay(self, below: dict[str, Any], above: Mapping[str, Any], location: Location, origin: Origin) -> None:
        for key, value in above.items():
            at = (*location, key)
            if isinstance(value, Mapping):
                if not isinstance(below.get(key), dict):
                    self._forget(at)
                    below[key] = {}
                self._lay(below[key], value, at, origin)
            else:
                self._forget(at)
                below[key] = value
                self.origins[at] = origin

    def _forget(self, location: Location) -> None:
        for key in [key for key in self.origins if key[: len(location)] == location]:
            del self.origins[key]


def read_spelled(path: Path, changes: Sequence[str] = ()) -> Spelled:
    """Read a configuration, the files that it extends, and what is set over them.

    Args:
        path: a TOML file.
        changes: `key=value`, dotted keys and TOML values; each lies over the file and the changes before it.

    Raises:
        ConfigError: a file cannot be read or is no TOML, files extend one another in a circle, a change is no `key=value`.
    """
    layers, origins = _Layers(), []
    own = Origin(str(path), path.resolve().parent, path.resolve())
    for origin, table in reversed(list(_with_extended(own))):
        layers.lay(table, origin)
        origins.append(origin)
    for change in changes:
        origin = Origin(f"--set {change}", Path.cwd())
        location, value = parsed_change(change)
        layers.put(location, value, origin)
        origins.append(origin)
    return Spelled(layers.values, layers.origins, tuple(origins), own)


def files_of(path: Path) -> tuple[Path, ...]:
    """Return a configuration and the files that it extends, as far as they can be read."""
    found: list[Path] = []
    try:
        for origin, _ in _with_extended(Origin(str(path), path.resolve().parent, path.resolve())):
            found.append(Path(origin.shown))
    except ConfigError:  # loading it says so
        found = found or [path]
    return tuple(found)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        ConfigError: it cannot be read, or is no TOML; a sentence.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        if path.is_dir():
            inside = ", ".join(sorted(file.name for file in path.glob("*.toml"))) or "no .toml"
            raise ConfigError(f"{path} is a folder; name the configuration in it ({inside}).") from error
        raise ConfigError(f"The configuration {path} cannot be read ({error.strerror or error}); check the path.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}; correct that line.") from error
    except RecursionError as error:
        raise ConfigError(f"{path} nests brackets or tables hundreds deep; no setting does, so write them flat.") from error
    except ValueError as error:  # Python's own limit, which tomllib passes on without a line
        raise ConfigError(f"{path} holds a number of thousands of digits, expected at most 17; shorten it.") from error


def parsed_location(key: str) -> Location:
    """Return where a key as sentences write it stands: "recordings[1].emg" -> ("recordings", 0, "emg").

    Raises:
        ConfigError: it is no key.
    """
    if not re.fullmatch(_KEY, key):
        raise ConfigError(f"{key!r} is no key of a configuration; write it dotted, e.g. emg.envelope.lowpass_cutoff.")
    location: list[str | int] = []
    for part in re.findall(rf"{_NAME}(?:\[\d+\])?", key):
        name, number = re.fullmatch(rf"({_NAME})(?:\[(\d+)\])?", part).groups()  # type: ignore[union-attr]
        location.append(name[1:-1] if name[0] in "\"'" else name)
        if number is not None:
            location.append(int(number) - 1)
    return tuple(location)


def parsed_change(change: str) -> tuple[Location, Any]:
    """Return where `key=value` goes and its value; a word that is no TOML is taken as text.

    Raises:
        ConfigError: it is no `key=value`, or sets what only a file can say.
    """
    found = re.fullmatch(rf"\s*({_KEY})\s*=\s*(\S.*?)\s*", change, flags=re.DOTALL)
    if found is None:
        raise ConfigError(
            f"--set {change}: expected key=value, with a dotted key and a TOML value, e.g. --set emg.envelope.lowpass_cutoff=6."
        )
    key, text = found.groups()
    location = parsed_location(key)
    if location[0] == EXTENDS:
        raise ConfigError(f"--set {change}: only a file can extend another; write extends in a file of its own and run that.")
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError) as error:
        if text[0] in "[{\"'":
            raise ConfigError(f"--set {change}: the value is not valid TOML ({error}); put the whole in quotes of your shell.") from error
        return location, text
    if list(parsed) != ["value"]:
        raise ConfigError(f"--set {change}: the value holds several lines; give --set once for each key.")
    return location, parsed["value"]


def _with_extended(own: Origin) -> Iterator[tuple[Origin, dict[str, Any]]]:
    """Yield a file and those that it extends, nearest first, without the key that says so."""
    seen: list[Path] = []
    origin: Origin | None = own
    while origin is not None:
        path = Path(origin.shown)
        seen.append(path.resolve())
        try:
            table = read_toml(path)
        except ConfigError as error:
            if origin is own:
                raise
            raise ConfigError(f"{error} It is what {seen[-2]} extends.") from error
        extended = table.pop(EXTENDS, None)
        yield origin, table
        origin = None if extended is None else _extended(extended, path, seen)


def _extended(value: Any, path: Path, seen: Sequence[Path]) -> Origin:
    if not isinstance(value, str):
        raise ConfigError(f"{path}: key '{EXTENDS}' is {value!r}, expected one path in quotes, e.g. {EXTENDS} = \"lab.toml\".")
    parent = path.parent / value
    if parent.resolve() in seen:
        circle = " extends ".join(file.name for file in (*seen[seen.index(parent.resolve()) :], parent))
        raise ConfigError(f"{path}: key '{EXTENDS}' closes a circle: {circle}; take it out of one of them.")
    return Origin(str(parent), parent.resolve().parent, parent.resolve())
