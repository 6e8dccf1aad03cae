"""The code behind a result: the digest of every module of this package that a module really imports, and the libraries' versions.

Imports are read from the source, also those inside functions; those for type checkers alone do not count. A text that names a
module of the package counts as an import, as `python -m osim_nmscal...` starts it. Importing a module runs the `__init__.py` of its
packages, so they count, too, but for two that are tables of names (TABLES): what they name is no import.
"""

import functools
import hashlib
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = "osim_nmscal"
ROOT = Path(__file__).resolve().parent.parent
# Files that name modules and import none of them before somebody asks: the public names, and the stages.
TABLES = ("__init__.py", "workflow/stages/__init__.py")
# The libraries that decide numbers.
LIBRARIES = ("opensim", "torch", "numpy", "scipy", "ezc3d", "scikit-learn", "lxml")


@functools.cache
def code_version(module: str) -> str:
    """Return the digest of a module of this package and of all that it imports, directly or not.

    Args:
        module: its full name.
    """
    digest = hashlib.sha256()
    for path in sorted(code_files(module)):
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + _imports(path).digest)
    return digest.hexdigest()


def code_files(module: str) -> set[Path]:
    """Return the files of a module of this package and of all that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        module = waiting.pop()
        path = _file_of(module, ROOT)
        if path is not None and path not in found:
            found.add(path)
            waiting.append(module.rpartition(".")[0])
            if path.relative_to(ROOT).as_posix() not in TABLES:
                waiting += _imports(path).names
    return found


@functools.cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python (major.minor) and of the libraries that decide numbers."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


@functools.cache
def _file_of(module: str, root: Path) -> Path | None:
    """Return the file of a module of this package; None for what is none (a class, a word with dots)."""
    if module.split(".")[0] != PACKAGE:
        return None
    path = root.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate != root.with_suffix(".py"):
            return candidate
    return None


@dataclass(frozen=True)
class _Source:
    digest: bytes
    names: tuple[str, ...]  # what it imports


@functools.cache
def _imports(path: Path) -> _Source:
    content = path.read_bytes()
    return _Source(hashlib.sha256(content).digest(), tuple(dict.fromkeys(_names(content.decode("utf-8")))))


# An indented block for type checkers alone; `else` ends it.
_FOR_TYPES = re.compile(r"^([ \t]*)if TYPE_CHECKING:[^\n]*\n(?:\1[ \t]+[^\n]*\n?|[ \t]*\n)*", re.MULTILINE)
# Each pattern begins with plain text, which `re` looks for ten times as fast as for a border of a word.
_FROM = re.compile(rf"from\s+({PACKAGE}(?:\.\w+)*)\s+import\s+(\((?:[^)#]|#[^\n]*)*\)|[^\n;]*)")
_IMPORT = re.compile(r"import\s+([^\n;(]*)")
_MODULE = re.compile(rf"(?<![\w.]){PACKAGE}(?:\.\w+)*")
_TEXTS = tuple(re.compile(rf"{quote}({PACKAGE}\.[\w.]+)") for quote in ('"', "'"))


def _names(source: str) -> Iterator[str]:
    """Yield what may be imported from this package, or is named in a text.

    Without a parser, which takes a hundred times as long: whatever looks like an import is one, also in a comment. So a name too many
    may count, but none is missed.
    """
    text = _FOR_TYPES.sub("", source) if "TYPE_CHECKING" in source else source
    text = re.sub(r"\\\n", " ", text)
    for module, names in _FROM.findall(text):
        path = _file_of(module, ROOT)
        if path is None or path.name == "__init__.py":
            plain = re.sub(r"#[^\n]*", "", names).strip("() \n\t")
            yield from (f"{module}.{name.split()[0]}" for name in plain.split(",") if name.strip())  # a module out of a package
        yield module
    for names in _IMPORT.findall(text):
        yield from _MODULE.findall(names)
    for named in _TEXTS:
        yield from named.findall(text)
