"""Pages from a PDF file: read by processes of their own, side by side, that hostile files cannot harm us through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from kg.documents.pdf import child
from kg.documents.pdf.pages import Page, page_from_json
from kg.errors import KgError

LIMIT_PAGES = 2_000
_PROCESSES = 4
_SMALL = 200_000  # bytes: not worth a second process
_RESTARTS = 3
_WHY = {
    "encrypted": "protected by a password; ask for the open file, or take the password off with the one who has it",
    "broken": "no readable PDF; open it in a viewer and save it again, or ask for the file anew",
    "slow": "takes too long to open: it is damaged or made to do harm; print it to a new PDF",
    "large": "holds more text than a plan can; check the file",
    "memory": "needs too much memory: it is damaged or made to do harm; print it to a new PDF",
}


def extract_pages(path: Path) -> list[Page]:
    """Extract all pages of a PDF, in order. A page that cannot be read is there, and says so (`failed`).

    Raises:
        KgError: the file is protected, damaged, has no page or too many, or takes too much time or memory.
    """
    several = path.stat().st_size > _SMALL
    count = min(_PROCESSES, _processors()) if several else 1
    with tempfile.TemporaryDirectory(prefix="kg-pdf-") as folder:
        slices = [_Slice(path, first, count, Path(folder)) for first in range(1, count + 1)]
        try:
            for part in slices:
                part.start(part.first)
            for part in slices:
                part.finish()
        finally:
            for part in slices:
                part.stop()
        pages = sorted((page for part in slices for page in part.pages()), key=lambda p: p.number)
    if not pages:
        raise KgError(f"{path}: a PDF without pages; check the file")
    return pages


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@dataclass
class _Slice:
    """Every `step`-th page from `first`: what one process reads. A process that dies is started again after its page."""

    path: Path
    first: int
    step: int
    folder: Path
    outputs: list[Path] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    count: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _deadline: float = 0.0

    def start(self, first: int) -> None:
        """Start a process that reads from a page on."""
        output = self.folder / f"{self.first}-{len(self.outputs)}.jsonl"
        self.outputs.append(output)
        command = [
            sys.executable,
            "-I",
            str(Path(child.__file__)),
            str(self.path.resolve()),
            *map(str, (first, self.step, LIMIT_PAGES)),
        ]
        self._deadline = time.monotonic() + 2 * (child.OPEN_SECONDS + child.SECONDS_A_PAGE * LIMIT_PAGES / self.step)
        with output.open("wb") as sink:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.DEVNULL)

    def finish(self) -> None:
        """Wait until all pages are read, restarting where a page ended the process."""
        while True:
            self._wait()
            last = self._check()
            following = self.first if last is None else last + self.step
            if self.count and following > self.count:
                return
            if len(self.outputs) > _RESTARTS or not self.count:
                raise KgError(f"{self.path}: {_WHY['slow' if self.count else 'broken']}")
            self.failed[following] = "crashed"
            if following + self.step > self.count:
                return
            self.start(following + self.step)

    def _wait(self) -> None:
        assert self._process is not None
        try:
            self._process.wait(max(0.1, self._deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.stop()

    def stop(self) -> None:
        """End the process, if it still runs."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _check(self) -> int | None:
        """Read how far the last process came: the last page it told of, or None; failures are raised."""
        last = None
        for value in _read(self.outputs[-1].open("rb")):
            if "error" in value:
                detail = f" ({value['detail']})" if value.get("detail") and value["error"] == "broken" else ""
                raise KgError(f"{self.path}: {_WHY[value['error']]}{detail}")
            if "count" in value:
                self.count = value["count"]
                if self.count > LIMIT_PAGES:
                    raise KgError(f"{self.path}: more than {LIMIT_PAGES:,} pages; a plan has some hundred: check the file")
            else:
                last = value["number"]
        return max([n for n in (last, *self.failed) if n is not None], default=None)

    def pages(self) -> Sequence[Page]:
        """Return the pages that were read, and those that could not be."""
        found = [page_from_json(v) for o in self.outputs for v in _read(o.open("rb")) if "number" in v]
        return found + [Page(number, 0.0, 0.0, failed=why) for number, why in self.failed.items()]


def _read(source: BinaryIO) -> list[dict[str, Any]]:
    """Read the objects that a process wrote; what its end cut off is left out."""
    with source:
        return [json.loads(line) for line in source if line.endswith(b"\n")]
