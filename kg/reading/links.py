"""The ties between statements: those of one table row, of one group of labels, of one program, of one section."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from kg.reading.drafted import Drafted
from kg.reading.roles import COMMITMENTS
from kg.text import fold

_ANSWERS = COMMITMENTS | {"objective", "target", "priority"}
_MOST_TIES = 40  # a longer list is a diagnosis: it says of no single answer what it is for
_WHOLES = {"activity": ("project", "program", "proposal"), "project": ("program",), "proposal": ("program", "project")}


def link_row(found: Sequence[Drafted], indices: Sequence[int]) -> None:
    """Tie the statements of one table row: to its problems, objectives, and down the chain program, project, activity."""
    by_type: dict[str, list[int]] = {}
    for index in indices:
        by_type.setdefault(found[index].type, []).append(index)
    problems, objectives = by_type.get("problem", []), by_type.get("objective", [])
    programs, projects = by_type.get("program", []), by_type.get("project", [])
    proposals = by_type.get("proposal", [])
    for index in indices:
        statement = found[index]
        if statement.type in _ANSWERS and problems:
            statement.links["addresses"] = list(problems)
        if statement.type in COMMITMENTS and objectives:
            statement.links["pursues"] = list(objectives)
        if statement.type == "project" and programs:
            statement.links["part_of"] = programs[-1:]
        if statement.type == "activity" and (projects or programs):
            statement.links["part_of"] = (projects or programs)[-1:]
        if statement.type == "target":
            measured = [*objectives, *programs] or projects or proposals
            if measured:
                statement.links["measures"] = list(measured)


def link(found: list[Drafted]) -> None:
    """Tie what stands outside tables: by the labels open around it, by its program, else by its section."""
    linker = _Linker(found)
    rows: dict[str, set[str]] = {}
    for statement in found:
        if statement.row is not None:
            rows.setdefault(statement.row, set()).add(statement.type)
    for index, statement in enumerate(found):
        linker.link(index, rows.get(statement.row or "", set()))


class _Linker:
    """Holds where statements of each kind stand: by group of labels, by owner, by section."""

    def __init__(self, found: list[Drafted]):
        self._found = found
        self._at: dict[tuple[object, ...], list[int]] = {}
        self._within: dict[tuple[object, ...], list[int]] = {}
        self._held: dict[tuple[int, str], list[int]] = {}
        for index, s in enumerate(found):
            if s.owner is not None:
                self._held.setdefault((s.owner, s.type), []).append(index)
            if s.row is None and s.path:
                place = (s.place, s.owner, s.type)
                self._at.setdefault((*place, s.path), []).append(index)
                for size in range(1, len(s.path)):
                    self._within.setdefault((*place, s.path[:size]), []).append(index)
        self._problems, self._objectives = _Pools(found, "problem"), _Pools(found, "objective")

    def link(self, index: int, beside: set[str]) -> None:
        """Set the links of a statement; for one of a table row, those that the row itself (`beside`: its types) cannot tell."""
        statement = self._found[index]
        if statement.type in _ANSWERS and "problem" not in beside:
            tied = self._related(index, "problem") or self._owned(index, "problem")
            told = any(role == "problem" for role, _ in statement.path)  # its own group names a problem, if only as absent
            _tie(statement, "addresses", tied or ([] if told else self._problems.of(statement, index, elsewhere=True)))
        if statement.type in COMMITMENTS and "objective" not in beside:
            tied = self._related(index, "objective") or self._owned(index, "objective")
            _tie(statement, "pursues", tied or self._objectives.of(statement, index, elsewhere=False))
        if statement.type in COMMITMENTS and "part_of" not in statement.links:
            _tie(statement, "part_of", self._whole_of(index))
        if statement.type == "target" and not beside & {"objective", "program"}:
            _tie(statement, "measures", self._measured(index))

    def _related(self, index: int, kind: str) -> list[int]:
        """Return the statements of a kind in the same group of labels: of two label paths one begins the other."""
        own = self._found[index]
        place = (own.place, own.owner, kind)
        pool = [i for size in range(1, len(own.path) + 1) for i in self._at.get((*place, own.path[:size]), ())]
        pool += self._within.get((*place, own.path), ()) if own.path else ()
        pool = sorted(i for i in pool if i != index)
        same = [i for i in pool if own.number is not None and self._found[i].number == own.number]
        return same if same and len({self._found[i].number for i in pool}) == len(pool) else pool

    def _owned(self, index: int, kind: str) -> list[int]:
        """Return the statements of a kind that a program holds, else those beside it below the same owner, else above."""
        held = self._held.get((index, kind), [])
        owner = self._found[index].owner
        while not held and owner is not None:
            held = [owner] if self._found[owner].type == kind else self._held.get((owner, kind), [])
            owner = self._found[owner].owner
        return [i for i in held if i != index]

    def _whole_of(self, index: int) -> list[int]:
        """Return what a commitment is part of: the nearest program or project that its labels stand under, else its owner.

        A list of projects beside a list of activities holds none of them.
        """
        own = self._found[index]
        for size in range(len(own.path) - 1, 0, -1):
            for kind in _WHOLES.get(own.type, ()):
                earlier = self._at.get((own.place, own.owner, kind, own.path[:size]), ())
                before = [i for i in earlier if i < index and self._found[i].rule == "label"]
                if before:
                    return before[-1:]
        if own.owner is not None and self._found[own.owner].type in {"program", "project"}:
            return [own.owner]
        return []

    def _measured(self, index: int) -> list[int]:
        """Return what a target measures: objectives and programs of its group and the program that holds it."""
        tied = self._related(index, "objective") + self._related(index, "program")
        owner = self._found[index].owner
        if owner is not None:
            tied += [owner] if self._found[owner].type in {"program", "objective", "project"} else []
            tied += [] if any(self._found[i].type == "objective" for i in tied) else self._owned(index, "objective")
        return sorted(set(tied)) or self._related(index, "project")


def _tie(statement: Drafted, kind: str, others: list[int]) -> None:
    if 0 < len(others) <= _MOST_TIES:
        statement.links[kind] = list(others)


class _Pools:
    """What sections state under a label or heading of a kind: by the section itself, and by its title for a later chapter."""

    def __init__(self, found: list[Drafted], kind: str):
        self._own: dict[int, list[int]] = {}
        self._titled: dict[tuple[tuple[str, ...], str], list[tuple[int, int]]] = {}
        for index, s in enumerate(found):
            if s.type != kind or s.row is not None or not (s.rule in {"heading", "label"} or kind == "problem"):
                continue
            if s.place not in self._own and s.section:
                self._titled.setdefault((s.section[:-2], fold(s.section[-1])), []).append((index, s.place))
            self._own.setdefault(s.place, []).append(index)

    def of(self, statement: Drafted, index: int, elsewhere: bool) -> list[int]:
        """Return those of the statement's section; else, if wanted, those of the nearest section with the same title."""
        own = self._own.get(statement.place)
        if own is not None or not elsewhere or not statement.section:
            return own or []
        named = self._titled.get((statement.section[:-2], fold(statement.section[-1])), [])
        before = bisect_left(named, (index, 0))
        nearest = named[before - 1 : before] if before else named[:1]
        return self._own[nearest[0][1]] if nearest else []
