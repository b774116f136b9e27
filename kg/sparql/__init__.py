"""SPARQL as text: what is refused before the engine sees it, what is said in a better way, and keys for caches.

The engine can neither be stopped nor always be survived: texts that nest or join too much crash it or keep it planning for
minutes. It reads keywords without word boundaries (`1SERVICE<..>`, `FILTERNOTEXISTS{`) and knows from the context whether
`<` opens an IRI. A tokenizer cannot know that, so wherever the two could differ the text counts as *doubtful*: it is never
rewritten, and limits and refusals take the worst reading. Rewrites never change an answer; line numbers in a rewritten text
may differ, so a syntax error is told with `syntax_refusal` on the text as it was asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urljoin

from kg.sparql.limits import TextLimits, measure
from kg.sparql.rewriting import rewritten, safe_order
from kg.sparql.searching import with_hits
from kg.sparql.syntax import syntax_refusal
from kg.sparql.tokens import FORMS, ODD_IRI, OPAQUE, VOLATILE, VOLATILE_WORDS, Refusal, Token, bare, place_of, tokens

__all__ = [
    "Prepared",
    "Refusal",
    "TextLimits",
    "Token",
    "graphs_of_from",
    "is_repeatable",
    "limit_rows",
    "normalized",
    "prepare",
    "safe_order",
    "star_columns",
    "syntax_refusal",
    "tokens",
    "with_hits",
]


_UPDATE = re.compile(
    r"\s*(?:(?:BASE|PREFIX\s*[^\s:]*:)\s*)*(INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)\b", re.IGNORECASE
)
_LAST_LIMIT = re.compile(r"}\s*LIMIT\s+(\d{1,18})\s*\Z", re.IGNORECASE)
# What is so short cannot pass the limits, so that nothing has to be counted; the words need a closer look.
SMALL = 600
SMALL_SIGNS = 38
_ODD_WORDS = ("from", "exists", "<<", "\\")
# An IRI in which a `#` begins no comment, whatever stands around it.
_SIGNED_IRI = re.compile(r"<[A-Za-z][A-Za-z0-9+.-]*://[^<>\"'{}|^`\\\s#]*#[^<>\"'{}|^`\\\s#]*>")
_SPACE = re.compile(r"[ \t\r\n]{2,}|[\t\r\n]")  # where it is not one blank already
_SIMPLE_HEAD = re.compile(
    r"\s*(?:PREFIX\s+[\w-]*:\s*<[^<>\"{}|^`\s]*>\s*)*(?P<form>SELECT|ASK|CONSTRUCT|DESCRIBE)"
    r"(?:\s+(?:DISTINCT|REDUCED))?(?:\s*(?P<star>\*)|(?=[\s?$({<]))",
    re.IGNORECASE,
)


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
    doubtful = measure(text, found, limits or TextLimits())
    form, star, froms = _header(found)
    if not form:
        _refuse_update(text)
    if known_graph:
        _refuse_graphs(text, froms, known_graph, _Names(found, prefixes or {}, base))
    if doubtful or "exists" not in text.lower():
        return Prepared(text, form, (), star)
    return Prepared(*rewritten(text, found, form), star)


def _small(text: str) -> Prepared | None:
    """Make a text ready that is too short and simple to pass a limit and has nothing to rewrite; None where it is not."""
    if len(text) > SMALL or max(map(text.count, "{([,;./|!-+^ \n")) > SMALL_SIGNS or _has_any(text, _ODD_WORDS):
        return None
    head = _SIMPLE_HEAD.match(text)
    if head is None:
        return None
    star = head.span("star") if head["star"] and head["form"].upper() == "SELECT" else None
    return Prepared(text, head["form"].upper(), (), star)


def graphs_of_from(text: str, prefixes: Mapping[str, str], base: str) -> tuple[list[str], list[str]]:
    """Return the graphs that a query names by FROM and by FROM NAMED."""
    found = [token for token in tokens(text) if token.kind != "comment"]
    names, default, named = _Names(found, prefixes, base), list[str](), list[str]()
    for token in _header(found)[2]:
        before = found[found.index(token) - 1].text.upper()
        (named if before == "NAMED" else default).append(names.full(token) or token.text)
    return default, named


def normalized(text: str) -> str:
    """Return a key under which queries are the same that differ in comments and white space only.

    Two queries of different meaning have different keys; a doubtful text is its own key.
    """
    is_plain = not ('"' in text or "'" in text or "\\" in text)
    if is_plain and ("#" not in text or text.count("#") == len(_SIGNED_IRI.findall(text))):
        is_spaced = "  " in text or "\n" in text or "\t" in text or "\r" in text  # quicker than the pattern, and mostly not so
        # all white space is that and nothing else, and there is no comment
        return (_SPACE.sub(" ", text) if is_spaced else text).strip(" ")
    if ODD_IRI.search(text):
        return text
    return OPAQUE.sub(lambda match: " " if match.lastgroup == "space" else match[0], text).strip(" ")


def is_repeatable(text: str) -> bool:
    """Tell whether the same graph gives the same answer each time; in doubt it does not."""
    if not _has_any(text, VOLATILE_WORDS):
        return True
    return not ODD_IRI.search(text) and not re.search(VOLATILE.pattern + r"\s*\(", bare(text), re.IGNORECASE)


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
    if not _has_any(text, ("limit", "values")):
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


def _has_any(text: str, words: Iterable[str]) -> bool:
    """Tell whether one of the words, in small letters, stands anywhere in a text; several times faster than a pattern."""
    lower = text.lower()
    for word in words:  # noqa: SIM110 - any() makes a generator, which takes longer than all else here
        if word in lower:
            return True
    return False


def _refuse_service(text: str) -> None:
    if "service" not in text.lower():
        return
    if ODD_IRI.search(text) or "service" in bare(text).lower():
        raise Refusal("service")


def _refuse_update(text: str) -> None:
    if _UPDATE.match(bare(text)):
        raise Refusal("update")


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
            if word not in FORMS:
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
            raise Refusal("unknown_graph", name, *place_of(text, token.start))
