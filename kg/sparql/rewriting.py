"""What is said to the engine in a better way: quadratic EXISTS, and orders that abort it. An answer is never changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from kg.sparql.limits import TERMS, TextLimits, measure
from kg.sparql.tokens import VOLATILE, Refusal, Token, partners, tokens

_STEP = r"\^?[ia]"
_OBJECTS = "O(?:,O)*".replace("O", "(?:[vinb]|s(?:g|ti)?)")
_TRIPLES = re.compile("[vi]P(?:;(?:P)?)*".replace("P", rf"{_STEP}(?:[/|]{_STEP})*{_OBJECTS}"))
_SIMPLE = re.compile("(?:F[.]?)*T(?:(?:[.]|(?:[.]?F)+[.]?)T)*(?:[.]?F)*[.]?".replace("T", f"(?:{_TRIPLES.pattern})"))
_CODES = {"var": "v", "iri": "i", "pname": "i", "string": "s", "lang": "g", "number": "n"}
_ORDINARY_OPENERS = {"WHERE", "UNION", "MINUS", "{", "}", "."}
_ANY_ORDER = {"LIMIT", "OFFSET", "SAMPLE", "GROUP_CONCAT"}


def rewritten(text: str, found: list[Token], form: str) -> tuple[str, str, tuple[str, ...]]:
    """Say FILTER NOT EXISTS as MINUS, and FILTER EXISTS as a join with what is shared, where both mean the same.

    The engine joins what EXISTS holds anew for each solution, so that two patterns in it take quadratic time.
    """
    partner, around = partners(found)
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
        elif token.kind == "var" and (last.kind != "word" or last.text.upper() in TERMS):
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
        if token.kind == "word" and (VOLATILE.search(token.text) or token.text.upper() == "EXISTS"):
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
        if measure(text, found, TextLimits()):
            return None
        partner, _ = partners(found)
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
