"""Who waits and who runs in the lanes of `kg.pool`, counted by client."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class Query(Protocol):
    """What is known here of a query: who asks it, and whether it is a long one."""

    client: str
    long: bool


T = TypeVar("T", bound=Query)


class Line(Generic[T]):
    """Queries that wait, one line for each client; clients take turns."""

    def __init__(self) -> None:
        self.lines: dict[str, deque[T]] = {}
        self.length = 0

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[T]:
        return (one for line in list(self.lines.values()) for one in list(line))

    def add(self, one: T) -> None:
        """Put a query at the end of its client's line."""
        self.lines.setdefault(one.client, deque()).append(one)
        self.length += 1

    def put_back(self, one: T) -> None:
        """Put a query at the beginning of its client's line, and make it that client's turn."""
        line = self.lines.pop(one.client, deque())
        line.appendleft(one)
        self.lines = {one.client: line, **self.lines}
        self.length += 1

    def remove(self, one: T) -> bool:
        """Take a query out; tell whether it was there."""
        line = self.lines.get(one.client)
        if not line or one not in line:
            return False
        line.remove(one)
        self.length -= 1
        if not line:
            del self.lines[one.client]
        return True

    def next(self, allowed: Callable[[str], bool]) -> T | None:
        """Take the first query of the first client that is allowed one; that client goes to the end of the turn."""
        for client, line in self.lines.items():
            if allowed(client):
                one = line.popleft()
                self.length -= 1
                del self.lines[client]
                if line:
                    self.lines[client] = line
                return one
        return None

    def longest(self) -> T:
        """Return the last query of the client that has most of them here."""
        return max(self.lines.values(), key=len)[-1]


class Running(Generic[T]):
    """The queries that run now: how many short and long ones (False, True) there are, and each client has among them."""

    def __init__(self) -> None:
        self.all: dict[T, None] = {}
        self.of = {False: Counter[str](), True: Counter[str]()}
        self.total = {False: 0, True: 0}

    def add(self, one: T) -> None:
        """Note the beginning of a query."""
        self.all[one] = None
        self.of[one.long][one.client] += 1
        self.total[one.long] += 1

    def remove(self, one: T) -> None:
        """Note the end of a query, if it runs."""
        if one in self.all:
            del self.all[one]
            self.total[one.long] -= 1
            counts = self.of[one.long]
            counts[one.client] -= 1
            if not counts[one.client]:
                del counts[one.client]

    def lengthen(self, one: T) -> None:
        """Note that a query that runs is a long one from now on."""
        self.remove(one)
        one.long = True
        self.add(one)
