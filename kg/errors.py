"""Errors and problems: every message says where, what and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file that a person must mend.

    `line` is 1-based; 0 means the file as a whole.
    """

    file: str
    line: int
    key: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{where}:{key} {self.what}{hint}"


class KgError(Exception):
    """The run cannot go on. The command line prints the message and ends with exit code 2."""


class ProblemsError(KgError):
    """All problems found in one or more files, together."""

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(set(problems))
        count = len(self.problems)
        noun = "problem" if count == 1 else "problems"
        super().__init__("\n".join([*map(str, self.problems), f"{count} {noun}"]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint with the nearest known words, or an empty string."""
    near = get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""


def reason_of(error: OSError) -> str:
    """Say in plain words why the operating system refused."""
    return error.strerror or type(error).__name__
