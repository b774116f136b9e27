"""`python -m tests.hostile [--url URL [--pid PID]] [--group N …] [--only TEXT]`: runs the cases against a server."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from urllib.parse import urlsplit

from tests.hostile.cases import GROUPS, Case, Verdict, all_cases, run_case
from tests.hostile.site import PROC, QUERY_SECONDS, REQUEST_SECONDS, Canary, Processes, Site, Watch, started
from tests.hostile.wire import Address

SLOW_HEALTH = 2.0  # seconds: an answer of /health that took longer counts as none


def main() -> int:
    """Run the cases, print a line for each, a table and the sum; 1 when one failed."""
    arguments = _arguments()
    chosen = [
        c for c in all_cases() if (not arguments.group or c.group in arguments.group) and arguments.only.lower() in c.name.lower()
    ]
    begun = time.perf_counter()
    with _site(arguments) as site:
        watch = Watch(site.address)
        verdicts = [_told(verdict) for neighbours in _neighbours(chosen) for verdict in _run(neighbours, site)]
        watch.end()
        verdicts += [_told(verdict) for verdict in _closing(site, watch)]
    _print_table(verdicts)
    failed = [v for v in verdicts if not v.passed]
    print(f"{len(verdicts) - len(failed)} passed, {len(failed)} failed ({time.perf_counter() - begun:.0f} s)")
    return 1 if failed else 0


def _neighbours(cases: list[Case]) -> list[list[Case]]:
    """Put the cases that may run at the same time into one list; the others stay alone."""
    found: list[list[Case]] = []
    for case in cases:
        if case.together and found and found[-1][0].together and found[-1][0].group == case.group:
            found[-1].append(case)
        else:
            found.append([case])
    return found


def _run(cases: list[Case], site: Site) -> Iterator[Verdict]:
    with ThreadPoolExecutor(len(cases)) as threads:
        yield from threads.map(lambda case: run_case(case, site), cases)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description="Hostile inputs for the HTTP server.")
    parser.add_argument("--url", help="a running server, instead of one that is started here")
    parser.add_argument("--pid", type=int, default=0, help="its front process, to see CPU and memory")
    parser.add_argument("--query-seconds", type=float, default=QUERY_SECONDS, help="its KG_QUERY_SECONDS")
    parser.add_argument("--request-seconds", type=float, default=REQUEST_SECONDS, help="its KG_REQUEST_SECONDS")
    parser.add_argument("--group", type=int, nargs="*", choices=GROUPS, default=[], help="only these groups")
    parser.add_argument("--only", default="", help="only cases with this in their name")
    return parser.parse_args()


@contextlib.contextmanager
def _site(arguments: argparse.Namespace) -> Iterator[Site]:
    if not arguments.url:
        with started() as site:
            yield site
        return
    parts = urlsplit(arguments.url)
    canary = Canary()
    address = Address(parts.hostname or "127.0.0.1", parts.port or 80)
    try:
        yield Site(address, canary, Processes(arguments.pid), arguments.query_seconds, arguments.request_seconds)
    finally:
        canary.close()


def _told(verdict: Verdict) -> Verdict:
    sign = "pass" if verdict.passed else "FAIL"
    what = verdict.status if verdict.passed else verdict.why
    print(
        f"{verdict.case.group:>2}  {verdict.case.name:<56.56} {sign}  {verdict.seconds:6.2f} s  {' '.join(what.split())[:300]}",
        flush=True,
    )
    return verdict


def _closing(site: Site, watch: Watch) -> list[Verdict]:
    """Judge what only the end can tell."""
    slowest = max(watch.seconds, default=0.0)
    troubles = watch.troubles + ([f"/health took {slowest:.2f} s"] if slowest > SLOW_HEALTH else [])
    told = f"{len(watch.seconds)} times, slowest {slowest * 1000:.0f} ms"
    verdicts = [Verdict(Case(0, "/health answered all along", _never), not troubles, told, slowest, "; ".join(troubles[:5]))]
    ended = site.poll()
    verdicts.append(Verdict(Case(0, "the front process is the same", _never), ended is None, "alive", 0.0, f"ended with {ended}"))
    if site.log:
        traces = site.logged().count("Traceback (most recent call last)")
        verdicts.append(
            Verdict(Case(0, "no unexpected exception in the log", _never), not traces, "none", 0.0, _trace(site, traces))
        )
    if not PROC or not site.processes.pid:
        print("CPU, memory and open files could not be looked at: there is no /proc, or no --pid")
    return verdicts


def _never(_: Site) -> str:
    return ""


def _trace(site: Site, count: int) -> str:
    """Return how many stack traces there are, and how each kind ends."""
    lines = site.logged().replace("\\n", "\n").splitlines()  # also where each entry is a line of JSON
    ends = [
        line for before, line in pairwise(lines) if before.startswith(" ") and line and not line.startswith((" ", "Traceback"))
    ]
    return f"{count} stack traces: " + " | ".join(sorted({line[:120] for line in ends})[:6])


def _print_table(verdicts: list[Verdict]) -> None:
    print(f"\n{'group':<34} {'passed':>7} {'failed':>7} {'seconds':>8}")
    for number, name in {**GROUPS, 0: "the whole run"}.items():
        mine = [v for v in verdicts if v.case.group == number]
        if mine:
            passed = sum(v.passed for v in mine)
            print(f"{number:>2} {name:<31} {passed:>7} {len(mine) - passed:>7} {sum(v.seconds for v in mine):>8.1f}")


if __name__ == "__main__":
    sys.exit(main())
