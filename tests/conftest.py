"""Fixtures that several tests share: the material beside the checkout, the records, their graphs, a built folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kg.build import make_graphs, write_graph
from kg.paths import PLANS
from kg.records import Record, load_records
from kg.store import build_store
from tests.browsing import chromium, served

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
KEYS = ["huancane-2019-2022", "huancayo-2019-2022", "pativilca-2019-2022", "puno-2019-2022", "san-sebastian-2007-2010"]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with plan documents and annotations, or a skip where it is not at hand."""
    if not SHARED.is_dir():
        pytest.skip(f"no plan documents beside the checkout ({SHARED})")
    return SHARED


@pytest.fixture(scope="session")
def records() -> dict[str, Record]:
    return {r.plan: r for r in load_records(PLANS)}


@pytest.fixture(scope="session")
def made(records):
    """(graphs by name, findings) of all records."""
    return make_graphs(list(records.values()))


@pytest.fixture(scope="session")
def built(made, tmp_path_factory) -> Path:
    """A folder with graph.nq and a store, as `kg build` leaves it."""
    out = tmp_path_factory.mktemp("built")
    write_graph(made[0], out / "graph.nq")
    build_store(out / "graph.nq", out)
    return out


@pytest.fixture(scope="module")
def address(built) -> Iterator[str]:
    """Where the reviewed plans are served, as a person starts the server."""
    with served(built) as told:
        yield told


@pytest.fixture(scope="module")
def browser(request) -> Iterator[Any]:
    """The Chromium of this machine, or a skip."""
    with chromium(f"{request.module.__name__} looked at nothing") as started:
        yield started
