"""What the server and its query processes say to each other: a query one way, frames the other.

A frame is one byte that says its kind, four bytes of length (big-endian), and the payload.

    READY  {"pid": int, "isolated": bool}                             once, when the process can answer
    HEAD   words: solutions, boolean or graph; format; - or gzip or zstd; names of the columns
    DATA   bytes of the serialized answer, compressed if the head says so
    END    words: rows, bytes before compression, 1 if it was cut     the answer is complete
    ERROR  {"kind": ..., "detail": ..., "line": int, "column": int}   instead of the rest; line and column are 1-based, 0 unknown
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass

READY, HEAD, DATA, END, ERROR = b"R", b"H", b"D", b"E", b"X"
FRAME = struct.Struct(">cI")


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
        payload = json.dumps([getattr(self, name) for name in self.__slots__]).encode()
        return FRAME.pack(b"Q", len(payload)) + payload

    @staticmethod
    def unpacked(payload: bytes) -> Query:
        """Read the payload of a query's frame."""
        return Query(*json.loads(payload))


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


def split_frames(buffer: bytearray) -> Iterator[tuple[bytes, bytes]]:
    """Take the whole frames off the beginning of a buffer: (kind, payload); what is not whole stays."""
    start = 0
    try:
        while len(buffer) - start >= FRAME.size:
            kind, length = FRAME.unpack_from(buffer, start)
            if len(buffer) - start - FRAME.size < length:
                break
            body = start + FRAME.size
            start = body + length
            yield kind, bytes(memoryview(buffer)[body:start])
    finally:
        del buffer[:start]
