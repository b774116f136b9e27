"""Synthetic plan graphs in the shape of the real one: seeded, of any size, as N-Quads.

One named graph a plan beside small shared ones; no triple stands in two graphs, so that engines with and without sets agree on
counts. The first plan is so long that all its triples are about one megabyte of JSON.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from kg.namespaces import BASE, PREFIXES

PG, RDFS, XSD, RDF = (PREFIXES[name] for name in ("pg", "rdfs", "xsd", "rdf"))
PLAN = BASE + "id/plan/sintetico-{:06d}-2019-2022"
PLAN_GRAPH = BASE + "graph/plan/sintetico-{:06d}-2019-2022"
LONG_PLAN = 210  # statements of plan 0
COMMON_PLANS = (40, 130)  # statements of the others
TERRITORIES, INSTITUTIONS, ISSUES, DIMENSIONS = 1000, 300, 60, 4
TYPES = ("Project", "Problem", "Target", "Objective", "Principle")
_WEIGHTS = (45, 30, 10, 10, 5)
_WORDS = """agua potable desagüe saneamiento básico población distrito provincia rural urbana programa construcción mejoramiento
ampliación falta deficiente infraestructura educativa salud anemia desnutrición infantil caminos carretera vecinal puente riego
ganadería camélidos turismo artesanía empleo juventud mujeres seguridad ciudadana serenazgo limpieza pública residuos sólidos
contaminación río cuenca presupuesto participativo gestión municipal transparencia convenio universidad instituto capacitación
productores mercado electrificación telecomunicaciones deporte cultura identidad patrimonio comunidad campesina centro poblado"""

_STATEMENT = """<{s}> <{RDF}type> <{PG}{type}> <{g}> .
<{s}> <{RDF}type> <{PG}Statement> <{g}> .
<{s}> <{RDFS}label> "{label}…"@es <{g}> .
<{s}> <{PG}text> "{text}"@es <{g}> .
<{s}> <{PG}section> "{section}"@es <{g}> .
<{s}> <{PG}sourceLine> "{line}"^^<{XSD}integer> <{g}> .
<{s}> <{PG}statedIn> <{p}> <{g}> .
<{s}> <{PG}dimension> <{BASE}id/dimension/{dimension}> <{g}> .
<{s}> <{PG}issue> <{BASE}id/issue/i{issue:03d}> <{g}> .
<{s}> <{PG}reviewStatus> <{BASE}id/review-status/reviewed> <{g}> .
<{s}> <{PG}evidence> <{s}/evidence> <{g}> .
<{s}/evidence> <{RDF}type> <{PG}Evidence> <{g}> .
<{s}/evidence> <{PG}evidenceLine> "{line}"^^<{XSD}integer> <{g}> .
<{s}/evidence> <{PG}quote> "{text}" <{g}> .
"""
_BUDGET = """<{s}> <{PG}budget> <{s}/budget> <{g}> .
<{s}/budget> <{RDF}type> <{PG}Budget> <{g}> .
<{s}/budget> <{PG}amount> "{amount}.00"^^<{XSD}decimal> <{g}> .
<{s}/budget> <{PG}currency> "PEN" <{g}> .
"""
_ADDRESSES = "<{s}> <{PG}addresses> <{p}/s{problem:04d}> <{g}> .\n"
_PARTNER = "<{s}> <{PG}partner> <{BASE}id/institution/e{partner:03d}> <{g}> .\n"
_PLAN = """<{p}> <{RDF}type> <{PG}Plan> <{g}> .
<{p}> <{RDFS}label> "Plan de gobierno sintético {number} 2019-2022"@es <{g}> .
<{p}> <{RDFS}label> "Synthetic government plan {number} 2019-2022"@en <{g}> .
<{p}> <{PG}periodStart> "2019"^^<{XSD}gYear> <{g}> .
<{p}> <{PG}forTerritory> <{BASE}id/territory/{territory:06d}> <{g}> .
"""
_NAMES = {"PG": PG, "RDF": RDF, "RDFS": RDFS, "XSD": XSD, "BASE": BASE}


def _template(text: str) -> str:
    """Fill in what is the same everywhere; the rest stays open."""
    for name, value in _NAMES.items():
        text = text.replace("{" + name + "}", value)
    return text


_STATEMENT, _BUDGET, _ADDRESSES, _PARTNER, _PLAN = map(_template, (_STATEMENT, _BUDGET, _ADDRESSES, _PARTNER, _PLAN))


def shared_lines() -> list[str]:
    """Return the graphs beside the plans': territories, institutions, issues, dimensions."""
    lines = []
    groups = (
        ("dimension", "{}", DIMENSIONS, "issues", "Dimensión"),
        ("institution", "e{:03d}", INSTITUTIONS, "actors", "Institución"),
        ("issue", "i{:03d}", ISSUES, "issues", "Asunto"),
        ("territory", "{:06d}", TERRITORIES, "territories", "Distrito"),
    )
    for kind, key, count, graph, label in groups:
        for number in range(count):
            subject, g = f"<{BASE}id/{kind}/{key.format(number)}>", f"<{BASE}graph/{graph}>"
            lines.append(f"{subject} <{RDF}type> <{PG}{kind.capitalize()}> {g} .\n")
            lines.append(f'{subject} <{RDFS}label> "{label} {number}"@es {g} .\n')
    return lines


def plan_lines(number: int, statements: int, chance: random.Random, phrases: list[str]) -> list[str]:
    """Return the lines of one plan's graph."""
    p, g = PLAN.format(number), PLAN_GRAPH.format(number)
    parts = [_PLAN.format(p=p, g=g, number=number, territory=chance.randrange(TERRITORIES))]
    types = chance.choices(TYPES, _WEIGHTS, k=statements)
    types[0] = "Problem"
    problems = [i for i, name in enumerate(types) if name == "Problem"]
    for i, type_ in enumerate(types):
        s, one, two = f"{p}/s{i:04d}", chance.choice(phrases), chance.choice(phrases)
        parts.append(
            _STATEMENT.format(
                **{"s": s, "p": p, "g": g, "type": type_, "line": 10 + 3 * i, "section": f"{i // 12 + 1}. EJE"},
                **{"label": f"{one[:60]} {number}.{i}", "text": f"{one} {two} en el sector {number}.{i}."},
                **{"dimension": i % DIMENSIONS, "issue": chance.randrange(ISSUES)},
            )
        )
        if type_ == "Project":
            parts.append(_ADDRESSES.format(s=s, p=p, g=g, problem=chance.choice(problems)))
            if i % 3:
                parts.append(_BUDGET.format(s=s, g=g, amount=chance.randrange(1, 5000) * 1000))
        if i % 4 == 0:
            parts.append(_PARTNER.format(s=s, g=g, partner=chance.randrange(INSTITUTIONS)))
    return "".join(parts).splitlines(keepends=True)


def graph_lines(triples: int, seed: int = 7, ordered: bool = True) -> Iterator[list[str]]:
    """Yield the lines of a graph of about so many triples in blocks: sorted as a whole, or mixed within each block."""
    chance = random.Random(seed)
    words = _WORDS.split()
    phrases = [" ".join(chance.choices(words, k=chance.randint(6, 22))).capitalize() for _ in range(5000)]
    shared = shared_lines()
    written, number = len(shared), 0
    front = [line for line in shared if "/id/territory/" not in line]
    yield _arranged(front, chance, ordered)
    while written < triples:
        lines = plan_lines(number, chance.randint(*COMMON_PLANS) if number else LONG_PLAN, chance, phrases)
        yield _arranged(lines, chance, ordered)
        written, number = written + len(lines), number + 1
    yield _arranged([line for line in shared if "/id/territory/" in line], chance, ordered)


def _arranged(lines: list[str], chance: random.Random, ordered: bool) -> list[str]:
    if ordered:
        return sorted(lines)
    chance.shuffle(lines)
    return lines


def write_graph(path: Path, triples: int, seed: int = 7, ordered: bool = True) -> tuple[int, int]:
    """Write a graph; return how many triples it has and how many plans."""
    count = plans = 0
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for lines in graph_lines(triples, seed, ordered):
            file.writelines(lines)
            count, plans = count + len(lines), plans + 1
    part.replace(path)
    return count, plans - 2  # the first and the last block are the shared graphs
