"""The site's words in both languages, read from strings.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from kg.declared import Item, read_yaml

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")
_FILE = Path(__file__).with_name("strings.yaml")


@dataclass(frozen=True)
class ErrorText:
    """The words and the HTTP status of one kind of error."""

    status: int
    title: dict[str, str]
    detail: dict[str, str]
    hint: dict[str, str]


@cache
def words() -> dict[str, dict[str, str]]:
    """Return `section.name` → language → text.

    Raises:
        ProblemsError: a text lacks a language, each with its line.
    """
    root, collector = read_yaml(_FILE)
    found: dict[str, dict[str, str]] = {}
    for section, item in collector.mapping(root, "").items():
        for name, entry in collector.mapping(item, section).items():
            texts = {"": entry} if section != "errors" else collector.mapping(entry, name)
            for part, text in texts.items():
                if part != "status":
                    key = ".".join(filter(None, (section, name, part)))
                    found[key] = {lang: collector.scalar(_of(text, lang), f"{key}.{lang}") or "" for lang in LANGUAGES}
                    for lang in LANGUAGES:
                        if not found[key][lang]:
                            collector.add(text.line, key, f"no text for {lang}", "both languages are needed")
    collector.raise_if_any()
    return found


@cache
def error_texts() -> dict[str, ErrorText]:
    """Return the texts of every kind of error."""
    root, collector = read_yaml(_FILE)
    texts = {}
    for kind, entry in collector.mapping(collector.mapping(root, "")["errors"], "errors").items():
        status = collector.scalar(_of(entry, "status"), f"errors.{kind}.status") or ""
        if not status.isdigit():
            collector.add(entry.line, f"errors.{kind}", "status is not a number", "e.g. status: 400")
            continue
        parts = [words()[f"errors.{kind}.{part}"] for part in ("title", "detail", "hint")]
        texts[kind] = ErrorText(int(status), *parts)
    collector.raise_if_any()
    return texts


def say(key: str, language: Language, **values: object) -> str:
    """Return a text of the site, filled in."""
    return words()[key][language].format(**values)


def column(name: str, language: Language) -> str:
    """Return the heading of a result column: declared, or its name made readable."""
    declared = words().get(f"columns.{name}")
    return declared[language] if declared else name.replace("_", " ").capitalize()


def term_name(curie: str, language: Language) -> str:
    """Return the declared name of another vocabulary's term (`skos:broader`), or the short form itself."""
    declared = words().get(f"terms.{curie}")
    return declared[language] if declared else curie


def value_name(value: str, language: Language) -> str:
    """Return the words for a value that the data writes as a code (`increase`), or the value itself."""
    declared = words().get(f"values.{value}")
    return declared[language] if declared else value


def _of(item: Item, key: str) -> Item | None:
    return item.value.get(key) if isinstance(item.value, dict) else None
