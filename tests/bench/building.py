"""The steps of a build, each beside something that everybody knows.

Each pair of commands is run in turn, several times; the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kg.build import make_graphs, read_graphs, validate_parts, write_graph
from kg.paths import PLANS
from kg.records import load_records
from tests.bench.report import Row


def median_of(action: Callable[[], object], times: int) -> float:
    """Return the median duration of an action (s)."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def row(what: str, seconds: float, beside: str, other: float, times: int) -> Row:
    """Return one comparison."""
    return Row(what, "ms", seconds * 1000, beside, other * 1000, times)


def bench_building(folder: Path) -> list[Row]:
    """Compare the steps of a build with a plain read of its result."""
    records = load_records(PLANS)
    load = median_of(lambda: load_records(PLANS), 3)
    graphs = make_graphs(records)[0]
    make = median_of(lambda: make_graphs(records), 3)
    write_graph(graphs, folder / "graph.nq")
    parse = median_of(lambda: read_graphs(folder / "graph.nq"), 3)
    validate = median_of(lambda: validate_parts(graphs), 1)
    return [
        row("load five records", load, "rdflib parses the graph", parse, 3),
        row("make all graphs", make, "rdflib parses the graph", parse, 3),
        row("validate all graphs (2 processes)", validate, "rdflib parses the graph", parse, 1),
    ]


def rows() -> list[Row]:
    """Run everything, in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="kg-bench-") as folder:
        return bench_building(Path(folder))
