"""Write the API reference: one page of every public name with its docstring, by pdoc (`make docs`).

    python docs/reference.py build/docs

A warning of pdoc (a name that does not resolve, a docstring that does not parse) is an error.
"""

import sys
import warnings
from pathlib import Path

import pdoc

import osim_nmscal


def write_reference(folder: Path) -> Path:
    """Write the pages into a folder and return the one of the package."""
    for name in osim_nmscal._HOMES:  # pdoc sees what stands in the module, not what is imported when first used
        setattr(osim_nmscal, name, getattr(osim_nmscal, name))
    pdoc.render.configure(docformat="google", show_source=False, search=True, footer_text=f"osim_nmscal {osim_nmscal.__version__}")
    pdoc.pdoc("osim_nmscal", output_directory=folder)
    return folder / "osim_nmscal.html"


if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    # the fields of this class are made from the table of kinds and stand in no source line; "this file" is right
    warnings.filterwarnings("ignore", message="Cannot determine where osim_nmscal.ParametersSettings")
    write_reference(Path(sys.argv[1]))
