"""The public names: what a script imports and what a type checker sees are one list."""

import ast
import importlib
from pathlib import Path

import osim_nmscal


def _names_for_type_checkers() -> dict[str, str]:
    tree = ast.parse(Path(osim_nmscal.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    return {alias.name: str(node.module) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_type_checkers_and_scripts_see_the_same_names_in_the_same_homes() -> None:
    assert _names_for_type_checkers() == osim_nmscal._HOMES


def test_every_public_name_is_there_and_has_a_docstring() -> None:
    for name, home in osim_nmscal._HOMES.items():
        found = getattr(osim_nmscal, name)
        assert found is getattr(importlib.import_module(home), name)
        assert found.__doc__, f"{name} says nothing about itself"


def test_no_public_name_is_also_a_module() -> None:
    # once `osim_nmscal.x` has been imported as a module, `from osim_nmscal import x` returns the module
    package = Path(osim_nmscal.__file__).parent
    modules = {path.stem for path in package.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert modules & set(osim_nmscal._HOMES) == set()
