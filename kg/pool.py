"""A pool of query processes: answers queries within bounds of time, memory, size and number, and outlives what the engine does.

A query begins in the short lane. One that is still at it after `long_seconds` moves to the long lane, which has few places and
the lowest priority, so that short queries of others keep their pace; where the lane is full it waits for a place and begins
anew. Both lanes are fair: clients take turns, one client never has all places of a lane, and one is kept for whoever has none.

While queries are quick, a process at one gets the next that waits sent behind it, so that it need not sleep in between. What
comes to stand behind a slow one is taken back: the process cannot be told, so that it will write that answer in vain.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from kg.errors import KgError
from kg.frames import Order, Query
from kg.lanes import Line, Running
from kg.nursery import Nursery
from kg.priorities import MAY_RESTORE
from kg.processes import Answer, QueryFailed, Worker
from kg.sparql import safe_order

logger = logging.getLogger(__name__)
START_SECONDS = 20.0
TICK = 0.005  # seconds between two looks at the clock
HASTE = 0.1  # part of `long_seconds` that a query gets whose client has long ones already
LASTING = 1.0  # seconds after the end of its last long query in which a client may ask for more of them: its queries give way
KNOWN = 500  # texts of long queries that are remembered, to go to the long lane at once
PROCESSES = 8  # times `workers`: so many processes may there be at most
BEHIND = 0.005  # seconds after which no query is left behind another in the same process
QUICK = 0.005  # seconds that short queries may take on average for one to be sent behind another
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


@dataclass
class Tally:
    """What a pool has counted since it began: ends of queries by kind (`ok` or a failure's kind), deaths, demotions."""

    ends: Counter[str] = field(default_factory=Counter)
    deaths: int = 0
    long: int = 0
    rows: int = 0


class Pool:
    """Query processes on one store folder or endpoint. Use it as an async context manager, in one event loop."""

    def __init__(self, order: Order, limits: Limits | None = None, nursery: Nursery | None = None, tally: Tally | None = None):
        self.order, self.limits = order, limits or Limits()
        self.tally = tally or Tally()
        self._nursery, self._own_nursery = nursery or Nursery(), nursery is None
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._outdated: set[Worker] = set()  # those of them that go as soon as the ones in their place have begun
        self._running = Running[Answer]()
        self._waiting, self._parked = Line[Answer](), Line[Answer]()
        self._pace = QUICK  # seconds that short queries took lately; as long as none is known to be quick, none is taken for it
        self._starting: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._failures = 0
        self._known_long: dict[str, None] = {}
        self._heavy: dict[str, float] = {}  # clients whose last long query has ended, and when
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
        for answer in [*self._running.all, *self._behind, *self._waiting, *self._parked]:
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
        return len(self._running.all)

    @property
    def waiting(self) -> int:
        """How many queries wait now, those for a place among the long ones included."""
        return len(self._waiting) + len(self._parked) + len(self._behind)

    @property
    def _behind(self) -> list[Answer]:
        """The queries that were sent to a process but not begun."""
        return [worker.behind for worker in self._all if worker.behind and not worker.behind.unwanted]

    @property
    def isolated(self) -> bool:
        """Whether every process has left the network."""
        return all(worker.isolated for worker in self._all if worker.ready)

    async def ask(self, query: Query, client: str = "", gone: Callable[[], bool] | None = None) -> Answer:
        """Start a query and return its answer once it may begin. `gone` tells whether nobody waits for it any more.

        Raises:
            QueryFailed: any of its kinds; `overload` when too many wait already.
        """
        answer = Answer(self, query, client, time.monotonic(), gone=gone)
        self._admit(answer)
        try:
            await answer.begun()
        except BaseException:
            answer.close()
            raise
        return answer

    def renew(self) -> None:
        """Put new processes in the place of all that are there, once these have begun and those are idle."""
        self._outdated = set(self._all)
        if self._outdated:
            self._refill()

    def finished(self, answer: Answer, failure: QueryFailed | None) -> None:
        """Take a process back whose answer was written, and count how it ended."""
        self._running.remove(answer)
        worker, answer.worker = answer.worker, None
        taken = time.monotonic() - answer.started
        if not answer.long:
            self._pace += (taken - self._pace) / 16
        elif taken < self.limits.long_seconds:
            self._known_long.pop(answer.query.text, None)
        self._count(answer, failure)
        if worker:
            worker.answer = None
            if worker.transport and not worker.transport.is_reading():
                worker.transport.resume_reading()
            if self._closed or (worker.low and not worker.restore()):
                worker.kill()
            elif worker.behind:
                behind, worker.behind = worker.behind, None
                self._run(behind, worker)
            else:
                self._idle.append(worker)
        self._go_on()

    def fail(self, answer: Answer, failure: QueryFailed) -> None:
        """End a query: its process, or its waiting."""
        if answer.whole or answer.failure:
            return
        answer.failure = failure
        self._count(answer, failure)
        self._running.remove(answer)
        if answer.worker and answer.worker.behind is answer:
            self._leave_behind(answer)
        elif not (self._waiting.remove(answer) or self._parked.remove(answer)) and answer.worker:
            answer.worker.kill()
        answer.worker = None
        answer.wake()
        self._go_on()

    def put_back(self, answer: Answer) -> None:
        """Let a query wait again that was sent to a process but not begun."""
        answer.worker = None
        if not answer.unwanted:
            self._waiting.put_back(answer)

    def has_begun(self, worker: Worker) -> None:
        """Take a new process into service."""
        self._failures = 0
        if not self._closed:
            self._idle.append(worker)
            self._go_on()

    def lost(self, worker: Worker, answer: Answer | None, failure: QueryFailed | None) -> None:
        """Note that a process has ended; `failure` says why when nobody asked it to."""
        self._all.discard(worker)
        self._outdated.discard(worker)
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

    def _dismiss(self) -> None:
        """End what is outdated and idle, if others have begun."""
        if not self._outdated:
            return
        fresh = self._all - self._outdated
        if fresh and all(worker.ready for worker in fresh):
            for worker in [worker for worker in self._idle if worker in self._outdated]:
                self._idle.remove(worker)
                worker.kill()

    def _leave_behind(self, answer: Answer) -> None:
        """Have a process write an answer that nobody reads, instead of one that it has not begun: that query is free again."""
        assert answer.worker
        answer.worker.behind = Answer(self, answer.query, answer.client, time.monotonic(), worker=answer.worker, unwanted=True)
        answer.worker = None

    def _again(self, answer: Answer, failure: QueryFailed) -> bool:
        """Let a query whose process crashed begin anew if the order it asks for may be the cause, and can be said otherwise."""
        if failure.kind != "crash" or answer.delivered or answer.again or answer.unwanted:
            return False
        if (text := safe_order(answer.query.text)) is None:
            return False
        answer.query, answer.again = replace(answer.query, text=text), True
        self._running.remove(answer)
        answer.reset()
        (self._parked if answer.long else self._waiting).add(answer)
        return True

    def _count(self, answer: Answer, failure: QueryFailed | None) -> None:
        if answer.unwanted:
            return
        if answer.long and answer.client:  # the site's own queries have no client
            now = time.monotonic()
            self._heavy.pop(answer.client, None)  # to be the last
            self._heavy[answer.client] = now
            while now - next(iter(self._heavy.values())) >= LASTING:
                del self._heavy[next(iter(self._heavy))]
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
                break
            self._start(answer, self._idle.pop())
        if self._waiting.lines and self._pace < QUICK:
            self._send_ahead()

    def _send_ahead(self) -> None:
        """Send queries to processes that are about to end a quick one, so that these need not sleep until the next comes.

        A query that is not begun soon is taken back by `_tick`.
        """
        now = time.monotonic()
        for before in self._running.all:
            worker = before.worker
            if not worker or worker.behind or before.long or before.delivered or now - before.started >= BEHIND:
                continue
            if self._is_heavy(before.client):
                continue
            if (answer := self._waiting.next(self._is_light)) is None:
                return
            answer.worker, worker.behind = worker, answer
            assert worker.transport
            worker.transport.write(answer.query.packed())

    def _run(self, answer: Answer, worker: Worker) -> None:
        answer.worker, worker.answer = worker, answer
        answer.started = time.monotonic()
        self._running.add(answer)

    def _start(self, answer: Answer, worker: Worker) -> None:
        self._run(answer, worker)
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
        mine, short = self._running.of[False][client], self._running.total[False]
        has_long = self._has_long(client)
        if not mine and not has_long:
            return short <= self.limits.workers
        reserve = 1 + (self.limits.spare if has_long else 0)
        return len(self._idle) > reserve and short < self.limits.workers and mine < max(self.limits.workers - has_long, 1)

    def _may_be_long(self, client: str) -> bool:
        return self._running.total[True] < self.limits.long and self._running.of[True][client] < max(self.limits.long - 1, 1)

    def _tick(self) -> None:
        """Look at the clock: end what is overdue, and move what is long to its lane."""
        now = time.monotonic()
        for answer in self._behind:
            if answer.worker and (before := answer.worker.answer) and now - before.started >= BEHIND:
                self._leave_behind(answer)
                self._waiting.put_back(answer)
        # in this order: none is to begin that is overdue itself, nor one again that was too long for the time that is left
        for answer in self._parked:
            if answer.started and self._left(answer, now) < self.limits.long_seconds:
                self._expire(answer)
        for answer in [*self._parked, *self._waiting, *self._behind, *self._running.all]:
            if self._left(answer, now) <= 0:
                self._expire(answer)
            elif self._is_in_vain(answer, now):
                self.fail(answer, QueryFailed("gone"))
            elif answer.worker and answer.started and not answer.long:
                self._look_at(answer, now - answer.started)
        busy = self.running or self.waiting
        self._ticking = asyncio.get_running_loop().call_later(TICK, self._tick) if busy and not self._closed else None

    def _left(self, answer: Answer, now: float) -> float:
        """Return the seconds that a query has until its deadline."""
        return self.limits.seconds - (now - answer.arrived)

    def _expire(self, answer: Answer) -> None:
        self.fail(answer, QueryFailed("deadline" if answer.started else "overload", f"{self.limits.seconds:g} s"))

    def _is_in_vain(self, answer: Answer, now: float) -> bool:
        """Tell whether nobody waits for an answer; one that was taken back gets a moment to end by itself."""
        if answer.unwanted:
            return now - answer.started >= BEHIND
        return answer.gone is not None and not answer.delivered and answer.gone()

    def _look_at(self, answer: Answer, seconds: float) -> None:
        """Move what is long to the long lane, the sooner when its client has queries there."""
        if seconds >= (self.limits.long_seconds * HASTE if self._has_long(answer.client) else self.limits.long_seconds):
            self._known_long[answer.query.text] = None
            while len(self._known_long) > KNOWN:
                del self._known_long[next(iter(self._known_long))]
            self._demote(answer)

    def _has_long(self, client: str) -> bool:
        return client in self._parked.lines or client in self._running.of[True]

    def _is_heavy(self, client: str) -> bool:
        """Tell whether a client has long queries or had some lately, so that it is likely to ask more of them."""
        return self._has_long(client) or (client in self._heavy and time.monotonic() - self._heavy[client] < LASTING)

    def _is_light(self, client: str) -> bool:
        return not self._is_heavy(client)

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
        self._dismiss()
        self._dispatch()
        self._refill()

    def _refill(self) -> None:
        """Have as many processes as may run short queries and some that stand by, besides those at long queries."""
        wanted = self.limits.workers + 1 + self.limits.spare + self._running.total[True]
        while len(self._all) - len(self._outdated) < wanted and self._failures < RECOVERIES and not self._closed:
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
