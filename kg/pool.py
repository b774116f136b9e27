"""A pool of query workers: answers queries within bounds of time, memory, size and number, and outlives what the engine does.

Every query looks at the store's pointer first, so that a new build is in service with the next query; workers of the old
folder finish what they are at and end. A worker that crashed or had to be ended is replaced at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kg.errors import KgError
from kg.paths import ROOT
from kg.store import current_store
from kg.worker import DATA, END, ERROR, FRAME, HEAD, READY, Query, packed

logger = logging.getLogger(__name__)
START_SECONDS = 20.0


@dataclass(frozen=True)
class Limits:
    """What a pool grants: worker processes, seconds a query, bytes of memory a worker (0: no limit), queries that may wait."""

    workers: int = 2
    seconds: float = 30.0
    memory: int = 2 * 1024**3
    queue: int = 16


class QueryFailed(Exception):
    """A query without an answer.

    kind: what `kg.worker.Refusal` names, or `deadline`, `crash`, `memory`, `overload`, `unavailable`.
    line and column are 1-based, 0 where there is none.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind, self.detail, self.line, self.column = kind, detail, line, column


@dataclass(eq=False)
class Worker:
    """A worker process, the store folder that it holds open, and where its standard error goes."""

    process: asyncio.subprocess.Process
    store: Path
    errors: IO[bytes]
    isolated: bool = False

    async def frame(self) -> tuple[bytes, bytes]:
        """Read the next frame.

        Raises:
            QueryFailed: `memory` or `crash`, when the process ended instead.
        """
        assert self.process.stdout
        try:
            kind, length = FRAME.unpack(await self.process.stdout.readexactly(FRAME.size))
            return kind, await self.process.stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            status = await self.process.wait()
            self.errors.seek(0)
            told = self.errors.read()[-2000:].decode(errors="replace").strip()
            logger.warning("query worker %s ended with %s: %s", self.process.pid, status, told)
            kind_of_end = "memory" if "memory allocation" in told or "MemoryError" in told else "crash"
            raise QueryFailed(kind_of_end, told.splitlines()[0][:200] if told else f"status {status}") from error

    def kill(self) -> None:
        """End the process now."""
        with suppress(ProcessLookupError):
            self.process.kill()

    def retire(self) -> None:
        """Let the process end by itself: it is idle."""
        assert self.process.stdin
        self.process.stdin.close()


@dataclass(eq=False)
class Answer:
    """An answer that is being read: its kind (`solutions`, `boolean`, `graph`), format, columns, then the bytes.

    It holds a worker until it was read to the end or `close` was called; close always.
    """

    pool: Pool
    worker: Worker
    deadline: float
    kind: str = ""
    format: str = ""
    variables: list[str] = field(default_factory=list)
    _next: bytes | None = b""  # None: read to the end
    _open: bool = True

    async def start(self) -> None:
        """Wait for the head and the first bytes, so that a failure can still be told properly."""
        kind, payload = await self._frame()
        if kind == HEAD:
            head = json.loads(payload)
            self.kind, self.format, self.variables = head["kind"], head["format"], head["variables"]
        self._next = await self._data()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes of the answer.

        Raises:
            QueryFailed: it broke off half-way.
        """
        try:
            while self._next is not None:
                yield self._next
                self._next = await self._data()
        finally:
            self.close()

    async def read(self) -> bytes:
        """Return all bytes."""
        return b"".join([chunk async for chunk in self.chunks()])

    def close(self) -> None:
        """Give the worker back, or end it when the answer was not read to the end. May be called again."""
        if self._open:
            self._open = False
            self.pool.release(self.worker, healthy=self._next is None)

    async def _data(self) -> bytes | None:
        kind, payload = await self._frame()
        return payload if kind == DATA else None

    async def _frame(self) -> tuple[bytes, bytes]:
        left = self.deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(max(left, 0)):
                kind, payload = await self.worker.frame()
        except TimeoutError as error:
            raise self._failed(QueryFailed("deadline", f"{self.pool.limits.seconds:g} s")) from error
        except QueryFailed as failure:
            raise self._failed(failure) from failure
        if kind == ERROR:
            self._next = None
            self.close()
            raise QueryFailed(**json.loads(payload))
        assert kind in {HEAD, DATA, END}
        return kind, payload

    def _failed(self, failure: QueryFailed) -> QueryFailed:
        self.close()
        return failure


class Pool:
    """Workers on the current store of an output folder. Use it as an async context manager, in one event loop."""

    def __init__(self, out: Path, limits: Limits | None = None):
        self.out = out
        self.limits = limits or Limits()
        self.waiting = 0
        self._free = asyncio.Semaphore(self.limits.workers)
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Pool:
        await asyncio.gather(*(self._refill() for _ in range(self.limits.workers)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        for worker in list(self._all):
            worker.kill()
            self._let_go(worker)
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def ask(self, query: Query) -> Answer:
        """Start a query and return its answer once the first bytes are there.

        Raises:
            QueryFailed: any of its kinds; `overload` when too many wait already or no worker came free in time.
        """
        if self.waiting >= self.limits.queue and self._free.locked():
            raise QueryFailed("overload")
        self.waiting += 1
        try:
            async with asyncio.timeout(self.limits.seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise QueryFailed("overload") from error
        finally:
            self.waiting -= 1
        try:
            worker = await self._worker()
        except BaseException:
            self._free.release()
            raise
        answer = Answer(self, worker, asyncio.get_running_loop().time() + self.limits.seconds)
        try:
            assert worker.process.stdin
            worker.process.stdin.write(packed(query))
            await answer.start()
        except BaseException:
            answer.close()
            raise
        return answer

    def release(self, worker: Worker, healthy: bool) -> None:
        """Take a worker back; end and replace it unless it is healthy."""
        if healthy and worker.process.returncode is None:
            self._keep(worker)
        else:
            worker.kill()
            self._let_go(worker)
            self._background(self._refill())
        self._free.release()

    async def _worker(self) -> Worker:
        """Return an idle worker on the current store, retiring those on older ones; start one where there is none."""
        store = self.current()
        while self._idle:
            worker = self._idle.pop()
            if worker.store == store and worker.process.returncode is None:
                return worker
            worker.retire()
            self._let_go(worker)
        return await self._started(store)

    def current(self) -> Path:
        """Return the folder of the store in service.

        Raises:
            QueryFailed: `unavailable`.
        """
        try:
            return current_store(self.out).resolve()
        except KgError as error:
            raise QueryFailed("unavailable", str(error)) from error

    async def _refill(self) -> None:
        """Have one more worker ready, unless there are enough."""
        if self._closed or len(self._all) >= self.limits.workers:
            return
        try:
            self._keep(await self._started(self.current()))
        except QueryFailed as failure:
            logger.warning("no query worker: %s", failure)

    async def _started(self, store: Path) -> Worker:
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker is reaped
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kg.worker", str(store), str(self.limits.memory)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={"PYTHONPATH": str(ROOT), "PATH": os.environ.get("PATH", "")},
            start_new_session=True,
        )
        worker = Worker(process, store, errors)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_SECONDS):
                kind, payload = await worker.frame()
        except (TimeoutError, QueryFailed) as error:
            worker.kill()
            self._let_go(worker)
            raise QueryFailed("unavailable", f"a worker did not start: {error}") from error
        assert kind == READY
        worker.isolated = json.loads(payload)["isolated"]
        return worker

    def _keep(self, worker: Worker) -> None:
        """Put a worker at the disposal of the next query, unless there are more than enough."""
        if self._closed or len(self._all) > self.limits.workers:
            worker.retire()
            self._let_go(worker)
        else:
            self._idle.append(worker)

    def _let_go(self, worker: Worker) -> None:
        self._all.discard(worker)
        self._background(self._reap(worker))

    async def _reap(self, worker: Worker) -> None:
        await worker.process.wait()
        worker.errors.close()

    def _background(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
