"""SPARQL servers for tests: real ones, on free ports of this machine, each in a folder of its own; a skip where one is missing.

`tests/install_servers.sh` installs what it can of them.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("oxigraph", "fuseki", "virtuoso")
CACHE = Path(os.environ.get("KG_TEST_SERVERS") or Path.home() / ".cache" / "plan-de-gobierno")
START_SECONDS = 60.0
_VIRTUOSO = """
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
FileExtend = 200
MaxCheckpointRemap = 2000
Striping = 0
TempStorage = TempDatabase

[TempDatabase]
DatabaseFile = {folder}/virtuoso-temp.db
TransactionFile = {folder}/virtuoso-temp.trx
MaxCheckpointRemap = 2000
Striping = 0

[Parameters]
ServerPort = 127.0.0.1:{other_port}
ServerThreads = 20
NumberOfBuffers = 20000
MaxDirtyBuffers = 12000
DirsAllowed = {folder}
CheckpointInterval = 0
CaseMode = 2

[HTTPServer]
ServerPort = 127.0.0.1:{port}
ServerRoot = {folder}
MaxClientConnections = 10
ServerThreads = 10

[SPARQL]
ResultSetMaxRows = {rows}
MaxQueryExecutionTime = 60
"""


@dataclass(frozen=True)
class Server:
    """A running server: its name, query endpoint, and who may write."""

    name: str
    endpoint: str
    user: str = ""
    password: str = ""


@contextmanager
def running(name: str, folder: Path, rows: int = 1_000_000) -> Iterator[Server]:
    """Start a server in an empty folder, and stop it again. `rows` is where Virtuoso cuts answers off."""
    port, other_port = free_ports(2)
    command, server = {"oxigraph": _oxigraph, "fuseki": _fuseki, "virtuoso": _virtuoso}[name](folder, port, other_port, rows)
    with (folder / "server.log").open("wb") as log:
        environment = {**os.environ, "FUSEKI_BASE": str(folder)}
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=environment)
    try:
        _wait(server, process, folder / "server.log")
        yield server
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for one in sockets:
        one.close()
    return ports


def _oxigraph(folder: Path, port: int, other_port: int, rows: int) -> tuple[list[str], Server]:
    program = Path(sys.executable).with_name("oxigraph")
    if not program.is_file():
        pytest.skip("the server of Oxigraph is not installed (pip install oxigraph)")
    arguments = ["serve", "--location", str(folder / "data"), "--bind", f"127.0.0.1:{port}", "--union-default-graph"]
    return [str(program), *arguments], Server("oxigraph", f"http://127.0.0.1:{port}/query")


def _fuseki(folder: Path, port: int, other_port: int, rows: int) -> tuple[list[str], Server]:
    jars = sorted(CACHE.glob("jena-fuseki-server-*.jar"))
    java = shutil.which("java")
    if not jars or not java:
        pytest.skip(f"Fuseki or Java is not installed ({CACHE}; see tests/install_servers.sh)")
    (folder / "data").mkdir()
    arguments = ["--tdb2", f"--loc={folder / 'data'}", "--set", "tdb2:unionDefaultGraph=true", "--update", "--localhost"]
    command = [java, "-Xmx512m", "-jar", str(jars[-1]), *arguments, "--port", str(port), "/ds"]
    return command, Server("fuseki", f"http://127.0.0.1:{port}/ds/query")


def _virtuoso(folder: Path, port: int, other_port: int, rows: int) -> tuple[list[str], Server]:
    program = shutil.which("virtuoso-t")
    if not program:
        pytest.skip("Virtuoso is not installed (Debian's virtuoso-opensource-7; see tests/install_servers.sh)")
    settings = _VIRTUOSO.format(folder=folder, port=port, other_port=other_port, rows=rows)
    (folder / "virtuoso.ini").write_text(settings, encoding="ascii")
    command = [program, "+foreground", "+configfile", "virtuoso.ini", "+pwddba", "dba"]
    return command, Server("virtuoso", f"http://127.0.0.1:{port}/sparql", "dba", "dba")


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers a query."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(server.endpoint + "?query=ASK%7B%7D", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{server.name} did not start: {log.read_text(errors='replace')[-2000:]}")
