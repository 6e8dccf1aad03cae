"""The code behind a result: the digest of every module of this package that a module really imports, and the libraries' versions.

Imports are read from the source, also those inside functions; those for type checkers alone do not count. A text that names a
module of the package counts as an import, as `python -m osim_nmscal...` starts it. Importing a module runs the `__init__.py` of its
packages, so they count, too, but for two that are tables of names (TABLES): what they name is no import.
"""

import ast
import functools
import hashlib
import platform
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
        path = _file_of(module)
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


def _file_of(module: str) -> Path | None:
    """Return the file of a module of this package; None for what is none (a class, a word with dots)."""
    if module.split(".")[0] != PACKAGE:
        return None
    path = ROOT.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate != ROOT.with_suffix(".py"):
            return candidate
    return None


@dataclass(frozen=True)
class _Source:
    digest: bytes
    names: tuple[str, ...]  # what it imports


@functools.cache
def _imports(path: Path) -> _Source:
    content = path.read_bytes()
    text = content.decode("utf-8")
    # Texts that name modules are rare; where there are none, expressions need no look: a tenth of the nodes.
    names_modules = f'"{PACKAGE}.' in text or f"'{PACKAGE}." in text
    names = tuple(dict.fromkeys(_names(ast.parse(text), ast.AST if names_modules else _STATEMENTS)))
    return _Source(hashlib.sha256(content).digest(), names)


# What can hold an import.
_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)


def _names(node: ast.AST, kinds: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[str]:
    """Yield what is imported, or named in a text, in a node and in those below it that are of these kinds."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            for other in node.orelse:
                yield from _names(other, kinds)
            return
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(module=str() as module) if module.split(".")[0] == PACKAGE:
            if _file_of(module) is None or _file_of(module).name == "__init__.py":  # type: ignore[union-attr]
                yield from (f"{module}.{alias.name}" for alias in node.names)  # a module out of a package
            yield module
        case ast.Constant(value=str() as text) if text.startswith(f"{PACKAGE}."):
            yield text
    for child in ast.iter_child_nodes(node):
        if isinstance(child, kinds):
            yield from _names(child, kinds)
