"""A pool of query processes: answers queries within bounds of time, memory, size and number, and outlives what the engine does.

A query begins in the short lane. One that is still at it after `long_seconds` moves to the long lane, which has few places and
the lowest priority, so that short queries of others keep their pace; where the lane is full it waits for a place and begins
anew. Both lanes are fair: clients take turns, one client never has all places of a lane, and one is kept for whoever has none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import IO, cast

from kg.errors import KgError
from kg.frames import DATA, END, ERROR, HEAD, READY, FrameReader, Order, Query
from kg.nursery import Nursery
from kg.priorities import MAY_RESTORE, lower, restore
from kg.sparql import safe_order

logger = logging.getLogger(__name__)
START_SECONDS = 20.0
TICK = 0.005  # seconds between two looks at the clock
HELD_BACK = 256 * 1024  # bytes of an answer that are waited for, so that a failure can still be told properly
AHEAD = 4 * 1024 * 1024  # bytes of an answer that are kept for a client that reads slowly
HASTE = 0.1  # part of `long_seconds` that a query gets whose client has long ones already
KNOWN = 500  # texts of long queries that are remembered, to go to the long lane at once
PROCESSES = 8  # times `workers`: so many processes may there be at most
RECOVERIES = 3  # workers that may fail to start, one after the other, before those who wait are told


@dataclass(frozen=True)
class Limits:
    """What a pool grants.

    workers: short queries at a time, and one more for a client that has none. long: long queries at a time. seconds: from
    the arrival of a query to the end of its answer. long_seconds: what makes a query a long one. memory: bytes a process
    (0: no limit). queue: queries that may wait. spare: processes that stand by for those that have to be ended.
    """

    workers: int = 2
    long: int = 2
    seconds: float = 30.0
    long_seconds: float = 0.1
    memory: int = 2 * 1024**3
    queue: int = 16
    spare: int = 3


class QueryFailed(Exception):
    """A query without an answer.

    kind: what `kg.sparql.Refusal` names, or `deadline`, `crash`, `memory`, `overload`, `unavailable`, `gone`.
    line and column are 1-based, 0 where there is none.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.line, self.column = kind, detail, line, column


@dataclass
class Tally:
    """What a pool has counted since it began: ends of queries by kind (`ok` or a failure's kind), deaths, demotions."""

    ends: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    long: int = 0
    rows: int = 0


class Worker(asyncio.Protocol):
    """A query process, seen through its socket."""

    def __init__(self, pool: Pool, errors: IO[bytes]):
        self.pool, self.errors = pool, errors
        self.answer: Answer | None = None
        self.pid, self.thread, self.handle = 0, 0, -1  # the thread is the one that runs queries
        self.isolated = self.ready = self.low = self.ended = False
        self.transport: asyncio.Transport | None = None
        self.frames = FrameReader()
        self.begun = asyncio.Event()  # or ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)
        if self.ended:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take frames: the first says that the process is ready, the others are the answer."""
        for kind, payload in self.frames.take(data):
            if self.answer:
                self.answer.take(kind, payload)
            elif kind == READY:
                self._begin(**json.loads(payload))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell whoever waited for this process."""
        answer, self.answer = self.answer, None
        planned, self.ended = self.ended, True
        self.begun.set()
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1
        self.pool.lost(self, answer, None if planned else self._reason())
        self.errors.close()

    def kill(self) -> None:
        """End the process now."""
        self.ended, self.answer = True, None
        with suppress(OSError):
            if self.handle >= 0:
                signal.pidfd_send_signal(self.handle, signal.SIGKILL)
            elif self.pid:
                os.kill(self.pid, signal.SIGKILL)
        if self.transport:
            self.transport.abort()

    def lower(self) -> None:
        """Let this process run only when no other wants to."""
        self.low = True
        lower(self.thread)

    def restore(self) -> bool:
        """Give the process its priority back; not everybody is allowed to."""
        self.low = self.low and not restore(self.thread)
        return not self.low

    def _begin(self, pid: int, thread: int, isolated: bool) -> None:
        self.pid, self.thread, self.isolated, self.ready = pid, thread, isolated, True
        with suppress(OSError, AttributeError):
            self.handle = os.pidfd_open(pid)
        self.begun.set()
        self.pool.has_begun(self)

    def _reason(self) -> QueryFailed:
        self.errors.seek(0)
        said = self.errors.read()[-2000:].decode(errors="replace").strip()
        logger.warning("a query process ended unasked: %s", said or "it said nothing")
        kind = "memory" if "memory allocation" in said or "MemoryError" in said else "crash"
        return QueryFailed(kind, said.splitlines()[0][:200] if said else "")


@dataclass(eq=False, slots=True)
class Answer:
    """An answer that is being read: its head (`kind`: solutions, boolean, graph), then the bytes, then how many rows there were.

    It holds a process until that has written it; close always. `whole` tells that all bytes are here.
    """

    pool: Pool
    query: Query
    client: str
    arrived: float
    kind: str = ""
    format: str = ""
    encoding: str = ""
    variables: tuple[str, ...] = ()
    rows: int = 0
    cut: bool = False
    whole: bool = False
    worker: Worker | None = None
    started: float = 0.0
    long: bool = False
    delivered: bool = False
    again: bool = False
    failure: QueryFailed | None = None
    parts: deque[bytes] = field(default_factory=deque)
    kept: int = 0
    waiter: asyncio.Future[None] | None = None

    async def begun(self) -> None:
        """Wait until so much is here that the answer may begin; raises QueryFailed."""
        while not (self.whole or self.failure or self.kept >= HELD_BACK):
            await self._more()
        if self.failure:
            raise self.failure
        self.delivered = True

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the answer.

        Raises:
            QueryFailed: it broke off half-way.
        """
        try:
            while True:
                while self.parts:
                    part = self.parts.popleft()
                    self.kept -= len(part)
                    self._resume()
                    yield part
                if self.failure:
                    raise self.failure
                if self.whole:
                    return
                await self._more()
        finally:
            self.close()

    async def read(self) -> bytes:
        """Return all bytes; raises QueryFailed where it broke off half-way."""
        if not self.whole:
            return b"".join([chunk async for chunk in self.chunks()])
        return self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)

    def close(self) -> None:
        """Give the process back, or end it when the answer was not written to the end. May be called again."""
        if not self.whole and self.failure is None:
            self.pool.fail(self, QueryFailed("gone"))

    def take(self, kind: bytes, payload: bytes) -> None:
        """Take a frame from the process."""
        if kind == DATA:
            self.parts.append(payload)
            self.kept += len(payload)
            if self.kept > AHEAD and self.worker and self.worker.transport:
                self.worker.transport.pause_reading()
            if self.kept < HELD_BACK and not self.delivered:
                return
        elif kind == HEAD:
            self.kind, self.format, encoding, *variables = payload.decode().split(" ")
            self.encoding, self.variables = "" if encoding == "-" else encoding, tuple(variables)
            return
        elif kind == END:
            self.rows, cut = map(int, payload.split())
            self.cut, self.whole = bool(cut), True
            self.pool.finished(self, None)
        else:
            assert kind == ERROR
            self.failure = QueryFailed(**json.loads(payload))
            self.pool.finished(self, self.failure)
        self.wake()

    def wake(self) -> None:
        """Let whoever waits for this answer look again."""
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    def reset(self) -> None:
        """Forget what came, to begin anew."""
        self.parts.clear()
        self.kept, self.worker = 0, None

    def _resume(self) -> None:
        if self.worker and self.worker.transport and self.kept <= AHEAD // 2 and not self.worker.transport.is_reading():
            self.worker.transport.resume_reading()

    async def _more(self) -> None:
        self.waiter = asyncio.get_running_loop().create_future()
        await self.waiter


class Line:
    """Queries that wait, one line for each client; clients take turns."""

    def __init__(self) -> None:
        self.lines: dict[str, deque[Answer]] = {}

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def __iter__(self) -> Iterator[Answer]:
        return (answer for line in list(self.lines.values()) for answer in list(line))

    def add(self, answer: Answer) -> None:
        """Put a query at the end of its client's line."""
        self.lines.setdefault(answer.client, deque()).append(answer)

    def remove(self, answer: Answer) -> bool:
        """Take a query out; tell whether it was there."""
        line = self.lines.get(answer.client)
        if not line or answer not in line:
            return False
        line.remove(answer)
        if not line:
            del self.lines[answer.client]
        return True

    def next(self, allowed: Callable[[str], bool]) -> Answer | None:
        """Take the first query of the first client that is allowed one; that client goes to the end of the turn."""
        for client, line in list(self.lines.items()):
            if allowed(client):
                answer = line.popleft()
                del self.lines[client]
                if line:
                    self.lines[client] = line
                return answer
        return None

    def longest(self) -> Answer:
        """Return the last query of the client that has most of them here."""
        return max(self.lines.values(), key=len)[-1]


class Running:
    """The queries that run now, and how many short and long ones (False, True) each client has among them."""

    def __init__(self) -> None:
        self.answers: dict[Answer, None] = {}
        self.of = {False: Counter[str](), True: Counter[str]()}

    def add(self, answer: Answer) -> None:
        """Note the beginning of a query."""
        self.answers[answer] = None
        self.of[answer.long][answer.client] += 1

    def remove(self, answer: Answer) -> None:
        """Note the end of a query, if it runs."""
        if answer in self.answers:
            del self.answers[answer]
            counts = self.of[answer.long]
            counts[answer.client] -= 1
            if not counts[answer.client]:
                del counts[answer.client]

    def lengthen(self, answer: Answer) -> None:
        """Note that a query that runs is a long one from now on."""
        self.remove(answer)
        answer.long = True
        self.add(answer)


class Pool:
    """Query processes on one store folder or endpoint. Use it as an async context manager, in one event loop."""

    def __init__(self, order: Order, limits: Limits | None = None, nursery: Nursery | None = None, tally: Tally | None = None):
        self.order, self.limits = order, limits or Limits()
        self.tally = tally or Tally()
        self._nursery, self._own_nursery = nursery or Nursery(), nursery is None
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._running = Running()
        self._waiting, self._parked = Line(), Line()
        self._starting: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._failures = 0
        self._known_long: dict[str, None] = {}
        self._closed = False

    async def __aenter__(self) -> Pool:
        self._refill()
        while self._starting or not self._idle:
            if not self._starting:
                raise QueryFailed("unavailable", "no query process starts")
            await asyncio.wait(self._starting, return_when=asyncio.FIRST_COMPLETED)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        for answer in [*self._running.answers, *self._waiting, *self._parked]:
            self.fail(answer, QueryFailed("unavailable"))
        if self._ticking:
            self._ticking.cancel()
        for task in list(self._starting):
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for worker in list(self._all):
            worker.kill()
        while self._all:
            await asyncio.sleep(0.005)
        if self._own_nursery:
            self._nursery.close()

    @property
    def running(self) -> int:
        """How many queries run now."""
        return len(self._running.answers)

    @property
    def waiting(self) -> int:
        """How many queries wait now, those for a place among the long ones included."""
        return len(self._waiting) + len(self._parked)

    @property
    def isolated(self) -> bool:
        """Whether every process has left the network."""
        return all(worker.isolated for worker in self._all if worker.ready)

    async def ask(self, query: Query, client: str = "") -> Answer:
        """Start a query and return its answer once it may begin.

        Raises:
            QueryFailed: any of its kinds; `overload` when too many wait already.
        """
        answer = Answer(self, query, client, time.monotonic())
        self._admit(answer)
        try:
            await answer.begun()
        except BaseException:
            answer.close()
            raise
        return answer

    def finished(self, answer: Answer, failure: QueryFailed | None) -> None:
        """Take a process back whose answer was written, and count how it ended."""
        self._running.remove(answer)
        worker, answer.worker = answer.worker, None
        if answer.long and time.monotonic() - answer.started < self.limits.long_seconds:
            self._known_long.pop(answer.query.text, None)
        self._count(answer, failure)
        if worker:
            worker.answer = None
            if worker.transport and not worker.transport.is_reading():
                worker.transport.resume_reading()
            if (not worker.low or worker.restore()) and not self._closed:
                self._idle.append(worker)
            else:
                worker.kill()
        self._go_on()

    def fail(self, answer: Answer, failure: QueryFailed) -> None:
        """End a query: its process, or its waiting."""
        if answer.whole or answer.failure:
            return
        answer.failure = failure
        self._count(answer, failure)
        self._running.remove(answer)
        if not (self._waiting.remove(answer) or self._parked.remove(answer)) and answer.worker:
            answer.worker.kill()
        answer.worker = None
        answer.wake()
        self._go_on()

    def has_begun(self, worker: Worker) -> None:
        """Take a new process into service."""
        self._failures = 0
        if not self._closed:
            self._idle.append(worker)
            self._go_on()

    def lost(self, worker: Worker, answer: Answer | None, failure: QueryFailed | None) -> None:
        """Note that a process has ended; `failure` says why when nobody asked it to."""
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        if failure:
            self.tally.deaths += 1
            if answer and not self._again(answer, failure):
                answer.worker = None
                self.fail(answer, failure)
            elif not worker.ready:
                self._failed_to_start()
        self._go_on()

    def _again(self, answer: Answer, failure: QueryFailed) -> bool:
        """Let a query whose process crashed begin anew if the order it asks for may be the cause, and can be said otherwise."""
        text = safe_order(answer.query.text) if failure.kind == "crash" and not (answer.delivered or answer.again) else None
        if text is None:
            return False
        answer.query, answer.again = replace(answer.query, text=text), True
        self._running.remove(answer)
        answer.reset()
        (self._parked if answer.long else self._waiting).add(answer)
        return True

    def _count(self, answer: Answer, failure: QueryFailed | None) -> None:
        self.tally.ends[failure.kind if failure else "ok"] += 1
        self.tally.rows += answer.rows

    def _admit(self, answer: Answer) -> None:
        """Start a query or let it wait.

        Raises:
            QueryFailed: `overload`, told to the client that has most queries waiting.
        """
        if self._closed:
            raise QueryFailed("unavailable")
        known = answer.query.text in self._known_long and len(self._parked) < self.limits.queue
        (self._parked if known else self._waiting).add(answer)
        self._dispatch()
        if len(self._waiting) > max(self.limits.queue, 0):
            self.fail(self._waiting.longest(), QueryFailed("overload"))
        if self._ticking is None:
            self._tick()

    def _dispatch(self) -> None:
        """Give idle processes to those who wait: to long queries where their lane has a place, else to short ones."""
        while self._idle and (self._waiting.lines or self._parked.lines):
            answer = self._parked.next(self._may_be_long) if self._parked.lines and len(self._idle) > 1 else None
            if answer:
                answer.long = True
            else:
                answer = self._waiting.next(self._may_begin)
            if answer is None:
                return
            self._start(answer, self._idle.pop())

    def _start(self, answer: Answer, worker: Worker) -> None:
        answer.worker, worker.answer = worker, answer
        answer.started = time.monotonic()
        self._running.add(answer)
        self.tally.long += answer.long
        if answer.long or (MAY_RESTORE and self._is_heavy(answer.client)):  # what has long ones is likely to ask more of them
            worker.lower()
        assert worker.transport
        worker.transport.write(answer.query.packed())

    def _may_begin(self, client: str) -> bool:
        """Tell whether a client may have one more short query run.

        One with long queries has all places but one at most, and not the last idle processes: it might use them up faster
        than new ones start. The very last is for a client that has nothing at all.
        """
        mine, short = self._running.of[False][client], self._running.of[False].total()
        is_heavy = self._is_heavy(client)
        if not mine and not is_heavy:
            return short <= self.limits.workers
        reserve = 1 + (self.limits.spare if is_heavy else 0)
        return len(self._idle) > reserve and short < self.limits.workers and mine < max(self.limits.workers - is_heavy, 1)

    def _may_be_long(self, client: str) -> bool:
        running = self._running.of[True]
        return running.total() < self.limits.long and running[client] < max(self.limits.long - 1, 1)

    def _tick(self) -> None:
        """Look at the clock: end what is overdue, and move what is long to its lane."""
        now = time.monotonic()
        # in this order: none is to begin that is overdue itself
        for answer in [*self._parked, *self._waiting, *self._running.answers]:
            if now - answer.arrived >= self.limits.seconds:
                kind = "deadline" if answer.started else "overload"
                self.fail(answer, QueryFailed(kind, f"{self.limits.seconds:g} s"))
            elif answer.worker and not answer.long:
                self._look_at(answer, now - answer.started)
        busy = self.running or self.waiting
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick) if busy and not self._closed else None

    def _look_at(self, answer: Answer, seconds: float) -> None:
        """Move what is long to the long lane, the sooner when its client has queries there."""
        if seconds >= (self.limits.long_seconds * HASTE if self._is_heavy(answer.client) else self.limits.long_seconds):
            self._known_long[answer.query.text] = None
            while len(self._known_long) > KNOWN:
                del self._known_long[next(iter(self._known_long))]
            self._demote(answer)

    def _is_heavy(self, client: str) -> bool:
        return client in self._parked.lines or client in self._running.of[True]

    def _demote(self, answer: Answer) -> None:
        """Move a query to the long lane; where that is full it waits, unless its client has a part of the answer already."""
        assert answer.worker
        if self._may_be_long(answer.client):
            self._running.lengthen(answer)
            self.tally.long += 1
            answer.worker.lower()
        elif answer.delivered and len(self._all) < PROCESSES * self.limits.workers:
            self._running.lengthen(answer)  # it cannot begin anew: one more long query than there should be
            self.tally.long += 1
        elif answer.delivered or len(self._parked) >= self.limits.queue:
            self.fail(answer, QueryFailed("overload"))
        else:
            self._running.remove(answer)
            answer.worker.kill()
            answer.reset()
            self._parked.add(answer)
        self._go_on()

    def _go_on(self) -> None:
        self._dispatch()
        self._refill()

    def _refill(self) -> None:
        """Have as many processes as may run short queries and some that stand by, besides those at long queries."""
        wanted = self.limits.workers + 1 + self.limits.spare + self._running.of[True].total()
        while len(self._all) < wanted and self._failures < RECOVERIES and not self._closed:
            try:
                ours, errors = self._nursery.hatch(self.order)
            except (KgError, OSError) as error:
                logger.error("no query process: %s", error)
                self._failed_to_start()
                continue
            worker = Worker(self, errors)
            self._all.add(worker)
            task = asyncio.ensure_future(self._connect(worker, ours))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _connect(self, worker: Worker, ours: socket.socket) -> None:
        """Wait until a new process is ready; end one that never is."""
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: worker, sock=ours)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker.begun.wait()
        except TimeoutError:
            worker.kill()
            self._failed_to_start()

    def _failed_to_start(self) -> None:
        """Note that a process did not start; after several, tell those who wait, and try again later."""
        self._failures += 1
        if self._failures == RECOVERIES:
            for waiting in self._waiting:
                self.fail(waiting, QueryFailed("unavailable", "no query process starts"))
            asyncio.get_running_loop().call_later(START_SECONDS / 4, self._try_again)

    def _try_again(self) -> None:
        self._failures = 0
        self._go_on()
