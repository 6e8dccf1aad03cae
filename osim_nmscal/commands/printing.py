"""What every command prints in the same way: errors, findings, the verdict. Results go to stdout, the rest to stderr."""

import os
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from osim_nmscal.data.findings import Finding, Verdict
from osim_nmscal.errors import NmscalError

OUT = Console(highlight=False, soft_wrap=True)
ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(error: NmscalError) -> None:
    for line in str(error).splitlines():
        ERR.print(line, style=None if line.startswith("  ") else "red", markup=False)
    for line in getattr(error, "__notes__", ()):  # where the report of a failed run is
        ERR.print(f"  {line}", markup=False)


def print_findings(findings: Iterable[str]) -> None:
    for finding in findings:
        ERR.print(f"Note: {finding}", style="yellow", markup=False)


def print_judged(judged: Iterable[Finding]) -> None:
    """Print what the doctor for the data found, doubts before notes; stops are printed as errors."""
    for severity, opening, style in (("doubt", "Doubt", "bold yellow"), ("note", "Note", "yellow")):
        for finding in judged:
            if finding.severity == severity:
                ERR.print(f"{opening}: {finding.text}", style=style, markup=False)


def print_verdict(verdict: Verdict) -> None:
    """Print the one sentence to act on."""
    style = {"fit for use": "bold green", "use with care": "bold yellow", "do not use": "bold red"}[verdict.level]
    OUT.print(f"Verdict: {verdict.sentence}", style=style, markup=False)


def plain(text: str) -> str:
    return text.replace("[", "\\[")


def pasteable(path: Path | str) -> str:
    """Write a path, or any other word, so that it can be pasted into a shell: in quotes where it needs them.

    Example:
        >>> pasteable("results/demo"), pasteable("My Lab/config.toml")
        ('results/demo', '"My Lab/config.toml"')
    """
    text = str(path)
    if re.fullmatch(r"[\w./\\:@%+=,~-]+", text) and not (os.sep == "/" and "\\" in text):
        return text
    plain_in_quotes = not re.search(r"[\"$`!\\]" if os.sep == "/" else r"[\"%]", text)
    return f'"{text}"' if plain_in_quotes or os.sep != "/" else shlex.quote(text)
