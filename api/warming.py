"""The first reader waits no longer than the second: templates are compiled, and pages that keep something are visited once."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable

from api.rendering import compile_templates
from kg.queries import KINDS, known_things

logger = logging.getLogger(__name__)
Visit = Callable[[str], Awaitable[tuple[int, bytes]]]  # asks for an address, returns status and body
FIRST = ("/", "/?lang=en", "/compare")
PLANS = "/plans"
_PLAN = re.compile(rb'href="/doc/plan/([\w.-]+)"')


async def warm(visit: Visit) -> None:
    """Load what all pages use, then visit those, a plan and a comparison; that one of them fails harms nothing."""
    await asyncio.to_thread(_load)
    for address in FIRST:
        await _visited(visit, address)
    plans = [key.decode() for key in dict.fromkeys(_PLAN.findall(await _visited(visit, PLANS)))][:2]
    if len(plans) == 2:
        await _visited(visit, f"/doc/plan/{plans[0]}")
        await _visited(visit, f"/compare?plan={plans[0]}&plan={plans[1]}")


def _load() -> None:
    """Compile the templates and read the declared data."""
    compile_templates()
    for kind in KINDS:
        known_things(kind)


async def _visited(visit: Visit, address: str) -> bytes:
    status, body = await visit(address)
    if status >= 500:
        logger.info("warming up: %s gave %d", address, status)
    return body
