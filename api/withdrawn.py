"""Things that were published once and are not any more: their addresses stay taken, and say why (kg/data/withdrawn.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kg.declared import Collector, Item, entries
from kg.paths import DATA

FILE = DATA / "withdrawn.yaml"
_KEYS = {"id", "date", "es", "en", "replaced_by"}


@dataclass(frozen=True)
class Withdrawn:
    """A thing that is gone: its key (the address below /id/), since when, why, and the key of what took its place (or empty)."""

    key: str
    date: str
    reason: dict[str, str]
    replaced_by: str


def load_withdrawn(path: Path = FILE) -> dict[str, Withdrawn]:
    """Return what has been withdrawn, by key.

    Raises:
        ProblemsError: an entry lacks something, each with its line.
    """
    return {
        made.key: made for entry, item, collector in entries(path, "withdrawn", _KEYS) for made in _read(entry, item, collector)
    }


def withdrawn_at(key: str, known: dict[str, Withdrawn]) -> Withdrawn | None:
    """Return why nothing is at a key any more: it was withdrawn itself, or what it was a part of."""
    parts = key.split("/")
    return next((known[k] for k in ("/".join(parts[:n]) for n in range(len(parts), 0, -1)) if k in known), None)


def _read(entry: dict[str, Item], item: Item, collector: Collector) -> list[Withdrawn]:
    told = {key: collector.scalar(entry.get(key), f"withdrawn.{key}") or "" for key in _KEYS}
    missing = [key for key in ("id", "date", "es", "en") if not told[key]]
    if missing:
        collector.add(item.line, "withdrawn", f"no {' and no '.join(missing)}", "say id, date, and the reason in both languages")
        return []
    return [Withdrawn(told["id"], told["date"], {"es": told["es"], "en": told["en"]}, told["replaced_by"])]
