"""Reading: plans per second and core from text documents, and how the time grows with a document's length."""

from __future__ import annotations

import os
import re
import statistics
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

from kg.documents import Document, find_documents, read_document
from kg.reading.drafts import draft_record
from tests.bench.report import Row, Target

Shape = Callable[[int], list[str]]  # the lines of a text, so many times as long as its shortest

TIMES = (2, 4, 8, 16)
_LINEAR = Target(1.25)
_PLANS = 2  # put together as one document
_LAYOUTS = Path(__file__).resolve().parent.parent / "layouts"
_NEED = "La población de la zona alta no cuenta con agua potable ni desagüe en sus viviendas"
_PLEDGE = "Construir sistemas de agua potable en la zona alta por S/ 12 000 en convenio con el MINSA"


def rows() -> list[Row]:
    """Measure speed on the plans at hand (KG_DOCUMENTS, else the synthetic layouts), then growth on several shapes of text."""
    folder = Path(os.environ.get("KG_DOCUMENTS") or _LAYOUTS)
    plans = [read_document(path) for path in find_documents(folder) if path.suffix in {".txt", ".md"}]
    joined = [line for plan in plans[:_PLANS] for line in ("", *plan.lines)]
    shapes: dict[str, Shape] = {f"{len(plans[:_PLANS])} plans in one": lambda times: joined * times, **SHAPES}
    return [_speed(plans), *(row for name, shape in shapes.items() for row in _growth(name, shape))]


def _speed(plans: list[Document]) -> Row:
    for plan in plans:
        draft_record(plan)
    ours = _seconds(lambda: [draft_record(plan) for plan in plans], 3)
    other = _seconds(lambda: [_folded(plan) for plan in plans], 3)
    words = sum(len(line.split()) for plan in plans for line in plan.lines) // len(plans)
    what = f"plans read a second and core ({len(plans)} plans of {words:,} words on average)"
    return Row(what, "plans/s", len(plans) / ours, "the same, their words only folded", len(plans) / other, 3)


def _folded(plan: Document) -> list[str]:
    """Fold case and accents of each word, as every reader must: what plain Python can do at most."""
    text = unicodedata.normalize("NFKD", "\n".join(plan.lines)).casefold()
    return re.findall(r"[a-z0-9]+", "".join(c for c in text if not unicodedata.combining(c)))


def _growth(name: str, shape: Shape) -> list[Row]:
    """Compare the time by length of a text n times as long with that of one half as long: linear is 1, quadratic 2.

    The first steps have no target: a line that recurs three times may be a running header and is read otherwise.
    """
    draft_record(_document(shape(1)))
    before, found = _seconds(partial(draft_record, _document(shape(1))), 3), []
    for times in TIMES:
        taken = _seconds(partial(draft_record, _document(shape(times))), 3 if times < 4 else 1)
        beside = f"{times // 2} times" if times > 2 else "as it is"
        by_length = taken / times, before / (times // 2)
        target = _LINEAR if times > 4 else None
        found.append(Row(f"{name}, {times} times, by length", "ms", by_length[0] * 1000, beside, by_length[1] * 1000, 1, target))
        before = taken
    return found


def _seconds(action: Callable[[], object], times: int) -> float:
    """Return the median processor time of an action (s): what one core needs for it, whoever else is at work."""
    found = []
    for _ in range(times):
        started = time.process_time()
        action()
        found.append(time.process_time() - started)
    return statistics.median(found)


def _document(lines: list[str]) -> Document:
    return Document("bench.md", "0" * 64, "text/markdown", tuple(lines))


def _sections(times: int) -> list[str]:
    lines = []
    for number in range(3 * times):
        lines += [f"## {number + 1}. SECTOR {number + 1}", "### Problemática:", *(f"- {_NEED} ({i})." for i in range(5))]
        lines += ["### Propuestas", *(f"- {_PLEDGE} ({i})." for i in range(10)), ""]
    return lines


def _table(times: int) -> list[str]:
    cells = (f"{_NEED} {i}\tMejorar el servicio\t{_PLEDGE}\tal 2026, 80 %" for i in range(20 * times))
    return ["Problema\tObjetivo\tProyecto\tMeta", *cells]


def _needs_and_pledges(times: int) -> list[str]:
    needs, pledges = (f"- {_NEED} ({i})." for i in range(20 * times)), (f"- {_PLEDGE} ({i})." for i in range(20 * times))
    return ["# Agua", "## Problemas", *needs, "## Propuestas", *pledges]


SHAPES: dict[str, Shape] = {
    "sections with lists": _sections,
    "one table": _table,
    "one section": _needs_and_pledges,
    "prose": lambda times: [line for i in range(20 * times) for line in (f"{_NEED}. {_PLEDGE} ({i}).", "")],
    "one paragraph": lambda times: ["# Diagnóstico", " ".join(f"{_NEED} ({i})." for i in range(40 * times))],
    "wrapped lines": lambda times: ["# Diagnóstico", *(f"{_NEED} ({i})," for i in range(40 * times))],
    "one cell": lambda times: ["Problema\tMeta", " ".join(f"- {_NEED} ({i})." for i in range(30 * times)) + "\t80 %"],
}
