"""The text search within SPARQL: `SERVICE <…/search> { ?s search:query "agua" ; search:score ?score ; search:limit 50 }`.

The pattern is answered before the engine sees the text: VALUES with the hits stand in its place. It goes nowhere else; what is
left of SERVICE afterwards is refused as ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kg.namespaces import BASE
from kg.sparql.tokens import ODD_IRI, Refusal, Token, place_of, tokens

SERVICE = BASE + "search"
TERMS = SERVICE + "#"
PREFIX = "search"
USUAL_LIMIT, MOST_LIMIT = 100, 10_000
MOST_CALLS = 5
# text, how many, and the class that a hit must have (empty: any) → (address, score)
Find = Callable[[str, int, str], Sequence[tuple[str, float]]]
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)


@dataclass
class Call:
    """One pattern of the search: where it stands in the text, and what it says."""

    start: int
    end: int
    subject: str = ""
    query: str | None = None
    score: str = ""
    limit: int = USUAL_LIMIT
    type: str = ""


def with_hits(text: str, find: Find, prefixes: Mapping[str, str], vocabulary: str) -> str:
    """Return the text with VALUES in the place of each pattern of the search; the same text where there is none.

    Lines stay where they are. `vocabulary` is the namespace of the classes that `search:type` takes.

    Raises:
        Refusal: `search_pattern`, with what is wrong and where.
    """
    if "service" not in text.lower() or ODD_IRI.search(text):
        return text
    calls = _Reader(text, prefixes, vocabulary).calls()
    for call in reversed(calls):
        text = text[: call.start] + _values(call, find, text[call.start : call.end].count("\n")) + text[call.end :]
    return text


def _values(call: Call, find: Find, lines: int) -> str:
    hits = find(call.query or "", call.limit, call.type)
    if call.score:
        rows = " ".join(f"(<{iri}> {score:.4f})" for iri, score in hits)
        return f"VALUES ({call.subject} {call.score}) {{ {rows} }}" + "\n" * lines
    return f"VALUES {call.subject} {{ {' '.join(f'<{iri}>' for iri, _ in hits)} }}" + "\n" * lines


class _Reader:
    """Finds the patterns of the search among the tokens of a query."""

    def __init__(self, text: str, prefixes: Mapping[str, str], vocabulary: str):
        self.text, self.vocabulary = text, vocabulary
        self.found = [token for token in tokens(text) if token.kind != "comment"]
        self.prefixes = {PREFIX: TERMS, **prefixes}
        for one, two, three in zip(self.found, self.found[1:], self.found[2:], strict=False):
            if one.text.upper() == "PREFIX" and two.kind == "pname" and three.kind == "iri":
                self.prefixes[two.text[:-1]] = three.text[1:-1]

    def calls(self) -> list[Call]:
        """Return the patterns, in the order of the text."""
        calls = []
        for i, token in enumerate(self.found):
            if token.kind != "word" or token.text.upper() != "SERVICE":
                continue
            at = i + 1
            if at < len(self.found) and self.found[at].text.upper() == "SILENT":
                at += 1
            if at + 1 < len(self.found) and self._iri(self.found[at]) == SERVICE and self.found[at + 1].text == "{":
                calls.append(self._call(token, at + 2))
            if len(calls) > MOST_CALLS:
                raise self._wrong(token, f"more than {MOST_CALLS} patterns")
        return calls

    def _call(self, service: Token, at: int) -> Call:
        """Read `?s search:query "…" ; … .` up to the closing brace."""
        call = Call(service.start, 0)
        expected = "subject"
        verb = service
        for token in self.found[at:]:
            if token.text == "}" and expected in {"subject", "verb", "sign"}:
                call.end = token.end
                if call.query is None:
                    raise self._wrong(token, "search:query")
                return call
            if expected == "subject":
                if token.kind != "var" or call.subject not in {"", "?" + token.text[1:]}:
                    raise self._wrong(token, "?s")
                call.subject, expected = "?" + token.text[1:], "verb"
            elif expected == "verb":
                verb, expected = token, "object"
            elif expected == "object":
                self._take(call, verb, token)
                expected = "sign"
            elif token.kind == "lang":
                continue
            elif token.text in {";", "."}:
                expected = "verb" if token.text == ";" else "subject"
            else:
                raise self._wrong(token, "; .")
        raise self._wrong(service, "}")

    def _take(self, call: Call, verb: Token, token: Token) -> None:
        """Take one property with its value."""
        name = (self._iri(verb) or "").removeprefix(TERMS)
        if name == "query" and token.kind == "string":
            call.query = _unquoted(token.text)
        elif name == "score" and token.kind == "var":
            call.score = "?" + token.text[1:]
        elif name == "limit" and token.text.isdigit() and 0 < int(token.text[:9]) <= MOST_LIMIT:
            call.limit = int(token.text)
        elif name == "type" and (iri := self._iri(token) or "").startswith(self.vocabulary):
            call.type = iri.removeprefix(self.vocabulary)
        else:
            told = {"query": '"…"', "score": "?score", "limit": f"1–{MOST_LIMIT}", "type": "pg:Problem"}
            known = "search:query, search:score, search:limit, search:type"
            raise self._wrong(token if name in told else verb, told.get(name, known))

    def _iri(self, token: Token) -> str | None:
        if token.kind == "iri":
            return token.text[1:-1]
        prefix, colon, local = token.text.partition(":")
        return self.prefixes[prefix] + local if token.kind == "pname" and colon and prefix in self.prefixes else None

    def _wrong(self, token: Token, expected: str) -> Refusal:
        return Refusal("search_pattern", expected, *place_of(self.text, token.start))


def _unquoted(literal: str) -> str:
    """Return what a string says."""
    marks = 3 if literal.startswith(('"""', "'''")) and len(literal) >= 6 else 1

    def said(match: re.Match[str]) -> str:
        code = int(match[1] or match[2] or "0", 16)
        return (chr(code) if code < 0x110000 else "\ufffd") if match[1] or match[2] else _ESCAPES.get(match[3], match[3])

    return _ESCAPE.sub(said, literal[marks:-marks])
