"""Medians of actions that take turns (A B A B …), and throughputs of many connections."""

from __future__ import annotations

import gc
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.client import Connection, Load, load
from tests.bench.engines import Engine

CONNECTIONS = 8
WINDOW = 2.0  # seconds
_OPEN = ("000PPP", "NUMBER")


class Wrong(Exception):
    """An answer that is not the right one."""


@dataclass
class Side:
    """One of those that take turns: `run` does the number-th repetition and returns what it measured."""

    name: str
    run: Callable[[int], float]
    main: bool = True


Found = dict[str, float | str]  # the median, or why there is none


def in_turn(sides: Sequence[Side], seconds: float, least: int = 5, most: int = 1000) -> tuple[Found, int]:
    """Let the sides take turns until the main ones have had their time; return each one's median and how many count.

    The first repetition does not count. The order turns round with each. A slow side that is not a main one stops early.
    """
    found: dict[str, list[float]] = {side.name: [] for side in sides}
    failed: dict[str, str] = {}
    spent = dict.fromkeys(found, 0.0)
    gc.collect()
    gc.disable()
    try:
        for number in range(most + 1):
            if number > least and max(spent[s.name] for s in sides if s.main) > seconds:
                break
            for side in sides if number % 2 else reversed(sides):
                if side.name in failed or (not side.main and number > least and spent[side.name] > seconds / 3):
                    continue
                started = time.perf_counter()
                try:
                    found[side.name].append(side.run(number))
                except (Wrong, OSError, ValueError) as error:
                    failed[side.name] = f"{type(error).__name__}: {error}"[:300]
                spent[side.name] += time.perf_counter() - started
    finally:
        gc.enable()
    counted = max(len(found[s.name]) for s in sides if s.main) - 1
    return {s.name: failed.get(s.name) or statistics.median(found[s.name][1:]) for s in sides}, counted


def asking(
    engine: Engine, connection: Connection, request: Callable[[int], bytes], check: Callable[[object], None]
) -> Callable[[int], float]:
    """Return an action: ask an engine, read the answer, stop the clock, check it."""

    def ask(number: int) -> float:
        asked = request(number)
        connection.ready()
        started = time.perf_counter()
        reply = connection.ask(asked)
        taken = time.perf_counter() - started
        if reply.status != 200:
            raise Wrong(f"status {reply.status}: {reply.body[:200]!r}")
        check(reply)
        return taken

    return ask


class Throughput:
    """Answers per second of many keep-alive connections, by `wrk` where it is installed, else by the client of the bench.

    A request is a template with the plan's number open as 000PPP and a harmless number as NUMBER; without these it is the
    same each time.
    """

    def __init__(self, folder: Path):
        self.program = shutil.which("wrk")
        self.folder = folder
        self.shares: list[float] = []

    def told(self) -> str:
        """Say what asks, and how much of a processor that took."""
        what = "wrk" if self.program else "the bench's own client (wrk is not installed)"
        share = max(self.shares, default=0)
        return (
            f"throughput: {what}, {CONNECTIONS} connections, {WINDOW:g} s at a time; it took up to {share:.0%} of one processor"
        )

    def side(self, engine: Engine, template: bytes, plans: int, check: Callable[[bytes], None]) -> Side:
        """Return a side whose measure is answers per second; a sample is checked as a whole, the others by their mean size."""

        def run(number: int) -> float:
            size = self._sample(engine, template, plans, number, check)
            first = 10_000 + number * 500_000
            found = self._wrk(engine, template, plans, first) if self.program else self._own(engine, template, plans, first)
            if not found.answers:
                raise Wrong("no answer within the window")
            mean = found.received / found.answers
            if not 0.8 * size <= mean <= 1.25 * size:
                raise Wrong(f"answers of {mean:.0f} bytes where {size:.0f} are right")
            self.shares.append(found.processor / found.seconds)
            return found.answers / found.seconds

        return Side(engine.name, run)

    def _sample(self, engine: Engine, template: bytes, plans: int, number: int, check: Callable[[bytes], None]) -> float:
        """Check some answers; return their mean size."""
        sizes = []
        requests = _requests(template, plans, 1 + number * 20)
        with Connection(engine.port) as connection:
            for _ in range(20):
                reply = connection.ask(next(requests))
                if reply.status != 200:
                    raise Wrong(f"status {reply.status}: {reply.body[:200]!r}")
                check(reply.body)
                sizes.append(len(reply.head) + 4 + len(reply.body))
        return statistics.mean(sizes)

    def _own(self, engine: Engine, template: bytes, plans: int, first: int) -> Load:
        return load(
            engine.port, _requests(template, plans, first), WINDOW, CONNECTIONS, lambda data: data.startswith(b"HTTP/1.1 200")
        )

    def _wrk(self, engine: Engine, template: bytes, plans: int, first: int) -> Load:
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".lua", encoding="ascii") as script:
            script.write(_lua(template, plans, first))
            script.flush()
            assert self.program
            command = [self.program, "-t1", f"-c{CONNECTIONS}", f"-d{WINDOW:g}s", "--timeout", "60s", "-s", script.name]
            command.append(f"http://127.0.0.1:{engine.port}/")
            done = subprocess.run(["/bin/sh", "-c", '"$@"; times', "sh", *command], capture_output=True, text=True, check=False)
        if done.returncode or "RESULT" not in done.stdout:
            raise Wrong(f"wrk: {(done.stdout + done.stderr)[-300:]}")
        told = json.loads(done.stdout.split("RESULT", 1)[1].split("\n", 1)[0])
        if told["errors"]:
            raise Wrong(f"wrk: {told['errors']} failed requests of {told['answers']}")
        return Load(told["answers"], told["seconds"], told["bytes"], _processor(done.stdout))


def _requests(template: bytes, plans: int, first: int) -> Iterator[bytes]:
    """Yield requests, each other than all before."""
    if not all(name.encode() in template for name in _OPEN):
        while True:
            yield template
    pattern = template.replace(b"%", b"%%").replace(b"000PPP", b"%06d").replace(b"NUMBER", b"%07d")
    while True:
        yield pattern % (first % plans, first)
        first += 1


def _lua(template: bytes, plans: int, first: int) -> str:
    """Return the script by which wrk makes its requests and tells its result."""

    def text(piece: bytes) -> str:
        return '"' + "".join(f"\\{byte:03d}" for byte in piece) + '"'

    if all(name.encode() in template for name in _OPEN):
        before, rest = template.split(b"000PPP", 1)
        between, after = rest.split(b"NUMBER", 1)
        parts = f'{text(before)} .. string.format("%06d", n % {plans}) .. {text(between)}'
        parts += f' .. string.format("%07d", n) .. {text(after)}'
    else:
        parts = text(template)
    return f"""local n = {first}
function request() n = n + 1; return {parts} end
function done(summary)
  local e = summary.errors
  io.write(string.format('RESULT{{"answers": %d, "seconds": %f, "bytes": %d, "errors": %d}}\\n', summary.requests,
    summary.duration / 1e6, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def _processor(printed: str) -> float:
    """Read the processor time of the children from what the shell's `times` prints last: `0m0.10s 0m0.05s`."""
    last = printed.strip().splitlines()[-1].split()
    return sum(float(part.split("m")[0]) * 60 + float(part.split("m")[1].rstrip("s")) for part in last)
