"""What a request knows of its surroundings: settings, the snapshot that it keeps to its end, who asks."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.types import Scope

from api.settings import Settings
from kg.namespaces import BASE
from kg.pool import Pool
from kg.processes import QueryFailed
from kg.snapshots import Snapshot

_THIS_HOST = {"localhost", "127.0.0.1", "[::1]", "testserver"}


def settings_of(request: Request) -> Settings:
    """Return the settings of the server."""
    settings: Settings = request.app.state.settings
    return settings


def snapshot_of(request: Request) -> Snapshot:
    """Return the snapshot of the data that this request sees.

    Raises:
        QueryFailed: `unavailable`, when there are no data yet.
    """
    snapshot: Snapshot | None = request.scope.get("snapshot")
    if snapshot is None:
        raise QueryFailed("unavailable", "no data have been built; run: kg build")
    return snapshot


def pages_of(request: Request) -> Pool:
    """Return the pool for the site's own queries."""
    return snapshot_of(request).pages


def own_address(request: Request) -> str:
    """Return the address of this server, with a slash at the end: the one that its settings say, else that of this host.

    Whatever else a client calls it is not believed, as answers are kept by caches on the way.
    """
    if settings_of(request).url:
        return settings_of(request).url.rstrip("/") + "/"
    host = request.headers.get("host", "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return f"{request.url.scheme}://{host}/" if name in _THIS_HOST else BASE


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request; several of one name are joined by commas."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = found[name] + b", " + value if name in found else value
    return found


def client_of(scope: Scope) -> str:
    """Name who asks: the address, of IPv6 the network (/64) that one household or server has."""
    client = scope.get("client")
    if not client:
        return ""
    host: str = client[0]
    if ":" not in host:
        return host
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(IPv6Address(int(address) >> 64 << 64))
