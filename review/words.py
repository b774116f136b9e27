"""The review page's words in both languages, read from strings.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from kg.declared import Item, read_yaml
from kg.ontology import load_ontology

Language = Literal["es", "en"]
LANGUAGES: tuple[Language, ...] = ("es", "en")
_FILE = Path(__file__).with_name("strings.yaml")


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
            texts = collector.mapping(entry, name)
            found[f"{section}.{name}"] = {lang: _text(texts.get(lang)) for lang in LANGUAGES}
            for lang in LANGUAGES:
                if not found[f"{section}.{name}"][lang]:
                    collector.add(entry.line, f"{section}.{name}", f"no text for {lang}", "both languages are needed")
    collector.raise_if_any()
    return found


def _text(item: Item | None) -> str:
    return item.value if item is not None and isinstance(item.value, str) else ""


def say(key: str, language: Language, **values: object) -> str:
    """Return a text of the page, filled in; a value that names a field, type or link is told by its name."""
    return words()[key][language].format(**{name: _named(name, str(value), language) for name, value in values.items()})


def _named(name: str, value: str, language: Language) -> str:
    if name in {"field", "kind"}:
        return words().get(f"fields.{value}", {}).get(language, value)
    if name in {"source", "target"} and value in load_ontology().statement_types:
        return type_name(value, language)
    return value


def type_name(kind: str, language: Language) -> str:
    """Return what a type of statement is called."""
    ontology = load_ontology()
    return ontology.label(ontology.statement_types[kind], language)


def page_words(language: Language) -> dict[str, str]:
    """Return every text that the page itself fills in."""
    return {key: texts[language] for key, texts in words().items()}
