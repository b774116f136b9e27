"""Query processes seen from the server: the socket to one, and the answer that it writes. `kg.pool` decides who gets which."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, Protocol, cast

from kg.frames import DATA, END, ERROR, HEAD, READY, WHOLE, FrameReader, Query
from kg.priorities import lower, restore

logger = logging.getLogger(__name__)
HELD_BACK = 256 * 1024  # bytes of an answer that are waited for, so that a failure can still be told properly
AHEAD = 4 * 1024 * 1024  # bytes of an answer that are kept for a client that reads slowly


class QueryFailed(Exception):
    """A query without an answer.

    kind: what `kg.sparql.Refusal` names, or `deadline`, `crash`, `memory`, `overload`, `unavailable`, `gone`.
    line and column are 1-based, 0 where there is none.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.line, self.column = kind, detail, line, column


class Keeper(Protocol):
    """Who is told what becomes of processes and answers: the pool."""

    def has_begun(self, worker: Worker, /) -> None:
        """Take a new process into service."""

    def lost(self, worker: Worker, answer: Answer | None, failure: QueryFailed | None, /) -> None:
        """Note that a process has ended; `failure` says why when nobody asked it to."""

    def put_back(self, answer: Answer, /) -> None:
        """Let a query wait again that was sent to a process but not begun."""

    def finished(self, answer: Answer, failure: QueryFailed | None, /) -> None:
        """Take a process back whose answer was written."""

    def fail(self, answer: Answer, failure: QueryFailed, /) -> None:
        """End a query."""


class Worker(asyncio.Protocol):
    """A query process, seen through its socket."""

    def __init__(self, pool: Keeper, errors: IO[bytes]):
        self.pool, self.errors = pool, errors
        self.answer: Answer | None = None
        self.behind: Answer | None = None  # sent already, to be begun when the answer is written
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
        self._put_back()
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
        self._put_back()
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

    def _put_back(self) -> None:
        behind, self.behind = self.behind, None
        if behind:
            self.pool.put_back(behind)

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

    It holds a process until that has written it; close always. `whole` tells that all bytes are here. One that is
    `unwanted` is a process's to write, as it cannot be told not to any more, but nobody's to read.
    """

    pool: Keeper
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
    unwanted: bool = False
    gone: Callable[[], bool] | None = None
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
        if kind == WHOLE:
            head, _, body = payload.partition(b"\n")
            rows, cut, words = head.split(b" ", 2)
            self.kind, self.format, self.encoding, self.variables = _head_of(words)
            self.parts.append(body)
            self.rows, self.cut, self.whole = int(rows), cut == b"1", True
            self.pool.finished(self, None)
        elif kind == DATA:
            self.parts.append(payload)
            self.kept += len(payload)
            if self.kept > AHEAD and self.worker and self.worker.transport:
                self.worker.transport.pause_reading()
            if self.kept < HELD_BACK and not self.delivered:
                return
        elif kind == HEAD:
            self.kind, self.format, self.encoding, self.variables = _head_of(payload)
            return
        elif kind == END:
            rows, cut = payload.split()
            self.rows, self.cut, self.whole = int(rows), cut == b"1", True
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


@lru_cache(maxsize=100)
def _head_of(words: bytes) -> tuple[str, str, str, tuple[str, ...]]:
    kind, format_, encoding, *variables = words.decode().split(" ")
    return kind, format_, "" if encoding == "-" else encoding, tuple(variables)
