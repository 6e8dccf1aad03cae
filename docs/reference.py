"""Write the API reference: one page of every public name with its docstring, by pdoc (`make docs`).

    python docs/reference.py build/docs

Fields of a class say shape and unit in the comment behind them; these become its list of attributes.
A warning of pdoc (a name that does not resolve, a docstring that does not parse) is an error.
"""

import inspect
import io
import re
import sys
import tokenize
import warnings
from pathlib import Path

import pdoc

import osim_nmscal


def write_reference(folder: Path) -> Path:
    """Write the pages into a folder and return the one of the package."""
    for name in osim_nmscal._HOMES:  # pdoc sees what stands in the module, not what is imported when first used
        found = getattr(osim_nmscal, name)
        setattr(osim_nmscal, name, found)
        if inspect.isclass(found) and "Attributes:" not in (found.__doc__ or ""):
            found.__doc__ = with_attributes(inspect.getdoc(found) or "", inspect.getsource(found))
    pdoc.render.configure(docformat="google", show_source=False, search=True, footer_text=f"osim_nmscal {osim_nmscal.__version__}")
    pdoc.pdoc("osim_nmscal", output_directory=folder)
    return folder / "osim_nmscal.html"


def with_attributes(docstring: str, source: str) -> str:
    """Return the docstring of a class with what the comments behind its fields say, before its example."""
    said = [f"    {name}: {comment}" for name, comment in field_comments(source)]
    text, heading, example = docstring.partition("\n\nExample:")
    return "\n".join([text, "", "Attributes:", *said]) + heading + example if said else docstring


def field_comments(source: str) -> list[tuple[str, str]]:
    """Return the fields of a class that have a comment on their line, with it."""
    comments = (one for one in tokenize.generate_tokens(io.StringIO(source).readline) if one.type == tokenize.COMMENT)
    fields = ((re.match(r"    (\w+): ", one.line), one.string.removeprefix("#").strip()) for one in comments)
    return [(field[1], comment) for field, comment in fields if field]


if __name__ == "__main__":
    warnings.simplefilter("error", UserWarning)
    # the fields of this class are made from the table of kinds and stand in no source line; "this file" is right
    warnings.filterwarnings("ignore", message="Cannot determine where osim_nmscal.ParametersSettings")
    write_reference(Path(sys.argv[1]))
