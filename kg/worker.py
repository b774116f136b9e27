"""The processes that run queries: `python -m kg.worker` is their nursery, which forks one for each order on standard input.

With a store folder as argument it takes the triples into memory first, which all its processes share, and says so with a byte.

The engine can neither be stopped nor always be survived (it may abort its process), so strangers' queries run in a process
of their own, one at a time, without network, and `kg.pool` ends the process when it must. A forked process costs some 20 ms, a
new interpreter ten times that. `kg.frames` tells what goes over the socket.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import pyoxigraph as ox
import zstandard
from isal import isal_zlib

from kg.errors import KgError
from kg.frames import DATA, END, ERROR, FRAME, HEAD, READY, SEARCHES, WHOLE, Order, Query, frame, told, words
from kg.namespaces import BASE, PG, PREFIXES
from kg.priorities import ready, start_gently
from kg.resident import load_resident
from kg.search import Index, Request, open_index
from kg.search.answers import write_answer
from kg.search.words import stem
from kg.sparql import Refusal, graphs_of_from, limit_rows, prepare, star_columns, syntax_refusal, with_hits
from kg.store import INDEX, open_store, overlaps, union_of

CHUNK = 128 * 1024
STACK = 256 * 1024 * 1024  # bytes; the engine recurses over a query's structure, and 8 MB are soon used up
WORTH_COMPRESSING = 1024  # bytes
_CLONE_NEWNET, _CLONE_NEWUSER, _PR_SET_PDEATHSIG = 0x40000000, 0x10000000, 1

RESULTS = {"json": ox.QueryResultsFormat.JSON, "xml": ox.QueryResultsFormat.XML}
RESULTS |= {"csv": ox.QueryResultsFormat.CSV, "tsv": ox.QueryResultsFormat.TSV}
GRAPHS = {"turtle": ox.RdfFormat.TURTLE, "ntriples": ox.RdfFormat.N_TRIPLES, "jsonld": ox.RdfFormat.JSON_LD}
GRAPHS |= {"rdfxml": ox.RdfFormat.RDF_XML, "nquads": ox.RdfFormat.N_QUADS, "trig": ox.RdfFormat.TRIG}
Name = ox.NamedNode | ox.DefaultGraph
Results = ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples
_NOTHING = ox.Store()
_PREFIXES = [(name + ":", name, iri) for name, iri in PREFIXES.items()]
_PREFIXED = {"turtle", "trig", "rdfxml"}
# What stands between two rows. In JSON a text that ends in `}},{` counts as one more: to look for that costs what the count does.
_ROW_MARKS = {"json": b'}},{"', "xml": b"</result>", "tsv": b"\n"}


class Coder(Protocol):
    """What compresses a stream."""

    def compress(self, data: bytes, /) -> bytes:
        """Take bytes, return what is ready of them."""

    def flush(self) -> bytes:
        """Return the rest."""


class Plain:
    """No compression."""

    def compress(self, data: bytes, /) -> bytes:
        """Return the bytes."""
        return data

    def flush(self) -> bytes:
        """Return what is left: nothing."""
        return b""


class FrameWriter:
    """A file to the engine's serializer; frames to whoever reads the socket. A small answer goes out in one write.

    Raises:
        Refusal: the answer is larger than the query's `max_bytes`.
    """

    def __init__(self, pipe: socket.socket, query: Query, is_ours: bool = True):
        self.pipe, self.query, self.is_ours = pipe, query, is_ours
        self.left = query.max_bytes
        self.buffer = bytearray()
        self.coder: Coder | None = None
        self.head: tuple[str, str, list[str]]
        self.rows: Rows

    def begin(self, kind: str, format_: str, variables: list[str]) -> None:
        """Remember what the head will say; it is sent with the first bytes."""
        self.head = (kind, format_, variables)
        self.rows = Rows(format_ if kind == "solutions" else "", self.is_ours)

    def write(self, data: bytes) -> int:
        """Take bytes, and pass them on by the chunk."""
        self.left -= len(data)
        if self.left < 0:
            raise Refusal("size")
        self.buffer += data
        if len(self.buffer) >= CHUNK:
            passed = bytes(memoryview(self.buffer)[:-4])  # the last bytes may get a remark
            del self.buffer[:-4]
            self.rows.count(passed)
            first = b""
            if self.coder is None:
                self.coder, head = self._begun(len(passed))
                first = frame(HEAD, head)
            packed = self.coder.compress(passed)
            self._send(first + FRAME.pack(DATA, len(packed)) if packed else first, packed)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is left goes with the end."""

    def end(self, cut_at: int = 0) -> None:
        """Send what is left, and the end. `cut_at`: how many rows an answer has that was cut; 0 when none was asked for."""
        rest = bytes(self.buffer)
        self.rows.count(rest)
        rows = self.rows.total()
        cut = 0 < cut_at <= rows
        rest = _remarked(self.head[1], rest, cut_at) if cut else rest
        if self.coder:
            packed = self.coder.compress(rest) + self.coder.flush()
            self._send(FRAME.pack(DATA, len(packed)), packed + words(END, rows, int(cut)))
        else:  # nothing has gone out yet: the answer is small
            coder, head = self._begun(len(rest))
            packed = coder.compress(rest) + coder.flush()
            self.pipe.sendall(frame(WHOLE, b"%d %d %b\n%b" % (rows, cut, head, packed)))

    def _send(self, first: bytes, data: bytes) -> None:
        """Send two pieces without putting them together."""
        sent = self.pipe.sendmsg([first, data])
        if sent < len(first) + len(data):
            self.pipe.sendall((first + data)[sent:])

    def _begun(self, size: int) -> tuple[Coder, bytes]:
        """Choose how an answer is compressed of which `size` bytes are here; return that, and what the head says."""
        encoding = self.query.encoding if size >= WORTH_COMPRESSING else ""
        kind, format_, variables = self.head
        return _coder(encoding), " ".join((kind, format_, encoding or "-", *variables)).encode()


class Rows:
    """Counts the rows of a serialized answer as it passes by in chunks; one that is not ours may have blanks anywhere."""

    def __init__(self, format_: str, is_ours: bool = True):
        self.format, self.is_ours = format_, is_ours
        self.marks, self.quotes, self.tail = 0, 0, b""

    def count(self, data: bytes) -> None:
        """Take the next chunk."""
        if self.format == "csv":  # a line break within quotes ends no row
            parts = data.split(b'"')
            self.marks += sum(part.count(b"\n") for part in parts[self.quotes % 2 :: 2])
            self.quotes += len(parts) - 1
        elif self.format in _ROW_MARKS:  # a mark that two chunks share is in the tail and the data together
            seen = self.tail + (data if self.is_ours else data.translate(None, b" \r\n\t"))
            mark = _ROW_MARKS[self.format]
            self.marks += seen.count(mark) - self.tail.count(mark)
            self.tail = seen[-20:]

    def total(self) -> int:
        """Return the rows: JSON has one more than marks between them unless it is empty, CSV and TSV a line of headings."""
        if self.format == "json":
            return self.marks + (b'"bindings":[]' not in self.tail)
        return max(self.marks - (self.format in {"csv", "tsv"}), 0)


def _remarked(format_: str, end: bytes, rows: int) -> bytes:
    """Return the end of a cut answer with a remark, where its format has room for it: a member in JSON, a comment in XML."""
    if format_ == "json" and end.rstrip().endswith(b"}"):
        return end.rstrip()[:-1] + b',"cut":{"rows":%d}}' % rows
    return end + (b"<!-- cut: %d rows -->" % rows if format_ == "xml" else b"")


def _coder(encoding: str) -> Coder:
    if encoding == "gzip":
        return isal_zlib.compressobj(2, wbits=31)
    return zstandard.ZstdCompressor(level=1).compressobj() if encoding == "zstd" else Plain()


class LocalEngine:
    """The engine on a store folder."""

    def __init__(self, folder: Path, resident: ox.Store | None = None):
        self.folder = folder
        self.store = open_store(folder) if resident is None else resident
        self.overlaps = overlaps(folder)
        self._index: Index | None = None

    @property
    def index(self) -> Index:
        """The search index, opened when the first search comes; raises Refusal `unavailable` where it is broken."""
        try:
            self._index = self._index or open_index(self.folder / INDEX)
        except KgError as error:
            raise Refusal("unavailable", str(error)) from error
        return self._index

    def _best(self, text: str, limit: int, type_: str) -> list[tuple[str, float]]:
        return self.index.best(text, limit, type_)

    def search(self, query: Query, sink: FrameWriter) -> None:
        """Write what a search of the site's page finds."""
        sink.begin("search", query.results or "", [])
        try:
            write_answer(self.index, Request.unpacked(query.text), query.results or "", cast(BinaryIO, sink))
        except KgError as error:
            raise Refusal("unavailable", str(error)) from error
        sink.end()

    def answer(self, query: Query, sink: FrameWriter) -> None:
        """Write the answer to a query.

        Raises:
            Refusal: any of its kinds.
        """
        if query.results in SEARCHES:
            self.search(query, sink)
            return
        # The text with the hits of the search is the one that is asked from here on, for the engine must never see SERVICE.
        asked = with_hits(query.text, self._best, PREFIXES, str(PG))
        query = query if asked is query.text else replace(query, text=asked)
        own_dataset = query.default_graphs is None and query.named_graphs is None
        text, cut_at = _prepared(query, self._has_graph if own_dataset else None)
        results = _run(*self._dataset(query), text, query)
        is_graph = isinstance(results, ox.QueryTriples)
        kind = "graph" if is_graph else "solutions" if isinstance(results, ox.QuerySolutions) else "boolean"
        name = query.graphs if is_graph else query.results
        if name is None:
            raise Refusal("format", kind)
        sink.begin(kind, name, [v.value for v in results.variables] if isinstance(results, ox.QuerySolutions) else [])
        file = cast(BinaryIO, sink)
        if isinstance(results, ox.QueryTriples):
            ox.serialize(results, file, GRAPHS[name], prefixes=PREFIXES if name in _PREFIXED else None)
        else:
            results.serialize(file, RESULTS[name])
        sink.end(cut_at)

    def _dataset(self, query: Query) -> tuple[ox.Store, list[Name] | None, list[Name] | None]:
        """Return the store to ask, and its default and named graphs (None: its own).

        Several default graphs of which two share a triple are put together in memory, as the engine would repeat that triple.
        """
        default, named = query.default_graphs, query.named_graphs
        if default is None and named is None:
            if not self.overlaps or "from" not in query.text.lower():
                return self.store, None, None
            default, named = graphs_of_from(query.text, PREFIXES, BASE)
        if not self.overlaps or len(default or []) < 2:
            return self.store, *_given(query)
        union = union_of(self.store, default or [], named or [])
        return union, [ox.DefaultGraph()], _names(named or [])

    def _has_graph(self, name: str) -> bool:
        try:
            return self.store.contains_named_graph(ox.NamedNode(name))
        except ValueError:
            return False


class RemoteEngine:
    """A SPARQL endpoint elsewhere, asked from a process of its own so that a slow one can be given up."""

    def __init__(self, order: Order):
        from kg.remote import Remote

        self.remote = Remote(order.endpoint, order.user, order.password)

    def answer(self, query: Query, sink: FrameWriter) -> None:
        """Pass the query on and its answer back; raises Refusal."""
        from kg.remote import RemoteError

        if query.results in SEARCHES:
            raise Refusal("no_search")
        _run(_NOTHING, None, None, query.text, query)  # our own parser tells best where an error is
        is_sorted = "order" in query.text.lower()  # Virtuoso takes no LIMIT above 10,000 there
        text, cut_at = _prepared(replace(query, max_rows=0) if is_sorted else query, None)
        try:
            reply = self.remote.ask(
                text,
                results=query.results,
                graphs=query.graphs,
                default_graphs=query.default_graphs,
                named_graphs=query.named_graphs,
                prefixes=PREFIXES,
                base=BASE,
            )
            sink.begin(reply.kind, reply.format, reply.variables)
            for chunk in reply.chunks():
                sink.write(chunk)
        except RemoteError as error:
            raise Refusal(error.kind, error.detail, error.line, error.column) from error
        sink.end(cut_at)


def _prepared(query: Query, known_graph: Callable[[str], bool] | None) -> tuple[str, int]:
    """Return the text for the engine, and the number of rows that it was limited to, 0 where it was not."""
    prepared = prepare(query.text, known_graph, prefixes=PREFIXES, base=BASE)
    text, cut_at = limit_rows(prepared, query.max_rows)
    if prepared.star is None:
        return text, cut_at
    found = _run(_NOTHING, None, None, text, query)  # tells the columns of `SELECT *`, which the engine would sort
    assert isinstance(found, ox.QuerySolutions)
    return star_columns(text, prepared.star, [v.value for v in found.variables]), cut_at


def _run(store: ox.Store, default: list[Name] | None, named: list[Name] | None, text: str, query: Query) -> Results:
    try:
        return store.query(
            text,
            base_iri=BASE,
            prefixes={name: iri for mark, name, iri in _PREFIXES if mark in text},
            default_graph=default,  # type: ignore[arg-type]
            named_graphs=named,  # type: ignore[arg-type]
        )
    except SyntaxError as error:
        if text != query.text:  # the error is to be told by the place in what was asked
            return _run(store, default, named, query.text, query)
        raise syntax_refusal(query.text, str(error)) from error


def _given(query: Query) -> tuple[list[Name] | None, list[Name] | None]:
    """Return the dataset that the protocol gives: it replaces the whole of the query's own."""
    if query.default_graphs is None and query.named_graphs is None:
        return None, None
    return _names(query.default_graphs or []), _names(query.named_graphs or [])


def _names(names: list[str]) -> list[Name]:
    try:
        return [ox.NamedNode(name) for name in names]
    except ValueError as error:
        raise Refusal("iri", str(error)) from error


@dataclass(frozen=True)
class Resident:
    """The triples of a store folder in memory, and how many bytes of address space they take."""

    folder: str
    store: ox.Store
    size: int


def serve_queries(pipe: socket.socket, order: Order, isolated: bool, resident: Resident | None = None) -> None:
    """Answer queries from a socket, one at a time, until it closes."""
    store = resident.store if resident and resident.folder == order.store else None
    engine = RemoteEngine(order) if order.endpoint else LocalEngine(Path(order.store), store)
    ready()
    pipe.sendall(told(READY, pid=os.getpid(), thread=threading.get_native_id(), isolated=isolated))
    file = pipe.makefile("rb")
    while header := file.read(FRAME.size):
        query = Query.unpacked(file.read(FRAME.unpack(header)[1]))
        signal.alarm(query.seconds)  # should the parent be stuck or gone
        answer(engine, query, pipe)
        signal.alarm(0)


def answer(engine: LocalEngine | RemoteEngine, query: Query, pipe: socket.socket) -> None:
    """Run the query and write its frames; a refusal is an answer too."""
    try:
        engine.answer(query, FrameWriter(pipe, query, isinstance(engine, LocalEngine)))
    except Refusal as refusal:
        pipe.sendall(frame(ERROR, json.dumps(refusal.told).encode()))
    except (ValueError, OSError, RuntimeError) as error:
        pipe.sendall(frame(ERROR, json.dumps(Refusal("engine", str(error)[:500]).told).encode()))


def isolate() -> bool:
    """Leave the network. Tell whether the system allowed it (it needs user namespaces or root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def end_with_parent() -> None:
    """Ask the system to end this process when its parent ends."""
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _work(pipe: socket.socket, errors: int, order: Order, resident: Resident | None) -> None:
    """Be a query process: never returns. The queries run in a thread, as only a thread's stack can be made larger."""
    end_with_parent()
    start_gently()
    os.dup2(errors, 2)
    isolated = not order.endpoint and isolate()
    if order.memory:  # what all have in common is no query's
        most = order.memory + STACK + (resident.size if resident else 0)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.stack_size(STACK)
    status = 1

    def work() -> None:
        nonlocal status
        with suppress(BrokenPipeError, ConnectionResetError):
            serve_queries(pipe, order, isolated, resident)
        status = 0

    thread = threading.Thread(target=work)
    thread.start()
    threading.stack_size(0)  # what runs beside it, for the search, needs no more than usual
    thread.join()
    sys.stderr.flush()
    os._exit(status)


def _load(folder: str) -> Resident:
    """Take a store into memory, and tell whoever started this process when that is done."""
    ready()  # once and for all where `start_gently` cannot be taken back
    start_gently()
    before = _address_space()
    resident = Resident(folder, load_resident(Path(folder)), _address_space() - before)
    ready()
    os.write(1, b"L")
    return resident


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main() -> int:
    """Fork a query process for each order: JSON of an Order, with two descriptors, its socket and its standard error."""
    import rdflib.plugins.sparql.parser  # noqa: F401 - loaded once, for all

    stem("")  # loads the words of the search once, for all
    end_with_parent()
    orders = socket.socket(fileno=os.dup(0))
    try:
        resident = _load(sys.argv[1]) if sys.argv[1:] else None
    except KgError as error:
        print(error, file=sys.stderr)
        return 1
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the pool sees the socket close
    gc.collect()
    gc.freeze()
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, CHUNK, 2)
        if not data:
            return 0
        if os.fork() == 0:
            orders.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _work(socket.socket(fileno=descriptors[0]), descriptors[1], Order(**json.loads(data)), resident)
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
