"""What a person typed: words, "phrases" and beginnings*; nothing that is typed can be an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kg.search.words import Word, spellings_from, standing, stem, vocabulary, words_of

LONGEST_TEXT = 1000  # characters that are read
MOST = 16  # clauses that are asked
LEAST_BEGINNING = 2  # letters before a *
_QUOTES = str.maketrans("«»“”„‟″", '"' * 7)
_PIECE = re.compile(r"\"([^\"]*)\"|(\w[\w\u0300-\u036f]*)(\*?)")


@dataclass(frozen=True)
class Clause:
    """One thing that is looked for: a `word` by its stem, a `phrase` word for word (may be one word), or a `beginning`."""

    kind: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """What is looked for. `ignored` names small words that were left out; `cut` says that there was too much."""

    clauses: tuple[Clause, ...] = ()
    ignored: tuple[str, ...] = ()
    cut: bool = False


def parse(text: str) -> Asked:
    """Read what was typed. A quote that is not closed counts for nothing; small words count only where there is nothing else."""
    found: dict[Clause, None] = {}
    for match in _PIECE.finditer(text[:LONGEST_TEXT].translate(_QUOTES)):
        clause = _clause(*match.groups())
        if clause:
            found[clause] = None
    small = [c for c in found if c.kind == "word" and c.words[0] in vocabulary().stop]
    if len(small) == len(found):
        small = []
    clauses = [c for c in found if c not in small]
    cut = len(text) > LONGEST_TEXT or len(clauses) > MOST
    return Asked(tuple(clauses[:MOST]), tuple(c.words[0] for c in small), cut)


def _clause(quoted: str | None, word: str | None, star: str | None) -> Clause | None:
    if quoted is not None:
        words = tuple(w.folded for w in words_of(quoted))[:MOST]
        return Clause("phrase", words) if words else None
    assert word is not None
    if star and len(word) >= LEAST_BEGINNING:
        return Clause("beginning", tuple(sorted({standing(word)} | spellings_from(standing(word)))))
    return Clause("word", (standing(word),))


def marks(text: str, asked: Asked) -> list[tuple[int, int]]:
    """Return where a text says what is looked for: (start, end) in its order, without overlaps."""
    words = list(words_of(text))
    hit = [False] * len(words)
    for clause in asked.clauses:
        for start, length in _places(words, clause):
            hit[start : start + length] = [True] * length
    return _joined(words, hit, asked)


def _places(words: Sequence[Word], clause: Clause) -> list[tuple[int, int]]:
    """Return the hits of a clause as (index of the first word, how many)."""
    if clause.kind == "word":
        wanted = stem(clause.words[0])
        return [(i, 1) for i, word in enumerate(words) if stem(word.folded) == wanted]
    if clause.kind == "beginning":
        return [(i, 1) for i, word in enumerate(words) if word.folded.startswith(clause.words)]
    length, folded = len(clause.words), [word.folded for word in words]
    return [(i, length) for i in range(len(words) - length + 1) if tuple(folded[i : i + length]) == clause.words]


def _joined(words: Sequence[Word], hit: Sequence[bool], asked: Asked) -> list[tuple[int, int]]:
    """Join the words of a phrase that stand side by side; single words keep a mark of their own."""
    joins = any(len(clause.words) > 1 and clause.kind == "phrase" for clause in asked.clauses)
    found: list[tuple[int, int]] = []
    for i, word in enumerate(words):
        if not hit[i]:
            continue
        if joins and found and i and hit[i - 1]:
            found[-1] = (found[-1][0], word.end)
        else:
            found.append((word.start, word.end))
    return found
