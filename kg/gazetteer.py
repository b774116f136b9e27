"""The territories of Peru with both code systems, other named places, and their resolution from names in context.

INEI's and RENIEC's codes are different numbers for the same place and often the same number for different places:
a code is looked up only together with its system.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, cached_property
from typing import Literal

from kg.declared import entries
from kg.errors import KgError
from kg.files import read_text_file
from kg.paths import DATA
from kg.text import fold, slug

Level = Literal["department", "province", "district"]
System = Literal["inei", "reniec"]
LEVELS: dict[str, int] = {"department": 2, "province": 4, "district": 6}


@dataclass(frozen=True)
class Territory:
    """A department, province or district. `inei` has 2, 4 or 6 digits; `area` is in km², `altitude` in m above sea level."""

    inei: str
    reniec: str | None
    level: str
    name: str
    parent: str | None
    iso3166_2: str | None
    capital: str | None
    area: Decimal | None
    altitude: int | None
    latitude: Decimal | None
    longitude: Decimal | None
    aliases: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The name with its level, as a person would say it."""
        kind = {"department": "Departamento", "province": "Provincia", "district": "Distrito"}[self.level]
        return f"{kind} de {self.name}"


@dataclass(frozen=True)
class Place:
    """A named place that is no INEI territory: a lake, river, road, village. `within` lists INEI codes."""

    id: str
    name: str
    kind: str
    aliases: tuple[str, ...]
    within: tuple[str, ...]


class Gazetteer:
    """Look-ups over all territories and places."""

    def __init__(self, territories: Iterable[Territory], places: Iterable[Place]):
        self.territories = {t.inei: t for t in territories}
        self.places = {p.id: p for p in places}
        self._reniec = {(t.level, t.reniec): t for t in self.territories.values() if t.reniec}

    @cached_property
    def _by_name(self) -> dict[str, list[Territory]]:
        names: dict[str, list[Territory]] = defaultdict(list)
        for territory in self.territories.values():
            for name in {fold(n) for n in (territory.name, *territory.aliases)}:
                names[name].append(territory)
        return names

    def by_code(self, code: str, system: System) -> Territory | None:
        """Find a territory by its code in the named system; trailing `00` pairs (210100) are accepted.

        Source: INEI writes Puno 21, RENIEC (and so the JNE) writes Puno 20.
        """
        digits = re.sub(r"\D", "", code)
        for candidate in _spellings(digits):
            if system == "inei" and candidate in self.territories:
                return self.territories[candidate]
            level = next((name for name, size in LEVELS.items() if size == len(candidate)), "")
            if system == "reniec" and (level, candidate) in self._reniec:
                return self._reniec[level, candidate]
        return None

    def by_name(
        self, name: str, level: str | None = None, province: str | None = None, department: str | None = None
    ) -> list[Territory]:
        """Find territories by name; the level and the names or INEI codes above it narrow the choice.

        Returns all that fit, by code: one is an answer, several are a question, none is unknown.
        """
        found = self._by_name.get(_bare(name), [])
        if level:
            found = [t for t in found if t.level == level]
        for upper, size in ((province, 4), (department, 2)):
            if upper:
                codes = self._codes_of(upper, size)
                found = [t for t in found if t.inei[:size] in codes]
        return sorted(found, key=lambda t: t.inei)

    def _codes_of(self, upper: str, size: int) -> set[str]:
        if upper.isdigit():
            return {upper[:size]}
        return {t.inei for t in self._by_name.get(_bare(upper), []) if len(t.inei) == size}

    def ancestors(self, code: str) -> list[Territory]:
        """Return the territories above one, the nearest first."""
        return [self.territories[code[:size]] for size in (4, 2) if size < len(code) and code[:size] in self.territories]

    def near(self, code: str, others: Iterable[str]) -> bool:
        """Say whether a territory lies inside, or contains, one of the others; no others means the whole country."""
        listed = list(others)
        return not listed or any(code.startswith(o) or o.startswith(code) for o in listed)

    @cached_property
    def slugs(self) -> dict[str, Territory]:
        """First-level territories by the slug of their name."""
        return {slug(t.name): t for t in self.territories.values() if t.level == "department"}


def _spellings(digits: str) -> list[str]:
    trimmed = [digits]
    while len(trimmed[-1]) in (4, 6) and trimmed[-1].endswith("00"):
        trimmed.append(trimmed[-1][:-2])
    return trimmed


def _bare(name: str) -> str:
    """Fold a name and drop what only says its level."""
    return re.sub(
        r"^(?:(?:el |la )?(?:departamento|region|provincia|distrito)(?: constitucional)? (?:de |del )?)", "", fold(name)
    )


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None


@cache
def load_gazetteer() -> Gazetteer:
    """Load the declared territories and places.

    Raises:
        KgError: a row cannot be read; the message names the line.
    """
    return Gazetteer(_read_territories(), _read_places())


def _read_territories() -> list[Territory]:
    path = DATA / "territories.csv"
    rows = csv.DictReader(io.StringIO(read_text_file(path)))
    found: list[Territory] = []
    for number, row in enumerate(rows, 2):
        try:
            found.append(
                Territory(
                    inei=row["inei"],
                    reniec=row["reniec"] or None,
                    level=row["level"],
                    name=row["name"],
                    parent=row["parent"] or None,
                    iso3166_2=row["iso3166_2"] or None,
                    capital=row["capital"] or None,
                    area=_decimal(row["area_km2"]),
                    altitude=int(row["altitude_m"]) if row["altitude_m"] else None,
                    latitude=_decimal(row["latitude"]),
                    longitude=_decimal(row["longitude"]),
                    aliases=tuple(a for a in row["aliases"].split(";") if a),
                )
            )
        except (KeyError, ValueError, ArithmeticError) as error:
            raise KgError(f"{path}:{number}: cannot be read as a territory: {error!r}") from error
    return found


def _read_places() -> list[Place]:
    keys = {"id", "name", "kind", "aliases", "within"}
    found = []
    for fields, _, collector in entries(DATA / "places.yaml", "places", keys):
        found.append(
            Place(
                id=collector.scalar(fields.get("id"), "id") or "",
                name=collector.scalar(fields.get("name"), "name") or "",
                kind=collector.scalar(fields.get("kind"), "kind") or "other",
                aliases=tuple(collector.scalars(fields.get("aliases"), "aliases")),
                within=tuple(collector.scalars(fields.get("within"), "within")),
            )
        )
    return found
