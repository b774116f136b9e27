"""Streaming of a JSON file: one object at a time, so that a file of any size is read in bounded memory.

The objects are looked for where the first one that a caller recognises stands: the file's only value, one value a line, the
elements of an array (at the top or within objects), or the values of an object that holds one a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ijson  # type: ignore[import-untyped]

from kg.errors import KgError, reason_of
from kg.paths import shown

LIMIT_BYTES = 20_000_000
LIMIT_DEPTH = 40
_BLOCK = 1 << 16
_BOM = b"\xef\xbb\xbf"
_STARTS, _ENDS = frozenset({"start_map", "start_array"}), frozenset({"end_map", "end_array"})
_INSIDE = _ENDS | {"map_key"}
_ANY = None
"""A step of a path that stands for every element of an array, or every key of an object."""

Steps = tuple[str | None, ...]
Event = tuple[str, Any]


@dataclass(frozen=True)
class Found:
    """A value of the file: its number among those found (1-based), how many bytes were read by then, and the value."""

    number: int
    offset: int
    value: Any


class _Counted:
    """A file that counts what was read of it, and refuses when a single value takes more than the limit.

    From `slow` on it hands out one byte at a time, so that a parser's failure is at the byte read last.
    """

    def __init__(self, file: BinaryIO, name: str, slow: int | None = None):
        self._file, self.name, self._slow = file, name, slow
        self.offset = self.mark = self.last = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next block, without the byte order mark that a file may begin with."""
        if size == 0:
            return b""
        fine = self._slow is not None and self.offset >= self._slow
        data = self._file.read(1 if fine else _BLOCK)
        self.last = self.offset
        self.offset += len(data)
        if self.offset - self.mark > LIMIT_BYTES + _BLOCK:
            raise KgError(
                f"{self.name}: at byte {self.mark:,}: one value takes more than {LIMIT_BYTES:,} bytes; no summary is so long"
            )
        return data.removeprefix(_BOM) if self.last == 0 else data


def stream_objects(path: Path, recognised: Callable[[str], bool], wrappers: frozenset[str]) -> Iterator[Found]:
    """Yield the objects of a JSON file, in its order; `recognised` says whether a key is one of those that such an object has.

    `wrappers` are keys under which an object lies within its own (`{"resultado": {…}}`). What stands in the place of an object
    and is none (null, a text) is yielded too.

    Raises:
        KgError: the file cannot be read, is not JSON (with the byte and line at which it breaks; what came before has been
            yielded), holds no such object, or is nested or long beyond all measure.
    """
    pattern = _find_pattern(path, recognised, wrappers)
    with _opened(path) as file:
        source = _Counted(file, shown(path))
        for number, value in enumerate(_values(_events(source, path), pattern, source), 1):
            yield Found(number, source.offset, value)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise KgError(f"{shown(path)}: cannot be read ({reason_of(error)}); check the path and its permissions") from error


def _events(source: _Counted, path: Path) -> Iterator[Event]:
    try:
        yield from ijson.basic_parse(source, buf_size=_BLOCK, use_float=True, multiple_values=True)
    except (ijson.JSONError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise KgError(_where_it_breaks(path, source.last, error)) from error


def _where_it_breaks(path: Path, near: int, error: Exception) -> str:
    """Say at which byte and line the file stops being JSON; the block that has the fault is read again byte by byte."""
    with _opened(path) as file:
        source = _Counted(file, shown(path), near)
        try:
            for _ in ijson.basic_parse(source, buf_size=_BLOCK, use_float=True, multiple_values=True):
                source.mark = source.offset
        except (ijson.JSONError, UnicodeDecodeError, ValueError, OverflowError):
            pass
        byte = source.last
        file.seek(0)
        line = 1 + sum(block.count(b"\n") for block in _blocks(file, byte))
    ends = " (the file ends too early)" if byte >= path.stat().st_size else ""
    what = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"{shown(path)}:{line}: not valid JSON at byte {byte:,}{ends}: {what}; get the file again, or mend it there"


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    while size > 0 and (data := file.read(min(size, _BLOCK))):
        size -= len(data)
        yield data


def _find_pattern(path: Path, recognised: Callable[[str], bool], wrappers: frozenset[str]) -> Steps:
    """Return the path at which the objects stand, by the first key that is recognised."""
    with _opened(path) as file:
        if not file.read(1):
            raise KgError(f"{shown(path)}: the file is empty")
        file.seek(0)
        source = _Counted(file, shown(path))
        walk = _Walk(shown(path))
        for event, value in _events(source, path):
            source.mark = source.offset
            if event == "map_key" and recognised(value):
                return _pattern_of(walk.path[:-1], wrappers)
            walk.step(event, value)
    raise KgError(f"{shown(path)}: no plan summary in it (none of the fields by which one is known); see docs/jne.md")


def _pattern_of(path: list[str | None], wrappers: frozenset[str]) -> Steps:
    """Make a pattern of the path at which the first object was seen: an array's elements, or an object's values by free keys."""
    last = max((i for i, step in enumerate(path) if step is _ANY or step not in wrappers), default=None)
    return () if last is None else (*path[:last], _ANY)


class _Walk:
    """Follows the events of a parser; `path` holds a step for each open object (its key) and array."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.path: list[str | None] = []

    def step(self, event: str, value: Any) -> None:
        """Follow one event.

        Raises:
            KgError: the nesting is deeper than any summary's.
        """
        if event == "map_key":
            self.path[-1] = value
        elif event in _STARTS:
            self.path.append(_ANY)
            if len(self.path) > LIMIT_DEPTH:
                raise KgError(f"{self._name}: nested more than {LIMIT_DEPTH} deep, as no plan summary is; check the file")
        elif event in _ENDS:
            self.path.pop()


def _values(events: Iterator[Event], pattern: Steps, source: _Counted) -> Iterator[Any]:
    """Build the values that stand at the pattern, one at a time; all else is passed over."""
    walk = _Walk(source.name)
    builder: Any = None
    depth = 0
    for event, value in events:
        if builder is None:
            source.mark = source.offset
            if event not in _INSIDE and _fits(walk.path, pattern):
                builder, depth = ijson.ObjectBuilder(), 0
        walk.step(event, value)
        if builder is not None:
            builder.event(event, value)
            depth += (event in _STARTS) - (event in _ENDS)
            if depth == 0:
                yield builder.value
                builder = None


def _fits(steps: list[str | None], pattern: Steps) -> bool:
    return len(steps) == len(pattern) and all(p is _ANY or p == s for s, p in zip(steps, pattern, strict=True))
