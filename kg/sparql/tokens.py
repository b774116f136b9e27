"""The tokens of SPARQL, and the refusal of a text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

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
OPAQUE = re.compile(
    rf"""(?P<iri>{_IRI}) | (?P<string>{_STRING}) | (?P<rest>["'].*) | (?P<space>(?:[ \t\r\n]|\#[^\r\n]*)+)
      | (?P<name>[?$][{_NAME}]+ | (?<=:)[{_NAME}](?:[{_NAME}-]|{_ESCAPE})*) | (?P<escape>{_ESCAPE})""",
    re.VERBOSE | re.DOTALL,
)
# `FILTER(?a<b:c)#>` holds an IRI only at first sight. With a quote or a comment sign in it, the rest may be read differently,
# too; `http://` within an expression is not SPARQL, so an IRI with an authority is one.
ODD_IRI = re.compile(r"<(?![A-Za-z][A-Za-z0-9+.-]*://)[^<>\s]*['#]|<(?=[^<>\s]*service)[^<>\s]*\)", re.IGNORECASE)
VOLATILE_WORDS = ("now", "rand", "uuid", "bnode")
VOLATILE = re.compile(f"(?:{'|'.join(VOLATILE_WORDS)})", re.IGNORECASE)
FORMS = {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"}
_WORDS = re.compile(r"\w+")
FUNCTIONS = set(
    _WORDS.findall("""
    STR LANG LANGMATCHES DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN UCASE LCASE ENCODE_FOR_URI
    CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY HOURS MINUTES SECONDS TIMEZONE TZ NOW UUID STRUUID MD5 SHA1
    SHA256 SHA384 SHA512 COALESCE IF STRLANG STRDT SAMETERM ISIRI ISURI ISBLANK ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE
    COUNT SUM MIN MAX AVG SAMPLE GROUP_CONCAT IN NOT""")
)
KEYWORDS = FORMS | FUNCTIONS
KEYWORDS |= set(
    _WORDS.findall("""
    A TRUE FALSE BASE PREFIX WHERE FROM NAMED DISTINCT REDUCED AS GROUP BY HAVING ORDER ASC DESC LIMIT OFFSET VALUES UNDEF
    OPTIONAL GRAPH UNION MINUS FILTER BIND EXISTS SEPARATOR""")
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


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of SPARQL 1.1, and the brackets of 1.2; white space is left out, comments are not.

    What is no token is `other`; an open string reaches to the end of the text.

    Source: https://www.w3.org/TR/sparql11-query/#sparqlGrammar
    """
    for match in _TOKEN.finditer(text):
        if (kind := match.lastgroup or "") != "space":
            start, end = match.span(kind)
            yield Token(kind, text[start:end], start, end)


def bare(text: str) -> str:
    """Return the text without what a keyword cannot lie in; what follows an open string is left."""
    return OPAQUE.sub(lambda match: match[0] if match.lastgroup == "rest" else " ", text)


def place_of(text: str, start: int) -> tuple[int, int]:
    """Return line and column, counted from 1 and in characters as the engine does."""
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


OPEN = {"{": "}", "(": ")", "[": "]", "{|": "|}"}


def partners(found: list[Token]) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Return the closing bracket of each opening one, and the open ones around each FILTER."""
    partner, around, stack = dict[int, int](), dict[int, list[int]](), list[int]()
    for i, token in enumerate(found):
        if token.kind == "sign" and token.text in OPEN:
            stack.append(i)
        elif token.kind == "sign" and token.text in OPEN.values():
            partner[stack.pop()] = i
        elif token.text.upper() == "FILTER":
            around[i] = list(stack)
    return partner, around
