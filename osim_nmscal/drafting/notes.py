"""What a draft collects on its way: questions, further files, and where everything lies."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(kw_only=True)
class Notes:
    """One draft's notebook."""

    home: Path  # folder of the configuration
    bodies: tuple[str, ...] = ()  # of the model
    questions: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # name -> text

    def ask(self, question: str) -> str:
        """Keep a question, and return it as a comment."""
        self.questions.append(question)
        return f"# QUESTION: {question}"

    def path(self, path: Path) -> str:
        """Write a path relative to the configuration."""
        return Path(os.path.relpath(path, self.home)).as_posix()

    def foot(self, side: str) -> str:
        """Return the model's body for the foot of a side; OpenSim's usual name if the model's is not known."""
        word = "right" if side == "r" else "left"
        pattern = rf"(calcn|foot|calcaneus)_({side}|{word})|({side}|{word})_?(foot|calcn)"
        return next((body for body in self.bodies if re.fullmatch(pattern, body.lower())), f"calcn_{side}")
