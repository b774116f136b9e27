"""How like two names are: 0 to 100, on the forms that `Words.key` makes."""

from __future__ import annotations

from rapidfuzz import fuzz

NEARLY = 99.0  # what is not the same reaches at most this
ABBREVIATED = 94.0  # every word begins as the other name's word does: "s j lurigancho"
INITIALS = 80.0  # the same, with nothing that is longer than initials: "sjl"
REORDERED, PARTLY = 0.97, 0.8  # what the likeness counts when the words stand in another order, or are only some of them
SHORT = 4  # characters below which a word says little by itself
_MOST_INITIALS = 3
_MOST_WORDS = 12  # what is longer is no abbreviation


def likeness(query: str, name: str) -> float:
    """Return how like a name is to what was asked for; 100 only where they are the same."""
    if query == name:
        return 100.0
    best = max(fuzz.ratio(query, name), fuzz.token_sort_ratio(query, name) * REORDERED)
    if min(len(query), len(name)) >= SHORT:
        best = max(best, fuzz.token_set_ratio(query, name) * PARTLY)
    if best < ABBREVIATED:
        words = query.split()
        if len(words) <= _MOST_WORDS and abbreviates(words, name.split()):
            best = max(best, ABBREVIATED if any(len(word) >= SHORT for word in words) else INITIALS)
    return min(best, NEARLY)


def abbreviates(short: list[str], full: list[str]) -> bool:
    """Tell whether each word begins the word in its place; two or three letters may be the initials of as many words."""
    if not short or not full:
        return not short and not full
    word, rest = short[0], short[1:]
    if full[0].startswith(word) and abbreviates(rest, full[1:]):
        return True
    size = len(word)
    initials = 1 < size <= _MOST_INITIALS and [w[0] for w in full[:size]] == list(word)
    return initials and abbreviates(rest, full[size:])


def initials_of(name: str) -> str:
    """Return the first letters of a name's words, empty where it has fewer than two."""
    words = name.split()
    return "".join(word[0] for word in words) if len(words) > 1 else ""
