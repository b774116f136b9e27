"""The first reader waits no longer than the second: templates are compiled, and pages that keep something are visited once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from api.rendering import compile_templates
from kg.namespaces import BASE

logger = logging.getLogger(__name__)
Visit = Callable[[str], Awaitable[tuple[int, bytes]]]  # asks for an address, returns status and body
_ANYTHING = urlencode({"queries": '{"q0": {"query": "a"}}'})
FIRST = ("/", "/?lang=en", "/plans", "/compare", "/completion/terms", f"/reconcile?{_ANYTHING}")
THINGS = "/completion/things?q=plan"


async def warm(visit: Visit) -> None:
    """Visit them, one after the other; that one of them fails harms nothing."""
    await asyncio.to_thread(compile_templates)
    addresses = [*FIRST, *await _of_plans(visit)]
    for address in addresses:
        status, _ = await visit(address)
        if status >= 500:
            logger.info("warming up: %s gave %d", address, status)


async def _of_plans(visit: Visit) -> list[str]:
    """Return a plan's page and a comparison, where there are plans."""
    status, body = await visit(THINGS)
    things = json.loads(body)["things"] if status == 200 else []
    plans = [iri.removeprefix(BASE + "id/plan/") for iri in (thing["iri"] for thing in things) if "/id/plan/" in iri][:2]
    return [f"/doc/plan/{key}" for key in plans[:1]] + ["/compare?" + urlencode([("plan", key) for key in plans])] * (
        len(plans) > 1
    )
