"""Limits to what a text may nest and join, so that the engine neither crashes nor plans for minutes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from kg.sparql.tokens import FUNCTIONS, KEYWORDS, OPEN, Refusal, Token, place_of

_FUSED = re.compile(r"FILTER|HAVING|BY|ASC|DESC|NOT|EXISTS", re.IGNORECASE)


@dataclass(frozen=True)
class TextLimits:
    """How much a query may ask for; measured with pyoxigraph 0.5.13 on an 8 MB stack.

    `depth`: brackets of all kinds inside one another; the engine crashes from 830 on.
    `patterns`: triple patterns, path steps, OPTIONAL and sub-queries that are joined with one another; a hundred around one
    variable are planned for 0.6 s, two hundred for more than 6 s. Branches of a UNION count apart, lists twice.
    `unions`, `minuses`, `filters`, `binds`: in the whole query; crash or seconds from about 3,000 (filters: 1,600) on.
    `operators`: signs in expressions and paths in the whole query; 800 `||` take 0.3 s, 12,000 `+` crash.
    `columns`: what SELECT, DESCRIBE, GROUP BY and ORDER BY list, all together; 3,200 crash.
    `doubtful`: brackets, or each fifth operator, in a text that is not read with certainty.
    """

    depth: int = 100
    patterns: int = 80
    unions: int = 500
    minuses: int = 400
    filters: int = 400
    binds: int = 400
    operators: int = 600
    columns: int = 1000
    doubtful: int = 400


_OPERATORS = {"||", "&&", "|", "/", "^", "!", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*"}
_STARTERS = {".", ";", ",", "{", "{|", "}", ")", "[", "]"}
_HEADERS = {"SELECT", "DESCRIBE", "BY"}
TERMS = {"A", "TRUE", "FALSE", "UNDEF"}


class _Frame:
    """An open bracket: what it holds (`top`, `pattern`, `template`, `data`, `list` or path, `expr`) and how much of it."""

    __slots__ = ("branch", "close", "header", "joined", "kind", "union", "weight")

    def __init__(self, kind: str, close: str = "", joined: bool = True, union: bool = False):
        self.kind, self.close, self.joined, self.union = kind, close, joined, union
        self.weight = self.branch = 0
        self.header = False


class _Meter:
    """Reads the tokens of a query once, and refuses at the one that is too much."""

    def __init__(self, text: str, limits: TextLimits):
        self.text, self.limits = text, limits
        self.stack = [_Frame("top")]
        self.counts: Counter[str] = Counter()
        self.words = {"UNION": limits.unions, "MINUS": limits.minuses, "FILTER": limits.filters, "BIND": limits.binds}
        self.last = self.before = Token("sign", "{", 0, 0)
        self.values = self.doubtful = False

    def feed(self, token: Token) -> None:
        """Take the next token."""
        kind, text = token.kind, token.text
        if kind == "sign":
            if text in OPEN:
                self.open(token)
            elif text in OPEN.values():
                self.close(token)
            elif text in _OPERATORS:
                self.operator(token)
            elif text in {"<<", ">>", "~"}:
                self.doubtful = True
        elif kind == "word" and text.upper() not in TERMS:
            self.word(token, text.upper())
        else:
            self.term(token)
        self.before, self.last = self.last, token

    def refuse(self, token: Token, what: str, limit: int, kind: str = "too_complex") -> None:
        raise Refusal(kind, f"{what} > {limit}", *place_of(self.text, token.start))

    def count(self, token: Token, what: str, limit: int) -> None:
        self.counts[what] += 1
        if self.counts[what] > limit:
            self.refuse(token, what, limit)

    def add(self, token: Token, weight: int) -> None:
        frame = self.stack[-1]
        frame.weight += weight
        if frame.weight > self.limits.patterns:
            self.refuse(token, "patterns", self.limits.patterns)

    def open(self, token: Token) -> None:
        if len(self.stack) > self.limits.depth:
            self.refuse(token, "depth", self.limits.depth, "depth")
        around, last = self.stack[-1], self.last.text.upper()
        if around.header and token.text != "{":
            self.count(token, "columns", self.limits.columns)
        if token.text == "{":
            kind = "data" if self.values else "template" if last == "CONSTRUCT" else "pattern"
            self.values = around.header = False
            self.stack.append(_Frame(kind, "}", last not in {"EXISTS", "MINUS"} and kind != "template", last == "UNION"))
        else:
            self.stack.append(_Frame(self.inside(around, token.text), OPEN[token.text]))

    def inside(self, around: _Frame, bracket: str) -> str:
        """Tell what a bracket other than a brace holds; in doubt an expression."""
        call = self.last.kind in {"iri", "pname"} and self.before.kind == "word" and self.before.text.upper() not in TERMS
        behind_word = self.last.kind == "word" and self.last.text.upper() not in TERMS
        if bracket == "(" and (call or behind_word or around.kind == "top" or around.header):
            return "expr"
        return "list" if bracket == "(" and around.kind == "pattern" else around.kind

    def close(self, token: Token) -> None:
        if len(self.stack) == 1 or self.stack[-1].close != token.text:
            self.doubtful = True
            return
        frame = self.stack.pop()
        around = self.stack[-1]
        if token.text != "}":
            self.add(token, frame.weight)
        elif frame.joined:
            weight = max(1, frame.weight)
            self.add(token, max(0, weight - around.branch) if frame.union else weight)
            around.branch = max(weight, around.branch) if frame.union else weight

    def operator(self, token: Token) -> None:
        self.count(token, "operators", self.limits.operators)
        if token.text == "/" and self.stack[-1].kind in {"pattern", "list"}:
            self.add(token, 1)

    def word(self, token: Token, word: str) -> None:
        if word in self.words:
            self.count(token, word, self.words[word])
        elif word not in KEYWORDS:
            self.doubtful = True
        self.values = self.values or word == "VALUES"
        self.stack[-1].header = word in _HEADERS or (self.stack[-1].header and word in {"DISTINCT", "REDUCED"} | FUNCTIONS)

    def term(self, token: Token) -> None:
        frame, last = self.stack[-1], self.last
        if frame.header:
            self.count(token, "columns", self.limits.columns)
        elif frame.kind == "pattern" and last.text in _STARTERS:
            self.add(token, 1)
        elif frame.kind == "list" and last.text not in _OPERATORS and last.text != "(":
            self.add(token, 2)
        elif frame.kind == "expr":
            self.operand(token)
        if token.kind == "other" or (token.kind == "pname" and _FUSED.search(token.text.partition(":")[0])):
            self.doubtful = True

    def operand(self, token: Token) -> None:
        """Look at a term of an expression: behind another one, `+1` is an addition and `<b:c>` no IRI."""
        if self.last.kind == "sign" and self.last.text != ")":
            return
        if token.kind == "number" and token.text[0] in "+-":
            self.count(token, "operators", self.limits.operators)
        elif token.kind == "iri" and self.last.kind != "word":
            self.doubtful = True


def measure(text: str, found: list[Token], limits: TextLimits) -> bool:
    """Hold the query against the limits, and tell whether it is doubtful."""
    meter = _Meter(text, limits)
    for token in found:
        meter.feed(token)
    doubtful = meter.doubtful or len(meter.stack) > 1
    if doubtful:
        _measure_doubtful(text, limits)
    return doubtful


def _measure_doubtful(text: str, limits: TextLimits) -> None:
    """Count signs and letters wherever they stand."""
    upper, allowed = text.upper(), limits.doubtful
    counts = {
        "brackets": (sum(map(text.count, "([{<")), allowed),
        "operators": (sum(map(text.count, "|&+*-=!^.;,")), 5 * allowed),
    }
    for word, limit in (("UNION", limits.unions), ("MINUS", limits.minuses), ("FILTER", limits.filters), ("BIND", limits.binds)):
        counts[word] = upper.count(word), limit
    for what, (count, limit) in counts.items():
        if count > limit:
            raise Refusal("too_complex", f"{what} > {limit}", 1, 1)
