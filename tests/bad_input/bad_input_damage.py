"""Ways to damage a workflow: each returns a function of its folder. A file is replaced, never written into (it may be a hard link)."""

import os
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]

CONFIG = "config.toml"


def put(name: str, content: str | bytes) -> Damage:
    """Let a file hold something else."""

    def damage(folder: Path) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return damage


def edit(name: str, old: str, new: str, count: int = 1) -> Damage:
    """Replace a text that must be there."""

    def damage(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert old in text, (name, old)
        put(name, text.replace(old, new, count))(folder)

    return damage


def toml(old: str, new: str) -> Damage:
    """Replace a text of the configuration."""
    return edit(CONFIG, old, new)


def setting(table: str, line: str) -> Damage:
    """Add a line to a table of the configuration, which is made if it is missing."""

    def damage(folder: Path) -> None:
        text = (folder / CONFIG).read_text(encoding="utf-8")
        head = f"[{table}]\n"
        put(CONFIG, text.replace(head, f"{head}{line}\n", 1) if head in text else f"{text}\n{head}{line}\n")(folder)

    return damage


def cut(name: str, share: float) -> Damage:
    """Keep the beginning of a file."""

    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        put(name, content[: int(share * len(content))])(folder)

    return damage


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Damage:
    """Change the lines of a file."""

    def damage(folder: Path) -> None:
        put(name, "\n".join(change((folder / name).read_text(encoding="utf-8").split("\n"))))(folder)

    return damage


def cell(name: str, row: int, column: int, text: str) -> Damage:
    """Write into a cell of a table separated by tabs; row and column count from 0."""

    def change(rows: list[str]) -> list[str]:
        cells = rows[row].split("\t")
        cells[column] = text
        return [*rows[:row], "\t".join(cells), *rows[row + 1 :]]

    return lines(name, change)


def numbers(name: str, header: int, first_column: int, change: Callable[[float], float]) -> Damage:
    """Change every number of a table separated by tabs, from a row and a column on."""

    def on(row: str) -> str:
        cells = row.split("\t")
        return "\t".join([*cells[:first_column], *(repr(change(float(one))) if one.strip() else one for one in cells[first_column:])])

    return lines(name, lambda rows: [*rows[:header], *(on(row) if row.strip() else row for row in rows[header:])])


def gone(name: str) -> Damage:
    """Remove a file."""
    return lambda folder: (folder / name).unlink()


def a_folder(name: str) -> Damage:
    """Put a folder where a file should be."""

    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)

    return damage


def unreadable(name: str) -> Damage:
    """Let reading a file fail: its permissions forbid it or, as root may read everything, its disk does."""

    def damage(folder: Path) -> None:
        path = folder / name
        if os.geteuid():
            put(name, path.read_bytes())(folder)
            path.chmod(0)
        else:
            path.unlink()
            path.symlink_to("/proc/self/mem")  # a file like any other, until it is read

    return damage


def both(*damages: Damage) -> Damage:
    """Do one after the other."""

    def damage(folder: Path) -> None:
        for one in damages:
            one(folder)

    return damage


def nothing(_: Path) -> None:
    """Leave the workflow as it is: the options are wrong."""
