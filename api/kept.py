"""Answers of the endpoint that are kept: how one is found again, how it is sent, and when a client has it already."""

from __future__ import annotations

from collections.abc import Hashable
from email.utils import formatdate, parsedate_to_datetime
from hashlib import blake2b

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.cache import Cache, Headers, Kept
from kg.snapshots import Snapshot

_CACHED = {"outcome": "cached"}
_OF_304 = {b"etag", b"vary", b"cache-control", b"last-modified"}
_VARY = (b"vary", b"Accept, Accept-Encoding")


class Whole(Response):
    """An answer that is sent in one piece; to HEAD without the body, and as `304` to a client that has it."""

    def __init__(self, kept: Kept):  # without what the class above it computes
        self.kept = kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        kept, reply = self.kept, scope["reply"]
        if kept.etag and has_it(scope, kept.etag):
            left = [header for header in kept.headers if header[0] in _OF_304]
            await reply.whole(304, Kept(left, b"", kept.etag), b"")
        else:
            await reply.whole(200, kept, kept.body if scope["method"] != "HEAD" else b"")


def cache_of(snapshot: Snapshot) -> Cache:
    """Return the answers kept of a snapshot."""
    cache: Cache = snapshot.kept["cache"]
    return cache


def same_request(scope: Scope) -> Kept | None:
    """Return the answer to the same request, letter by letter, if it is kept."""
    key = _request_key(scope)
    return cache_of(scope["snapshot"]).get(key) if key else None


def same_query(scope: Scope, key: str) -> Kept | None:
    """Return the answer to a query, if it is kept, and keep it under the letters of this request, too."""
    kept = cache_of(scope["snapshot"]).get(key)
    request_key = _request_key(scope) if kept else None
    if kept and request_key:
        cache_of(scope["snapshot"]).put(request_key, kept, len(scope["query_string"]), is_alias=True)
    return kept


def from_cache(scope: Scope, kept: Kept) -> Whole:
    """Return an answer that was kept, and count that it was."""
    scope["app"].state.metrics.hits += 1
    scope["told"] = _CACHED
    return Whole(kept)


def mark_of(snapshot: Snapshot, key: str) -> str:
    """Return the ETag of the answer that has a key."""
    return f'W/"{snapshot.version}-{blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()}"'


def has_it(scope: Scope, mark: str) -> bool:
    """Tell whether the client has an answer already: by its ETag or, without one, by the time of the snapshot."""
    headers = scope["headers_of"]
    if b"if-none-match" in headers:
        known = headers[b"if-none-match"].decode("latin-1")
        return known.strip() == "*" or mark.removeprefix("W/") in known
    if b"if-modified-since" not in headers or not scope["snapshot"].modified:
        return False
    try:
        return parsedate_to_datetime(headers[b"if-modified-since"].decode("latin-1")).timestamp() >= int(
            scope["snapshot"].modified
        )
    except (ValueError, OverflowError):
        return False


def lasting(scope: Scope, mark: str) -> Headers:
    """Return what an answer says of how long it holds; `mark` is its ETag, empty when the next one may differ."""
    if not mark:
        return [_VARY, (b"cache-control", b"no-store")]
    kept = scope["snapshot"].kept
    if "lasting" not in kept:
        control = f"public, max-age={scope['app'].state.settings.cache_seconds}, must-revalidate"
        modified = formatdate(scope["snapshot"].modified, usegmt=True)
        kept["lasting"] = [_VARY, (b"last-modified", modified.encode()), (b"cache-control", control.encode())]
    return [(b"etag", mark.encode()), *kept["lasting"]]


def _request_key(scope: Scope) -> Hashable | None:
    """Return what makes a GET the same request to the letter, None for others."""
    if scope["method"] == "POST" or not scope["query_string"] or scope["snapshot"] is None:
        return None
    headers = scope["headers_of"]
    return (scope["query_string"], headers.get(b"accept"), headers.get(b"accept-encoding"))
