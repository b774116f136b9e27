"""SPARQL as text: what is refused before the engine sees it, what is said in a better way, and keys for caches.

The engine can neither be stopped nor always be survived: texts that nest or join too much crash it or keep it planning for
minutes. It reads keywords without word boundaries (`1SERVICE<..>`, `FILTERNOTEXISTS{`) and knows from the context whether
`<` opens an IRI. A tokenizer cannot know that, so wherever the two could differ the text counts as *doubtful*: it is never
rewritten, and limits and refusals take the worst reading. Rewrites never change an answer; line numbers in a rewritten text
may differ, so a syntax error is told with `syntax_refusal` on the text as it was asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urljoin

SECOND_OPINION = 5000  # characters of the longest query whose syntax error is located by rdflib too

_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME = _BASE + "_0-9\u00b7\u0300-\u036f\u203f\u2040"  # VARNAME, and with a hyphen PN_CHARS
_ESCAPE = r"\\[-_~.!$&'()*+,;=/?\#@%]"
_LOCAL = rf"(?:[{_NAME}:-]|%[0-9A-Fa-f]{{2}}|{_ESCAPE})"
_IRI = r"""<(?:[^<>"{}|^`\\\x00-\x20]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>"""
_STRING = r"""\"{3}(?:[^"\\]|\\.|\"(?!\"\"))*\"{3} | '{3}(?:[^'\\]|\\.|'(?!''))*'{3}
      | "(?:[^"\\\r\n]|\\.)*" | '(?:[^'\\\r\n]|\\.)*'"""
# An open string runs to the end of the text: the engine refuses it anyway, and looking on for its end would be quadratic.
_TOKEN = re.compile(
    rf"""[ \t\r\n]*(?:(?P<iri>{_IRI})
      | (?P<var>[?$][{_NAME}]+)
      | (?P<pname>(?:[{_BASE}](?:[{_NAME}.-]{{0,99}}[{_NAME}-])?)?:(?:{_LOCAL}(?:\.*{_LOCAL}+)*)?)
      | (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<number>[+-]?(?:\d+\.\d*[eE][+-]?\d+|\.?\d+[eE][+-]?\d+|\d*\.\d+|\d+))
      | (?P<string>{_STRING})
      | (?P<lang>@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--[A-Za-z]+)?)
      | (?P<sign>\^\^|\|\||&&|!=|<=|>=|<<|>>|\{{\||\|\}}|[][{{}}().,;*/+\-!=<>|^?~])
      | (?P<comment>\#[^\r\n]*)
      | (?P<blank>_:[{_NAME}](?:[{_NAME}.-]{{0,99}}[{_NAME}-])?)
      | (?P<space>\Z)
      | (?P<other>["'].*|.))""",
    re.VERBOSE | re.DOTALL,
)
# What white space, a keyword or a bracket cannot lie in.
_OPAQUE = re.compile(
    rf"""(?P<iri>{_IRI}) | (?P<string>{_STRING}) | (?P<rest>["'].*) | (?P<space>(?:[ \t\r\n]|\#[^\r\n]*)+)
      | (?P<name>[?$][{_NAME}]+ | (?<=:)[{_NAME}](?:[{_NAME}-]|{_ESCAPE})*) | (?P<escape>{_ESCAPE})""",
    re.VERBOSE | re.DOTALL,
)
# `FILTER(?a<b:c)#>` holds an IRI only at first sight. With a quote or a comment sign in it, the rest may be read differently,
# too; `http://` within an expression is not SPARQL, so an IRI with an authority is one.
_ODD_IRI = re.compile(r"<(?![A-Za-z][A-Za-z0-9+.-]*://)[^<>\s]*['#]|<(?=[^<>\s]*service)[^<>\s]*\)", re.IGNORECASE)
_UPDATE = re.compile(
    r"\s*(?:(?:BASE|PREFIX\s*[^\s:]*:)\s*)*(INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b", re.IGNORECASE
)
_VOLATILE = re.compile(r"(?:NOW|RAND|UUID|BNODE)", re.IGNORECASE)
_POSITION = re.compile(r"error at (\d+):(\d+): (?:expected )?(.*)", re.DOTALL)
_FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_WORDS = re.compile(r"\w+")
_FUNCTIONS = set(
    _WORDS.findall("""
    STR LANG LANGMATCHES DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN UCASE LCASE ENCODE_FOR_URI
    CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW UUID STRUUID MD5 SHA1
    SHA256 SHA384 SHA512 COALESCE IF STRLANG STRDT SAMETERM ISIRI ISURI ISBLANK ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE
    COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT IN NOT""")
)
_KEYWORDS = _FORMS | _FUNCTIONS
_KEYWORDS |= set(
    _WORDS.findall("""
    A TRUE FALSE BASE PREFIX WHERE FROM NAMED DISTINCT REDUCED AS GROUP BY HAVING ORDER ASC DESC LIMIT OFFSET VALUES UNDEF
    OPTIONAL GRAPH UNION MINUS FILTER BIND EXISTS SEPARATOR""")
)
_FUSED = re.compile(r"FILTER|HAVING|BY|ASC|DESC|NOT|EXISTS", re.IGNORECASE)


# What is so short cannot pass the limits, so that nothing has to be counted; the words need a closer look.
_LIMITED = re.compile(r"limit|values", re.IGNORECASE)
_LAST_LIMIT = re.compile(r"}\s*LIMIT\s+(\d{1,18})\s*\Z", re.IGNORECASE)
SMALL, SMALL_SIGNS = 600, 38
_ODD_WORD = re.compile(r"from|exists|<<|\\", re.IGNORECASE)
_SIMPLE_HEAD = re.compile(
    r"\s*(?:PREFIX\s+[\w-]*:\s*<[^<>\"{}|^`\s]*>\s*)*(?P<form>SELECT|ASK|CONSTRUCT|DESCRIBE)"
    r"(?:\s+(?:DISTINCT|REDUCED))?(?:\s*(?P<star>\*)|(?=[\s?$({<]))",
    re.IGNORECASE,
)


class Refusal(Exception):
    """A query that is not answered: kind, detail, position.

    Kinds: `syntax`, `prefix`, `bad_iri`, `update`, `service`, `format`, `size`, `iri`, `engine`; `depth` and `too_complex` with
    a detail like `UNION > 500`; `unknown_graph` with its IRI.
    """

    def __init__(self, kind: str, detail: str = "", line: int = 0, column: int = 0):
        super().__init__(detail or kind)
        self.told = {"kind": kind, "detail": detail, "line": line, "column": column}


class Token(NamedTuple):
    """A piece of a query: what it is (`iri`, `pname`, `word`, `sign` ...), its text and its place."""

    kind: str
    text: str
    start: int
    end: int


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


@dataclass(frozen=True)
class Prepared:
    """A query as the engine is to get it.

    `form` is empty when it cannot be told. `rewritten` names what was said otherwise: `not-exists`, `exists`. `star` is the
    place of the `*` in `text` when the outermost form is `SELECT *`.
    """

    text: str
    form: str
    rewritten: tuple[str, ...] = ()
    star: tuple[int, int] | None = None


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of SPARQL 1.1, and the brackets of 1.2; white space is left out, comments are not.

    What is no token is `other`; an open string reaches to the end of the text.

    Source: https://www.w3.org/TR/sparql11-query/#sparqlGrammar
    """
    for match in _TOKEN.finditer(text):
        if (kind := match.lastgroup or "") != "space":
            start, end = match.span(kind)
            yield Token(kind, text[start:end], start, end)


def prepare(
    text: str,
    known_graph: Callable[[str], bool] | None = None,
    limits: TextLimits | None = None,
    *,
    prefixes: Mapping[str, str] | None = None,
    base: str | None = None,
) -> Prepared:
    """Refuse what this endpoint never runs, and make the rest ready for the engine.

    `known_graph` tells whether a graph of FROM or FROM NAMED is there; `prefixes` and `base` are those the engine will be given.

    Raises:
        Refusal: `update`, `service`, `depth`, `too_complex` or `unknown_graph`.
    """
    _refuse_service(text)
    if small := _small(text):
        return small
    found = [token for token in tokens(text) if token.kind != "comment"]
    doubtful = _measure(text, found, limits or TextLimits())
    form, star, froms = _header(found)
    if not form:
        _refuse_update(text)
    if known_graph:
        _refuse_graphs(text, froms, known_graph, _Names(found, prefixes or {}, base))
    if doubtful or "exists" not in text.lower():
        return Prepared(text, form, (), star)
    return Prepared(*_rewritten(text, found, form), star)


def _small(text: str) -> Prepared | None:
    """Make a text ready that is too short and simple to pass a limit and has nothing to rewrite; None where it is not."""
    if len(text) > SMALL or max(map(text.count, "{([,;./|!-+^ \n")) > SMALL_SIGNS or _ODD_WORD.search(text):
        return None
    head = _SIMPLE_HEAD.match(text)
    if head is None:
        return None
    star = head.span("star") if head["star"] and head["form"].upper() == "SELECT" else None
    return Prepared(text, head["form"].upper(), (), star)


def normalized(text: str) -> str:
    """Return a key under which queries are the same that differ in comments and white space only.

    Two queries of different meaning have different keys; a doubtful text is its own key.
    """
    if _ODD_IRI.search(text):
        return text
    return _OPAQUE.sub(lambda match: " " if match.lastgroup == "space" else match[0], text).strip(" ")


def is_repeatable(text: str) -> bool:
    """Tell whether the same graph gives the same answer each time; in doubt it does not."""
    if not _VOLATILE.search(text):
        return True
    return not _ODD_IRI.search(text) and not re.search(_VOLATILE.pattern + r"\s*\(", _bare(text), re.IGNORECASE)


def star_columns(text: str, star_span: tuple[int, int], in_scope: Collection[str]) -> str:
    """Return the text with the variables in scope, as they first appear in it, in the place of the `*`.

    The engine names them (without `?`) in the order of the alphabet. With none of them the `*` stays.
    """
    seen = dict.fromkeys(token.text[1:] for token in tokens(text) if token.kind == "var")
    names = [name for name in seen if name in in_scope]
    if set(names) != set(in_scope) or not names:
        return text
    return f"{text[: star_span[0]]} {' '.join('?' + name for name in names)} {text[star_span[1] :]}"


def limit_rows(prepared: Prepared, most: int) -> tuple[str, int]:
    """Return the text with a LIMIT of at most `most` rows (0: as it is), and that number where it was put in, else 0."""
    if not most or prepared.form != "SELECT":
        return prepared.text, 0
    text, depth, values, limit = prepared.text, 0, len(prepared.text), -1
    if not _LIMITED.search(text):
        return f"{text}\nLIMIT {most}", most
    if (last := _LAST_LIMIT.search(text)) and int(last[1]) <= most:
        return text, 0
    outer = []
    for token in tokens(text):
        depth += (token.text in {"{", "(", "["}) - (token.text in {"}", ")", "]"})
        if depth == 0 and token.kind in {"word", "number"}:
            outer.append(token)
    for i, token in enumerate(outer):
        if token.text.upper() == "LIMIT":
            limit = i + 1
        elif token.text.upper() == "VALUES":
            values = token.start
    if limit < 0:
        return f"{text[:values]}\nLIMIT {most}\n{text[values:]}", most
    own = outer[limit] if limit < len(outer) else None
    if own is None or not own.text.isdigit() or int(own.text) <= most:
        return text, 0
    return f"{text[: own.start]}{most}{text[own.end :]}", most


def _bare(text: str) -> str:
    """Return the text without what a keyword cannot lie in; what follows an open string is left."""
    return _OPAQUE.sub(lambda match: match[0] if match.lastgroup == "rest" else " ", text)


def _refuse_service(text: str) -> None:
    if "service" not in text.lower():
        return
    if _ODD_IRI.search(text) or "service" in _bare(text).lower():
        raise Refusal("service")


def _refuse_update(text: str) -> None:
    if _UPDATE.match(_bare(text)):
        raise Refusal("update")


def _place(text: str, start: int) -> tuple[int, int]:
    """Return line and column, counted from 1 and in characters as the engine does."""
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


def _header(found: list[Token]) -> tuple[str, tuple[int, int] | None, list[Token]]:
    """Return the form, the place of its `*`, and the names behind FROM; nothing where the text does not begin like a query."""
    form, star, froms, depth = "", None, list[Token](), 0
    for i, token in enumerate(found):
        word = token.text.upper() if token.kind == "word" else ""
        depth += (token.text == "{") - (token.text == "}")
        if depth == 1 and token.text == "{" and (form != "CONSTRUCT" or found[i - 1].text.upper() != "CONSTRUCT"):
            break
        if depth or token.text == "}":
            continue  # the template of CONSTRUCT, which stands before FROM
        if not form and word and word not in {"BASE", "PREFIX", "VERSION"}:
            if word not in _FORMS:
                break
            form = word
        elif form == "SELECT" and token.text == "*" and found[i - 1].text.upper() in {"SELECT", "DISTINCT", "REDUCED"}:
            star = token.start, token.end
        elif token.kind in {"iri", "pname"} and found[i - 1].text.upper() in {"FROM", "NAMED"}:
            froms.append(token)
    return form, star, froms


class _Names:
    """The prefixes and the base of a query, its own before those it is given."""

    def __init__(self, found: list[Token], prefixes: Mapping[str, str], base: str | None):
        self.prefixes, self.base = dict(prefixes), base
        for one, two, three in zip(found, found[1:], found[2:], strict=False):
            if one.text == "{":
                break
            if one.text.upper() == "BASE" and two.kind == "iri":
                self.base = self.full(two)
            elif one.text.upper() == "PREFIX" and three.kind == "iri":
                self.prefixes[two.text[:-1]] = self.full(three) or ""

    def full(self, token: Token) -> str | None:
        """Return the whole IRI; None where it cannot be told."""
        if "\\" in token.text or "%" in token.text:
            return None
        if token.kind == "pname":
            prefix, _, local = token.text.partition(":")
            return self.prefixes[prefix] + local if self.prefixes.get(prefix) else None
        name = token.text[1:-1]
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", name):
            return name
        return urljoin(self.base, name) if self.base else None


def _refuse_graphs(text: str, froms: list[Token], known_graph: Callable[[str], bool], names: _Names) -> None:
    for token in froms:
        name = names.full(token)
        if name is not None and not known_graph(name):
            raise Refusal("unknown_graph", name, *_place(text, token.start))


# --- limits

_OPEN = {"{": "}", "(": ")", "[": "]", "{|": "|}"}
_OPERATORS = {"||", "&&", "|", "/", "^", "!", "=", "!=", "<", ">", "<=", ">=", "+", "-", "*"}
_STARTERS = {".", ";", ",", "{", "{|", "}", ")", "[", "]"}
_HEADERS = {"SELECT", "DESCRIBE", "BY"}
_TERMS = {"A", "TRUE", "FALSE", "UNDEF"}


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
            if text in _OPEN:
                self.open(token)
            elif text in _OPEN.values():
                self.close(token)
            elif text in _OPERATORS:
                self.operator(token)
            elif text in {"<<", ">>", "~"}:
                self.doubtful = True
        elif kind == "word" and text.upper() not in _TERMS:
            self.word(token, text.upper())
        else:
            self.term(token)
        self.before, self.last = self.last, token

    def refuse(self, token: Token, what: str, limit: int, kind: str = "too_complex") -> None:
        raise Refusal(kind, f"{what} > {limit}", *_place(self.text, token.start))

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
            self.stack.append(_Frame(self.inside(around, token.text), _OPEN[token.text]))

    def inside(self, around: _Frame, bracket: str) -> str:
        """Tell what a bracket other than a brace holds; in doubt an expression."""
        call = self.last.kind in {"iri", "pname"} and self.before.kind == "word" and self.before.text.upper() not in _TERMS
        behind_word = self.last.kind == "word" and self.last.text.upper() not in _TERMS
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
        elif word not in _KEYWORDS:
            self.doubtful = True
        self.values = self.values or word == "VALUES"
        self.stack[-1].header = word in _HEADERS or (self.stack[-1].header and word in {"DISTINCT", "REDUCED"} | _FUNCTIONS)

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


def _measure(text: str, found: list[Token], limits: TextLimits) -> bool:
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


# --- rewrites

_STEP = r"\^?[ia]"
_OBJECTS = "O(?:,O)*".replace("O", "(?:[vinb]|s(?:g|ti)?)")
_TRIPLES = re.compile("[vi]P(?:;(?:P)?)*".replace("P", rf"{_STEP}(?:[/|]{_STEP})*{_OBJECTS}"))
_SIMPLE = re.compile("(?:F[.]?)*T(?:(?:[.]|(?:[.]?F)+[.]?)T)*(?:[.]?F)*[.]?".replace("T", f"(?:{_TRIPLES.pattern})"))
_CODES = {"var": "v", "iri": "i", "pname": "i", "string": "s", "lang": "g", "number": "n"}
_ORDINARY_OPENERS = {"WHERE", "UNION", "MINUS", "{", "}", "."}
_ANY_ORDER = {"LIMIT", "OFFSET", "SAMPLE", "GROUP_CONCAT"}


def _partners(found: list[Token]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return the closing bracket of each opening one, and the open ones around each FILTER."""
    partner, around, stack = dict[int, int](), dict[int, list[int]](), list[int]()
    for i, token in enumerate(found):
        if token.kind == "sign" and token.text in _OPEN:
            stack.append(i)
        elif token.kind == "sign" and token.text in _OPEN.values():
            partner[stack.pop()] = i
        elif token.text.upper() == "FILTER":
            around[i] = list(stack)
    return partner, around


def _rewritten(text: str, found: list[Token], form: str) -> tuple[str, str, tuple[str, ...]]:
    """Say FILTER NOT EXISTS as MINUS, and FILTER EXISTS as a join with what is shared, where both mean the same.

    The engine joins what EXISTS holds anew for each solution, so that two patterns in it take quadratic time.
    """
    partner, around = _partners(found)
    uses = Counter(token.text[1:] for token in found if token.kind == "var")
    any_order = any(token.text.upper() in _ANY_ORDER for token in found)
    one_group = sum(token.text == "{" for token in found) == 1 + sum(token.text.upper() == "EXISTS" for token in found)
    edits, names = list[tuple[int, int, str]](), set[str]()
    for i, groups in around.items():
        negative = found[min(i + 1, len(found) - 1)].text.upper() == "NOT"
        start = i + 2 + negative
        if start not in partner or found[start - 1].text.upper() != "EXISTS":
            continue
        if any_order and not (negative and one_group):  # what is cut off or drawn depends on the order of the rows
            continue
        if not _is_plain(found, groups):
            continue
        shared = _shared(found[start + 1 : partner[start]], uses, _certain(found, partner, groups[-1]))
        if shared:
            body = text[found[start].start : found[partner[start]].end]
            edits.append((found[i].start, found[partner[start]].end, "FILTER(true)"))
            said = f" MINUS {body} " if negative else f" {{ SELECT DISTINCT {' '.join(shared)} WHERE {body} }} "
            edits.append((found[partner[groups[-1]]].start, found[partner[groups[-1]]].start, said))
            names.add("not-exists" if negative else "exists")
    return _edited(text, edits), form, tuple(sorted(names))


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    parts, done = list[str](), 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        parts += text[done:start], new
        done = end
    return "".join(parts) + text[done:]


def _is_plain(found: list[Token], groups: list[int]) -> bool:
    """Tell whether the innermost group is evaluated on its own: not by an OPTIONAL, within GRAPH or an EXISTS."""
    if not groups or found[groups[-1] - 1].text.upper() == "OPTIONAL":
        return False
    openers = (found[i - 1].text.upper() for i in groups[1:])
    return all(found[i].text == "{" for i in groups) and all(word in _ORDINARY_OPENERS | {"OPTIONAL"} for word in openers)


def _certain(found: list[Token], partner: dict[int, int], group: int) -> set[str]:
    """Return the variables of the triple patterns that stand in the group itself: bound in each of its solutions."""
    names, i = set[str](), group + 1
    while i < partner[group]:
        token, last = found[i], found[i - 1]
        if token.kind == "sign" and token.text in {"{", "("}:
            i = partner[i]
        elif token.kind == "word" and token.text.upper() == "SELECT":
            return set()
        elif token.kind == "var" and (last.kind != "word" or last.text.upper() in _TERMS):
            names.add(token.text[1:])
        i += 1
    return names


def _shared(body: list[Token], uses: Counter[str], certain: set[str]) -> list[str]:
    """Return the variables that tie the body of an EXISTS to its group; none where a rewrite could mean or cost another thing."""
    within = Counter(token.text[1:] for token in body if token.kind == "var")
    shared = [name for name in within if uses[name] > within[name]]
    if not set(shared) <= certain or not _is_chain(body, set(within)):
        return []
    return ["?" + name for name in shared]


def _coded(body: list[Token]) -> tuple[str, list[Token]]:
    """Return the body as a letter for each token, a filter as one letter `F`; `x` is what does not belong there."""
    codes, kept, i = "", list[Token](), 0
    while i < len(body):
        token, code = body[i], _CODES.get(body[i].kind, "x")
        if token.kind == "word":
            code = {"A": "a", "TRUE": "b", "FALSE": "b"}.get(token.text.upper(), "x")
            if token.text.upper() == "FILTER" and (length := _filter_length(body[i + 1 :])):
                code, i = "F", i + length
        elif token.kind == "sign" and token.text in ".;,/|^":
            code = token.text
        elif token.text == "^^":
            code = "t"
        codes, i = codes + code, i + 1
        kept.append(token)
    return codes, kept


def _filter_length(rest: list[Token]) -> int:
    """Return how many tokens the bracketed condition has; 0 where it is none, or not the same each time."""
    depth = 0
    for i, token in enumerate(rest):
        if token.text in {"{", "["} or token.kind == "blank" or (i == 0 and token.text != "("):
            return 0
        if token.kind == "word" and (_VOLATILE.search(token.text) or token.text.upper() == "EXISTS"):
            return 0
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0:
            return i + 1
    return 0


def _is_chain(body: list[Token], names: set[str]) -> bool:
    """Tell whether the body is two or more simple patterns that can be joined by themselves at a low cost.

    Each must share a variable with those before it, and no variable be the object of two: `?x a ?t . ?y a ?t` is harmless for
    one ?x, and a product of the whole graph without it. Paths of any length are left alone: from nowhere they are dear, and
    one of length zero means another thing.
    """
    codes, kept = _coded(body)
    if not _SIMPLE.fullmatch(codes):
        return False
    steps, objects, bound = 0, list[str](), set[str]()
    for subject, path, target in _patterns(codes, kept):
        ends = {end.text[1:] for end in (subject, target) if end.kind == "var"}
        inverse = path.startswith("^")
        reached = {target: "^" not in re.split(r"[/|]", path)[-1], subject: inverse}
        objects += [end.text[1:] for end, is_object in reached.items() if is_object and end.kind == "var"]
        if "^" in path[1:] or (inverse and "|" in path) or (bound and not ends & bound):
            return False
        bound |= ends
        steps += 1 + path.count("/")
    return steps > 1 and len(objects) == len(set(objects)) and bound == names


def _patterns(codes: str, kept: list[Token]) -> Iterator[tuple[Token, str, Token]]:
    """Yield subject, path and object of each triple pattern."""
    for match in _TRIPLES.finditer(codes):
        subject = kept[match.start()]
        for part in re.finditer(rf"({_STEP}(?:[/|]{_STEP})*)({_OBJECTS})", codes[match.start() + 1 : match.end()]):
            offset = match.start() + 1 + part.start(2)
            for end in re.finditer(r"[vinbs](?:g|ti)?", part[2]):
                yield subject, part[1], kept[offset + end.start()]


def safe_order(text: str) -> str | None:
    """Return the query with an ORDER BY that the engine survives; None where there is none or the text is doubtful.

    The engine aborts its process where values of different kinds are in no total order: numbers with tagged text, dates with
    and without a time zone, durations. Here a value is ordered by its kind first, and dates and durations by their letters.
    """
    found = [token for token in tokens(text) if token.kind != "comment"]
    edits = list[tuple[int, int, str]]()
    try:
        if _measure(text, found, TextLimits()):
            return None
        partner, _ = _partners(found)
        for i in range(1, len(found)):
            if found[i].text.upper() == "BY" and found[i - 1].text.upper() == "ORDER":
                edits += _safe_conditions(text, found, partner, i + 1)
    except (Refusal, KeyError, IndexError):  # too much, or not SPARQL
        return None
    return _edited(text, edits) if edits else None


def _safe_conditions(text: str, found: list[Token], partner: dict[int, int], i: int) -> Iterator[tuple[int, int, str]]:
    while i < len(found) and found[i].text.upper() not in {"LIMIT", "OFFSET", "VALUES", "}"}:
        first = found[i]
        descending = first.text.upper() == "DESC"
        inner = i + (first.text.upper() in {"ASC", "DESC"})
        last = inner if found[inner].kind == "var" else partner[inner if found[inner].text == "(" else inner + 1]
        yield (
            first.start,
            found[last].end,
            _safe_keys(text[found[inner].start : found[last].end], "DESC" if descending else "ASC"),
        )
        i = last + 1


def _safe_keys(value: str, direction: str) -> str:
    kind = f"STR(DATATYPE({value}))"
    letters = f'isLiteral({value}) && REGEX({kind}, "#(date|dateTime|time|g[A-Z].*|duration)$")'
    keys = (
        f"isNumeric({value})",
        f'IF(isLiteral({value}) && !isNumeric({value}), {kind}, "")',
        f"IF({letters}, STR({value}), {value})",
    )
    return " ".join(f"{direction}({key})" for key in keys)


# --- syntax errors


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
    return Refusal(kind, ", ".join((signs + keywords)[:8]) or "–", *place)


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
