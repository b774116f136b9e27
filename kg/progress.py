"""Progress of long work, on standard error: a live bar on a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")
_console = Console(stderr=True)


def tracked(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items, showing how far the work is."""
    if _console.is_terminal:
        yield from track(items, description=what, console=_console, transient=True)
    else:
        yield from items


@contextmanager
def step(what: str) -> Iterator[list[str]]:
    """Print the step's name, then its duration (s) and whatever the block appended to the yielded list."""
    started = time.perf_counter()
    notes: list[str] = []
    _console.print(f"  {what} …", end="\r" if _console.is_terminal else "\n", highlight=False, soft_wrap=True)
    sys.stderr.flush()
    yield notes
    note = f" — {', '.join(notes)}" if notes else ""
    _console.print(f"  {what}: {time.perf_counter() - started:.1f} s{note}", highlight=False, soft_wrap=True)
