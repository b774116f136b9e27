"""What a careful reader found in a plan: annotations (JSON) and accepted records (YAML), as one thing to measure drafts with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from kg.errors import KgError, Problem, ProblemsError, did_you_mean
from kg.files import read_text_file
from kg.paths import shown
from kg.reading.roles import STATEMENTS
from kg.records import LINKS, Funding, Mention, Partner, Record, load_record
from kg.registry import load_registry

ENDINGS = (".json", ".yaml", ".yml")
_FORM = "an annotation is a JSON object with `plan` and `statements` (docs/measuring.md)"


@dataclass(frozen=True)
class Expected:
    """A statement that a careful reader found. `rest`: its runs after page breaks; `links`: (kind, id of the other)."""

    id: str
    type: str
    line: int
    text: str
    clean: str | None = None
    rest: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    amount: Decimal | None = None
    value: Decimal | None = None


@dataclass(frozen=True)
class Body:
    """An institution that a careful reader found: every name that the annotation has for it, the main one first."""

    names: tuple[str, ...]
    acronym: str | None = None


@dataclass(frozen=True)
class Annotation:
    """What a draft is compared with."""

    plan: str
    statements: tuple[Expected, ...]
    bodies: tuple[Body, ...] = ()


def find_annotation(folder: Path, stem: str) -> Path | None:
    """Return the annotation or record of a document's name in a folder: `<stem>.json`, else `<stem>.yaml`."""
    return next((path for ending in ENDINGS if (path := folder / (stem + ending)).is_file()), None)


def load_annotation(path: Path) -> Annotation:
    """Load an annotation (.json) or a plan record (.yaml).

    Raises:
        KgError: the file is missing, not JSON, or something else than an annotation.
        ProblemsError: every statement of it that cannot be used.
    """
    if path.suffix in {".yaml", ".yml"}:
        return annotation_of(load_record(path))
    name = shown(path)
    try:
        found = json.loads(read_text_file(path))
    except json.JSONDecodeError as error:
        raise KgError(f"{name}:{error.lineno}: not JSON (column {error.colno}: {error.msg}); {_FORM}") from error
    except RecursionError as error:
        raise KgError(f"{name}: nested too deeply; {_FORM}") from error
    if not isinstance(found, dict) or not isinstance(found.get("statements"), list):
        raise KgError(f"{name}: no annotation; {_FORM}")
    reader = _Reader(name)
    statements = tuple(reader.statements(found["statements"]))
    bodies = tuple(reader.bodies(found.get("institutions") or []))
    reader.raise_if_any()
    return Annotation(str(found.get("plan") or path.stem), statements, bodies)


def annotation_of(record: Record) -> Annotation:
    """Take an accepted record as the annotation to measure with."""
    statements = tuple(
        Expected(
            id=s.id,
            type=s.type,
            line=s.line,
            text=s.first_run,
            clean=s.clean,
            rest=tuple(p.text for p in s.parts),
            links=tuple(s.links()),
            amount=s.budget.amount if s.budget else None,
            value=s.target.value if s.target else None,
        )
        for s in record.statements
    )
    return Annotation(record.plan, statements, tuple(_bodies_of(record)))


def _bodies_of(record: Record) -> Iterator[Body]:
    written: dict[str, dict[str, None]] = {}
    for statement in record.statements:
        ties: list[Partner | Funding | Mention] = [*statement.partners, *statement.funding, *statement.mentions]
        for tie in ties:
            if tie.institution:
                written.setdefault(tie.institution, {})[tie.raw] = None
    for key, raws in written.items():
        known = load_registry().institution(key)
        yield Body(tuple(dict.fromkeys([known.name, *raws])), known.acronym) if known else Body(tuple(raws))


class _Reader:
    """Takes the parts of an annotation out of plain JSON values; what is wrong is gathered."""

    def __init__(self, name: str):
        self.name = name
        self.problems: list[Problem] = []

    def bad(self, key: str, what: str, hint: str) -> None:
        self.problems.append(Problem(self.name, 0, key, what, hint))

    def raise_if_any(self) -> None:
        if self.problems:
            raise ProblemsError(self.problems)

    def statements(self, items: list[Any]) -> Iterator[Expected]:
        ids = {str(i["id"]) for i in items if isinstance(i, dict) and i.get("id")}
        seen: set[str] = set()
        for number, item in enumerate(items, 1):
            if not isinstance(item, dict) or not item.get("id"):
                self.bad(f"statements[{number}]", "no statement with an `id`", _FORM)
                continue
            key = str(item["id"])
            if key in seen:
                self.bad(f"statements.{key}", "id given twice", "give each statement an id of its own")
            seen.add(key)
            yield self._statement(f"statements.{key}", item, ids)

    def _statement(self, key: str, item: dict[str, Any], ids: set[str]) -> Expected:
        kind, text = str(item.get("type")), item.get("text")
        if kind not in STATEMENTS:
            self.bad(
                f"{key}.type",
                f"{kind!r} is no type of statement",
                did_you_mean(kind, STATEMENTS) or f"known: {_list(STATEMENTS)}",
            )
        if not isinstance(text, str) or not text.strip():
            self.bad(f"{key}.text", "missing", "give the statement's words as the document has them")
        line = item.get("line")
        if not isinstance(line, int) or line < 1:
            self.bad(f"{key}.line", f"{line!r} is no line", "lines are whole numbers from 1")
        return Expected(
            id=str(item["id"]),
            type=kind,
            line=line if isinstance(line, int) else 0,
            text=str(text),
            clean=item.get("text_clean") or None,
            rest=tuple(str(part.get("text", "")) for part in self._maps(f"{key}.continues", item.get("continues"))),
            links=tuple(self._links(f"{key}.links", item.get("links"), ids)),
            amount=self._number(f"{key}.budget", item.get("budget"), "amount"),
            value=self._number(f"{key}.target", item.get("target"), "value"),
        )

    def _maps(self, key: str, value: Any) -> list[dict[str, Any]]:
        if value is None or (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
            return value or []
        self.bad(key, "a list of objects is expected", _FORM)
        return []

    def _links(self, key: str, value: Any, ids: set[str]) -> Iterator[tuple[str, str]]:
        if value is not None and not isinstance(value, dict):
            self.bad(key, "an object is expected", 'write it as {"addresses": ["s001"]}')
            return
        for kind, others in (value or {}).items():
            if kind not in LINKS:
                self.bad(f"{key}.{kind}", "no kind of link", did_you_mean(kind, LINKS) or f"known: {_list(LINKS)}")
            for other in others or []:
                if other not in ids:
                    self.bad(f"{key}.{kind}", f"{other!r} is no statement of this annotation", "links name ids")
                yield kind, str(other)

    def _number(self, key: str, value: Any, part: str) -> Decimal | None:
        if value is not None and not isinstance(value, dict):
            self.bad(key, "an object is expected", _FORM)
            return None
        number = (value or {}).get(part)
        try:
            return None if number is None else Decimal(str(number))
        except InvalidOperation:
            self.bad(f"{key}.{part}", f"{number!r} is no number", "write a plain number such as 2100000.00, or null")
            return None

    def bodies(self, items: Any) -> Iterator[Body]:
        for item in self._maps("institutions", items):
            acronym = item.get("acronym") or None
            mentions = [m.get("text") for m in self._maps("institutions.mentions", item.get("mentions"))]
            names = tuple(dict.fromkeys(str(n) for n in (item.get("canonical"), acronym, *mentions) if n))
            if not names:
                self.bad("institutions", "one has no name", "give `canonical`, `acronym` or `mentions`")
            yield Body(names, acronym)


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
