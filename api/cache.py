"""Answers kept in memory. The data of a snapshot never change, so an answer holds as long as its snapshot does."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

BIGGEST = 16  # an answer is kept when it takes no more than this part of the whole
OVERHEAD = 500  # bytes that an entry takes beside its body


Headers = Sequence[tuple[bytes, bytes]]


@dataclass(slots=True)
class Kept:
    """A whole answer as it is sent: its headers (`lines`: as bytes), its body, its ETag."""

    headers: Headers
    body: bytes
    etag: str
    lines: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.lines = lines_of(self.headers)


def lines_of(headers: Headers) -> bytes:
    """Return headers as they go over the wire."""
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class Cache:
    """The answers used last, up to a number of bytes."""

    def __init__(self, size: int):
        self.size, self.used = size, 0
        self._kept: OrderedDict[Hashable, tuple[Kept, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> Kept | None:
        """Return an answer, or None."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, kept: Kept, key_bytes: int, is_alias: bool = False) -> None:
        """Keep an answer, unless it is large; what was used longest ago makes room. An alias shares the body of another entry."""
        weight = OVERHEAD + key_bytes + (0 if is_alias else len(kept.body))
        if weight > self.size // BIGGEST:
            return
        self.used += weight - self._kept.get(key, (kept, 0))[1]
        self._kept[key] = (kept, weight)
        while self.used > self.size:
            self.used -= self._kept.popitem(last=False)[1][1]
