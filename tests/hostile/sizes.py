"""Groups 3 and 4: requests that are too large, and queries that are too deep or too complex."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

from tests.hostile.cases import CLOSED, Case, answers, ensure, expect
from tests.hostile.site import PROC, Site
from tests.hostile.wire import Exchange, Header, form_request, query_path, query_request, request

MB = 1 << 20
MARGIN = 64 * MB  # bytes that one request may leave behind
ALLOWANCE = 0.25  # seconds of measuring, beside the limit and the 0.1 s that the server has
QUERY_TYPE: Header = ("Content-Type", "application/sparql-query")
TOO_LARGE = {413, 414, 431, CLOSED}  # a server that stops reading may lose its answer to the reset that follows


def cases() -> list[Case]:
    """Return the cases of this module."""
    return [*_large(), *_deep()]


# --- 3. size ---------------------------------------------------------------------------------------------------------------


def _large() -> list[Case]:
    long_query = "ASK { ?s ?p '" + "x" * MB + "' }"
    headers = [(f"X-{n}", "y") for n in range(10_000)]
    parameters = "&".join(f"p{n}=v" for n in range(100_000))
    many = "a&" * 40_000 + "query=ASK+%7B%7D"
    requests: dict[str, tuple[bytes, set[int]]] = {
        "URL of 1 MB": (request("GET", query_path(long_query)), TOO_LARGE),
        "path of 1 MB": (request("GET", "/doc/" + "a" * MB), TOO_LARGE),
        "URL of 100 kB": (request("GET", query_path(long_query[:100_000] + "' }")), {200, *TOO_LARGE}),
        "query of 1 MB": (query_request(long_query), {413}),
        "form of 1 MB": (form_request([("query", long_query)]), {413}),
        "10,000 headers": (request("GET", "/health", headers), {431, 400, CLOSED}),
        "header of 1 MB": (request("GET", "/health", [("X-Long", "x" * MB)]), {431, 400, CLOSED}),
        "header name of 1 MB": (request("GET", "/health", [("x" * MB, "1")]), {431, 400, CLOSED}),
        "cookie of 1 MB": (request("GET", "/health", [("Cookie", "a=" + "x" * MB)]), {431, 400, CLOSED}),
        "method of 1 MB": (b"A" * MB + b" / HTTP/1.1\r\nHost: x\r\n\r\n", {400, 405, 414, 431, 501, CLOSED}),
        "100,000 parameters in the address": (request("GET", "/sparql?" + parameters), {400, *TOO_LARGE}),
        "100,000 parameters in a form": (_form(parameters), {400, 413}),
        "40,000 empty parameters in a form": (_form(many), {400, 413}),
        "100,000 parameters of a question": (request("GET", "/questions/enunciados?" + parameters), {400, *TOO_LARGE}),
        "Content-Length: 50 MB, nothing sent": (_lying(str(50 * MB), b""), {413, 408, CLOSED}),
        "Content-Length beyond 64 bits": (_lying("9" * 40, b"ASK {}"), {400, 413, CLOSED}),
        "Content-Length: -1": (_lying("-1", b"ASK {}"), {400, CLOSED}),
        "Content-Length: +6": (_lying("+6", b"ASK {}"), {400, CLOSED}),
        "Content-Length: 0x6": (_lying("0x6", b"ASK {}"), {400, CLOSED}),
        "Content-Length: 6_0": (_lying("6_0", b"ASK {}" * 10), {400, CLOSED}),
        "empty Content-Length": (_lying("", b"ASK {}"), {400, CLOSED}),
        "gzip bomb": (_bomb("gzip"), {400, 413, 415}),
        "deflate, nested": (_bomb("gzip, gzip, gzip"), {400, 413, 415}),
        "100 kB of Accept": (request("GET", "/health", [("Accept", "a/b;q=0.1," * 10_000)]), {200, 400, 406, 431, CLOSED}),
        "6,000 ranges in Accept": (_accept("text/x;q=0.1," * 6000), {200, 406, 431, CLOSED}),
        "qualities that are none": (_accept("text/csv;q=nan, text/html;q=-1, */*;q=1e999"), {200, 400, 406}),
        "chunk extensions of 1 MB": (_chunked(b"6;" + b"x" * MB + b"\r\nASK {}\r\n0\r\n\r\n"), {400, 413, 431, CLOSED}),
        "10,000 trailers": (_chunked(b"6\r\nASK {}\r\n0\r\n" + b"X-A: b\r\n" * 10_000 + b"\r\n"), {200, 400, 413, 431, CLOSED}),
        "chunk size of 40 digits": (_chunked(b"F" * 40 + b"\r\nASK {}"), {400, 413, CLOSED}),
        "negative chunk size": (_chunked(b"-6\r\nASK {}\r\n0\r\n\r\n"), {400, CLOSED}),
        "chunks of one byte": (_chunked(b"".join(b"1\r\n#\r\n" for _ in range(20_000)) + b"0\r\n\r\n"), {400, 413}),
    }
    found = [Case(3, name, _bounded(data, statuses)) for name, (data, statuses) in requests.items()]
    return [
        *found,
        Case(3, "query of 50 MB, streamed", _streamed, False),
        Case(3, "chunked body without end", _endless_chunks, False),
        Case(3, "Content-Length larger than the body", _waiting, False),
        Case(3, "Content-Length smaller than the body", _left_over),
        Case(3, "the largest query that is allowed", _just_right),
    ]


def _form(body: str) -> bytes:
    return request("POST", "/sparql", [("Content-Type", "application/x-www-form-urlencoded")], body.encode())


def _lying(length: str, body: bytes) -> bytes:
    return request("POST", "/sparql", [QUERY_TYPE, ("Content-Length", length)], body)


def _accept(ranges: str) -> bytes:
    return request("GET", query_path("ASK {}"), [("Accept", ranges)])


def _bomb(encoding: str) -> bytes:
    """Return a small body that unpacks to a large one."""
    body = gzip.compress(b"#" * (100 * MB), 1)
    for _ in range(encoding.count(",")):
        body = gzip.compress(body)
    return request("POST", "/sparql", [QUERY_TYPE, ("Content-Encoding", encoding)], body[:90_000])


def _chunked(body: bytes) -> bytes:
    return request("POST", "/sparql", [QUERY_TYPE, ("Transfer-Encoding", "chunked")], body)


def _bounded(data: bytes, statuses: set[int]) -> Callable[[Site], int]:
    """Expect one of the statuses soon, no 200 MB of memory, and a server that goes on."""

    def run(site: Site) -> int:
        before = site.processes.memory()
        told = site.address.exchange(data, timeout=site.request_seconds + 2)
        # What does not even look like HTTP may be refused below the application.
        expect(told, statuses, problem=told.reply.status not in {400, 408, 431})
        _ensure_memory(site, before)
        return told.reply.status

    return run


def _ensure_memory(site: Site, before: int, margin: int = MARGIN) -> None:
    grown = site.processes.memory() - before
    ensure(grown <= margin, f"memory grew by {grown / MB:.0f} MB, expected at most {margin / MB:.0f}")


def _streamed(site: Site) -> int:
    before = site.processes.memory()
    head = request("POST", "/sparql", [QUERY_TYPE, ("Content-Length", str(50 * MB))])
    told = site.address.exchange([head, *[b"#" * 65536] * 800])
    expect(told, {413, CLOSED})
    _ensure_memory(site, before)
    return told.reply.status


def _chunks(head: bytes) -> Iterator[bytes]:
    yield head
    while True:
        yield b"10000\r\n" + b"#" * 65536 + b"\r\n"


def _endless_chunks(site: Site) -> str:
    before = site.processes.memory()
    head = request("POST", "/sparql", [QUERY_TYPE, ("Transfer-Encoding", "chunked")])
    told = site.address.exchange(_chunks(head), timeout=site.request_seconds + 2)
    expect(told, {413, 408, CLOSED}, problem=told.reply.status == 413)
    ensure(told.sent < 100 * MB, f"{told.sent / MB:.0f} MB were taken")
    _ensure_memory(site, before)
    return f"{told.reply.status}"


def _waiting(site: Site) -> int:
    told = site.address.exchange(_lying("60000", b"ASK {}"), timeout=site.request_seconds + 2)
    return expect(told, {408, 400, CLOSED}, problem=False).status


def _left_over(site: Site) -> str:
    told = site.address.exchange(_lying("6", b"ASK {}GET /health HTTP/1.1\r\nHost: x\r\n\r\n"), until="closed", timeout=3)
    expect(told, {200, 400})
    ensure(len(told.replies) == 1 and told.closed, f"{len(told.replies)} replies after Connection: close")
    return str(told.reply.status)


def _just_right(site: Site) -> int:
    text = "ASK { ?s ?p ?o } #"
    told = site.address.query(text + "x" * (90_000 - len(text)))
    return expect(told, {200}).status


# --- 4. depth and complexity -------------------------------------------------------------------------------------------------


def nested(opening: str, inner: str, closing: str, depth: int, frame: str = "ASK {{ {} }}") -> str:
    """Return a query with something inside something, `depth` times."""
    return frame.format(opening * depth + inner + closing * depth)


def _chain(piece: str, count: int, joiner: str = " ", frame: str = "ASK {{ ?s ?p ?o {} }}") -> str:
    return frame.format(joiner.join(piece.replace("%", str(n)) for n in range(count)))


def _deep() -> list[Case]:
    filtered = "ASK {{ ?s ?p ?o FILTER({}) }}"
    too_deep = {  # beyond any honest query: told as such
        "20,000 braces": nested("{", "?s ?p ?o", "}", 20_000),
        "3,000 braces": nested("{", "?s ?p ?o", "}", 3000),
        "30,000 parentheses": nested("(", "1", ")", 30_000, filtered),
        "3,000 parentheses": nested("(", "1", ")", 3000, filtered),
        "2,000 sub-selects": nested("{SELECT*{", "?s ?p ?o", "}}", 2000),
        "2,000 FILTER EXISTS": nested("FILTER EXISTS{", "?s ?p ?o", "}", 2000),
        "2,000 OPTIONAL in each other": nested("OPTIONAL{", "?s ?p ?o", "}", 2000),
        "2,000 MINUS in each other": nested("?s ?p ?o MINUS{", "?s ?p ?o", "}", 2000),
        "2,000 GRAPH in each other": nested("GRAPH ?g{", "?s ?p ?o", "}", 2000),
        "5,000 function calls": nested("STR(", "?o", ")", 5000, filtered),
        "5,000 IF": nested("IF(true,1,", "1", ")", 5000, filtered),
        "10,000 lists in each other": nested("(", "1", ")", 10_000, "ASK {{ {} ?p ?o }}"),
        "10,000 blank nodes in each other": nested("[?p ", "1", "]", 10_000, "ASK {{ ?s ?p {} }}"),
        "5,000 quoted triples": nested("<< ?s ?p ", "?o", " >>", 5000, "ASK {{ ?s ?p {} }}"),
        "10,000 parentheses in a path": nested("(", "<p:p>", ")", 10_000, "ASK {{ ?s {} ?o }}"),
        "10,000 stars in a path": nested("(", "<p:p>", ")*", 10_000, "ASK {{ ?s {} ?o }}"),
        "unclosed braces": "ASK " + "{" * 90_000,
        "unclosed parentheses": "ASK { FILTER(" + "(" * 80_000,
        "unclosed brackets": "ASK { " + "[" * 80_000,
        "unclosed quoted triples": "ASK { " + "<<" * 40_000,
    }
    answered = {  # long, but each says what it means: answered or refused, never a crash
        "30,000 NOT": _chain("!", 30_000, "", "ASK {{ ?s ?p ?o FILTER({}true) }}"),
        "30,000 minus signs": _chain("-", 30_000, " ", "ASK {{ ?s ?p ?o FILTER({} ?o) }}"),
        "3,500 UNION": _chain("UNION { ?a <p:%> ?b }", 3500, " ", "ASK {{ {{ ?s ?p ?o }} {} }}"),
        "4,000 OPTIONAL": _chain("OPTIONAL{?s <p:%> ?o}", 4000),
        "4,500 MINUS": _chain("MINUS{?s <p:%> ?o}", 4500),
        "5,000 BIND": _chain("BIND(% AS ?v%)", 5000),
        "5,000 FILTER": _chain("FILTER(?o!=%)", 5000),
        "3,000 FILTER NOT EXISTS": _chain("FILTER NOT EXISTS{?s <%> 1}", 3000),
        "4,500 sub-selects beside each other": _chain("{SELECT*{?s ?p ?o}}", 4500),
        "4,000 GRAPH": _chain("GRAPH ?g%{?s ?p ?o}", 4000),
        "path of 10,000 steps": _chain("<:>", 10_000, "/", "ASK {{ ?s {} ?o }}"),
        "path of 10,000 alternatives": _chain("<:%>", 10_000, "|", "ASK {{ ?s {} ?o }}"),
        "negated set of 10,000": _chain("<:%>", 10_000, "|", "ASK {{ ?s !({}) ?o }}"),
        "path of 5,000 inverses": "ASK { ?s " + "^" * 5000 + "<p:p> ?o }",
        "|| chain of 10,000": _chain("?o=%", 10_000, "||", filtered),
        "&& chain of 9,000": _chain("?o!=%", 9000, "&&", filtered),
        "sum of 20,000": _chain("1", 20_000, "+", filtered),
        "comparisons of 20,000": _chain("1", 20_000, "=", filtered),
        "IN list of 15,000": _chain("%", 15_000, ",", "ASK {{ ?s ?p ?o FILTER(?o IN ({})) }}"),
        "CONCAT of 15,000": _chain("'x'", 15_000, ",", "SELECT (CONCAT({}) AS ?x) {{}}"),
        "VALUES of 15,000": _chain("%", 15_000, " ", "SELECT (COUNT(*) AS ?n) {{ VALUES ?x {{ {} }} }}"),
        "VALUES of 2,000 columns": "ASK { VALUES (" + "".join(f"?v{n} " for n in range(2000)) + ") { (" + "1 " * 2000 + ") } }",
        "2,000 triple patterns, a chain": _chain("?v% ?p ?w% .", 2000, "", "ASK {{ {} }}"),
        "2,000 triple patterns, a star": _chain("<p:%> ?o%", 2000, ";", "ASK {{ ?s {} }}"),
        "2,000 triple patterns of one variable": _chain("?s ?p% ?o% .", 2000, "", "ASK {{ {} }}"),
        "list of 15,000": "ASK { ?s ?p (" + "1 " * 15_000 + ") }",
        "5,000 prefixes": _chain("PREFIX p%:<%>", 5000, "\n", "{}\nASK {{}}"),
        "4,000 BASE": "BASE <http://x/a/>" * 4000 + "ASK {}",
        "5,000 variables selected": "SELECT " + " ".join(f"?v{n}" for n in range(5000)) + " { ?s ?p ?o } LIMIT 1",
        "2,000 aggregates": "SELECT " + " ".join(f"(SUM({n}) AS ?v{n})" for n in range(2000)) + " { ?s ?p ?o }",
        "3,000 order conditions": "SELECT * { ?s ?p ?o } ORDER BY " + "?s ?p ?o " * 3000 + "LIMIT 1",
        "3,000 FROM": "ASK " + "".join(f"FROM <g:{n}> " for n in range(3000)) + "{ ?s ?p ?o }",
        "number of 80,000 digits": "SELECT (" + "9" * 80_000 + " AS ?x) {}",
        "decimal of 80,000 digits": "SELECT (0." + "1" * 80_000 + " AS ?x) {}",
        "exponent of 80,000 digits": "SELECT (1e" + "9" * 80_000 + " AS ?x) {}",
        "comment of 90,000": "ASK {} #" + "#" * 90_000,
        "90,000 line ends": "\n" * 90_000 + "ASK {}",
        "language tag of 80,000": "SELECT ('x'@a" + "-a" * 40_000 + " AS ?x) {}",
        "IRI of 80,000": "ASK { ?s <http://x/" + "../" * 26_000 + "> ?o }",
        "escapes of 80,000": "SELECT ('" + "\\n" * 40_000 + "' AS ?x) {}",
        "40,000 pairs of quotes": 'SELECT ("""' + '""' * 40_000 + '""" AS ?x) {}',
        "30,000 empty strings": "ASK { ?s ?p " + ",".join(["''"] * 30_000) + " }",
        "< signs of 40,000": "ASK { FILTER(1" + "<1" * 40_000 + ") }",
        "regular expression that explodes": "ASK { FILTER(REGEX('" + "a" * 5000 + "', '^(a|a|aa)+(a+)+b$')) }",
        "regular expression of counts": "ASK { FILTER(REGEX('aaaa', '" + "(" * 6 + "a" + "{1,500})" * 6 + "')) }",
        "regular expression of 10,000 groups": "ASK { FILTER(REGEX('a', '" + "(" * 10_000 + ")" * 10_000 + "')) }",
    }
    found = [Case(4, name, _prompt(text, {200, 400, 413})) for name, text in too_deep.items()]
    return found + [Case(4, name, _prompt(text, {200, 400, 413, 503, 504})) for name, text in answered.items()]


def _prompt(text: str, statuses: set[int]) -> Callable[[Site], int]:
    """Expect an answer or a refusal within the deadline, and a server that answers the next query at once."""

    def run(site: Site) -> int:
        told: Exchange = site.address.query(text, timeout=site.query_seconds + 4)
        expect(told, statuses)
        limit = site.query_seconds + 0.1 + ALLOWANCE
        ensure(told.seconds <= limit, f"{told.seconds:.2f} s, expected {limit:.2f}")
        if PROC or told.reply.status >= 500:
            answers(site, len(text), within=1.5)
        return told.reply.status

    return run
