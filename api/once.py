"""What pages need of the whole graph: found once for each snapshot, and kept for as long as that is in service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from starlette.requests import Request

from api.context import snapshot_of

P = ParamSpec("P")
T = TypeVar("T")


def once(make: Callable[Concatenate[Request, P], Awaitable[T]]) -> Callable[Concatenate[Request, P], Awaitable[T]]:
    """Keep what a function makes, by its arguments; of the request it may use the snapshot, and what the arguments name.

    A failure is not kept. Callers share the result and must not change it.
    """

    @wraps(make)
    async def kept(request: Request, /, *by: P.args, **named: P.kwargs) -> T:
        held = snapshot_of(request).kept
        key = (make, by, tuple(sorted(named.items())))
        if key not in held:
            held[key] = await make(request, *by, **named)
        found: T = held[key]
        return found

    return kept
