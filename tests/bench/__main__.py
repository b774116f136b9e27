"""`python -m tests.bench [--sizes 1e5,1e6,1e7]`: run everything, print the tables, and write them to build/bench.md."""

from __future__ import annotations

import argparse
import shutil
import sys

from kg.paths import DEFAULT_OUT
from tests.bench import building, pages, reading, searching
from tests.bench.answering import IN_MEMORY, Answering
from tests.bench.data import CACHE, prepared, replicated, say
from tests.bench.engines import NAMES
from tests.bench.report import Row, machine, table

INTRODUCTION = """Medians of repetitions that take turns (A B A B …; the first does not count); every answer is checked before
its time counts. Figures of one machine at one time: what holds elsewhere are the ratios. `engine` is pyoxigraph in the process of
the bench, on the same store, from the query's text to the bytes of its JSON; `empty answer` is a FastAPI application with one
route that returns an empty response, served by uvicorn with uvloop and httptools. A dash: not measured, see the notes."""


def main() -> int:
    """Measure; return 1 where something that is ours failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sizes", default="1e5,1e6,1e7", help="triples of the synthetic graphs, with commas between")
    parser.add_argument("--no-building", action="store_true", help="leave out the steps of a build")
    parser.add_argument("--no-reading", action="store_true", help="leave out the reading of documents")
    arguments = parser.parse_args()
    parts = ["# Bench", machine(), INTRODUCTION]
    failed = False
    if not arguments.no_building:
        say("the steps of a build")
        rows = building.rows()
        parts += ["## Building", table(rows, [])]
    if not arguments.no_reading:
        say("reading documents")
        rows = reading.rows()
        failed |= any(row.mark == "MISSED" for row in rows)
        parts += ["## Reading", table(rows, [])]
    for size in [int(float(text)) for text in arguments.sizes.split(",") if text]:
        answering = Answering(prepared(size))
        answering.run()
        data = answering.data
        parts.append(f"## Answering: {data.triples:,} triples in {data.plans} plans")
        parts.append(table(answering.rows, [IN_MEMORY, *NAMES.values()]))
        parts.append("\n".join(f"- {note}" for note in answering.notes))
        failed |= any(_failed(row) for row in answering.rows)
        say("the text search")
        rows = searching.rows(data)
        failed |= any(row.mark == "MISSED" for row in rows)
        parts += [f"## Searching: {data.triples:,} triples", table(rows, [])]
        say("the pages")
        rows = pages.rows(replicated(size))
        failed |= any(row.mark == "MISSED" for row in rows)
        parts += [f"## Pages: about {size:,} triples, copies of the project's plans", table(rows, [])]
        print("\n" + "\n\n".join(parts[-5:]) + "\n", flush=True)
        del answering
    _written("\n\n".join(parts) + "\n")
    return int(failed)


def _failed(row: Row) -> bool:
    return isinstance(row.ours, str) or isinstance(row.other, str)


def _written(text: str) -> None:
    DEFAULT_OUT.mkdir(exist_ok=True)
    path = DEFAULT_OUT / "bench.md"
    path.write_text(text, encoding="utf-8")
    print("\n" + text)
    used = sum(file.stat().st_size for file in CACHE.rglob("*") if file.is_file())
    free = shutil.disk_usage(CACHE).free
    print(f"also in {path.name}; graphs and environments stay in {CACHE} ({used / 1e9:.1f} GB, {free / 1e9:.0f} GB are free)")


if __name__ == "__main__":
    sys.exit(main())
