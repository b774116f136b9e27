"""The built graph in other formats: one function, a folder of files. Same graph, same bytes: no clock, everything sorted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kg.errors import KgError, did_you_mean
from kg.exports.catalog import catalog_files
from kg.exports.rdf import context_text, jsonld_text, trig_text, turtle_text
from kg.exports.tables import csv_files
from kg.facts import facts_of
from kg.files import read_text_file, write_whole
from kg.networks import gexf_bytes, graphml_bytes, whole_graph
from kg.paths import shown
from kg.progress import step

GRAPH_FILE = "graph.nq"
FOLDER = "exports"


@dataclass(frozen=True)
class Job:
    """What an export works from: the built graph's file, the folder that it writes to, and whether CSV gets a byte order mark."""

    nquads: Path
    folder: Path
    bom: bool = False

    def lines(self) -> list[str]:
        """Return the built graph's lines, sorted as `kg build` writes them."""
        return read_text_file(self.nquads).removesuffix("\n").split("\n")


Files = dict[str, bytes]


def _nquads(job: Job) -> Files:
    """Copy the built graph: named graphs, one line a quad."""
    return {"graph.nq": job.nquads.read_bytes()}


def _turtle(job: Job) -> Files:
    """Write the union of the graphs."""
    return {"graph.ttl": turtle_text(job.lines()).encode()}


def _trig(job: Job) -> Files:
    """Write the named graphs."""
    return {"graph.trig": trig_text(job.lines()).encode()}


def _jsonld(job: Job) -> Files:
    """Write the union of the graphs, with its context inside and beside it."""
    facts = facts_of(job.nquads)
    return {"graph.jsonld": jsonld_text(facts).encode(), "context.jsonld": context_text().encode()}


def _csv(job: Job) -> Files:
    """Write the tables and the metadata that describe their columns."""
    return {f"csv/{name}": data for name, data in csv_files(facts_of(job.nquads), job.bom).items()}


def _graphml(job: Job) -> Files:
    """Write the whole graph as GraphML."""
    return {"graph.graphml": graphml_bytes(whole_graph(facts_of(job.nquads)))}


def _gexf(job: Job) -> Files:
    """Write the whole graph as GEXF."""
    return {"graph.gexf": gexf_bytes(whole_graph(facts_of(job.nquads)))}


def _dcat(job: Job) -> Files:
    """Describe the export files that are there: run it last."""
    return catalog_files(job.nquads, job.folder)


EXPORTS: dict[str, Callable[[Job], Files]] = {
    "nquads": _nquads,
    "turtle": _turtle,
    "trig": _trig,
    "jsonld": _jsonld,
    "csv": _csv,
    "graphml": _graphml,
    "gexf": _gexf,
    "dcat": _dcat,
}


def export(out: Path, name: str, target: Path | None = None, bom: bool = False) -> list[Path]:
    """Write the graph that `kg build` left in a folder in another format, below `<out>/exports/` or into the target folder.

    Returns the files, in the order of writing. `bom` puts a byte order mark before each CSV table, for spreadsheets that take a
    file without one for something else than UTF-8.

    Raises:
        KgError: there is no such format, nothing has been built, or the folder cannot be written.
    """
    if name not in EXPORTS:
        hint = did_you_mean(name, EXPORTS) or f"there are {', '.join(EXPORTS)}"
        raise KgError(f"no export is called {name}; {hint}")
    job = Job(out / GRAPH_FILE, target or out / FOLDER, bom)
    if not job.nquads.is_file():
        raise KgError(f"{shown(job.nquads)}: not there; run `kg build` first")
    with step(f"exportación / export {name}") as notes:
        files = EXPORTS[name](job)
        written = [write_whole(job.folder / path, data) for path, data in files.items()]
        notes.append(f"{len(written)} archivos / files, {sum(map(len, files.values())):,} bytes")
    return written
