"""Loading of plan records: keys, values, ids and links are checked; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from kg.declared import Collector, Item, parse_yaml
from kg.errors import did_you_mean
from kg.files import read_text_file
from kg.gazetteer import load_gazetteer
from kg.issues import load_issues
from kg.ontology import load_ontology
from kg.paths import shown
from kg.records.fields import Fields, parse_boolean
from kg.records.marks import mark_of, review_of, statuses
from kg.records.model import (
    DIRECTIONS,
    REFUSED,
    Axis,
    Budget,
    Figure,
    Funding,
    Mention,
    Named,
    Oddity,
    Part,
    Partner,
    Record,
    Review,
    Source,
    Statement,
    Target,
)
from kg.registry import load_registry
from kg.text import fold, squeeze

_KEY = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _names(cls: type) -> set[str]:
    return {f.name for f in fields(cls)}


WORKING_KEYS = frozenset({"split_from", "proposed"})
"""Keys of a statement that only review and reading need: nothing of them is published."""
STATEMENT_KEYS = frozenset(_names(Statement)) - WORKING_KEYS
_RECORD_KEYS = (_names(Record) - {"start", "end"}) | {"period"}


def load_record(path: Path) -> Record:
    """Read a record and check its keys, values, ids and links; nothing is guessed.

    Raises:
        KgError: the file cannot be read or is not YAML.
        ProblemsError: all that is wrong in it, each with file and line.
    """
    return parse_record(read_text_file(path), path)


def parse_record(text: str, path: Path) -> Record:
    """Check the text of a record as `load_record` does; `path` is where it lies, or will.

    Raises:
        KgError: the text is not YAML.
        ProblemsError: all that is wrong in it, each with file and line.
    """
    root, collector = parse_yaml(text, shown(path))
    top = Fields(root, collector, "", _RECORD_KEYS)
    record = _record(top)
    _check_ids(top, record)
    _check_territory(top, record)
    if record.plan and path.stem != record.plan:
        top.bad("plan", f"{record.plan!r} does not fit the file name {path.name}", f"name the file {record.plan}.yaml")
    collector.raise_if_any()
    return record


def _record(top: Fields) -> Record:
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
        review=top.nested("review", review_of, _names(Review)) or _missing(top, "review", Review("draft")),
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
        rejected=top.listed("rejected", _rejected, _names(Statement)),
    )


def _missing(top: Fields, key: str, default: Any) -> Any:
    top.bad(key, "missing", f"a record needs `{key}`")
    return default


def _source(f: Fields) -> Source:
    sha256 = f.needed("sha256")
    if sha256 and not _SHA256.fullmatch(sha256):
        f.bad("sha256", "not a SHA-256 (64 hexadecimal digits)", "run sha256sum on the document")
    return Source(f.needed("file"), sha256, f.needed("media_type"), f.integer("lines") or 0, f.text("url"))


def _organization(f: Fields) -> Named:
    return Named(f.needed("raw"), f.integer("line"), f.one_of("id", load_registry().organizations, "known organization"))


def _candidate(f: Fields) -> Named:
    return Named(f.needed("name"), f.integer("line"))


def _axis(f: Fields) -> Axis:
    return Axis(f.needed("name"), f.one_of("dimension", load_issues().dimensions, "dimension"))


def _statement(f: Fields) -> Statement:
    f.key = f"statements.{f.text('id') or '?'}"
    statement = _as_read(f)
    return replace(statement, split_from=f.text("split_from"), review=mark_of(f, statuses()), proposed=_proposed(f))


def _rejected(f: Fields) -> Statement:
    f.key = f"rejected.{f.text('id') or '?'}"
    mark = mark_of(f, REFUSED)
    if mark is None and "review" not in f.map:
        f.bad("review", "missing", "say `review: rejected`, or put the statement back under `statements`")
    return replace(_as_read(f), split_from=f.text("split_from"), review=mark, proposed=_proposed(f))


def _proposed(f: Fields) -> Statement | None:
    """Read what the reader had proposed: the statement, with the values under `proposed` in place of the accepted ones."""
    item = f.map.get("proposed")
    if item is None or item.value == "":
        return None
    inner = Fields(item, f.collector, f.name("proposed"), _names(Statement) - {"id", "review"} - WORKING_KEYS)
    accepted = {key: value for key, value in f.map.items() if key != "review" and key not in WORKING_KEYS}
    merged = {key: value for key, value in (accepted | inner.map).items() if value.value != ""}
    lines = f.item.key_lines | inner.item.key_lines
    return _as_read(Fields(Item(merged, item.line, lines), f.collector, inner.key, _names(Statement)))


def _as_read(f: Fields) -> Statement:
    ontology = load_ontology()
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
    )


def _missing_line(f: Fields) -> int:
    if "line" not in f.map:
        f.bad("line", "missing", "say at which line of the document the text starts")
    return 0


def _part(f: Fields) -> Part:
    return Part(f.integer("line") or 0, squeeze(f.needed("text")))


def _target(f: Fields) -> Target:
    return Target(
        f.needed("raw"),
        f.decimal("value"),
        f.text("unit"),
        f.one_of("direction", DIRECTIONS, "target direction"),
        f.year("year"),
        f.decimal("baseline"),
    )


def _budget(f: Fields) -> Budget:
    amount = f.decimal("amount")
    if amount is None and "amount" not in f.map:
        f.bad("amount", "missing", "a budget needs its amount")
    certain = f.typed("certain", parse_boolean, "true or false")
    return Budget(
        f.needed("raw"),
        amount or Decimal(0),
        f.one_of("currency", ("PEN", "USD", "EUR"), "currency") or "PEN",
        certain is not False,
        f.decimals("readings"),
    )


def _funding(f: Fields) -> Funding:
    fund, institution = f.one_of("fund", load_registry().funds, "known fund"), _institution(f)
    if not fund and not institution:
        f.bad("fund", "missing", "name a fund or an institution")
    return Funding(f.needed("raw"), fund, institution)


def _partner(f: Fields) -> Partner:
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


def _institution(f: Fields) -> str | None:
    return f.one_of("institution", load_registry().institution_ids(), "known institution")


def _mention(f: Fields) -> Mention:
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


def _figure(f: Fields) -> Figure:
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


def _oddity(f: Fields) -> Oddity:
    f.key = f"findings.{f.text('id') or '?'}"
    lines = tuple(int(text) for text in f.texts("lines") if text.isdigit())
    kind = f.one_of("kind", load_ontology().concepts("finding-kind"), "finding kind", needed=True)
    return Oddity(f.needed("id"), lines, kind or "", f.needed("es"), f.needed("en"))


def _check_territory(top: Fields, record: Record) -> None:
    """Note a territory of another level than the plan's, and one that the plan never names: a code of another system."""
    territory = load_gazetteer().territories.get(record.territory or "")
    if territory is None:
        if record.level in {"district", "province", "department"} and "territory" not in top.map:
            top.bad("territory", "missing", f"a plan of the level {record.level} says for which one it is")
        return
    if record.level != territory.level:
        top.bad(
            "level",
            f"{record.level!r}, but {record.territory} is a {territory.level} ({territory.full_name})",
            "correct one of the two",
        )
    names = {fold(name) for name in (territory.name, *territory.aliases)}
    mentioned = any(m.territory == territory.inei for s in record.statements for m in s.mentions)
    if record.title and record.statements and not mentioned and not any(name in fold(record.title) for name in names):
        other = load_gazetteer().by_code(territory.inei, "reniec")
        hint = f"RENIEC's {territory.inei} is INEI's {other.inei} ({other.full_name})" if other else "look the code up"
        top.bad("territory", f"{territory.inei} is {territory.full_name}, which neither title nor statements name", hint)


def _check_ids(top: Fields, record: Record) -> None:
    """Note ids given twice, links that lead nowhere or to themselves, and axes that the record does not declare."""
    seen: dict[str, int] = {}
    for section in ("statements", "figures", "findings", "rejected"):
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


def read_statement(values: Mapping[str, Any], name: str) -> Statement:
    """Check a statement given as plain values (texts, numbers, lists, mappings), as if it stood in a record.

    Raises:
        ProblemsError: all that is wrong in it; `name` stands for the file.
    """
    collector = Collector(name)
    statement = _statement(Fields(_item_of(values), collector, "statements", _names(Statement)))
    collector.raise_if_any()
    return statement


def read_entry(section: str, text: str) -> Statement:
    """Check the one statement in a list as YAML text; `section` is `statements` or `rejected`.

    Raises:
        KgError: the text is not YAML, or what is wrong in the statement.
    """
    root, collector = parse_yaml(text, section)
    make = _statement if section == "statements" else _rejected
    items = collector.sequence(root, section)
    statement = make(Fields(items[0] if items else root, collector, section, _names(Statement)))
    collector.raise_if_any()
    return statement


def _item_of(value: Any) -> Item:
    if isinstance(value, Mapping):
        return Item({str(key): _item_of(inner) for key, inner in value.items() if inner is not None}, 0)
    if isinstance(value, list | tuple):
        return Item([_item_of(inner) for inner in value], 0)
    return Item(str(value).lower() if isinstance(value, bool) else str(value), 0)
