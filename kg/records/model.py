"""What a plan record holds: plain values, checked when they are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from kg.quantities import Amount
from kg.text import slug

DIRECTIONS = ("increase", "decrease", "reach")
LINKS = ("addresses", "pursues", "part_of", "measures")
SETTLED = frozenset({"reviewed", "accepted"})
REFUSED = ("rejected", "merged")


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
class Budget(Amount):
    """Money that the plan sets against a statement."""


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
class Review:
    """How far a person has accepted the record; `date` is a day, or a day with its time."""

    status: str
    by: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Mark(Review):
    """What a person decided about one statement; `into` is the statement that took in one that is merged."""

    into: str | None = None


@dataclass(frozen=True)
class Statement:
    """One thing that the plan says. `text` is verbatim, white space folded; `parts` are the runs after a page break.

    `review` is None where the record's own status holds. `proposed` is the statement as the reader had it, where a person
    corrected it; `split_from` is the statement that a person cut this one out of.
    """

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
    split_from: str | None = None
    review: Mark | None = None
    proposed: Statement | None = None

    @property
    def first_run(self) -> str:
        """The text up to the first page break: what stands at `line`."""
        text = self.text
        for part in reversed(self.parts):
            text = text[: -len(part.text)].rstrip() if text.endswith(part.text) else text
        return text

    def with_links(self, links: Mapping[str, tuple[str, ...]]) -> Statement:
        """Return the statement with other links; kinds that are not named stay as they are."""
        return replace(self, **links)  # type: ignore[arg-type]

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
    """An organization or candidate as the document names it.

    `id` is the registry's; candidates have none, nor have organizations that nobody has entered there yet.
    """

    raw: str
    line: int | None = None
    id: str | None = None

    @property
    def key(self) -> str:
        """The id, else one made of the name."""
        return self.id or slug(self.raw)


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
class Record:
    """A plan as read and reviewed. `rejected` are statements that a person refused or merged into others: never published."""

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
    rejected: tuple[Statement, ...] = ()

    def review_of(self, statement: Statement) -> Review:
        """Return a statement's own review, else the record's."""
        return statement.review or self.review

    def is_settled(self, statement: Statement) -> bool:
        """Say whether a person has accepted the statement, by itself or with the whole record."""
        return self.review_of(statement).status in SETTLED
