"""Progress of long work, on standard error: a live bar on a terminal, one line a step elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, track

T = TypeVar("T")
LINE_SECONDS = 2.0  # between two lines on how far it is
_console = Console(stderr=True)


def tracked(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items, showing how far the work is."""
    if _console.is_terminal:
        yield from track(items, description=what, console=_console, transient=True)
    else:
        yield from items


@contextmanager
def measured(total: int, what: str) -> Iterator[Callable[[int, str], None]]:
    """Show how far work on `total` units is: a live bar on a terminal, elsewhere a line at a tenth, of which none follows soon.

    The block calls the yielded function with the units done by then and a few words on what has come of it.
    """
    if not _console.is_terminal:
        tenth, told = 0, time.monotonic()

        def tell(done: int, note: str) -> None:
            nonlocal tenth, told
            if total and done * 10 // total > tenth and time.monotonic() - told >= LINE_SECONDS:
                tenth, told = done * 10 // total, time.monotonic()
                _console.print(f"  {what}: {tenth * 10} % — {note}", highlight=False, soft_wrap=True)

        yield tell
        return
    with Progress(console=_console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done, note: bar.update(task, completed=done, description=f"{what} — {note}")


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
