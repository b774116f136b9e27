"""What a request knows of its surroundings: settings, the snapshot that it keeps to its end, who asks."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.types import Scope

from api.settings import Settings
from kg.pool import Pool, QueryFailed
from kg.snapshots import Snapshot


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
