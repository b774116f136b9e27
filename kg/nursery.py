"""The nursery seen from the server: one process that forks query processes in a few milliseconds, each with a socket to it.

A residence is a nursery whose processes have the triples in memory. It takes seconds until it is ready, and may end for want
of memory, so that it has one behind it whose processes read them from disk.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from kg.errors import KgError
from kg.frames import Order
from kg.paths import ROOT

logger = logging.getLogger(__name__)
KEPT = ("PATH", "KG_BASE_IRI", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
ATTEMPTS = 3  # times that a residence is started, one after the other, which does not come to be ready
PAUSE = 5.0  # seconds between the end of a residence and the next one
LOOK = 0.05  # seconds between two looks at a residence


class Nursery:
    """Starts query processes. It is started when the first one is wanted, and again if it was killed."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._orders is not None and self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process behind it, so that the first order need not wait for it."""
        ours, theirs = socket.socketpair()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._process = subprocess.Popen(
            (sys.executable, "-m", "kg.worker", *self._arguments),
            stdin=theirs.fileno(),
            stdout=subprocess.PIPE if self._arguments else None,  # what was asked for is told there when it is done
            env={"PYTHONPATH": str(ROOT), **kept},
            process_group=0,  # Ctrl+C is not for it; a session of its own would get half the processor, whatever its priority
        )
        theirs.close()
        self._orders = ours

    def hatch(self, order: Order) -> tuple[socket.socket, IO[bytes]]:
        """Have a query process forked; returns the socket to it, and the file with what it says on standard error.

        Raises:
            KgError: no process can be had.
        """
        for _ in range(2):
            if not self.alive:
                self.close()
                self.start()
            with suppress(OSError):
                return self._fork(order)
            self.close()
        raise KgError("no query process can be started; see the log above")

    def _fork(self, order: Order) -> tuple[socket.socket, IO[bytes]]:
        """Send an order; raises OSError when the process is gone."""
        assert self._orders
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        with theirs:
            socket.send_fds(self._orders, [order.packed()], [theirs.fileno(), errors.fileno()])
        return ours, errors

    def close(self) -> None:
        """End the nursery, and with it every process it forked."""
        if self._orders:
            self._orders.close()
        if self._process:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        self._orders, self._process = None, None


class Residence(Nursery):
    """A nursery whose processes have the triples of a store folder in memory, once it is `ready`; until then another serves."""

    def __init__(self, folder: str, other: Nursery):
        super().__init__(folder)
        self.other = other
        self.ready = False
        self._settled = asyncio.Event()  # it came to be ready, or did not

    def hatch(self, order: Order) -> tuple[socket.socket, IO[bytes]]:
        """Have a query process forked, here or by the other nursery; raises KgError."""
        if self.ready and self.alive:
            with suppress(OSError):
                return self._fork(order)
        return self.other.hatch(order)

    async def keep(self, is_ready: Callable[[], None]) -> None:
        """Take the triples into memory, say when that is done, and do so again when the process ends; gives up when it fails."""
        failures = 0
        while failures < ATTEMPTS:
            try:
                self.start()
                while self.alive:
                    if not self.ready and self._says_so():
                        self.ready, failures = True, 0
                        self._settled.set()
                        is_ready()
                    await asyncio.sleep(LOOK)
            except OSError as error:
                logger.warning("no process can be started: %s", error)
            finally:
                failures, self.ready = failures + 1, False
                self._settled.set()
                self.close()
            logger.warning("the process with the triples in memory ended; they are read from disk")
            await asyncio.sleep(PAUSE)

    async def settled(self, seconds: float) -> None:
        """Wait until it is ready or has failed to be, but not for long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), seconds)

    def _says_so(self) -> bool:
        assert self._process and self._process.stdout
        os.set_blocking(self._process.stdout.fileno(), False)
        return bool(self._process.stdout.read(1))
