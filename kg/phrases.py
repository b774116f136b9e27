"""Finding of known phrases in text: whole words, folded; one engine for names, acronyms and topic words."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from kg.text import fold_aligned

T = TypeVar("T")
_TOKEN = re.compile(r"[a-z0-9]+")
_PATTERN_TOKEN = re.compile(r"[a-z0-9]+\*?")
_KEY = 3


@dataclass(frozen=True)
class Match(Generic[T]):
    """A phrase found: characters `start` to `end` of the text, its number of words, and what the phrase stands for."""

    start: int
    end: int
    words: int
    payload: T

    @property
    def length(self) -> int:
        """Number of characters covered."""
        return self.end - self.start


@dataclass(frozen=True)
class _Entry(Generic[T]):
    words: tuple[str, ...]
    exact_case: str | None
    payload: T


class PhraseIndex(Generic[T]):
    """An index of phrases; a word of a phrase that ends with `*` stands for every word that begins so."""

    def __init__(self) -> None:
        self._by_first: dict[str, list[_Entry[T]]] = defaultdict(list)
        self._by_beginning: dict[str, list[_Entry[T]]] = defaultdict(list)

    def add(self, phrase: str, payload: T, exact_case: bool = False) -> None:
        """Add a phrase; `exact_case` asks for the same capitals (for acronyms), accents apart.

        Raises:
            ValueError: the phrase holds no word.
        """
        words = tuple(_PATTERN_TOKEN.findall(fold_aligned(phrase)))
        if not words:
            raise ValueError(f"no word in the phrase {phrase!r}")
        entry = _Entry(words, phrase.strip() if exact_case else None, payload)
        if words[0].endswith("*"):
            self._by_beginning[words[0].rstrip("*")[:_KEY]].append(entry)
        else:
            self._by_first[words[0]].append(entry)

    def copy(self) -> PhraseIndex[T]:
        """Return an index of its own with the same phrases."""
        other: PhraseIndex[T] = PhraseIndex()
        other._by_first.update({key: list(entries) for key, entries in self._by_first.items()})
        other._by_beginning.update({key: list(entries) for key, entries in self._by_beginning.items()})
        return other

    def find_all(self, text: str) -> list[Match[T]]:
        """Find every occurrence, also overlapping ones, in the order of the text; the longer first at one place."""
        tokens = [(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(fold_aligned(text))]
        found: list[Match[T]] = []
        for index, (word, start, _) in enumerate(tokens):
            for entry in self._candidates(word):
                end = _end_of(entry, tokens, index)
                if end is not None and _case_fits(entry.exact_case, text[start:end]):
                    found.append(Match(start, end, len(entry.words), entry.payload))
        return sorted(found, key=lambda m: (m.start, -m.end))

    def _candidates(self, word: str) -> Iterator[_Entry[T]]:
        yield from self._by_first.get(word, ())
        for size in range(1, _KEY + 1):
            if size <= len(word):
                yield from self._by_beginning.get(word[:size], ())

    def find(self, text: str) -> list[Match[T]]:
        """Find occurrences that do not overlap: the longest, then the earliest, wins; all payloads of one span are kept."""
        return longest(self.find_all(text))


def longest(matches: Iterable[Match[T]]) -> list[Match[T]]:
    """Keep the longest of overlapping matches (all payloads of equal spans), in the order of the text."""
    kept: list[Match[T]] = []
    spans: list[tuple[int, int]] = []  # of those kept: they do not overlap, so their order is that of starts and of ends
    for match in sorted(matches, key=lambda m: (-m.length, m.start)):
        span = (match.start, match.end)
        place = bisect_left(spans, span)
        beside = spans[max(place - 1, 0) : place + 1]
        if span in beside:
            kept.append(match)
        elif not any(match.start < end and start < match.end for start, end in beside):
            spans.insert(place, span)
            kept.append(match)
    return sorted(kept, key=lambda m: (m.start, m.end))


def _end_of(entry: _Entry[T], tokens: list[tuple[str, int, int]], index: int) -> int | None:
    if index + len(entry.words) > len(tokens):
        return None
    for offset, word in enumerate(entry.words):
        token = tokens[index + offset][0]
        if not (token.startswith(word[:-1]) if word[-1] == "*" else token == word):
            return None
    return tokens[index + len(entry.words) - 1][2]


def _case_fits(wanted: str | None, written: str) -> bool:
    """Compare capitals: MINSA fits MINSA, not minsa; separators and accents are free."""
    if wanted is None:
        return True
    pairs = zip(filter(str.isalnum, wanted), filter(str.isalnum, written), strict=False)
    return all(a.isupper() == b.isupper() for a, b in pairs)
