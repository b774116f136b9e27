"""When two words count as the same: case and accents folded, declared spellings, Spanish stems."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from snowballstemmer.spanish_stemmer import SpanishStemmer

from kg.declared import read_yaml
from kg.paths import DATA
from kg.text import fold

LONGEST = 60  # letters of a word that count; the rest is cut off, here and there alike
_FILE = DATA / "search.yaml"
# A combining mark belongs to its letter.
_WORD = re.compile(r"\w[\w\u0300-\u036f]*")
_stemmer = SpanishStemmer()


class Word(NamedTuple):
    """A word of a text: its place, and the word folded."""

    start: int
    end: int
    folded: str


@dataclass(frozen=True)
class Vocabulary:
    """The declared words: spelling → the one that stands for it, ending → the one it is read as, words that are left out."""

    variants: dict[str, str]
    endings: dict[str, str]
    stop: frozenset[str]


@cache
def vocabulary(file: Path = _FILE) -> Vocabulary:
    """Load the declared words.

    Raises:
        ProblemsError: the file is not as it should be.
    """
    root, collector = read_yaml(file)
    collector.known_keys(root, {"variants", "endings", "stop"})
    parts = collector.mapping(root, "")
    groups = [collector.scalars(item, "variants") for item in collector.sequence(parts.get("variants"), "variants")]
    stop = [collector.scalars(item, "stop") for item in collector.sequence(parts.get("stop"), "stop")]
    endings = collector.mapping(parts["endings"], "endings") if "endings" in parts else {}
    read = {ending: collector.scalar(item, f"endings.{ending}") or "" for ending, item in endings.items()}
    for word in [w for group in (*groups, *stop) for w in group]:
        if word != fold(word):
            collector.add(root.line, word, "not folded", f"write {fold(word)}")
    collector.raise_if_any()
    variants = {spelling: group[0] for group in groups for spelling in group}
    return Vocabulary(variants, read, frozenset(w for group in stop for w in group))


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text in its order; places are those of the text as it is."""
    for match in _WORD.finditer(text):
        yield Word(match.start(), match.end(), standing(match[0]))


def folded_words(text: str) -> list[str]:
    """Return the words of a text in its order, folded, without their places."""
    return [standing(word) for word in _WORD.findall(text)]


@lru_cache(maxsize=200_000)
def standing(word: str) -> str:
    """Return a word folded, in the spelling that stands for it."""
    folded = fold(word)[:LONGEST]
    return vocabulary().variants.get(folded, folded)


@lru_cache(maxsize=200_000)
def stem(folded: str) -> str:
    """Return the stem of a folded word."""
    for ending, read_as in vocabulary().endings.items():
        if folded.endswith(ending):
            folded = folded.removesuffix(ending) + read_as
            break
    stemmed: str = _stemmer.stemWord(folded)
    return stemmed


def spellings_from(beginning: str) -> set[str]:
    """Return the words that stand for a spelling that begins so: `aym` → {`aimara`}."""
    return {stands for spelling, stands in vocabulary().variants.items() if spelling.startswith(beginning)}
