"""What a draft collects on its way: questions, further files, and where everything lies; and what is left of it in a file."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

QUESTION, GUESS = "QUESTION", "GUESS"


@dataclass(kw_only=True)
class Notes:
    """One draft's notebook."""

    home: Path  # folder of the configuration
    bodies: tuple[str, ...] = ()  # of the model
    questions: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # name -> text

    def ask(self, question: str) -> str:
        """Keep a question, and return it as a comment; it stands above the key that answers it, or below what it doubts."""
        self.questions.append(question)
        return f"# {QUESTION}: {question}"

    def path(self, path: Path) -> str:
        """Write a path relative to the configuration."""
        return Path(os.path.relpath(path, self.home)).as_posix()

    def foot(self, side: str) -> str:
        """Return the model's body for the foot of a side; OpenSim's usual name if the model's is not known."""
        word = "right" if side == "r" else "left"
        pattern = rf"(calcn|foot|calcaneus)_({side}|{word})|({side}|{word})_?(foot|calcn)"
        return next((body for body in self.bodies if re.fullmatch(pattern, body.lower())), f"calcn_{side}")


@dataclass(frozen=True, kw_only=True)
class LeftToDo:
    """What a draft still asks of its reader."""

    questions: tuple[tuple[int, str], ...]  # line number, question
    guesses: tuple[int, ...]  # line numbers


def left_to_do(text: str) -> LeftToDo:
    """Return the questions of a configuration that no key below them answers, and its guesses.

    Example:
        >>> left_to_do("# QUESTION: how heavy?\\n# mass =\\n# QUESTION: how tall?\\nheight = 1.8\\n").questions
        ((1, 'how heavy?'),)
    """
    lines = text.splitlines()
    questions = []
    for number, line in enumerate(lines, start=1):
        asked = re.match(rf"\s*#\s*{QUESTION}:\s*(.*)", line)
        below = next((other for other in lines[number:] if not re.match(rf"\s*#\s*{QUESTION}:", other)), "")
        if asked and not re.match(r"""\s*[\w"'.-]+\s*=""", below):
            questions.append((number, asked[1]))
    guesses = tuple(number for number, line in enumerate(lines, start=1) if f"# {GUESS}" in line)
    return LeftToDo(questions=tuple(questions), guesses=guesses)
