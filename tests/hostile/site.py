"""The server under attack: started here or running elsewhere; its processes as /proc shows them; the canary; the watch."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.wire import Address
from tests.servers import free_ports
from tests.serving import build

ROOT = Path(__file__).resolve().parents[2]
PROC = Path("/proc/self/stat").exists()
TICK = os.sysconf("SC_CLK_TCK") if PROC else 100
REST_CORE = 0.25  # cores: below this the process tree counts as at rest
REST_WINDOW = 0.2
QUERY_SECONDS, REQUEST_SECONDS = 2.0, 3.0
RING = 2000  # nodes of a ring that is added to the small graph, so that paths have somewhere to go


@dataclass
class Processes:
    """The server's process tree, read from /proc. Every number is 0 where there is no /proc or no pid."""

    pid: int = 0

    def tree(self) -> list[int]:
        """Return the pids of the tree, the front process first."""
        if not (PROC and self.pid):
            return []
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (stat := _stat(int(entry.name))):
                parents[int(entry.name)] = int(stat[1])
        found, new = [self.pid], [self.pid]
        while new:
            new = [pid for pid, parent in parents.items() if parent in new and pid not in found]
            found += new
        return found

    def cpu(self) -> dict[int, float]:
        """Return the CPU seconds of each process."""
        stats = {pid: _stat(pid) for pid in self.tree()}
        return {pid: (int(s[11]) + int(s[12])) / TICK for pid, s in stats.items() if s}

    def memory(self) -> int:
        """Return the bytes of memory of the tree: each process's share of its pages."""
        return sum(_memory(pid) for pid in self.tree())

    def files(self) -> int:
        """Return the number of open file descriptors of the front process."""
        try:
            return len(list(Path(f"/proc/{self.pid}/fd").iterdir())) if PROC and self.pid else 0
        except OSError:
            return 0

    def cores(self, seconds: float = REST_WINDOW) -> float:
        """Return how many cores the tree used during a while."""
        before, started = self.cpu(), time.perf_counter()
        time.sleep(seconds)
        after = self.cpu()
        used = sum(max(after[pid] - before.get(pid, 0.0), 0.0) for pid in after if pid in before)
        return used / (time.perf_counter() - started)

    def rest(self, within: float) -> float:
        """Return after how many seconds the tree came to rest; infinity when it did not in time."""
        started = time.perf_counter()
        while (at := time.perf_counter() - started) <= within:
            if self.cores() < REST_CORE:
                return at
        return float("inf")


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _memory(pid: int) -> int:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/{name}").read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) * 1024
    return 0


class Canary:
    """A TCP listener that nobody may ever contact; it remembers who did, and answers so that a client would go on."""

    def __init__(self, host: str = "127.0.0.77"):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.bind((host, 0))
        self.socket.listen(64)
        self.host, self.port = self.socket.getsockname()
        self.url = f"http://{self.host}:{self.port}/"
        self.contacts: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.contacts.append("connected")
            with connection, contextlib.suppress(OSError):
                connection.settimeout(0.5)
                self.contacts[-1] = connection.recv(200).decode("latin-1")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


class Watch:
    """Asks /health all along, from an address of its own, and remembers what went wrong and how long it took."""

    def __init__(self, address: Address, pause: float = 0.25):
        self.address, self.pause = address, pause
        self.troubles: list[str] = []
        self.seconds: list[float] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(self.pause):
            try:
                told = self.address.get("/health", source="127.0.0.9", timeout=5.0)
            except OSError as error:
                self.troubles.append(f"{type(error).__name__}: {error}")
                continue
            self.seconds.append(told.seconds)
            if told.reply.status != 200:
                self.troubles.append(f"status {told.reply.status} after {told.seconds:.2f} s")

    def end(self) -> None:
        """Stop asking."""
        self._ended.set()
        self._thread.join(6)


@dataclass
class Site:
    """What a case gets: where the server is, its processes, the canary, the limits that it was given."""

    address: Address
    canary: Canary
    processes: Processes = field(default_factory=Processes)
    query_seconds: float = QUERY_SECONDS
    request_seconds: float = REQUEST_SECONDS
    is_ours: bool = False
    log: Path | None = None
    poll: Callable[[], int | None] = lambda: None

    def alive(self) -> str:
        """Return an empty string while the front process lives and answers, else what is wrong."""
        if self.poll() is not None:
            return f"the front process ended with {self.poll()}"
        try:
            told = self.address.get("/health", source="127.0.0.8", timeout=3.0)
        except OSError as error:
            return f"/health: {error}"
        return "" if told.reply.status == 200 else f"/health: status {told.reply.status}"

    def logged(self) -> str:
        """Return what the server wrote to its standard error."""
        return self.log.read_text(errors="replace") if self.log else ""


def extra() -> str:
    """Return quads beside the small graph: a ring."""
    base = "http://example.org/hostile/"
    return "".join(f"<{base}{n}> <{base}next> <{base}{(n + 1) % RING}> <{base}graph> .\n" for n in range(RING))


@contextlib.contextmanager
def started(environment: dict[str, str] | None = None) -> Iterator[Site]:
    """Build a small store, serve it by `kg serve` on a free port, and end the server afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        out = build(Path(folder) / "out", extra())
        address = Address("127.0.0.1", free_ports(1)[0])
        log = Path(folder) / "stderr"
        with log.open("w") as errors:
            server = subprocess.Popen(
                [sys.executable, "-m", "kg.cli", "serve", "--out", str(out), "--port", str(address.port)],
                env=_environment(out) | (environment or {}),
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        canary = Canary()
        try:
            _wait_until_ready(server, address, log)
            seconds = float((environment or {}).get("KG_QUERY_SECONDS", QUERY_SECONDS))
            yield Site(address, canary, Processes(server.pid), seconds, REQUEST_SECONDS, True, log, server.poll)
        finally:
            canary.close()
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _environment(out: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "KG_QUESTIONS": str(out / "questions"),
        "KG_QUERY_SECONDS": f"{QUERY_SECONDS:g}",
        "KG_REQUEST_SECONDS": f"{REQUEST_SECONDS:g}",
        "KG_IDLE_SECONDS": f"{REQUEST_SECONDS:g}",
    }


def _wait_until_ready(server: subprocess.Popen[str], address: Address, log: Path) -> None:
    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            if address.get("/ready", timeout=5).reply.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
