"""The plan record: the waist between reading and publishing. Loading, checking and writing of `plans/<key>.yaml`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from kg.declared import Collector, Item, read_yaml
from kg.documents import Document
from kg.errors import KgError, ProblemsError, did_you_mean
from kg.files import write_whole
from kg.gazetteer import load_gazetteer
from kg.issues import load_issues
from kg.ontology import load_ontology
from kg.paths import shown
from kg.registry import load_registry
from kg.text import fold, squeeze

DIRECTIONS = ("increase", "decrease", "reach")
LINKS = ("addresses", "pursues", "part_of", "measures")
_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """A later run of a statement that a page break cut; `line` is 1-based."""

    line: int
    text: str


@dataclass(frozen=True)
class Target:
    """What a statement aims at, as far as the plan says it."""

    raw: str
    value: Decimal | None = None
    unit: str | None = None
    direction: str | None = None
    year: int | None = None
    baseline: Decimal | None = None


@dataclass(frozen=True)
class Budget:
    """Money that the plan sets against a statement. `readings` are the other amounts that the separators allow."""

    raw: str
    amount: Decimal
    currency: str = "PEN"
    certain: bool = True
    readings: tuple[Decimal, ...] = ()


@dataclass(frozen=True)
class Funding:
    """Where the money is to come from: a fund or an institution."""

    raw: str
    fund: str | None = None
    institution: str | None = None


@dataclass(frozen=True)
class Partner:
    """An institution that the statement counts on. `role` and `instrument` are concepts of the ontology's schemes."""

    raw: str
    institution: str
    role: str = "partner"
    instrument: str | None = None


@dataclass(frozen=True)
class Mention:
    """An institution, territory or other place that the statement names."""

    raw: str
    institution: str | None = None
    territory: str | None = None
    place: str | None = None


@dataclass(frozen=True)
class Statement:
    """One thing that the plan says. `text` is verbatim, white space folded; `parts` are the runs after a page break."""

    id: str
    type: str
    line: int
    text: str
    page: int | None = None
    parts: tuple[Part, ...] = ()
    clean: str | None = None
    section: tuple[str, ...] = ()
    axis: str | None = None
    row: str | None = None
    issues: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    pursues: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    target: Target | None = None
    budget: Budget | None = None
    funding: tuple[Funding, ...] = ()
    partners: tuple[Partner, ...] = ()
    mentions: tuple[Mention, ...] = ()
    rule: str | None = None
    confidence: Decimal | None = None
    review: str | None = None

    @property
    def first_run(self) -> str:
        """The text up to the first page break: what stands at `line`."""
        text = self.text
        for part in reversed(self.parts):
            text = text[: -len(part.text)].rstrip() if text.endswith(part.text) else text
        return text

    def links(self) -> Iterable[tuple[str, str]]:
        """Yield (kind of link, id of the other statement)."""
        for kind in LINKS:
            for other in getattr(self, kind):
                yield kind, other


@dataclass(frozen=True)
class Figure:
    """A number that the plan states about its territory."""

    id: str
    line: int
    raw: str
    subject: str
    value: Decimal | None = None
    unit: str | None = None
    year: int | None = None
    page: int | None = None


@dataclass(frozen=True)
class Oddity:
    """Something odd in the plan itself that the reader saw; it becomes a finding."""

    id: str
    lines: tuple[int, ...]
    kind: str
    es: str
    en: str


@dataclass(frozen=True)
class Named:
    """An organization or candidate as the document names it; `id` is the registry's, absent for candidates."""

    raw: str
    line: int | None = None
    id: str | None = None


@dataclass(frozen=True)
class Axis:
    """A dimension or eje of the plan, with the JNE dimension it answers to."""

    name: str
    dimension: str | None = None


@dataclass(frozen=True)
class Source:
    """The document that a record was read from."""

    file: str
    sha256: str
    media_type: str
    lines: int
    url: str | None = None


@dataclass(frozen=True)
class Review:
    """How far a person has accepted the record."""

    status: str
    by: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Record:
    """A plan as read and reviewed."""

    plan: str
    title: str
    level: str
    document: Source
    review: Review
    territory: str | None = None
    start: int | None = None
    end: int | None = None
    organization: Named | None = None
    candidate: Named | None = None
    language: str = "es"
    axes: tuple[Axis, ...] = ()
    statements: tuple[Statement, ...] = ()
    figures: tuple[Figure, ...] = ()
    findings: tuple[Oddity, ...] = ()


# --------------------------------------------------------------------------------------------- loading


class _Fields:
    """The entries of one mapping, handed out with their types; what is wrong goes to the collector."""

    def __init__(self, item: Item, collector: Collector, key: str, known: set[str]):
        self.item, self.collector, self.key = item, collector, key
        self.map = collector.mapping(item, key)
        collector.known_keys(item, known, key)

    def name(self, key: str) -> str:
        return f"{self.key}.{key}" if self.key else key

    def line_of(self, key: str) -> int:
        return self.item.key_lines.get(key, self.item.line)

    def bad(self, key: str, what: str, hint: str = "") -> None:
        self.collector.add(self.line_of(key), self.name(key), what, hint)

    def text(self, key: str) -> str | None:
        return self.collector.scalar(self.map.get(key), self.name(key))

    def needed(self, key: str) -> str:
        value = self.text(key)
        if value is None and not (key in self.map and not isinstance(self.map[key].value, str)):
            self.bad(key, "missing", f"every entry here needs `{key}`")
        return value or ""

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self.collector.scalars(self.map.get(key), self.name(key)))

    def typed(self, key: str, parse: Callable[[str], Any], what: str) -> Any:
        value = self.text(key)
        if value is None:
            return None
        try:
            return parse(value)
        except (ValueError, ArithmeticError):
            self.bad(key, f"{value!r} is not {what}")
            return None

    def integer(self, key: str) -> int | None:
        number = self.typed(key, int, "a whole number")
        if number is not None and number < 1:
            self.bad(key, f"{number} is not a positive number")
        return number if number is None else int(number)

    def year(self, key: str) -> int | None:
        return None if (value := self.typed(key, _year, "a year of four digits, such as 2019")) is None else int(value)

    def decimal(self, key: str) -> Decimal | None:
        value = self.typed(key, _decimal, "a plain decimal number such as 2100000.00")
        return value if isinstance(value, Decimal) else None

    def decimals(self, key: str) -> tuple[Decimal, ...]:
        found = []
        for text in self.texts(key):
            try:
                found.append(_decimal(text))
            except (ValueError, ArithmeticError):
                self.bad(key, f"{text!r} is not a plain decimal number")
        return tuple(found)

    def one_of(self, key: str, known: Iterable[str], what: str, needed: bool = False) -> str | None:
        value = self.needed(key) if needed else self.text(key)
        if value and value not in set(known):
            self.bad(key, f"{value!r} is no {what}", did_you_mean(value, known) or f"known: {_some(known)}")
        return value

    def nested(self, key: str, make: Callable[[_Fields], Any], known: set[str]) -> Any:
        item = self.map.get(key)
        return None if item is None or item.value == "" else make(_Fields(item, self.collector, self.name(key), known))

    def listed(self, key: str, make: Callable[[_Fields], Any], known: set[str]) -> tuple[Any, ...]:
        items = self.collector.sequence(self.map.get(key), self.name(key))
        return tuple(make(_Fields(item, self.collector, self.name(key), known)) for item in items)


def _year(text: str) -> int:
    if not re.fullmatch(r"(?:1[5-9]|20|21)\d\d", text):
        raise ValueError
    return int(text)


def _decimal(text: str) -> Decimal:
    if not re.fullmatch(r"-?\d+(?:\.\d+)?", text):
        raise ValueError
    return Decimal(text)


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError
    return text == "true"


def _some(known: Iterable[str], limit: int = 12) -> str:
    names = sorted(known)
    return ", ".join(names[:limit]) + (" …" if len(names) > limit else "")


def _names(cls: type) -> set[str]:
    return {f.name for f in fields(cls)}


STATEMENT_KEYS = frozenset(_names(Statement))
_RECORD_KEYS = (_names(Record) - {"start", "end"}) | {"period"}


def load_record(path: Path) -> Record:
    """Read a record and check its keys, values, ids and links; nothing is guessed.

    Raises:
        KgError: the file cannot be read or is not YAML.
        ProblemsError: all that is wrong in it, each with file and line.
    """
    root, collector = read_yaml(path)
    top = _Fields(root, collector, "", _RECORD_KEYS)
    record = _record(top)
    _check_ids(top, record)
    if record.plan and path.stem != record.plan:
        top.bad("plan", f"{record.plan!r} does not fit the file name {path.name}", f"name the file {record.plan}.yaml")
    collector.raise_if_any()
    return record


def _record(top: _Fields) -> Record:
    plan = top.needed("plan")
    if plan and not _KEY.fullmatch(plan):
        top.bad("plan", f"{plan!r} is not a slug", "use lower-case letters, digits and hyphens")
    period = top.nested("period", lambda f: (f.year("start"), f.year("end")), {"start", "end"}) or (None, None)
    if period[0] and period[1] and period[0] > period[1]:
        top.bad("period", f"it ends ({period[1]}) before it starts ({period[0]})")
    territory = top.text("territory")
    if territory and territory not in load_gazetteer().territories:
        reniec = load_gazetteer().by_code(territory, "reniec")
        hint = (
            f"RENIEC's {territory} is INEI's {reniec.inei} ({reniec.full_name})"
            if reniec
            else "use the INEI code (2, 4 or 6 digits)"
        )
        top.bad("territory", f"{territory!r} is no INEI code", hint)
    return Record(
        plan=plan,
        title=top.needed("title"),
        level=top.one_of("level", load_ontology().concepts("plan-level"), "plan level", needed=True) or "",
        document=top.nested("document", _source, _names(Source)) or _missing(top, "document", Source("", "", "", 0)),
        review=top.nested("review", _review, _names(Review)) or _missing(top, "review", Review("draft")),
        territory=territory,
        start=period[0],
        end=period[1],
        organization=top.nested("organization", _organization, _names(Named)),
        candidate=top.nested("candidate", _candidate, {"name", "line"}),
        language=top.text("language") or "es",
        axes=top.listed("axes", _axis, _names(Axis)),
        statements=top.listed("statements", _statement, _names(Statement)),
        figures=top.listed("figures", _figure, _names(Figure)),
        findings=top.listed("findings", _oddity, _names(Oddity)),
    )


def _missing(top: _Fields, key: str, default: Any) -> Any:
    top.bad(key, "missing", f"a record needs `{key}`")
    return default


def _source(f: _Fields) -> Source:
    sha256 = f.needed("sha256")
    if sha256 and not _SHA256.fullmatch(sha256):
        f.bad("sha256", "not a SHA-256 (64 hexadecimal digits)", "run sha256sum on the document")
    return Source(f.needed("file"), sha256, f.needed("media_type"), f.integer("lines") or 0, f.text("url"))


def _review(f: _Fields) -> Review:
    status = f.one_of("status", load_ontology().concepts("review-status"), "review status", needed=True)
    day = f.typed("date", date.fromisoformat, "a date such as 2026-11-21")
    return Review(status or "draft", f.text("by"), day.isoformat() if day else None)


def _organization(f: _Fields) -> Named:
    return Named(f.needed("raw"), f.integer("line"), f.one_of("id", load_registry().organizations, "known organization", True))


def _candidate(f: _Fields) -> Named:
    return Named(f.needed("name"), f.integer("line"))


def _axis(f: _Fields) -> Axis:
    return Axis(f.needed("name"), f.one_of("dimension", load_issues().dimensions, "dimension"))


def _statement(f: _Fields) -> Statement:
    ontology = load_ontology()
    f.key = f"statements.{f.text('id') or '?'}"
    topics = load_issues().issues
    issues = f.texts("issues")
    for issue in issues:
        if issue not in topics:
            f.bad("issues", f"{issue!r} is no issue", did_you_mean(issue, topics) or "see kg/data/issues.yaml")
    return Statement(
        id=f.needed("id"),
        type=f.one_of("type", ontology.statement_types, "statement type", needed=True) or "",
        line=f.integer("line") or _missing_line(f),
        text=squeeze(f.needed("text")),
        page=f.integer("page"),
        parts=f.listed("parts", _part, _names(Part)),
        clean=f.text("clean"),
        section=f.texts("section"),
        axis=f.text("axis"),
        row=f.text("row"),
        issues=issues,
        addresses=f.texts("addresses"),
        pursues=f.texts("pursues"),
        part_of=f.texts("part_of"),
        measures=f.texts("measures"),
        target=f.nested("target", _target, _names(Target)),
        budget=f.nested("budget", _budget, _names(Budget)),
        funding=f.listed("funding", _funding, _names(Funding)),
        partners=f.listed("partners", _partner, _names(Partner)),
        mentions=f.listed("mentions", _mention, _names(Mention)),
        rule=f.text("rule"),
        confidence=f.decimal("confidence"),
        review=f.one_of("review", ontology.concepts("review-status"), "review status"),
    )


def _missing_line(f: _Fields) -> int:
    if "line" not in f.map:
        f.bad("line", "missing", "say at which line of the document the text starts")
    return 0


def _part(f: _Fields) -> Part:
    return Part(f.integer("line") or 0, squeeze(f.needed("text")))


def _target(f: _Fields) -> Target:
    return Target(
        f.needed("raw"),
        f.decimal("value"),
        f.text("unit"),
        f.one_of("direction", DIRECTIONS, "target direction"),
        f.year("year"),
        f.decimal("baseline"),
    )


def _budget(f: _Fields) -> Budget:
    amount = f.decimal("amount")
    if amount is None and "amount" not in f.map:
        f.bad("amount", "missing", "a budget needs its amount")
    certain = f.typed("certain", _boolean, "true or false")
    return Budget(
        f.needed("raw"),
        amount or Decimal(0),
        f.one_of("currency", ("PEN", "USD", "EUR"), "currency") or "PEN",
        certain is not False,
        f.decimals("readings"),
    )


def _funding(f: _Fields) -> Funding:
    fund, institution = f.one_of("fund", load_registry().funds, "known fund"), _institution(f)
    if not fund and not institution:
        f.bad("fund", "missing", "name a fund or an institution")
    return Funding(f.needed("raw"), fund, institution)


def _partner(f: _Fields) -> Partner:
    institution = _institution(f)
    if not institution:
        f.bad("institution", "missing", "name the institution's id")
    ontology = load_ontology()
    return Partner(
        f.needed("raw"),
        institution or "",
        f.one_of("role", ontology.concepts("partnership-role"), "partnership role") or "partner",
        f.one_of("instrument", ontology.concepts("instrument"), "instrument"),
    )


def _institution(f: _Fields) -> str | None:
    return f.one_of("institution", load_registry().institution_ids(), "known institution")


def _mention(f: _Fields) -> Mention:
    gazetteer = load_gazetteer()
    mention = Mention(
        f.needed("raw"),
        _institution(f),
        f.one_of("territory", gazetteer.territories, "INEI code of a territory"),
        f.one_of("place", gazetteer.places, "known place"),
    )
    if sum(x is not None for x in (mention.institution, mention.territory, mention.place)) != 1:
        f.collector.add(f.item.line, f.key, "a mention names one institution, territory or place")
    return mention


def _figure(f: _Fields) -> Figure:
    f.key = f"figures.{f.text('id') or '?'}"
    return Figure(
        f.needed("id"),
        f.integer("line") or _missing_line(f),
        f.needed("raw"),
        f.needed("subject"),
        f.decimal("value"),
        f.text("unit"),
        f.year("year"),
        f.integer("page"),
    )


def _oddity(f: _Fields) -> Oddity:
    f.key = f"findings.{f.text('id') or '?'}"
    lines = tuple(int(text) for text in f.texts("lines") if text.isdigit())
    kind = f.one_of("kind", load_ontology().concepts("finding-kind"), "finding kind", needed=True)
    return Oddity(f.needed("id"), lines, kind or "", f.needed("es"), f.needed("en"))


def _check_ids(top: _Fields, record: Record) -> None:
    """Note ids given twice, links that lead nowhere or to themselves, and axes that the record does not declare."""
    seen: dict[str, int] = {}
    for section in ("statements", "figures", "findings"):
        for item in top.collector.sequence(top.map.get(section), section):
            _check_id(top.collector, section, item, seen)
    by_id = {s.id for s in record.statements}
    axes = {a.name for a in record.axes}
    items = top.collector.sequence(top.map.get("statements"), "statements")
    for item, statement in zip(items, record.statements, strict=True):

        def bad(key: str, what: str, hint: str = "", item: Item = item, statement: Statement = statement) -> None:
            top.collector.add(item.key_lines.get(key, item.line), f"statements.{statement.id}.{key}", what, hint)

        for kind, other in statement.links():
            if other not in by_id:
                bad(kind, f"no statement {other!r}", did_you_mean(other, by_id))
            elif other == statement.id:
                bad(kind, "a statement cannot link to itself")
        if statement.axis and axes and statement.axis not in axes:
            bad("axis", f"{statement.axis!r} is not among `axes`", did_you_mean(statement.axis, axes))


def _check_id(collector: Collector, section: str, item: Item, seen: dict[str, int]) -> None:
    entry = item.value if isinstance(item.value, dict) else {}
    key = collector.scalar(entry.get("id"), "id") or ""
    line = item.key_lines.get("id", item.line)
    if key in seen and key:
        what = f"{key!r} is used twice (first at line {seen[key]})"
        collector.add(line, f"{section}.id", what, "ids are unique in a plan")
    seen.setdefault(key, line)
    if key and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", key):
        what = f"{key!r} cannot be part of an address"
        collector.add(line, f"{section}.id", what, "use letters and digits, such as s014")


def load_records(folder: Path) -> list[Record]:
    """Load every record of a folder, by key; all problems of all files at once.

    Raises:
        KgError: the folder is missing, holds no record, or a file cannot be read.
        ProblemsError: what is wrong in the records.
    """
    if not folder.is_dir():
        raise KgError(f"{shown(folder)}: no such folder; name the folder that holds the plan records (.yaml)")
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise KgError(f"{shown(folder)}: no plan record (.yaml) in it; make one with `kg draft DOCUMENT --out {shown(folder)}`")
    records, problems = [], []
    for path in paths:
        try:
            records.append(load_record(path))
        except ProblemsError as error:
            problems += error.problems
    if problems:
        raise ProblemsError(problems)
    return records


# ------------------------------------------------------------------------------------- proof against the document


def check_quotes(record: Record, document: Document, path: Path) -> list[str]:
    """Say which quotes do not stand at their line of the document; empty when all do.

    Covers the runs of statements, raw texts of targets, budgets, funding, partners and mentions (in their statement), figures.
    """
    name = shown(path)
    wrong: list[str] = []
    if document.sha256 != record.document.sha256:
        return [f"{name}: document.sha256: {document.name} is another document (its SHA-256 is {document.sha256}); read it again"]
    for statement in record.statements:
        runs = [(statement.line, statement.first_run), *((p.line, p.text) for p in statement.parts)]
        wrong += [
            f"{name}: statements.{statement.id}: not at line {line} of {document.name}: {text[:70]!r}"
            for line, text in runs
            if not document.holds(text, line)
        ]
        wrong += [f"{name}: statements.{statement.id}: {what}" for what in _loose_quotes(statement, document)]
    wrong += [
        f"{name}: figures.{figure.id}: not at line {figure.line} of {document.name}: {figure.raw!r}"
        for figure in record.figures
        if not document.holds(figure.raw, figure.line)
    ]
    return wrong


def _loose_quotes(statement: Statement, document: Document) -> list[str]:
    """Return the raw texts that stand neither in the statement nor in its line of the document."""
    folded = fold(statement.text)
    raws = [("target", statement.target.raw)] if statement.target else []
    raws += [("budget", statement.budget.raw)] if statement.budget else []
    raws += [(kind, x.raw) for kind in ("funding", "partners", "mentions") for x in getattr(statement, kind)]
    lines = [statement.line, *(p.line for p in statement.parts)]
    return [
        f"{kind}.raw {raw!r} is not in the statement, nor at line {statement.line}"
        for kind, raw in raws
        if fold(raw) not in folded and not any(document.holds(raw, line, 0) for line in lines)
    ]


# --------------------------------------------------------------------------------------------- writing


class _Dumper(yaml.SafeDumper):
    """Writes short lists on one line, long text without escapes, keys in the order given."""


class _Flow(list[Any]):
    pass


class _FlowMap(dict[str, Any]):
    pass


class _Quoted(str):
    __slots__ = ()


_Dumper.add_representer(_Flow, lambda d, v: d.represent_sequence("tag:yaml.org,2002:seq", v, flow_style=True))
_Dumper.add_representer(_FlowMap, lambda d, v: d.represent_mapping("tag:yaml.org,2002:map", v.items(), flow_style=True))
_Dumper.add_representer(str, lambda d, v: d.represent_scalar("tag:yaml.org,2002:str", v, style=_style(v)))


_Dumper.add_representer(Decimal, lambda d, v: d.represent_scalar(f"tag:yaml.org,2002:{_number_tag(v)}", f"{v:f}"))
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _number_tag(value: Decimal) -> str:
    return "int" if value.as_tuple().exponent == 0 else "float"


def _style(text: str) -> str | None:
    if len(text) > 90 and not text.startswith(" "):
        return ">"
    return None if re.fullmatch(r"[a-z][a-z0-9_-]*", text) and text not in _RESERVED else '"'


def write_record(record: Record, path: Path) -> None:
    """Write a record: stable order, one statement a block, short lists on one line.

    Raises:
        KgError: the folder is missing or not writable.
    """
    write_whole(path, dump_record(record))


def dump_record(record: Record) -> str:
    """Return the record as YAML."""
    top: dict[str, Any] = {"plan": record.plan, "title": record.title, "level": record.level}
    top |= _present({"territory": record.territory})
    period = _present({"start": record.start, "end": record.end})
    if period:
        top["period"] = _FlowMap(period)
    for key in ("organization", "candidate"):
        named = getattr(record, key)
        if named:
            name_key = "raw" if key == "organization" else "name"
            top[key] = _FlowMap(_present({"id": named.id, name_key: named.raw, "line": named.line}))
    top["language"] = record.language
    top["document"] = _values(record.document)
    top["review"] = _values(record.review)
    top["axes"] = [_FlowMap(_values(a)) for a in record.axes]
    top["statements"] = [_block(s) for s in record.statements]
    top["figures"] = [_FlowMap(_values(f)) for f in record.figures]
    top["findings"] = [_block(o) for o in record.findings]
    text = yaml.dump(top, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=130, default_flow_style=False)
    return re.sub(r"\n- id:", "\n\n- id:", text)


def _present(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in mapping.items() if v is not None and v != ()}


def _values(thing: Any) -> dict[str, Any]:
    return _present({f.name: getattr(thing, f.name) for f in fields(thing)})


def _block(thing: Any) -> dict[str, Any]:
    block: dict[str, Any] = {}
    for key, value in _values(thing).items():
        if isinstance(value, tuple):
            nested = value and not isinstance(value[0], str | int | Decimal)
            block[key] = [_inline(v) for v in value] if nested else _Flow(value)
        elif isinstance(value, str | int | Decimal):
            block[key] = value
        else:
            block[key] = _inline(value)
    return block


def _inline(thing: Any) -> _FlowMap:
    values = {k: v for k, v in _values(thing).items() if not (k == "certain" and v is True)}
    return _FlowMap({k: _Flow(v) if isinstance(v, tuple) else v for k, v in values.items()})
