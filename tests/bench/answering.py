"""The measures of answering: the server beside the engine alone, the framework alone, and other servers."""

from __future__ import annotations

import os
import statistics
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import pyoxigraph as ox
import zstandard

from kg.resident import load_resident
from kg.store import open_store
from tests.bench import engines
from tests.bench.client import Connection, Reply, get
from tests.bench.data import CACHE, Data, say
from tests.bench.engines import Absent, Engine
from tests.bench.measures import Found, Side, Throughput, Wrong, asking, in_turn
from tests.bench.queries import ANALYTICAL, JOIN, LOOK_UP, ROWS, WHOLE_PLAN, Asked, Small, digest
from tests.bench.report import Row, Target

SMALL_SECONDS, PLAN_SECONDS, ANALYTICAL_SECONDS = 10.0, 10.0, 15.0
WINDOWS = 6
IN_MEMORY = "engine in memory"
FRONT = 0.001  # seconds that the front may add to a long query
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda body: zlib.decompress(body, 31),
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
}


class Answering:
    """All measures on one graph."""

    def __init__(self, data: Data):
        self.data = data
        self.store = open_store(data.store)
        self.notes: list[str] = []
        self.rows: list[Row] = []
        self.throughput = Throughput(CACHE)
        self._alone: dict[Small, float | str] = {}  # what the engine alone takes for a small query (s)
        self._empty: dict[Small, float | str] = {}  # the framework's empty answers per second beside them

    def run(self) -> None:
        """Start the servers, measure, stop them."""
        with ExitStack() as stack:
            self.empty = stack.enter_context(engines.empty(self.data))
            self.ours = stack.enter_context(engines.ours(self.data))
            say(f"ours answers {self.ours.note}")
            self.notes.append(f"ours answers {self.ours.note}; `engine` from disk, as a program would that opens the store")
            self.resident = load_resident(self.data.store) if self.ours.note == "from memory" else None
            self.others = self._others(stack)
            self.stack = stack
            for small in (LOOK_UP, JOIN):
                self.small(small)
            self.whole_plan()
            for asked in ANALYTICAL:
                self.analytical(asked)
            for small in (LOOK_UP, JOIN):
                self.distinct(small)
            self.cached()
        self.notes += [*map(self._bound, (LOOK_UP, JOIN)), self.throughput.told()]

    def _bound(self, small: Small) -> str:
        """Say what the processors allow about at most: each new query costs what the engine and what the framework take."""
        alone, rate, cores = self._alone[small], self._empty[small], os.cpu_count() or 1
        if isinstance(rate, str) or isinstance(alone, str):
            return f"{small.name}: no figure to tell what the processors allow"
        engine = self._unbroken(small)
        most = cores / (engine + 1 / rate)
        return (
            f"{small.name}: the engine takes {alone * 1e6:.0f} µs in turn with others, {engine * 1e6:.0f} µs one after "
            f"the other; with that and the framework's {1e6 / rate:.0f} µs, and nothing else, {cores} cores would answer about "
            f"{most:,.0f}/s, a ratio of {most / rate:.2f}"
        )

    def _unbroken(self, small: Small) -> float:
        """Return what the engine takes for a new small query (s) when nothing else comes between."""
        taken = []
        for number in range(2000):
            text = small.text(9_000_000 + number, self.data.plans)
            started = time.perf_counter()
            self._answer(text)
            taken.append(time.perf_counter() - started)
        return statistics.median(taken)

    def _others(self, stack: ExitStack) -> list[Engine]:
        found = []
        for starter in engines.OTHERS:
            name = engines.NAMES[starter.__name__]
            try:
                engine = stack.enter_context(starter(self.data))
            except (Absent, RuntimeError, OSError) as error:
                self.notes.append(f"{name}: not measured; {error}")
                say(self.notes[-1])
                continue
            found.append(engine)
            self.notes.append(f"{name}: version {engine.version}" + (f"; {engine.note}" if engine.note else ""))
        return found

    def small(self, small: Small) -> None:
        """A small query: ours beside the engine and the framework's empty answer together."""
        say(f"small query: {small.name}")

        def text(number: int) -> str:
            return small.text(number, self.data.plans)

        def check(body: bytes) -> None:
            if digest(body) != (ROWS, 0):
                raise Wrong(f"{digest(body)[0]} rows where {ROWS} are right")

        sides = [
            self._http(self.ours, text, check),
            self._raw(text, check),
            Side("empty", asking(self.empty, self._connection(self.empty), lambda _: self.empty_request, lambda _: None)),
            *self._in_memory(text, check),
            *(self._http(engine, text, check, main=False) for engine in self.others),
        ]
        found, times = in_turn(sides, SMALL_SECONDS)
        self._alone[small] = found["raw"]
        both = _sum(found["raw"], found["empty"])
        self._add(f"small query: {small.name} (10 rows), each a new one", found, "engine + empty answer", both, times, Target(3))

    def whole_plan(self) -> None:
        """A whole plan, about one megabyte: ours beside the engine; compressed too."""
        text, check, size = self._known(WHOLE_PLAN)
        say(f"whole plan: {size:,} bytes")
        packed = []
        for coding in _UNPACK:
            packed.append(self._http(self.ours, text, check, coding=coding, graph=True, main=False))
        sides = [
            self._http(self.ours, text, check, graph=True),
            self._raw(text, check),
            *packed,
            *self._in_memory(text, check),
            *(self._http(engine, text, check, graph=True, main=False) for engine in self.others),
        ]
        found, times = in_turn(sides, PLAN_SECONDS)
        self._add(f"whole plan ({size / 1e6:.2f} MB of JSON)", found, "engine", found["raw"], times, Target(1.15))
        for side in packed:
            coding = side.name.removeprefix("ours ")
            self.rows.append(Row(f"whole plan, {coding}", "ms", _ms(found[side.name]), "engine", _ms(found["raw"]), times))
            self._note_failure(self.rows[-1].what, side.name, found)

    def analytical(self, asked: Asked) -> None:
        """A query over all: ours less a millisecond beside the engine."""
        text, check, _ = self._known(asked)
        say(asked.name)
        sides = [self._http(self.ours, text, check), self._raw(text, check), *self._in_memory(text, check)]
        sides += [self._http(engine, text, check, main=False) for engine in self.others]
        found, times = in_turn(sides, ANALYTICAL_SECONDS, most=50)
        self._add(f"{asked.name} (less 1 ms)", found, "engine", found["raw"], times, Target(1.10), FRONT)

    def distinct(self, small: Small) -> None:
        """Throughput of small queries, all different."""
        say(f"throughput, distinct queries: {small.name}")
        self._empty[small] = self._flow(f"throughput: {small.name}, each a new one", small.template, Target(0.7, most=False))

    def cached(self) -> None:
        """Throughput of one small query."""
        say("throughput, one query again and again")
        self._flow("throughput, the same small query", JOIN.text(1, self.data.plans), Target(0.8, most=False))

    def _flow(self, what: str, query: str, target: Target) -> float | str:
        """Measure the throughput of a query beside that of the framework's empty answer, and return the latter."""

        def check(body: bytes) -> None:
            if digest(body) != (ROWS, 0):
                raise Wrong(f"{digest(body)[0]} rows where {ROWS} are right")

        sides = [self.throughput.side(self.ours, self.ours.request(query), self.data.plans, check)]
        sides.append(self.throughput.side(self.empty, self.empty_request, 1, lambda _: None))
        for engine in self.others:
            sides.append(self.throughput.side(engine, engine.request(query), self.data.plans, check))
            sides[-1].main = False
        found, times = in_turn(sides, 3600, least=WINDOWS - 1, most=WINDOWS - 1)
        others = {engine.name: found[engine.name] for engine in self.others}
        self.rows.append(Row(what, "/s", found["ours"], "empty answer", found["empty"], times, target, 0, others))
        for side in sides:
            self._note_failure(what, side.name, found)
        return found["empty"]

    @property
    def empty_request(self) -> bytes:
        """The request for the framework's empty answer."""
        return get("/", "*/*")

    def _known(self, asked: Asked) -> tuple[Callable[[int], str], Callable[[bytes], None], int]:
        """Return what is asked, how an answer is checked, and the right answer's size."""
        body = self._answer(asked.variant(99_999))
        right = digest(body)

        def check(found: bytes) -> None:
            if digest(found) != right:
                raise Wrong(f"rows and count are {digest(found)}, not {right}")

        return asked.variant, check, len(body)

    def _answer(self, text: str, store: ox.Store | None = None) -> bytes:
        found = (self.store if store is None else store).query(text)
        assert isinstance(found, ox.QuerySolutions)
        return found.serialize(format=ox.QueryResultsFormat.JSON) or b""

    def _in_memory(self, text: Callable[[int], str], check: Callable[[bytes], None]) -> list[Side]:
        """The same on a copy in memory, if ours has one, too."""
        if self.resident is None:
            return []
        side = self._raw(text, check, self.resident)
        return [Side(IN_MEMORY, side.run, main=False)]

    def _raw(self, text: Callable[[int], str], check: Callable[[bytes], None], store: ox.Store | None = None) -> Side:
        """The engine in this process, from the query's text to the bytes of the answer."""

        def run(number: int) -> float:
            asked = text(number)
            started = time.perf_counter()
            body = self._answer(asked, store)
            taken = time.perf_counter() - started
            check(body)
            return taken

        return Side("raw", run)

    def _http(
        self,
        engine: Engine,
        text: Callable[[int], str],
        check: Callable[[bytes], None],
        coding: str = "",
        graph: bool = False,
        main: bool = True,
    ) -> Side:
        """A server, from the first byte of the request to the last of the answer; each coding has queries of its own."""
        shift = 2000 * (1 + list(_UNPACK).index(coding)) if coding else 0

        def request(number: int) -> bytes:
            return engine.request(text(number + shift), graph, coding)

        ask = asking(engine, self._connection(engine), request, partial(_checked, coding, check))
        return Side(f"{engine.name} {coding}".strip(), ask, main)

    def _connection(self, engine: Engine) -> Connection:
        return self.stack.enter_context(Connection(engine.port))

    def _add(self, what: str, found: Found, beside: str, other: float | str, times: int, target: Target, less: float = 0) -> None:
        beside_it = [engine.name for engine in self.others] + [IN_MEMORY] * (IN_MEMORY in found)
        others = {name: _ms(found[name]) for name in beside_it}
        self.rows.append(Row(what, "ms", _ms(found["ours"]), beside, _ms(other), times, target, less * 1000, others))
        for name in found:
            if not name.startswith("ours "):
                self._note_failure(what, name, found)

    def _note_failure(self, what: str, name: str, found: Found) -> None:
        if isinstance(found[name], str):
            self.notes.append(f"{what}, {name}: {found[name]}")
            say(self.notes[-1])


def _checked(coding: str, check: Callable[[bytes], None], reply: object) -> None:
    assert isinstance(reply, Reply)
    if reply.header("content-encoding") != coding:
        raise Wrong(f"content-encoding is {reply.header('content-encoding') or 'none'!r}, asked was {coding or 'none'!r}")
    check(_UNPACK[coding](reply.body) if coding else reply.body)


def _sum(one: float | str, other: float | str) -> float | str:
    if isinstance(one, str) or isinstance(other, str):
        return f"{one}; {other}"
    return one + other


def _ms(value: float | str) -> float | str:
    return value if isinstance(value, str) else value * 1000
