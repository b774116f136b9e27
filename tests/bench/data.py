"""The graphs that are measured: written and built once, kept in a folder of their own for the next run."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kg.paths import DATA, ONTOLOGY, PLANS, ROOT
from kg.store import build_store
from tests.bench import graphs, replicas

CACHE = Path(os.environ.get("KG_BENCH_CACHE") or Path.home() / ".cache" / "plan-de-gobierno" / "bench")


@dataclass(frozen=True)
class Data:
    """A graph of about `size` triples: its folder, which is an output folder of `kg build`, and what is in it."""

    size: int
    folder: Path
    store: Path
    triples: int
    plans: int

    @property
    def nquads(self) -> Path:
        """The graph's file."""
        return self.folder / "graph.nq"


def say(text: str) -> None:
    """Print a line of progress."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def prepared(size: int) -> Data:
    """Return a synthetic graph, from the last run where what makes it is still the same."""
    return _prepared(size, f"{size}", graphs.write_graph, Path(graphs.__file__).read_bytes())


def replicated(size: int) -> Data:
    """Return a graph of copies of the project's plans, from the last run where these and what makes it are still the same."""
    inputs = [Path(replicas.__file__)]
    for folder in (PLANS, DATA, ONTOLOGY, ROOT / "kg" / "graph"):
        inputs += [path for path in sorted(folder.iterdir()) if path.is_file()]
    return _prepared(size, f"{size}-replicas", replicas.write_graph, b"".join(path.read_bytes() for path in inputs))


def _prepared(size: int, name: str, write: Callable[[Path, int], tuple[int, int]], made_by: bytes) -> Data:
    stamp = hashlib.sha256(made_by + (ROOT / "kg" / "store.py").read_bytes()).hexdigest()[:8]
    folder = CACHE / "graphs" / f"{name}-{stamp}"
    for older in folder.parent.glob(f"{name}-????????"):
        if older != folder:
            shutil.rmtree(older)
    folder.mkdir(parents=True, exist_ok=True)
    counts = folder / "counts"
    if not counts.exists():
        say(f"{size:,} triples: writing the graph")
        counts.write_text("{} {}".format(*write(folder / "graph.nq", size)), encoding="ascii")
    triples, plans = map(int, counts.read_text(encoding="ascii").split())
    started = time.perf_counter()
    say(f"{triples:,} triples in {plans} plans: building the store, unless it is there")
    info = build_store(folder / "graph.nq", folder)
    say(f"store {info.version}: {info.quads:,} quads in {info.graphs} graphs, {time.perf_counter() - started:.1f} s")
    return Data(size, folder, info.path, triples, plans)
