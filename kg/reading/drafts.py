"""From a document to a draft record: statements with their links, actors, money, targets and issues, all still to be reviewed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from statistics import median

from rapidfuzz import fuzz, process

from kg import __version__
from kg.documents import Document
from kg.gazetteer import Territory, load_gazetteer
from kg.issues import Issues, load_issues
from kg.quantities import Amount, find_amounts, find_targets, find_years, parse_amount
from kg.reading.blocks import Block, split_blocks
from kg.reading.mentions import Mentions
from kg.reading.roles import COMMITMENTS, load_roles
from kg.reading.statements import Drafted, Walker
from kg.records import LINKS, Axis, Budget, Named, Part, Record, Review, Source, Statement, Target
from kg.registry import Organization, load_registry
from kg.text import fold, shorten, slug, squeeze

READER = f"kg draft {__version__}"
_HEAD = 25


def draft_record(document: Document, key: str | None = None) -> Record:
    """Read a document into a draft record. `key` is the plan's key; by default it is made of what the document says."""
    blocks = split_blocks(document)
    walker = Walker(load_roles())
    found = walker.walk(blocks)
    territory = find_territory(blocks)
    organization = find_organization(blocks)
    start, end = find_period(blocks)
    mentions = Mentions(load_registry(), load_gazetteer(), territory.inei if territory else None)
    issues = load_issues()
    axes = tuple(Axis(a, issues.dimension_of_heading(a)) for a in walker.axes)
    kept = [i for i, s in enumerate(found) if not mentions.only_a_place(s.text)]
    ids = {old: f"s{new:03d}" for new, old in enumerate(kept, 1)}
    amounts = _amounts(found)
    statements = [_statement(found[i], ids[i], ids, mentions, issues, amounts.get(i), end) for i in kept]
    name = organization[0].id if organization else None
    return Record(
        plan=key or default_key(territory, start, end, name, document),
        title=shorten(squeeze(_title(blocks)), 200),
        level=territory.level if territory else "national",
        document=Source(document.name, document.sha256, document.media_type, len(document.lines)),
        review=Review("draft", READER),
        territory=territory.inei if territory else None,
        start=start,
        end=end,
        organization=Named(organization[1], organization[2], organization[0].id) if organization else None,
        axes=axes,
        statements=tuple(_with_fallback_issues(statements, issues)),
    )


def keep_ids(record: Record, earlier: Record) -> Record:
    """Give a new reading the ids of an earlier one: ids are promises, and a statement keeps its own.

    A statement takes the id of the one with the same words, else of the same type with nearly the same; what is new gets ids
    after the last that was ever used.
    """
    taken: dict[str, str] = {}
    free = {s.id: s for s in earlier.statements}
    for same in (_same_words, _like_words):
        for statement in record.statements:
            if statement.id not in taken and (found := same(statement, free)):
                taken[statement.id] = found
                del free[found]
    last = max((int(d) for s in earlier.statements if (d := s.id.removeprefix("s")).isdigit()), default=0)
    fresh = (f"s{number:03d}" for number in range(last + 1, last + 1 + len(record.statements)))
    names = {s.id: taken.get(s.id) or next(fresh) for s in record.statements}

    def renamed(statement: Statement) -> Statement:
        links = {kind: tuple(names[other] for other in getattr(statement, kind)) for kind in LINKS}
        return replace(statement, id=names[statement.id], **links)  # type: ignore[arg-type]

    return replace(record, statements=tuple(map(renamed, record.statements)))


def _same_words(statement: Statement, free: dict[str, Statement]) -> str | None:
    words = fold(statement.text)
    same = [other for other in free.values() if fold(other.text) == words]
    same.sort(key=lambda other: (other.type != statement.type, abs(other.line - statement.line)))
    return same[0].id if same else None


def _like_words(statement: Statement, free: dict[str, Statement]) -> str | None:
    choices = {other.id: fold(other.text) for other in free.values() if other.type == statement.type}
    found = process.extractOne(fold(statement.text), choices, scorer=fuzz.ratio, score_cutoff=85)
    return str(found[2]) if found else None


def default_key(
    territory: Territory | None, start: int | None, end: int | None, organization: str | None, document: Document
) -> str:
    """Return `<ubigeo>-<from>-<to>-<organization>`, or the document's name where place or period are not told."""
    parts = [territory.inei if territory else "", str(start or ""), str(end or "")]
    if not all(parts):
        return slug(document.name.rsplit(".", 1)[0])
    return "-".join([*parts, organization] if organization else parts)


def find_period(blocks: list[Block]) -> tuple[int | None, int | None]:
    """Return the years that the titles give as a period (`2019 - 2022`), else (None, the year that column heads aim at)."""
    for block in blocks[:_HEAD]:
        match = re.search(r"(?<!\d)((?:19|20)\d\d)\s*(?:[-–—/]|a|al)\s*((?:19|20)\d\d)(?!\d)", block.text)
        if match and (block.kind == "heading" or len(block.text) < 40) and 0 < int(match[2]) - int(match[1]) <= 10:
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
        pattern = rf"\b{word}\s*(?:de |del |de la |:)?\s*((?:[a-z]+ ?){{1,4}})"
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


def find_organization(blocks: list[Block]) -> tuple[Organization, str, int] | None:
    """Find the organization that presents the plan, as (organization, its name as written, line).

    It stands in the title lines, or as a whole line of its own; the longest name wins.
    """
    best: tuple[int, int, Organization, Block] | None = None
    for number, block in enumerate(blocks):
        line = fold(block.text).strip('"“” .')
        for organization in load_registry().organizations.values():
            for name in map(fold, (organization.name, *organization.aliases)):
                alone = name == line or (number < _HEAD and block.kind == "heading" and name in line)
                if len(name) > 8 and alone and (best is None or len(name) > best[0]):
                    best = (len(name), -number, organization, block)
    return (best[2], squeeze(best[3].text).strip('"“” '), best[3].line) if best else None


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
    partners, named = mentions.partners(text, drafted.type)

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
        target=_target(text, end) if drafted.type == "target" else None,
        budget=Budget(budget.raw, budget.amount, budget.currency, budget.certain, budget.readings) if budget else None,
        funding=mentions.funding(drafted.funding) if drafted.funding else (),
        partners=partners,
        mentions=named,
        rule=drafted.rule,
        confidence=Decimal(str(drafted.confidence)),
        addresses=linked("addresses"),
        pursues=linked("pursues"),
        part_of=linked("part_of"),
        measures=linked("measures"),
    )


def _target(text: str, end: int | None) -> Target:
    found = find_targets(text, end)
    if not found:
        return Target(text if len(text) < 120 else text[:120].rsplit(" ", 1)[0])
    first = found[0]
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
