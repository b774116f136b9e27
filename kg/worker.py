"""A query worker: `python -m kg.worker STORE MEMORY`, one process, one query at a time, no network.

The engine can neither be stopped nor always be survived (it aborts its process on some queries), so strangers' queries run
here and `kg.pool` ends the process when it must. Requests come on standard input, answers go out on standard output, in
frames: one byte that says the kind, four bytes of length (big-endian), the payload.

    READY  {"isolated": bool}                                         once, when the store is open
    HEAD   {"kind": "solutions"|"boolean"|"graph", "format": name, "variables": [...]}
    DATA   bytes of the serialized answer
    END    {}                                                         the answer is complete
    ERROR  {"kind": ..., "detail": ..., "line": int, "column": int}   instead of the rest; line and column are 1-based, 0 unknown
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import signal
import struct
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import pyoxigraph as ox

from kg.store import open_store

READY, HEAD, DATA, END, ERROR = b"R", b"H", b"D", b"E", b"X"
FRAME = struct.Struct(">cI")
CHUNK = 64 * 1024
SECOND_OPINION = 5000  # characters of the longest query whose syntax error is located by rdflib too
_CLONE_NEWNET, _CLONE_NEWUSER, _PR_SET_PDEATHSIG = 0x40000000, 0x10000000, 1

RESULTS = {"json": ox.QueryResultsFormat.JSON, "xml": ox.QueryResultsFormat.XML}
RESULTS |= {"csv": ox.QueryResultsFormat.CSV, "tsv": ox.QueryResultsFormat.TSV}
GRAPHS = {"turtle": ox.RdfFormat.TURTLE, "ntriples": ox.RdfFormat.N_TRIPLES, "jsonld": ox.RdfFormat.JSON_LD}
GRAPHS |= {"rdfxml": ox.RdfFormat.RDF_XML, "nquads": ox.RdfFormat.N_QUADS, "trig": ox.RdfFormat.TRIG}
_PREFIXED = {"turtle", "trig", "rdfxml"}


@dataclass(frozen=True)
class Query:
    """A query and how to answer it.

    `results` and `graphs` name the serialization for SELECT and ASK, and for CONSTRUCT and DESCRIBE; None refuses that form.
    `default_graphs` and `named_graphs` are the dataset that the protocol asks for; both None leave the query's own.
    `prefixes` may be used without declaring them, `base` resolves relative IRIs. `max_bytes` bounds the answer; after
    `seconds` the process ends itself.
    """

    text: str
    results: str | None = "json"
    graphs: str | None = "turtle"
    default_graphs: list[str] | None = None
    named_graphs: list[str] | None = None
    prefixes: dict[str, str] = field(default_factory=dict)
    base: str | None = None
    max_bytes: int = 256 * 1024 * 1024
    seconds: int = 60


class Refusal(Exception):
    """A query that is not answered: kind, detail, position.

    Kinds: `syntax`, `prefix`, `bad_iri`, `update`, `service`, `format`, `size`, `iri`, `engine`.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(detail or kind)
        self.told = {"kind": kind, "detail": detail, "line": line, "column": column}


# What may hold the word "service" without being the keyword. The engine reads keywords without word boundaries (it takes
# `1SERVICE` and `trueSERVICE:x` for a SERVICE), so whatever is left after these is searched for the bare letters.
_HARMLESS = re.compile(
    r"""(?P<iri><[^<>"{}|^`\x00-\x20]*>)
      | \#[^\r\n]*
      | \"{3}(?:[^"\\]|\\.|\"(?!\"\"))*\"{3} | '{3}(?:[^'\\]|\\.|'(?!''))*'{3}
      | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*'
      | [?$]\w+ | (?<=:)\w[\w-]*""",
    re.VERBOSE | re.DOTALL,
)
_UPDATE = re.compile(
    r"\s*(?:(?:BASE|PREFIX\s*[^\s:]*:)\s*)*(INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b", re.IGNORECASE
)
_POSITION = re.compile(r"error at (\d+):(\d+): (?:expected )?(.*)", re.DOTALL)


def check_query(text: str) -> None:
    """Refuse what this endpoint never runs.

    Raises:
        Refusal: `update` or `service`. In doubt it is a SERVICE: `FILTER(?a<b:c)SERVICE:x#>` has an IRI only at first sight.
    """
    doubtful = False

    def blank(match: re.Match[str]) -> str:
        nonlocal doubtful
        doubtful |= bool(match["iri"] and re.search(r"\).*service", match["iri"], re.IGNORECASE))
        return " "

    bare = _HARMLESS.sub(blank, text)
    if _UPDATE.match(bare):
        raise Refusal("update")
    if doubtful or "service" in bare.lower():
        raise Refusal("service")


def syntax_refusal(text: str, message: str) -> Refusal:
    """Turn the engine's syntax error into the place of the fault and what a person can read of the things expected there.

    The kind is `syntax`, or `prefix` (the detail names it) or `bad_iri` where the engine knows that much.
    """
    match = _POSITION.match(message)
    if not match:
        return Refusal("syntax", message[:300])
    line, column, expected = int(match[1]), int(match[2]), match[3].removeprefix("one of ")
    if "Prefix not found" in expected:
        name = re.search(r"([\w.-]*:)[^\s:]*$", text.split("\n")[line - 1][: column - 1])
        return Refusal("prefix", name[1] if name else "", line, column - len(name[0]) if name else column)
    words = [w.strip() for w in re.sub(r"\[[^\]]*\]", "", expected).split(",")]
    keywords = [w for w in words if re.fullmatch(r"[A-Z][A-Z0-9_]+", w)]
    signs = [w for w in words if re.fullmatch(r'"[^"]+"', w)]
    only_keywords = not signs and not re.search(r"\[[^_\]]", expected)
    # The engine looks for a keyword by taking as many characters as that has, and names the place behind them.
    overshoot = min(map(len, keywords), default=column - 1) if only_keywords else 0
    place = max((line, max(column - overshoot, 1)), _second_opinion(text) or (0, 0))
    kind = "bad_iri" if "IRI parsing failed" in expected and not signs else "syntax"
    return Refusal(kind, ", ".join((signs + keywords)[:8]) or "–", *place)


def _second_opinion(text: str) -> tuple[int, int] | None:
    """Return where rdflib's parser stops, None where it does not or the query is too long for it."""
    if len(text) > SECOND_OPINION:
        return None
    from pyparsing import ParseBaseException
    from rdflib.plugins.sparql.parser import parseQuery

    try:
        parseQuery(text)
    except ParseBaseException as error:
        return error.lineno, error.column
    except (RecursionError, ValueError):
        return None
    return None


class FrameWriter:
    """A file to the engine's serializer; frames to whoever reads the pipe.

    Raises:
        Refusal: the answer is larger than `max_bytes`.
    """

    def __init__(self, pipe: BinaryIO, max_bytes: int):
        self.pipe = pipe
        self.left = max_bytes
        self.buffer = bytearray()

    def write(self, data: bytes) -> int:
        """Take bytes, and pass them on by the chunk."""
        self.left -= len(data)
        if self.left < 0:
            raise Refusal("size")
        self.buffer += data
        if len(self.buffer) >= CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Pass on what is left."""
        if self.buffer:
            send(self.pipe, DATA, bytes(self.buffer))
            self.buffer.clear()


def send(pipe: BinaryIO, kind: bytes, payload: bytes) -> None:
    """Write one frame."""
    pipe.write(FRAME.pack(kind, len(payload)) + payload)
    pipe.flush()


def answer(store: ox.Store, query: Query, pipe: BinaryIO) -> None:
    """Run the query and write its frames; a refusal is an answer too."""
    try:
        check_query(query.text)
        _write_answer(_run(store, query), query, pipe)
        send(pipe, END, b"{}")
    except Refusal as refusal:
        send(pipe, ERROR, json.dumps(refusal.told).encode())
    except (ValueError, OSError, RuntimeError) as error:
        send(pipe, ERROR, json.dumps(Refusal("engine", str(error)[:500]).told).encode())


def _run(store: ox.Store, query: Query) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    default, named = _graphs(query.default_graphs), _graphs(query.named_graphs)
    if default is not None or named is not None:  # a dataset of the protocol replaces the whole of it
        default, named = default or [], named or []
    try:
        return store.query(
            query.text,
            base_iri=query.base,
            prefixes=query.prefixes,
            default_graph=default,  # type: ignore[arg-type]
            named_graphs=named,  # type: ignore[arg-type]
        )
    except SyntaxError as error:
        raise syntax_refusal(query.text, str(error)) from error


def _graphs(names: list[str] | None) -> list[ox.NamedNode] | None:
    try:
        return None if names is None else [ox.NamedNode(name) for name in names]
    except ValueError as error:
        raise Refusal("iri", str(error)) from error


def _write_answer(results: ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples, query: Query, pipe: BinaryIO) -> None:
    is_graph = isinstance(results, ox.QueryTriples)
    kind = "graph" if is_graph else "solutions" if isinstance(results, ox.QuerySolutions) else "boolean"
    name = query.graphs if is_graph else query.results
    if name is None:
        raise Refusal("format", kind)
    variables = [v.value for v in results.variables] if isinstance(results, ox.QuerySolutions) else []
    send(pipe, HEAD, json.dumps({"kind": kind, "format": name, "variables": variables}).encode())
    writer = FrameWriter(pipe, query.max_bytes)
    file = cast(BinaryIO, writer)
    if isinstance(results, ox.QueryTriples):
        prefixes = query.prefixes if name in _PREFIXED else None
        ox.serialize(results, file, GRAPHS[name], prefixes=prefixes)
    else:
        results.serialize(file, RESULTS[name])
    writer.flush()


def isolate() -> bool:
    """Leave the network, and end with the parent. Tell whether the system allowed the former (needs user namespaces or root)."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    return any(libc.unshare(flags) == 0 for flags in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def main(arguments: list[str]) -> int:
    """Serve the store of the first argument until standard input ends; the second is the memory limit in bytes (0: none)."""
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints cannot spoil the frames
    isolated = isolate()
    if memory := int(arguments[1]):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    store = open_store(Path(arguments[0]))
    send(pipe, READY, json.dumps({"isolated": isolated}).encode())
    while header := sys.stdin.buffer.read(FRAME.size):
        query = Query(**json.loads(sys.stdin.buffer.read(FRAME.unpack(header)[1])))
        signal.alarm(query.seconds)  # should the parent be stuck or gone
        answer(store, query, pipe)
        signal.alarm(0)
    return 0


def packed(query: Query) -> bytes:
    """Return the query as a frame for a worker's standard input."""
    payload = json.dumps(asdict(query)).encode()
    return FRAME.pack(b"Q", len(payload)) + payload


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
