"""The servers that are measured: ours, the framework's empty answer, and others where they are at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from kg.paths import ROOT
from kg.resident import needed
from tests.bench.client import JSON, Connection, get, query_target
from tests.bench.data import CACHE, Data, say

# The bench asks long questions and many of them: nothing is to be refused that would be answered, given time.
OWN_SETTINGS = {"KG_WORKERS": "2", "KG_QUERY_SECONDS": "900"}
RDFLIB_MOST = 100_000  # triples: rdflib takes over a kilobyte a triple, and minutes to read a million
ALL = "urn:bench:all"  # Virtuoso's default graph is all graphs, also its own; so it gets one with exactly our triples
LOADING = 60  # seconds that a server of ours may take until it has its triples in memory
BIN = Path(sys.executable).parent


class Absent(Exception):
    """An engine that is not at hand; the text says why."""


@dataclass
class Engine:
    """A server under way."""

    name: str
    version: str
    port: int
    path: str = "/sparql"
    more: dict[str, str] = field(default_factory=dict)  # parameters of queries that name no graph
    note: str = ""

    def request(self, query: str, graph: bool = False, encoding: str = "") -> bytes:
        """Return the bytes of a request for a query's answer in JSON."""
        return get(query_target(self.path, query, **({} if graph else self.more)), JSON, encoding)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(
    command: list[str], log: Path, port: int, target: str, seconds: float = 60, settings: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a server until the end of the block; yield its process id once it answers.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=errors, stderr=errors, env={**os.environ, **(settings or {})})
        try:
            _await(process, port, target, seconds, log)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(process: subprocess.Popen[bytes], port: int, target: str, seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with suppress(OSError, ValueError), Connection(port, 5) as connection:
            if connection.ask(get(target, "*/*")).status < 500:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{log.stem} does not answer: {tail(log)}")


def tail(log: Path) -> str:
    """Return the end of a log."""
    return " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])[-600:]


@contextmanager
def ours(data: Data) -> Iterator[Engine]:
    """Run this project's server; where the graph may come into memory, wait for that."""
    port = free_port()
    command = [sys.executable, "-m", "kg.cli", "serve", "--out", str(data.folder), "--port", str(port)]
    with running(command, data.folder / "ours.log", port, "/ready", settings=OWN_SETTINGS):
        yield Engine("ours", "", port, note="from memory" if needed(data.store) and _is_in_memory(port) else "from disk")


def _is_in_memory(port: int) -> bool:
    """Tell whether a server of ours comes to have its triples in memory."""
    for _ in range(LOADING):
        with Connection(port, 5) as connection:
            told = json.loads(connection.ask(get("/ready", "*/*")).body)
        if told["in_memory"]:
            return True
        time.sleep(1)
    return False


@contextmanager
def empty(data: Data) -> Iterator[Engine]:
    """Run the framework's empty answer."""
    port = free_port()
    with running([sys.executable, "-m", "tests.bench.empty", str(port)], data.folder / "empty.log", port, "/"):
        yield Engine("empty", "", port, "/")


@contextmanager
def oxigraph(data: Data) -> Iterator[Engine]:
    """Run the engine's own server, on our store."""
    program = shutil.which("oxigraph", path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")
    if not program:
        raise Absent("no `oxigraph` (package of that name on PyPI)")
    port = free_port()
    command = [program, "serve-read-only", "--location", str(data.store), "--bind", f"127.0.0.1:{port}"]
    with running(command, data.folder / "oxigraph.log", port, "/"):
        yield Engine("oxigraph server", _version(program, "--version"), port, "/query")


@contextmanager
def rdflib_endpoint(data: Data) -> Iterator[Engine]:
    """Run rdflib-endpoint in an environment of its own, on a dataset in memory."""
    if data.size > RDFLIB_MOST:
        raise Absent(f"only up to {RDFLIB_MOST:,} triples: rdflib holds them in memory, over 1 kB each, and loads them slowly")
    python = _environment("rdflib-endpoint", "rdflib-endpoint[web]")
    code = (
        "import sys, uvicorn\nfrom rdflib import Dataset\nfrom rdflib_endpoint import SparqlEndpoint\n"
        "data = Dataset(default_union=True)\ndata.parse(sys.argv[1], format='nquads')\n"
        "uvicorn.run(SparqlEndpoint(graph=data, path='/'), port=int(sys.argv[2]), log_level='warning')\n"
    )
    port = free_port()
    version = _version(str(python), "-c", "from importlib.metadata import version as v; print(v('rdflib-endpoint'))")
    say("rdflib-endpoint reads the graph")
    command = [str(python), "-c", code, str(data.nquads), str(port)]
    with running(command, data.folder / "rdflib-endpoint.log", port, query_target("/", "ASK {}"), 600):
        yield Engine("rdflib-endpoint", version, port, "/")


@contextmanager
def virtuoso(data: Data) -> Iterator[Engine]:
    """Run Virtuoso on a database of its own, loaded by the first run."""
    program, client = shutil.which("virtuoso-t"), shutil.which("isql-vt") or shutil.which("isql-v")
    if not program or not client:
        raise Absent("no `virtuoso-t` with `isql-vt` (Debian's virtuoso-opensource-7)")
    folder = data.folder / "virtuoso"
    loaded = folder / "loaded"
    if not loaded.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    (folder / "virtuoso.lck").unlink(missing_ok=True)  # of a run that was killed
    port, sql = free_port(), free_port()
    (folder / "virtuoso.ini").write_text(_virtuoso_settings(folder, port, sql, data.triples), encoding="ascii")
    command = [program, "+foreground", "+configfile", str(folder / "virtuoso.ini")]
    version = re.search(r"\d+(\.\d+)+", _version(program, "+version"))
    with running(command, data.folder / "virtuoso.log", port, query_target("/sparql", "ASK {}"), 300):
        if not loaded.exists():
            _load_virtuoso(data, client, sql)
            loaded.touch()
        more = {"default-graph-uri": ALL}
        yield Engine(
            "Virtuoso", version[0] if version else "", port, "/sparql", more, "its triples also in one graph, its default"
        )


def _load_virtuoso(data: Data, client: str, port: int) -> None:
    started = time.perf_counter()
    say("Virtuoso loads the graph, once by plan and once as a whole")
    folder = data.folder / "virtuoso" / "files"
    folder.mkdir(exist_ok=True)
    (folder / "graph.nq").symlink_to(data.nquads)
    with data.nquads.open(encoding="utf-8") as quads, (folder / "all.nt").open("w", encoding="utf-8") as triples:
        _as_triples(quads, triples)
    orders = f"""ld_dir('{folder}', 'graph.nq', 'urn:bench:unused'); ld_dir('{folder}', 'all.nt', '{ALL}');
        rdf_loader_run(); checkpoint; select count(*) from DB.DBA.load_list where ll_state <> 2 or ll_error is not null;"""
    done = subprocess.run(
        [client, f"127.0.0.1:{port}", "dba", "dba", f"exec={orders}"], capture_output=True, text=True, check=False
    )
    if done.returncode or not re.search(r"^\s*0\s*$", done.stdout, re.MULTILINE):
        raise RuntimeError(f"Virtuoso did not load the graph: {(done.stdout + done.stderr)[-600:]}")
    shutil.rmtree(folder)
    say(f"Virtuoso has loaded: {time.perf_counter() - started:.1f} s")


def _as_triples(quads: IO[str], triples: IO[str]) -> None:
    triples.writelines(line.rsplit(" <", 1)[0] + " .\n" for line in quads)


def _virtuoso_settings(folder: Path, http: int, sql: int, triples: int) -> str:
    buffers = max(20_000, min(triples // 40, 400_000))  # of 8 kB: room for the whole of it
    return f"""[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/temp.db
TransactionFile = {folder}/temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
LiteMode = 0
ServerThreads = 20
DirsAllowed = {folder}, {folder}/files
NumberOfBuffers = {buffers}
MaxDirtyBuffers = {buffers * 3 // 4}
MaxQueryMem = 2G
SchedulerInterval = 10
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerThreads = 20
MaxKeepAlives = 20
KeepAliveTimeout = 60
[SPARQL]
ResultSetMaxRows = 10000000
MaxQueryExecutionTime = 900
MaxQueryCostEstimationTime = 0
"""


def _environment(name: str, requirement: str) -> Path:
    """Return the Python of a virtual environment with one package, made by the first run.

    Raises:
        Absent: it cannot be made here.
    """
    folder = CACHE / name
    python, done = folder / "bin" / "python", folder / ".installed"
    if not done.exists():
        say(f"installing {requirement} into an environment of its own")
        steps = ([sys.executable, "-m", "venv", "--clear", str(folder)], [str(python), "-m", "pip", "install", "-q", requirement])
        for step in steps:
            told = subprocess.run(step, capture_output=True, text=True, check=False)
            if told.returncode:
                raise Absent(f"{requirement} cannot be installed: {(told.stderr or told.stdout).strip()[-200:]}")
        done.touch()
    return python


def _version(*command: str) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (told.stdout + told.stderr).strip().splitlines() or [""]
    return next((line for line in lines if re.search(r"\d+\.\d+", line)), lines[0]).strip()


OTHERS: tuple[Callable[[Data], AbstractContextManager[Engine]], ...] = (oxigraph, virtuoso, rdflib_endpoint)
NAMES = {"oxigraph": "oxigraph server", "virtuoso": "Virtuoso", "rdflib_endpoint": "rdflib-endpoint"}
