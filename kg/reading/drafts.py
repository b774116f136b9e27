"""From a document to a draft record: statements with their links, actors, money, targets and issues, all still to be reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from itertools import islice
from statistics import median

from kg import __version__
from kg.documents import Document
from kg.gazetteer import Territory, load_gazetteer
from kg.issues import Issues, load_issues
from kg.quantities import Amount, find_amounts, find_targets, find_years, parse_amount
from kg.reading.blocks import Block, split_blocks
from kg.reading.drafted import Drafted
from kg.reading.mentions import Mentions
from kg.reading.roles import COMMITMENTS, load_roles
from kg.reading.statements import Walker
from kg.records import Axis, Budget, Named, Oddity, Part, Record, Review, Source, Statement, Target
from kg.registry import Organization, load_registry
from kg.text import fold, fold_aligned, shorten, slug, squeeze, strip_markup

READER = f"kg draft {__version__}"
_HEAD = 25
_LONGEST_TITLE = 120
_ITEM_BELOW = 60


def draft_record(document: Document, key: str | None = None) -> Record:
    """Read a document into a draft record. `key` is the plan's key; by default it is made of what the document says."""
    blocks = split_blocks(document)
    walker = Walker(load_roles())
    found = walker.walk(blocks)
    for drafted in found:
        drafted.runs = tuple((_line_of(text, line, document), text) for line, text in drafted.runs)
    territory = find_territory(blocks)
    titles = _title_lines(document)
    organization = find_organization(blocks, titles)
    start, end = find_period(blocks, titles)
    party = organization.id if organization else None
    mentions = Mentions(load_registry(), load_gazetteer(), territory.inei if territory else None, party)
    issues = load_issues()
    axes = tuple(Axis(a, issues.dimension_of_heading(a)) for a in walker.axes)
    kept = [i for i, s in enumerate(found) if not mentions.only_a_place(s.text)]
    name = organization.key if organization else None
    return Record(
        plan=key or default_key(territory, start, end, name, document),
        title=shorten(squeeze(_title(blocks)), 200),
        level=territory.level if territory else "national",
        document=Source(document.name, document.sha256, document.media_type, len(document.lines)),
        review=Review("draft", READER),
        territory=territory.inei if territory else None,
        start=start,
        end=end,
        organization=organization,
        axes=axes,
        statements=_with_pages(make_statements(found, kept, mentions, issues, end), document),
        findings=tuple(_unread(document)),
    )


def _line_of(text: str, line: int, document: Document) -> int:
    """Return the line at which the words begin: the block's, or the one further down that an item of several lines stands at."""
    below = range(line, min(line + _ITEM_BELOW, len(document.lines)) + 1)
    return next((n for n in below if document.holds(text, n)), line)


def _with_pages(statements: Iterable[Statement], document: Document) -> tuple[Statement, ...]:
    return tuple(replace(s, page=document.page_of(s.line, s.text)) for s in statements) if document.pages else tuple(statements)


def _unread(document: Document) -> Iterable[Oddity]:
    """Name what could not be read of the document, so that a reviewer looks there."""
    for number, gap in enumerate(document.gaps, 1):
        yield Oddity(f"u{number:02d}", (gap.line,) if gap.line else (), "unread-part", gap.es, gap.en)


def make_statements(
    found: list[Drafted], kept: Iterable[int], mentions: Mentions, issues: Issues, end: int | None
) -> tuple[Statement, ...]:
    """Make the record's statements of those found whose index is kept: ids, money, targets, partners, mentions, issues.

    `end` is the plan's last year, the year of targets that name none.
    """
    ids = {old: f"s{new:03d}" for new, old in enumerate(kept, 1)}
    amounts = _amounts(found)
    statements = [_statement(found[i], ids[i], ids, mentions, issues, amounts.get(i), end) for i in ids]
    return tuple(_with_fallback_issues(statements, issues))


def default_key(
    territory: Territory | None, start: int | None, end: int | None, organization: str | None, document: Document
) -> str:
    """Return `<ubigeo>-<from>-<to>-<organization>`, or the document's name where place or period are not told."""
    parts = [territory.inei if territory else "", str(start or ""), str(end or "")]
    if not all(parts):
        return slug(document.name.rsplit(".", 1)[0])
    return "-".join([*parts, organization] if organization else parts)


def _title_lines(document: Document) -> list[tuple[int, str]]:
    """Return the first filled lines with their numbers, without mark-up."""
    filled = ((n, strip_markup(line.lstrip("# "))) for n, line in enumerate(document.lines, 1) if line.strip())
    return list(islice(filled, _HEAD))


def find_period(blocks: list[Block], titles: list[tuple[int, str]]) -> tuple[int | None, int | None]:
    """Return the years that the titles give as a period (`2019 - 2022`), else (None, the year that column heads aim at)."""
    lines = [b.text for b in blocks[:_HEAD] if b.kind == "heading"] + [text for _, text in titles]
    for text in lines:
        match = re.search(r"(?<!\d)((?:19|20)\d\d)\s*(?:[-–—/]|a|al)\s*((?:19|20)\d\d)(?!\d)", text)
        if match and len(text) < _LONGEST_TITLE and 0 < int(match[2]) - int(match[1]) <= 10:
            return int(match[1]), int(match[2])
    roles = load_roles()
    heads = [cell for b in blocks if b.kind == "row" for cell in b.cells if len(cell) < 60 and roles.of_column(cell) == "target"]
    years = [year for cell in heads for year in find_years(cell)]
    return None, (max(years) if years else None)


def find_territory(blocks: Iterable[Block]) -> Territory | None:
    """Find the place that the plan is for: the level and name in the title lines, narrowed by the names around."""
    gazetteer = load_gazetteer()
    lines = [b.text for b in blocks][:60]
    text = " \n ".join(lines)
    folded = fold(text)
    levels = (("district", "distrit(?:o|al)"), ("province", "provinci(?:a|al)"), ("department", "(?:departamento|region(?:al)?)"))
    best: tuple[int, Territory] | None = None
    for level, word in levels:
        pattern = rf"\b{word}\b\W*(?:de la |del |de )?((?:[a-zñ]+ ?){{1,4}})"
        for match in re.finditer(pattern, folded):
            found = _longest_name(match[1], level, folded)
            if found and (best is None or match.start() < best[0]):
                best = (match.start(), found)
    return best[1] if best else next(iter(gazetteer.by_name(lines[0], "department")), None) if lines else None


def _longest_name(words: str, level: str, folded: str) -> Territory | None:
    gazetteer = load_gazetteer()
    parts = words.split()
    for size in range(len(parts), 0, -1):
        found = gazetteer.by_name(" ".join(parts[:size]), level)
        if len(found) > 1:
            named = [t for t in found if all(fold(a.name) in folded for a in gazetteer.ancestors(t.inei))]
            found = named or [t for t in found if any(fold(a.name) in folded for a in gazetteer.ancestors(t.inei))] or found
        if len(found) == 1:
            return found[0]
    return None


def find_organization(blocks: list[Block], titles: list[tuple[int, str]]) -> Named | None:
    """Find the organization that presents the plan.

    A registered one stands in the title lines, or as a whole line of its own; the longest name wins. Else the title lines may
    name one that the registry does not know: after a label, or by a name that begins as those of organizations do.
    """
    names = _organization_names()
    best: tuple[str, int, Organization, Block] | None = None
    for number, block in enumerate(blocks):
        line = fold(block.text).strip('"“” .')
        in_title = number < _HEAD and block.kind == "heading"
        hits = [n for n in names if n in line] if in_title else [line] if line in names else []
        for name in hits:
            if best is None or len(name) > len(best[0]):
                best = (name, -number, names[name], block)
    if best:
        return Named(_as_written(best[3].text, best[0]), best[3].line, best[2].id)
    for number, line in titles:
        if unknown := load_roles().organization_of(line):
            return Named(unknown, number)
    return None


def _as_written(text: str, name: str) -> str:
    """Return a folded name as the text has it; the whole text, without quotes, where it cannot be told."""
    start = fold_aligned(text).find(name)
    return squeeze(text[start : start + len(name)] if start >= 0 else text).strip('"“” ')


@cache
def _organization_names() -> dict[str, Organization]:
    """Return the organizations by their folded names of more than eight letters; the first of equal names counts."""
    names: dict[str, Organization] = {}
    for organization in load_registry().organizations.values():
        for name in map(fold, (organization.name, *organization.aliases)):
            if len(name) > 8:
                names.setdefault(name, organization)
    return names


def _title(blocks: list[Block]) -> str:
    titles = [b.text for b in blocks[:_HEAD] if b.kind == "heading" and "plan de gobierno" in fold(b.text)]
    return titles[0] if titles else (blocks[0].text if blocks else "")


def _amounts(found: list[Drafted]) -> dict[int, Amount]:
    """Parse the money cells; one that stands a hundredfold above its neighbours and ends in a group more is doubtful."""
    parsed = {i: a for i, s in enumerate(found) if s.budget and (a := parse_amount(s.budget))}
    if len(parsed) >= 4:
        middle = median(a.amount for a in parsed.values())
        for index, amount in parsed.items():
            lower = amount.amount / 1000
            if amount.certain and amount.amount >= 100 * middle and re.search(r"\d[ .,']000$", amount.raw.strip()):
                parsed[index] = replace(amount, amount=lower.quantize(Decimal("0.01")), certain=False, readings=(amount.amount,))
    return parsed


def _statement(
    drafted: Drafted,
    key: str,
    ids: dict[int, str],
    mentions: Mentions,
    issues: Issues,
    amount: Amount | None,
    end: int | None,
) -> Statement:
    (line, _), *rest = drafted.runs
    text = squeeze(drafted.text)
    partners, named = mentions.partners(text, drafted.type, drafted.partners or "")

    def linked(kind: str) -> tuple[str, ...]:
        return tuple(ids[i] for i in drafted.links.get(kind, ()) if i in ids)

    budget = amount
    if budget is None and drafted.type in COMMITMENTS:
        budget = next((a for _, _, a in find_amounts(text)), None)
    return Statement(
        id=key,
        type=drafted.type,
        line=line,
        text=text,
        parts=tuple(Part(n, squeeze(t)) for n, t in rest),
        section=(*drafted.section, drafted.lead_in) if drafted.lead_in else drafted.section,
        axis=drafted.axis,
        row=drafted.row,
        issues=tuple(issues.strong(text)),
        target=_target(drafted, text, end) if drafted.type == "target" else None,
        budget=Budget(budget.raw, budget.amount, budget.currency, budget.certain, budget.readings) if budget else None,
        funding=mentions.funding("; ".join(filter(None, (drafted.funding, drafted.budget)))),
        partners=partners,
        mentions=named,
        rule=drafted.rule,
        confidence=Decimal(str(drafted.confidence)),
        addresses=linked("addresses"),
        pursues=linked("pursues"),
        part_of=linked("part_of"),
        measures=linked("measures"),
    )


def _target(drafted: Drafted, text: str, end: int | None) -> Target:
    found = find_targets(text, end, is_target=True)
    if not found and drafted.goal:
        year, cell = drafted.goal
        found = [replace(q, year=year) for q in find_targets(f"{cell}%" if text.startswith("%") else cell, year, is_target=True)]
    if not found:
        return Target(text if len(text) < 120 else text[:120].rsplit(" ", 1)[0])
    first = next((q for q in found if not (q.unit or "").startswith("PEN")), found[0])
    return Target(first.raw, first.value, first.unit, first.direction, first.year, first.baseline)


def _with_fallback_issues(statements: list[Statement], issues: Issues) -> Iterable[Statement]:
    """Give a statement whose own words do not say what it is about the issues of its row, its heading, or its weak words."""
    rows: dict[str, tuple[str, ...]] = {}
    for kind in ("project", "priority", "problem", "objective", "activity"):
        for statement in statements:
            if statement.row and statement.issues and statement.type == kind:
                rows.setdefault(statement.row, statement.issues)
    for statement in statements:
        own = statement.issues or rows.get(statement.row or "")
        if not own:
            headings = (issues.strong(h) for h in reversed(statement.section) if not issues.dimension_of_heading(h))
            own = tuple(next((h for h in headings if h), []) or issues.weak(statement.text))
        if not own and statement.section:
            own = tuple(issues.label(" ".join(statement.section)))
        yield replace(statement, issues=own if statement.issues else own[:2])
