"""The snapshot of the data in service, and how a new one takes over: no request fails, and none sees two of them.

Each request takes the snapshot that is in service when it begins and keeps it to its end. A new one is made ready beside the
old one; when the last request of the old one has ended, its processes end and its folder goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from kg.errors import KgError
from kg.frames import Order
from kg.nursery import Nursery, Residence
from kg.pool import Limits, Pool, Tally
from kg.processes import QueryFailed
from kg.resident import free_memory, needed
from kg.store import current_store, lock_file, remove_unused, servable_store

logger = logging.getLogger(__name__)
WATCH_SECONDS, REMOTE_WATCH_SECONDS = 0.5, 15.0
PATIENCE = 5.0  # seconds that a snapshot waits until it is in memory, before its processes begin on disk
UNSHARED = 0.75  # part of the triples in memory that a process comes to have for itself: the engine counts readers at each


@dataclass(eq=False)
class Snapshot:
    """One version of the data: the pool for strangers' queries, the pool for the site's own, and what is kept of its answers.

    `modified` is when it was built (seconds since the epoch, 0: unknown). `kept` holds what pages and endpoint computed from it.
    """

    version: str
    queries: Pool
    pages: Pool
    modified: float = 0.0
    lock: IO[bytes] | None = None
    residence: Residence | None = None
    kept: dict[Any, Any] = field(default_factory=dict)
    users: int = 0
    retired: bool = False
    keeping: asyncio.Task[None] | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the store; None where the data are another server's."""
        return Path(self.pages.order.store) if self.pages.order.store else None

    @property
    def in_memory(self) -> bool:
        """Whether new query processes have the triples in memory."""
        return self.residence is not None and self.residence.ready

    async def start(self) -> None:
        """Start the processes, with the triples in memory if that is possible soon; raises QueryFailed when none starts.

        Where it takes longer they begin on disk, and others take their place.
        """
        try:
            if self.residence:
                self.keeping = asyncio.ensure_future(self.residence.keep(self._move))
                await self.residence.settled(PATIENCE)
            await self.queries.__aenter__()
            await self.pages.__aenter__()
        except BaseException:
            await self.close()
            raise

    def _move(self) -> None:
        logger.info("snapshot %s is in memory", self.version)
        for pool in (self.queries, self.pages):
            pool.renew()

    async def close(self) -> None:
        """End the processes and let go of the folder."""
        await asyncio.gather(self.queries.__aexit__(), self.pages.__aexit__())
        if self.keeping:
            self.keeping.cancel()
            await asyncio.gather(self.keeping, return_exceptions=True)
        if self.lock:
            self.lock.close()


class Snapshots:
    """The snapshot in service of an output folder, or of an endpoint elsewhere. Use it as an async context manager.

    `in_memory` is the part (0 to 1) of the free memory that the triples may take, with what processes do not share of them.
    """

    def __init__(self, out: Path, queries: Limits, pages: Limits, remote: Order | None = None, in_memory: float = 0.0):
        self.out, self.remote, self.in_memory = out, remote, in_memory
        self.limits = (queries, pages)
        self.prepare: Callable[[Snapshot], None] = lambda _: None  # what a new snapshot is given before it is in service
        self.follow: Callable[[], Coroutine[Any, Any, None]] | None = None  # done once a new snapshot is in service, beside it
        self.swaps = 0
        self.tallies = {"queries": Tally(), "pages": Tally()}
        self._nursery = Nursery()
        self._current: Snapshot | None = None
        self._reloading = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()
        self._watch: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Snapshots:
        with suppress(KgError, QueryFailed):  # the server runs without data, too: it says what to do
            await self.reload()
        self._watch = asyncio.ensure_future(self._keep_watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in filter(None, (self._watch, self._following)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._current:
            await self._current.close()
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._nursery.close()

    @property
    def in_service(self) -> Snapshot | None:
        """The snapshot in service, None where there is none."""
        return self._current

    @property
    def current(self) -> Snapshot:
        """The snapshot in service.

        Raises:
            QueryFailed: `unavailable`, when there is none.
        """
        if self._current is None:
            raise QueryFailed("unavailable", f"no data in {self.out}; run: kg build --out {self.out}")
        return self._current

    def take(self) -> Snapshot:
        """Return the snapshot in service for one request; give it back with `leave`."""
        snapshot = self.current
        snapshot.users += 1
        return snapshot

    def leave(self, snapshot: Snapshot) -> None:
        """Say that a request has ended; the last one of a retired snapshot ends it."""
        snapshot.users -= 1
        if snapshot.retired and snapshot.users <= 0:
            task = asyncio.ensure_future(self._end(snapshot))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def reload(self) -> bool:
        """Put what the folder's pointer names into service; tells whether that is something new.

        Raises:
            KgError: nothing has been built there. QueryFailed: it cannot be served; the old one stays.
        """
        async with self._reloading:
            if self._current and not self.remote and current_store(self.out).name == self._current.version:
                return False  # nothing new: what is read below takes a millisecond, twice a second
            folder = None if self.remote else servable_store(self.out).resolve()
            version = folder.name if folder else await asyncio.to_thread(self._remote_version)
            if self._current and version == self._current.version:
                return False
            lock = lock_file(folder) if folder else None
            order = self.remote or Order(store=str(folder), memory=self.limits[0].memory)
            tallies = self.tallies.values()
            residence = Residence(str(folder), self._nursery) if folder and self._fits(folder) else None
            nursery = residence or self._nursery
            pools = [Pool(order, limits, nursery, tally) for limits, tally in zip(self.limits, tallies, strict=True)]
            modified = folder.stat().st_mtime if folder else 0.0
            fresh = Snapshot(version, pools[0], pools[1], modified, lock, residence)
            self.prepare(fresh)
            await fresh.start()
            old, self._current = self._current, fresh
            if self.follow:
                self._following = asyncio.ensure_future(self.follow())
            if old:
                self.swaps += 1
                logger.info("snapshot %s takes over from %s", fresh.version, old.version)
                self._retire(old)
            return True

    def _remote_version(self) -> str:
        """Ask the other server which data it has; empty when it does not say, or is away."""
        from kg.remote import Remote, RemoteError

        assert self.remote
        try:
            return Remote(self.remote.endpoint, self.remote.user, self.remote.password, timeout=5).version()
        except RemoteError as error:
            logger.warning("%s does not say which data it has: %s", self.remote.endpoint, error)
            return ""

    def _fits(self, folder: Path) -> bool:
        """Tell whether a store fits into memory: what it takes, and what each process at work comes to have for itself."""
        if not self.in_memory or not (size := needed(folder)):
            return False
        processes = self.limits[0].workers + self.limits[0].long + self.limits[1].workers
        wanted, free = int(size * (1 + processes * UNSHARED)), free_memory()
        if wanted > free * self.in_memory:
            logger.info("%s stays on disk: in memory it would take %d MB of %d", folder.name, wanted >> 20, free >> 20)
        return wanted <= free * self.in_memory

    def _retire(self, old: Snapshot) -> None:
        old.retired = True
        old.users += 1
        self.leave(old)

    async def _end(self, snapshot: Snapshot) -> None:
        await snapshot.close()
        snapshot.kept.clear()
        if self.remote:
            return
        try:
            removed = remove_unused(self.out)
        except OSError as error:
            logger.warning("old stores in %s stay: %s", self.out, error)
        else:
            logger.info("removed stores: %s", ", ".join(removed) or "none")

    async def _keep_watch(self) -> None:
        """Look every now and then whether a build has put something new into service."""
        told = ""
        while True:
            await asyncio.sleep(REMOTE_WATCH_SECONDS if self.remote else WATCH_SECONDS)
            try:
                await self.reload()
                told = ""
            except (KgError, QueryFailed, OSError) as error:
                if str(error) != told:
                    told = str(error)
                    logger.warning("the new snapshot cannot be served: %s", error)
