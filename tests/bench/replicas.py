"""The project's own plans many times over, under other names and for other territories: a graph in the real shape, of any size.

What the questions count and join is all there, as no synthetic graph has it: classes and their parents, kinds, roles, evidence,
counts of each graph. Each copy's statements say its number at the end, so that no text repeats but what repeats in the plans.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from kg.build import make_graphs
from kg.graph import nquads_lines
from kg.namespaces import PREFIXES
from kg.paths import PLANS
from kg.records import load_records

_TEXT = f" <{PREFIXES['pg']}text> "
_PLACE = re.compile(rf"(?<= <{re.escape(PREFIXES['pg'])}forTerritory> <)\S*/territory/(\d+)(?=>)")
_TERRITORY = re.compile(r"^<(\S*/territory/(\d{4}|\d{6}))> ")


def write_graph(path: Path, triples: int, seed: int = 7) -> tuple[int, int]:
    """Write a graph of about so many triples; return how many it has and how many plans."""
    count, plans = 0, set[str]()
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for plan, lines in graph_lines(triples, seed):
            file.writelines(lines)
            count += len(lines)
            plans |= {plan} - {""}
    part.replace(path)
    return count, len(plans)


def graph_lines(triples: int, seed: int = 7) -> Iterator[tuple[str, list[str]]]:
    """Yield (key of the plan, lines about it) for each copy; before them, with no key, what all plans share."""
    records = load_records(PLANS)
    graphs, _ = make_graphs(records)
    lines = sorted(f"{line}\n" for name, graph in graphs.items() for line in nquads_lines(name, graph))
    keys = [record.plan for record in records]
    own = {key: [line for line in lines if f"plan/{key}" in line] for key in keys}
    shared = [line for line in lines if not any(f"plan/{key}" in line for key in keys)]
    yield "", shared
    written, number, chance = len(shared), 0, random.Random(seed)
    move = _mover(shared, chance)
    while written < triples:
        for key in keys:
            name, _, period = key.partition("-20")
            other = f"{name}-{number:05d}-20{period}"
            copied = [_copied(line, key, other, number, move) for line in own[key]] if number else own[key]
            yield other if number else key, copied
            written += len(copied)
        number += 1


def _mover(shared: list[str], chance: random.Random) -> Callable[[re.Match[str]], str]:
    """Return what replaces a plan's territory by another one of the same level."""
    by_level: dict[int, dict[str, None]] = {}
    for found in filter(None, map(_TERRITORY.match, shared)):
        by_level.setdefault(len(found[2]), {})[found[1]] = None
    lists = {level: list(names) for level, names in by_level.items()}
    return lambda match: chance.choice(lists[len(match[1])])


def _copied(line: str, key: str, other: str, number: int, move: Callable[[re.Match[str]], str]) -> str:
    line = line.replace(f"plan/{key}", f"plan/{other}")
    if _TEXT in line or "#label> " in line:
        head, quote, tail = line.rpartition('"')
        return f"{head} {number}{quote}{tail}"
    return _PLACE.sub(move, line)
