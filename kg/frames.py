"""What the server and its query processes say to each other: a query one way, frames the other.

A frame is one byte that says its kind, four bytes of length (big-endian), and the payload. A query's is a line of JSON with how
to answer it, then its text.

    READY  {"pid": int, "thread": int, "isolated": bool}              once, when the process can answer
    WHOLE  words: rows, 1 if it was cut, then as HEAD; a line break; the bytes of the whole answer, where it is small
    HEAD   words: solutions, boolean or graph; format; - or gzip or zstd; names of the columns
    DATA   bytes of the serialized answer, compressed if the head says so
    END    words: rows, 1 if it was cut                               the answer is complete
    ERROR  {"kind": ..., "detail": ..., "line": int, "column": int}   instead of the rest; line and column are 1-based, 0 unknown
"""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

QUERY, READY, WHOLE, HEAD, DATA, END, ERROR = b"Q", b"R", b"W", b"H", b"D", b"E", b"X"
FRAME = struct.Struct(">cI")
SEARCHES = ("search-json", "search-csv")  # `results` of a query that is no SPARQL: its text is a request to the search index


@dataclass(slots=True)
class Query:
    """A query and how to answer it.

    `results` and `graphs` name the serialization for SELECT and ASK, and for CONSTRUCT and DESCRIBE; None refuses that form.
    `default_graphs` and `named_graphs` are the dataset that the protocol asks for; both None leave the query's own.
    `encoding` is the content coding that the client takes: "", gzip or zstd. `max_rows` and `max_bytes` (before compression)
    bound the answer; after `seconds` the process ends itself.
    """

    text: str
    results: str | None = "json"
    graphs: str | None = "turtle"
    default_graphs: list[str] | None = None
    named_graphs: list[str] | None = None
    encoding: str = ""
    max_rows: int = 0
    max_bytes: int = 256 * 1024 * 1024
    seconds: int = 60

    def packed(self) -> bytes:
        """Return the query as a frame."""
        default = None if self.default_graphs is None else tuple(self.default_graphs)
        named = None if self.named_graphs is None else tuple(self.named_graphs)
        how = _packed_how(self.results, self.graphs, default, named, self.encoding, self.max_rows, self.max_bytes, self.seconds)
        return frame(QUERY, how + self.text.encode("utf-8", "surrogatepass"))

    @staticmethod
    def unpacked(payload: bytes) -> Query:
        """Read the payload of a query's frame."""
        how, _, text = payload.partition(b"\n")
        return Query(text.decode("utf-8", "surrogatepass"), *_unpacked_how(how))


@lru_cache(maxsize=100)  # nearly all queries are to be answered in one of few ways
def _packed_how(*how: object) -> bytes:
    return json.dumps(how).encode() + b"\n"


@lru_cache(maxsize=100)
def _unpacked_how(how: bytes) -> list[Any]:
    found: list[Any] = json.loads(how)
    return found


@dataclass(frozen=True)
class Order:
    """What a new process is to serve: a store folder, or a SPARQL endpoint elsewhere; `memory` in bytes (0: no limit)."""

    store: str = ""
    endpoint: str = ""
    user: str = ""
    password: str = ""
    memory: int = 0

    def packed(self) -> bytes:
        """Return the order as the nursery reads it."""
        return json.dumps(asdict(self)).encode()


def frame(kind: bytes, payload: bytes) -> bytes:
    """Return a frame."""
    return FRAME.pack(kind, len(payload)) + payload


def words(kind: bytes, *values: object) -> bytes:
    """Return a frame with words that hold no blank."""
    return frame(kind, " ".join(map(str, values)).encode())


def told(kind: bytes, /, **values: object) -> bytes:
    """Return a frame with a JSON object."""
    return frame(kind, json.dumps(values).encode())


class FrameReader:
    """Takes frames out of bytes as these come. DATA is passed on in the pieces in which it comes, without being put together."""

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a frame
        self._missing = 0  # bytes of a DATA frame that are still to come

    def take(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Return what the next bytes hold: (kind, payload)."""
        data, at, end = self._rest + data if self._rest else data, self._missing, len(data) + len(self._rest)
        found = [(DATA, data[:at])] if at else []
        while at + FRAME.size <= end:
            kind, length = FRAME.unpack_from(data, at)
            if at + FRAME.size + length > end and kind != DATA:
                break
            at += FRAME.size + length
            found.append((kind, data[at - length : at]))
        self._missing = max(at - end, 0)
        self._rest = data[at:]
        return found
