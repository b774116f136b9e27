"""A small graph with everything that the server must show, and applications on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from api.settings import Settings
from kg.namespaces import BASE, PREFIXES
from kg.store import build_store

PLAN = BASE + "id/plan/demo-2019-2022"
S1, S2 = f"{PLAN}/s001", f"{PLAN}/s002"
GRAPH_A, GRAPH_B = BASE + "graph/plan/demo-2019-2022", BASE + "graph/actors"
LABEL = 'Agua "limpia" <script>alert(1)</script>'


def product(names: str, size: int) -> str:
    """Return a pattern with `size` to the power of the number of names solutions."""
    values = " ".join(map(str, range(size)))
    return " ".join(f"VALUES ?{name} {{ {values} }}" for name in names)


SLOW = f"SELECT (COUNT(*) AS ?n) {{ {product('abcde', 200)} }}"
# Enough levels to exhaust the engine's stack, in little text.
CRASH = "ASK { " + "{" * 20000 + "?s ?p ?o" + "}" * 20000 + " }"

_TEMPLATE = """
<{PLAN}> <{rdf}type> <{pg}Plan> <{GRAPH_A}> .
<{PLAN}> <{rdfs}label> "Plan de Demo 2019–2022"@es <{GRAPH_A}> .
<{PLAN}> <{pg}periodStart> "2019"^^<{xsd}gYear> <{GRAPH_A}> .
<{PLAN}> <{pg}forTerritory> <{base}id/territory/2101> <{GRAPH_A}> .
<{GRAPH_A}> <{dcterms}subject> <{PLAN}> <{GRAPH_A}> .
<{GRAPH_A}> <{void}classPartition> <{PLAN}/count/Statement> <{GRAPH_A}> .
<{PLAN}/count/Statement> <{void}class> <{pg}Statement> <{GRAPH_A}> .
<{PLAN}/count/Statement> <{void}entities> "2"^^<{xsd}integer> <{GRAPH_A}> .
<{S1}> <{rdf}type> <{pg}Problem> <{GRAPH_A}> .
<{S1}> <{rdf}type> <{pg}Statement> <{GRAPH_A}> .
<{S1}> <{rdfs}label> "{label}"@es <{GRAPH_A}> .
<{S1}> <{pg}text> "{label}"@es <{GRAPH_A}> .
<{S1}> <{pg}sourceLine> "195"^^<{xsd}integer> <{GRAPH_A}> .
<{S1}> <{pg}section> "4. <b>AMBIENTE</b>"@es <{GRAPH_A}> .
<{S1}> <{pg}statedIn> <{PLAN}> <{GRAPH_A}> .
<{S1}> <{rdfs}seeAlso> <javascript:alert(1)> <{GRAPH_A}> .
<{S1}> <{pg}evidence> <{S1}/evidence> <{GRAPH_A}> .
<{S1}/evidence> <{pg}quote> "Agua" <{GRAPH_A}> .
<{S2}> <{rdf}type> <{pg}Project> <{GRAPH_A}> .
<{S2}> <{rdfs}label> "Planta de agua"@es <{GRAPH_A}> .
<{S2}> <{pg}text> "Planta de agua"@es <{GRAPH_A}> .
<{S2}> <{pg}statedIn> <{PLAN}> <{GRAPH_A}> .
<{S2}> <{pg}addresses> <{S1}> <{GRAPH_A}> .
<{S2}> <{pg}budget> <{S2}/budget> <{GRAPH_A}> .
<{S2}/budget> <{pg}amount> "2100000.00"^^<{xsd}decimal> <{GRAPH_A}> .
<{base}id/territory/2101> <{rdfs}label> "Puno"@es <{GRAPH_A}> .
<{base}id/territory/2101> <{rdfs}label> "Puno"@es <{GRAPH_B}> .
<{pg}Problem> <{rdfs}label> "Problema"@es <{base}graph/ontology> .
<{pg}Problem> <{rdfs}label> "Problem"@en <{base}graph/ontology> .
<{pg}Problem> <{rdfs}subClassOf> <{pg}Statement> <{base}graph/ontology> .
<{pg}Problem> <{rdf}type> <{owl}Class> <{base}graph/ontology> .
<{pg}addresses> <{rdfs}label> "responde a"@es <{base}graph/ontology> .
"""
QUESTION = """#+ title: {es: "¿Qué dice el plan?", en: "What does the plan say?"}
#+ description: {es: "Enunciados con su línea.", en: "Statements with their line."}
#+ params: [{name: plan, kind: plan, default: demo-2019-2022, es: Plan, en: Plan}]
SELECT ?statement ?line ?text WHERE { ?statement pg:statedIn $plan ; pg:text ?text OPTIONAL { ?statement pg:sourceLine ?line } }
ORDER BY ?statement
"""


def nquads(extra: str = "") -> str:
    """Return the graph as N-Quads, with more lines at the end."""
    label = LABEL.replace('"', '\\"')
    names = {"PLAN": PLAN, "S1": S1, "S2": S2, "GRAPH_A": GRAPH_A, "GRAPH_B": GRAPH_B, "base": BASE}
    return _TEMPLATE.format(**names, label=label, **PREFIXES).lstrip() + extra


def build(out: Path, extra: str = "") -> Path:
    """Build the graph's store in a folder, with one question beside it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "graph.nq").write_text(nquads(extra), encoding="utf-8")
    (out / "questions").mkdir(exist_ok=True)
    (out / "questions" / "enunciados.rq").write_text(QUESTION, encoding="utf-8")
    build_store(out / "graph.nq", out)
    return out


def settings(out: Path, **more: object) -> Settings:
    """Return settings for tests: what is not said stays as it is for everybody."""
    return Settings(out=out, questions=out / "questions", **more)  # type: ignore[arg-type]


async def until(holds: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until something holds; tell whether it came to that."""
    for _ in range(int(seconds / 0.01)):
        if holds():
            return True
        await asyncio.sleep(0.01)
    return False
