"""`make bench`: ratios measured side by side in one run. Figures of one machine at one time; nothing here passes or fails.

Each pair of commands is run in turn, several times; the ratio is that of the medians.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kg.build import build, make_graphs, read_graphs, validate_parts, write_graph
from kg.documents import Document
from kg.paths import PLANS
from kg.pool import Limits, Pool
from kg.reading.drafts import draft_record
from kg.records import load_records
from kg.store import current_store, open_store, query
from kg.worker import Query

PG = "https://w3id.org/plan-de-gobierno/ontology#"
SMALL = f"SELECT ?s ?t {{ ?s a <{PG}Project> ; <{PG}text> ?t }} LIMIT 10"
LARGE = "SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p ORDER BY DESC(?n)"


def median_of(action: Callable[[], object], times: int) -> float:
    """Return the median duration of an action (s)."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def row(what: str, seconds: float, beside: str, other: float) -> None:
    """Print one comparison."""
    print(f"{what:<44} {seconds * 1000:>10.2f} ms   {beside:<32} {other * 1000:>10.2f} ms   ratio {seconds / other:6.2f}")


def bench_building(folder: Path) -> None:
    """Compare the steps of a build with a plain read of its result."""
    records = load_records(PLANS)
    load = median_of(lambda: load_records(PLANS), 3)
    graphs = make_graphs(records)[0]
    make = median_of(lambda: make_graphs(records), 3)
    write_graph(graphs, folder / "graph.nq")
    parse = median_of(lambda: read_graphs(folder / "graph.nq"), 3)
    row("load five records", load, "rdflib parses the graph", parse)
    row("make all graphs", make, "rdflib parses the graph", parse)
    row("validate all graphs (2 processes)", median_of(lambda: validate_parts(graphs), 1), "rdflib parses the graph", parse)


def bench_reading() -> None:
    """Compare drafting a document with drafting one four times as long: the ratio should stay near four."""
    lines: list[str] = []
    for section in range(40):
        lines += [f"## {'I' * (section % 3 + 1)}. SECTOR {section}", "### Problemática:"]
        lines += [f"- Falta de agua potable y desagüe en el sector {section} {i}." for i in range(5)]
        lines += ["### Propuestas"]
        lines += [f"- Programa {i} de agua potable por S/ {i + 1} 000 en convenio con el MINSA." for i in range(10)]

    def document(times: int) -> Document:
        return Document("bench.md", "0" * 64, "text/markdown", tuple(lines * times))

    draft_record(document(1), "bench")
    one, four = (median_of(lambda n=n: draft_record(document(n), "bench"), 3) for n in (1, 4))
    row("draft 2,880 lines", four, "draft 720 lines", one)


def bench_answering(out: Path) -> None:
    """Compare answers through a worker process with the engine in this process."""
    store = open_store(current_store(out))

    async def through_the_pool(text: str, times: int) -> float:
        async with Pool(out, Limits(workers=1)) as pool:
            found = []
            for _ in range(times):
                started = time.perf_counter()
                await (await pool.ask(Query(text))).read()
                found.append(time.perf_counter() - started)
            return statistics.median(found)

    for name, text, times in (("small query", SMALL, 200), ("analytical query", LARGE, 10)):
        raw = median_of(lambda text=text: query(store, text), times)
        row(f"{name} through a worker", asyncio.run(through_the_pool(text, times)), "in this process", raw)


def main() -> None:
    """Run everything, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="kg-bench-"))
    try:
        bench_building(folder)
        bench_reading()
        build(folder)
        bench_answering(folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
