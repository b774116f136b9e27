"""The nursery seen from the server: one process that forks query processes in a few milliseconds, each with a socket to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from typing import IO

from kg.errors import KgError
from kg.frames import Order
from kg.paths import ROOT

KEPT = ("PATH", "KG_BASE_IRI", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Nursery:
    """Starts query processes. It is started when the first one is wanted, and again if it was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None

    def start(self) -> None:
        """Start the process behind it, so that the first order need not wait for it."""
        ours, theirs = socket.socketpair()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._process = subprocess.Popen(
            (sys.executable, "-m", "kg.worker"),
            stdin=theirs.fileno(),
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
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        with theirs:
            for _ in range(2):
                if self._orders is None or self._process is None or self._process.poll() is not None:
                    self.close()
                    self.start()
                assert self._orders
                try:
                    socket.send_fds(self._orders, [order.packed()], [theirs.fileno(), errors.fileno()])
                    return ours, errors
                except OSError:
                    self.close()
        raise KgError("no query process can be started; see the log above")

    def close(self) -> None:
        """End the nursery, and with it every process it forked."""
        if self._orders:
            self._orders.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._orders, self._process = None, None
