"""Where a syntax error is, and what was expected there."""

from __future__ import annotations

import re
from difflib import get_close_matches

from kg.sparql.tokens import KEYWORDS, Refusal

SECOND_OPINION = 5000  # characters of the longest query whose syntax error is located by rdflib too
_POSITION = re.compile(r"error at (\d+):(\d+): (?:expected )?(.*)", re.DOTALL)


def syntax_refusal(text: str, message: str) -> Refusal:
    """Turn the engine's syntax error into the place of the fault and what a person can read of the things expected there.

    The kind is `syntax`, or `prefix` (the detail names it) or `bad_iri` where the engine knows that much.
    """
    match = _POSITION.match(message)
    if not match:
        return Refusal("syntax", message[:300])
    line, column, expected = int(match[1]), int(match[2]), match[3].removeprefix("one of ")
    if "Prefix not found" in expected:
        name = re.search(r"([\w.-]*:)[^\s:]*$", text.split("\n")[line - 1][: column - 1][-300:])
        return Refusal("prefix", name[1] if name else "", line, column - len(name[0]) if name else column)
    words = [w.strip() for w in re.sub(r"\[[^\]]*\]", "", expected).split(",")]
    keywords = [w for w in words if re.fullmatch(r"[A-Z][A-Z0-9_]+", w)]
    signs = [w for w in words if re.fullmatch(r'"[^"]+"', w)]
    only_keywords = not signs and not re.search(r"\[[^_\]]", expected)
    # The engine looks for a keyword by taking as many characters as that has, and names the place behind them.
    overshoot = min(map(len, keywords), default=column - 1) if only_keywords else 0
    place = max((line, max(column - overshoot, 1)), _second_opinion(text) or (0, 0))
    kind = "bad_iri" if "IRI parsing failed" in expected and not signs else "syntax"
    return Refusal(kind, _meant(text, place) or ", ".join((signs + keywords)[:8]) or "–", *place)


def _meant(text: str, place: tuple[int, int]) -> str:
    """Return the keyword that a misspelt word at a place may mean, empty where there is none."""
    line = text.split("\n")[place[0] - 1] if place[0] <= text.count("\n") + 1 else ""
    word = re.match(r"[A-Za-z]+", line[place[1] - 1 :])
    near = get_close_matches(word[0].upper(), sorted(k for k in KEYWORDS if len(k) > 3), 1, 0.75) if word else []
    return near[0] if near and word and near[0] != word[0].upper() else ""


def _second_opinion(text: str) -> tuple[int, int] | None:
    """Return where rdflib's parser stops, None where it does not or the query is too long for it."""
    if len(text) > SECOND_OPINION:
        return None
    from pyparsing import ParseBaseException
    from rdflib.plugins.sparql.parser import parseQuery

    try:
        parseQuery(text)
    except ParseBaseException as error:
        return error.lineno, error.column
    except (RecursionError, ValueError):
        return None
    return None
