"""What a case is, what its expectations are made of, and the list of all cases by group."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.hostile.site import Site
from tests.hostile.wire import Exchange, Reply, query_path

GROUPS = {
    1: "network canary",
    2: "updates",
    3: "size",
    4: "depth and complexity",
    5: "runaways",
    6: "sixteen runaways and victims",
    7: "streaming and disconnect",
    8: "encodings",
    9: "path traversal",
    10: "header injection",
    11: "script injection",
    12: "slow clients",
    13: "smuggling",
    14: "mixture",
}
PROBLEM = "application/problem+json"
NAMES = {0: "closed", -1: "silent"}
CLOSED, SILENT = 0, -1
Run = Callable[[Site], "str | int"]


class Failure(AssertionError):
    """What the server did is not what the case expects."""


@dataclass(frozen=True)
class Case:
    """One hostile input with its expectation: `run` returns what happened, or raises Failure.

    Quick ones need no second. Neighbours that are `together` mostly wait, and may run at the same time.
    """

    group: int
    name: str
    run: Run
    quick: bool = True
    together: bool = False


@dataclass(frozen=True)
class Verdict:
    """How a case ended."""

    case: Case
    passed: bool
    status: str
    seconds: float
    why: str = ""


_MODULES = ("network", "sizes", "runaways", "pages", "transport", "mixture")


def all_cases() -> list[Case]:
    """Return every case, by group."""
    modules = [importlib.import_module(f"tests.hostile.{name}") for name in _MODULES]
    return sorted((case for module in modules for case in module.cases()), key=lambda case: case.group)


def quick_cases() -> list[Case]:
    """Return the cases that take less than about a second each."""
    return [case for case in all_cases() if case.quick]


def run_case(case: Case, site: Site) -> Verdict:
    """Run a case, then see that the server lives and nobody was contacted."""
    contacts = len(site.canary.contacts)
    started = time.perf_counter()
    passed, status, why = True, "", ""
    try:
        told = case.run(site)
        status = shown(told) if isinstance(told, int) else told
    except Failure as failure:
        passed, status, why = False, "-", str(failure)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # the connection, or an answer of another form
        passed, status, why = False, "-", f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - started
    if trouble := site.alive():
        passed, why = False, f"{why}; {trouble}" if why else trouble
    if len(site.canary.contacts) > contacts:
        passed, why = False, f"the canary was contacted: {site.canary.contacts[contacts:]!r}"
    return Verdict(case, passed, status, seconds, why)


def shown(status: int) -> str:
    """Write a status; 0 is a connection closed without an answer, -1 one that stays open without."""
    return NAMES.get(status, str(status))


def ensure(holds: object, why: str) -> None:
    """Fail unless something holds.

    Raises:
        Failure: it does not.
    """
    if not holds:
        raise Failure(why)


def expect(told: Exchange | Reply, statuses: Iterable[int], problem: bool = True) -> Reply:
    """Check the status; errors of the server's own making must be problem documents that tell the same status.

    Raises:
        Failure: another status, or another form.
    """
    reply = told.reply if isinstance(told, Exchange) else told
    allowed = list(statuses)
    about = f": {reply.text[:160]!r}" if reply.status not in allowed and reply.body else ""
    ensure(reply.status in allowed, f"{shown(reply.status)}, expected {' '.join(map(shown, allowed))}{about}")
    if problem and reply.status >= 400:
        ensure_problem(reply)
    return reply


def ensure_problem(reply: Reply) -> None:
    """Check that an error is a problem document (RFC 9457)."""
    kind = reply.header("content-type")
    ensure(kind.startswith(PROBLEM), f"{reply.status} with content type {kind!r}, not {PROBLEM}")
    told = reply.json()
    ensure(isinstance(told, dict) and told.get("status") == reply.status, f"no problem document: {reply.text[:120]!r}")
    if reply.status == 500:
        ensure(told.get("kind") in {"crash", "memory"}, f"500 of kind {told.get('kind')!r}")
    if reply.status == 503:
        ensure(reply.header("retry-after").isdigit(), "503 without Retry-After")


def answers(site: Site, number: int, source: str = "", within: float = 0.0) -> Exchange:
    """Ask a small query of its own, and check that the answer is right (and prompt).

    Raises:
        Failure: it is not.
    """
    told = site.address.get(query_path(small_query(number)), [("Accept", "application/sparql-results+json")], source)
    ensure(told.reply.status == 200, f"a small query got {shown(told.reply.status)}")
    ensure(is_right(told.reply, number), f"a small query got a wrong answer: {told.reply.text[:120]!r}")
    ensure(not within or told.seconds <= within, f"a small query took {told.seconds:.2f} s, expected {within:g}")
    return told


def small_query(number: int) -> str:
    """Return a query that is like no other, and looks into the store."""
    return f"SELECT ({number} AS ?n) (COUNT(*) AS ?c) {{ {{ SELECT ?s {{ ?s ?p ?o }} LIMIT 5 }} }}"


def is_right(reply: Reply, number: int) -> bool:
    """Tell if the answer to a small query is its own."""
    told = reply.json() or {}
    rows = told.get("results", {}).get("bindings", [])
    return len(rows) == 1 and rows[0]["n"]["value"] == str(number) and rows[0]["c"]["value"] == "5"


def settle(site: Site, within: float = 2.0) -> None:
    """Wait until the server is at rest, so that a case does not pay for the one before."""
    site.processes.rest(within)
