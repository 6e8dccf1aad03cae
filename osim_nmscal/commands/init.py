"""`osim-nmscal init FOLDER`: a first configuration from what a laboratory's folder holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from osim_nmscal.commands.printing import pasteable
from osim_nmscal.errors import ConfigError

if TYPE_CHECKING:
    from osim_nmscal.drafting.folder import LabFolder


def init(
    folder: Annotated[Path, typer.Argument(help="The folder with your model, recordings and setups.")] = Path(),
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="The configuration to write; default: FOLDER/config.toml.")
    ] = None,
) -> None:
    """Look through a folder and write a commented config.toml: guesses where the files tell something, questions where they do not.

    A folder of several persons gets one lab.toml, and a config.toml that extends it for each person.
    """
    from osim_nmscal.drafting.draft import CONFIG, draft_config, write_draft
    from osim_nmscal.drafting.folder import look_through

    path = (out or folder / CONFIG).resolve()
    if path.exists():
        raise ConfigError(f"{path} exists; name another file (--out), or move it away.")
    if not path.parent.is_dir():
        raise ConfigError(f"The folder {path.parent} does not exist; make it first.")
    lab = look_through(folder.resolve())
    if lab.people:
        if out is not None:
            raise ConfigError(f"{folder} holds several persons ({', '.join(lab.people)}), who get a file each; leave --out off.")
        _init_people(folder, lab)
        return
    draft = draft_config(lab, path.parent)
    for written in write_draft(draft, path):
        typer.echo(f"Written: {pasteable(written)}")
    _say_questions(draft.questions)
    typer.echo(_next(out or folder / CONFIG, draft.questions))


def _init_people(folder: Path, lab: "LabFolder") -> None:
    from osim_nmscal.drafting.draft import CONFIG, LAB, draft_people, write_draft

    path = lab.root / LAB
    had_lab = path.exists()
    drafts, text = draft_people(lab, with_lab=had_lab)
    if text and not had_lab:
        path.write_text(text, encoding="utf-8", newline="\n")
        typer.echo(f"Written: {pasteable(path)}")
    new = [name for name in drafts if not (lab.root / name / CONFIG).exists()]
    for name, draft in drafts.items():
        if name in new:
            for written in write_draft(draft, lab.root / name / CONFIG):
                typer.echo(f"Written: {pasteable(written)}")
        else:
            typer.echo(f"Left alone, as it is there: {pasteable(lab.root / name / CONFIG)}")
    questions = tuple(dict.fromkeys(question for name in new for question in drafts[name].questions))
    _say_questions(questions)
    if new:
        typer.echo(_next(folder / new[0] / CONFIG, questions) + (" and the others" if len(new) > 1 else ""))


def _say_questions(questions: tuple[str, ...]) -> None:
    for question in questions:
        typer.echo(f"Question: {question}")


def _next(path: Path, questions: tuple[str, ...]) -> str:
    answer = "answer what is marked QUESTION, " if questions else ""
    return f"Next: {answer}look at every GUESS, then osim-nmscal check {pasteable(path)}"
