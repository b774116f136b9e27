"""A statement as the reader finds it, before it becomes part of a record."""

from __future__ import annotations

from dataclasses import dataclass, field

Path = tuple[tuple[str, int], ...]
Runs = tuple[tuple[int, str], ...]


@dataclass
class Drafted:
    """A statement as found: what it is, where it stands, by which rule; links hold indices into the list of statements.

    `path`: the labels that were open where it stands (role and a running count), outermost first. `owner`: index of the program,
    project or objective whose title opened its section. `number`: that of its own label or item.
    """

    type: str
    runs: Runs
    section: tuple[str, ...]
    axis: str | None
    row: str | None
    rule: str
    confidence: float
    links: dict[str, list[int]] = field(default_factory=dict)
    budget: str | None = None
    funding: str | None = None
    partners: str | None = None
    lead_in: str | None = None
    path: Path = ()
    owner: int | None = None
    number: int | None = None
    place: int = 0
    goal: tuple[int, str] | None = None

    @property
    def text(self) -> str:
        """All runs joined."""
        return " ".join(t for _, t in self.runs)

    def attach(self, role: str, text: str) -> None:
        """Add words about money, funding or partners (the role's name) to the statement."""
        name = {"budget": "budget", "funding": "funding", "partner": "partners"}[role]
        known = getattr(self, name)
        setattr(self, name, f"{known}; {text}" if known else text)
