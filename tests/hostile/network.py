"""Groups 1, 2 and 8: queries that would reach out, updates by every door, and texts that are not what they say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.hostile.cases import CLOSED, Case, Failure, answers, ensure, expect
from tests.hostile.site import Site
from tests.hostile.wire import form_request, query_path, query_request, request

# In each, {u} is the canary's address and {h} its host and port. Refused as SERVICE (403), or as no query at all (400).
SERVICES = {
    "plain": "ASK {{ SERVICE <{u}> {{ ?s ?p ?o }} }}",
    "silent": "ASK {{ SERVICE SILENT <{u}> {{ ?s ?p ?o }} }}",
    "mixed case": "ASK {{ sErViCe <{u}> {{ ?s ?p ?o }} }}",
    "no blanks": "ASK{{SERVICE<{u}>{{?s?p?o}}}}",
    "comment before the address": "ASK {{ SERVICE # <http://harmless/>\n <{u}> {{ ?s ?p ?o }} }}",
    "comment in the word": "ASK {{ SER#x\nVICE <{u}> {{ ?s ?p ?o }} }}",
    "after a number": "SELECT * {{ ?s ?p 1SERVICE<{u}>{{?a ?b ?c}} }}",
    "after a decimal": "SELECT * {{ ?s ?p 1.5SERVICE<{u}>{{?a ?b ?c}} }}",
    "after true": "SELECT * {{ ?s ?p trueSERVICE<{u}>{{?a ?b ?c}} }}",
    "after a string": "SELECT * {{ ?s ?p 'x'SERVICE<{u}>{{?a ?b ?c}} }}",
    "after a variable": "SELECT * {{ ?s ?p ?o.SERVICE<{u}>{{?a ?b ?c}} }}",
    "after a language tag": "SELECT * {{ ?s ?p 'x'@es SERVICE<{u}>{{?a ?b ?c}} }}",
    "variable endpoint": "SELECT * {{ BIND(<{u}> AS ?e) SERVICE ?e {{ ?s ?p ?o }} }}",
    "variable endpoint from VALUES": "SELECT * {{ VALUES ?e {{ <{u}> }} SERVICE SILENT ?e {{ ?s ?p ?o }} }}",
    "prefixed name": "PREFIX e: <{u}> ASK {{ SERVICE e: {{ ?s ?p ?o }} }}",
    "prefixed name, no blanks": "PREFIX x:<{u}>SELECT*{{?a ?p ?c FILTER(?a<?c)SERVICE x:{{?s?p?o}}}}",
    "relative address and BASE": "BASE <{u}> ASK {{ SERVICE <sparql> {{ ?s ?p ?o }} }}",
    "sub-select": "SELECT * {{ {{ SELECT ?s {{ SERVICE <{u}> {{ ?s ?p ?o }} }} }} }}",
    "EXISTS": "SELECT * {{ ?a ?b ?c FILTER EXISTS {{ SERVICE <{u}> {{ ?s ?p ?o }} }} }}",
    "NOT EXISTS in BIND": "SELECT * {{ BIND(NOT EXISTS {{ SERVICE <{u}> {{ ?s ?p ?o }} }} AS ?x) }}",
    "EXISTS in HAVING": "SELECT (COUNT(*) AS ?n) {{ ?a ?b ?c }} HAVING(EXISTS {{ SERVICE <{u}> {{ ?s ?p ?o }} }})",
    "EXISTS in ORDER BY": "SELECT * {{ ?a ?b ?c }} ORDER BY (EXISTS {{ SERVICE <{u}> {{ ?s ?p ?o }} }})",
    "EXISTS in SELECT": "SELECT (EXISTS {{ SERVICE <{u}> {{ ?s ?p ?o }} }} AS ?x) {{ }}",
    "OPTIONAL": "SELECT * {{ ?a ?b ?c OPTIONAL {{ SERVICE <{u}> {{ ?s ?p ?o }} }} }}",
    "UNION": "SELECT * {{ {{ ?a ?b ?c }} UNION {{ SERVICE <{u}> {{ ?s ?p ?o }} }} }}",
    "MINUS": "SELECT * {{ ?a ?b ?c MINUS {{ SERVICE <{u}> {{ ?a ?p ?o }} }} }}",
    "GRAPH": "SELECT * {{ GRAPH ?g {{ SERVICE <{u}> {{ ?s ?p ?o }} }} }}",
    "CONSTRUCT": "CONSTRUCT {{ ?s ?p ?o }} WHERE {{ SERVICE <{u}> {{ ?s ?p ?o }} }}",
    "DESCRIBE": "DESCRIBE ?s {{ SERVICE <{u}> {{ ?s ?p ?o }} }}",
    "escape of the first letter": "ASK {{ \\u0053ERVICE <{u}> {{ ?s ?p ?o }} }}",
    "long escape": "ASK {{ SERVIC\\U00000045 <{u}> {{ ?s ?p ?o }} }}",
    "every letter escaped": "ASK {{ " + "".join(f"\\u{ord(c):04x}" for c in "service") + " <{u}> {{ ?s ?p ?o }} }}",
    "IRI at first sight": "PREFIX b: <{u}> PREFIX x: <{u}> SELECT * {{ ?a ?p ?c FILTER(?a<b:c)SERVICE x:#>\n {{?s ?q ?o}} }}",
    "IRI at first sight, no blanks": "PREFIX b:<{u}>SELECT*{{?a ?p ?c FILTER(?a<b:c)SERVICE b:e{{?s ?q ?o}}FILTER(?c>?a)}}",
    "after a carriage return in a comment": "ASK {{ # comment\rSERVICE <{u}> {{ ?s ?p ?o }}\n }}",
    "after a form feed": "ASK {{ \x0cSERVICE <{u}> {{ ?s ?p ?o }} }}",
    "after a long string": "ASK {{ ?s ?p '''it's ''' . SERVICE <{u}> {{ ?a ?b ?c }} }}",
    "after a string that ends in a backslash": "ASK {{ ?s ?p 'x\\\\' . SERVICE <{u}> {{ ?a ?b ?c }} FILTER(?p != 'y') }}",
    "after a quote in an IRI": "ASK {{ ?s <http://x/it's> ?o . SERVICE <{u}> {{ ?a ?b ?c }} FILTER(?o != 'y') }}",
    "after a number sign in an IRI": "ASK {{ ?s <http://x/#> ?o . SERVICE <{u}> {{ ?a ?b ?c }} }}",
    "after a dollar variable": "ASK {{ ?s ?p $service SERVICE <{u}> {{ ?a ?b ?c }} }}",
    "file address": "ASK {{ SERVICE <file:///etc/passwd> {{ ?s ?p ?o }} }}",
}
# By the grammar escapes come first, and these are a SERVICE; a reader that takes them for a comment or string answers them.
DOUBTFUL = {
    "escaped end of a comment": "ASK {{ #\\u000a SERVICE <{u}> {{ ?s ?p ?o }}\n }}",
    "escaped end of a string": "ASK {{ ?s ?p 'x\\u0027 . SERVICE <{u}> {{ ?a ?b ?c }} #'\n }}",
}
# The word without the thing: these are honest queries.
HARMLESS = {
    "variable": "SELECT ?service { ?service ?p ?o } LIMIT 1",
    "string": "SELECT ('SERVICE <http://x/>' AS ?x) {}",
    "long string": 'SELECT ("""a "SERVICE" \n <x> """ AS ?x) {}',
    "comment": "# SERVICE <http://x/>\nSELECT (1 AS ?x) {}",
    "IRI": "ASK { ?s <http://example.org/service/SERVICE> ?o }",
    "local name": "PREFIX x: <http://x/> SELECT (x:service AS ?x) {}",
}
LOADS = {
    "LOAD": "LOAD <{u}>",
    "LOAD SILENT INTO GRAPH": "LOAD SILENT <{u}> INTO GRAPH <http://x/>",
    "LOAD after a prologue": "PREFIX a: <http://x/> BASE <{u}> # x\n LOAD <data>",
    "LOAD of a file": "LOAD <file:///etc/passwd>",
}
# FROM names graphs of the store, and never fetches one: an unknown graph is the client's mistake.
FROMS = {
    "FROM": "ASK FROM <{u}> {{ ?s ?p ?o }}",
    "FROM NAMED": "ASK FROM NAMED <{u}> {{ GRAPH ?g {{ ?s ?p ?o }} }}",
    "CONSTRUCT with FROM": "CONSTRUCT {{ ?s ?p ?o }} FROM <{u}> WHERE {{ ?s ?p ?o }}",
    "DESCRIBE with FROM": "DESCRIBE ?s FROM <{u}> WHERE {{ ?s ?p ?o }}",
    "BASE and relative FROM": "BASE <{u}> ASK FROM <data.ttl> {{ ?s ?p ?o }}",
    "FROM a file": "ASK FROM <file:///etc/passwd> {{ ?s ?p ?o }}",
}
UPDATES = {
    "INSERT DATA": "INSERT DATA { <a:a> <b:b> 1 }",
    "DELETE WHERE": "DELETE WHERE { ?s ?p ?o }",
    "DELETE DATA": "DELETE DATA { <a:a> <b:b> 1 }",
    "DELETE INSERT": "DELETE { ?s ?p ?o } INSERT { ?o ?p ?s } WHERE { ?s ?p ?o }",
    "WITH": "WITH <g:g> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "CLEAR ALL": "CLEAR SILENT ALL",
    "DROP ALL": "DROP ALL",
    "CREATE": "CREATE GRAPH <g:g>",
    "COPY": "COPY DEFAULT TO <g:g>",
    "MOVE": "MOVE DEFAULT TO <g:g>",
    "ADD": "ADD DEFAULT TO <g:g>",
    "after a comment": "# SELECT\nPREFIX x: <y:y>\n\tinsert data { <a:a> <b:b> 1 }",
}
MIXED = {  # neither one nor the other
    "update after a query": "SELECT * { ?s ?p ?o } ; INSERT DATA { <a:a> <b:b> 1 }",
    "query after an update": "INSERT DATA { <a:a> <b:b> 1 } ; SELECT * { ?s ?p ?o }",
    "update inside a query": "SELECT * { INSERT DATA { <a:a> <b:b> 1 } }",
    "escaped letters": "\\u0049NSERT DATA { <a:a> <b:b> 1 }",
}
INSERT = UPDATES["INSERT DATA"]
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MARK = "<a:a> <b:b> 1"


def cases() -> list[Case]:
    """Return the cases of this module."""
    return [*_reaching_out(), *_updating(), *_encoded()]


# --- 1. the canary ---------------------------------------------------------------------------------------------------------


def _reaching_out() -> list[Case]:
    found = [Case(1, f"SERVICE: {name}", _refused(text, {403, 400})) for name, text in SERVICES.items()]
    found += [Case(1, f"SERVICE: {name}", _refused(text, {200, 400, 403})) for name, text in DOUBTFUL.items()]
    found += [Case(1, f"harmless word: {name}", _answered(text)) for name, text in HARMLESS.items()]
    prefix = "PREFIX service: <http://x/> SELECT (service:service AS ?x) {{}}"  # may be refused: better once too often
    found += [Case(1, "harmless word: prefix", _refused(prefix, {200, 403}))]
    found += [Case(1, name, _refused(text, {403})) for name, text in LOADS.items()]
    found += [Case(1, name, _refused(text, {400})) for name, text in FROMS.items()]
    for name in ("default-graph-uri", "named-graph-uri"):
        found += [Case(1, f"{name} of {what}", _dataset(name, url)) for what, url in _ADDRESSES.items()]
    found += [Case(1, "using-graph-uri of the canary", _dataset("using-graph-uri", "{u}", frozenset({200, 400, 403})))]
    found += [Case(1, "absolute request target of the canary", _as_proxy), Case(1, "CONNECT to the canary", _tunnel)]
    return [*found, Case(1, "nobody was contacted in the end", _nobody)]


_ADDRESSES = {
    "the canary": "{u}",
    "a file": "file:///etc/passwd",
    "a UNC path": "file://{h}/share",
    "a relative path": "../../etc",
}


def _filled(text: str, site: Site) -> str:
    return text.format(u=site.canary.url, h=f"{site.canary.host}:{site.canary.port}")


def _refused(text: str, statuses: set[int]) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        query = _filled(text, site)
        told = expect(site.address.query(query), statuses)
        expect(site.address.get(query_path(query)), statuses)
        return told.status

    return run


def _answered(text: str) -> Callable[[Site], int]:
    return lambda site: expect(site.address.query(text), {200}).status


def _dataset(name: str, url: str, statuses: frozenset[int] = frozenset({200, 400})) -> Callable[[Site], int]:
    """Ask with a dataset that is not there: a refusal, or an answer that has nothing of it."""

    def run(site: Site) -> int:
        asked = "ASK { GRAPH ?g { ?s ?p ?o } }" if "named" in name else "ASK { ?s ?p ?o }"
        told = expect(site.address.get(query_path(asked, **{name: _filled(url, site)})), statuses)
        known = name == "using-graph-uri" or told.status == 400 or (told.json() or {}).get("boolean") is False
        ensure(known, f"answered from a graph that is not there: {told.text[:100]!r}")
        return told.status

    return run


def _as_proxy(site: Site) -> int:
    told = site.address.exchange(request("GET", site.canary.url, [("Host", f"{site.canary.host}:{site.canary.port}")]))
    return expect(told, {200, 400, 403, 404, 421}).status


def _tunnel(site: Site) -> int:
    target = f"{site.canary.host}:{site.canary.port}"
    told = site.address.exchange(request("CONNECT", target, [("Host", target)]), timeout=4)
    return expect(told, {400, 403, 404, 405, 501, CLOSED}, problem=False).status


def _nobody(site: Site) -> str:
    time.sleep(0.3)
    ensure(not site.canary.contacts, f"contacted: {site.canary.contacts!r}")
    return "silence"


# --- 2. updates ------------------------------------------------------------------------------------------------------------


def _updating() -> list[Case]:
    found = [Case(2, name, _every_door(text)) for name, text in UPDATES.items()]
    found += [Case(2, name, _update(query_request(text), {400, 403})) for name, text in MIXED.items()]
    direct = [("Content-Type", "application/sparql-update")]
    multipart = _multipart("update", INSERT)
    more: dict[str, tuple[bytes, set[int]]] = {
        "update= in GET": (request("GET", "/sparql?update=" + quote(INSERT)), {400, 403}),
        "update= and query= in GET": (request("GET", query_path("ASK {}", update=INSERT)), {400, 403}),
        "update= in a form": (form_request([("update", INSERT)]), {403}),
        "update= and query= in a form": (form_request([("query", "ASK {}"), ("update", INSERT)]), {400, 403}),
        "query= in a form": (form_request([("query", INSERT)]), {403}),
        "update= in the address of a query": (_addressed(f"?update={quote(INSERT)}"), {400, 403}),
        "application/sparql-update": (request("POST", "/sparql", direct, INSERT.encode()), {403}),
        "application/sparql-update, another path": (request("POST", "/update", direct, INSERT.encode()), {403, 404, 405}),
        "multipart": (multipart, {400, 403, 415}),
        "Update= in capitals": (request("GET", "/sparql?Update=" + quote(INSERT)), {200, 400, 403}),
        "content type in capitals": (_typed("APPLICATION/SPARQL-UPDATE; charset=utf-8"), {403}),
        "two content types": (_typed("application/sparql-query\r\nContent-Type: application/sparql-update"), {400, 403, 415}),
        "X-HTTP-Method-Override": (request("GET", query_path("ASK {}"), [("X-HTTP-Method-Override", "DELETE")]), {200}),
    }
    found += [Case(2, name, _update(data, statuses)) for name, (data, statuses) in more.items()]
    found += [Case(2, f"{method} on every path", _stored(method)) for method in ("PUT", "DELETE", "PATCH", "MKCOL")]
    return [*found, Case(2, "the graph is as it was", _unchanged)]


_STORED = ("/sparql", "/sparql?default", "/sparql?graph=http://x/", "/graph/plan/demo-2019-2022", "/data?default", "/id/plan/x")


def _stored(method: str) -> Callable[[Site], int]:
    """Try the paths of the Graph Store protocol, and others."""
    body = b"" if method == "DELETE" else f"{MARK} .".encode()

    def run(site: Site) -> int:
        for path in _STORED:
            told = site.address.exchange(request(method, path, [("Content-Type", "text/turtle")], body))
            status = expect(told, {403, 404, 405, 501}).status
        return status

    return run


def _every_door(text: str) -> Callable[[Site], int]:
    """Send an update as a query: in the address, in a form, as the body, with and without blanks around."""

    def run(site: Site) -> int:
        for data in (
            request("GET", query_path(text)),
            form_request([("query", text)]),
            query_request(text),
            query_request(f"\n\t # SELECT\n{text}\n"),
        ):
            status = expect(site.address.exchange(data), {403}).status
        return status

    return run


def _addressed(more: str) -> bytes:
    return request("POST", "/sparql" + more, [("Content-Type", "application/sparql-query")], b"ASK {}")


def _typed(content_type: str) -> bytes:
    return request("POST", "/sparql", [("Content-Type", content_type)], INSERT.encode())


def _multipart(name: str, text: str) -> bytes:
    body = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n--b--\r\n'.encode()
    return request("POST", "/sparql", [("Content-Type", "multipart/form-data; boundary=b")], body)


def _update(data: bytes, statuses: set[int]) -> Callable[[Site], int]:
    return lambda site: expect(site.address.exchange(data), statuses).status


def _unchanged(site: Site) -> str:
    told = site.address.query(f"ASK {{ {{ {MARK} }} UNION {{ GRAPH ?g {{ {MARK} }} }} }}")
    ensure(expect(told, {200}).json() == {"head": {}, "boolean": False}, f"an update went through: {told.reply.text!r}")
    answers(site, 2)
    if site.is_ours:
        counted = expect(site.address.query("SELECT (COUNT(*) AS ?n) { ?s <http://example.org/hostile/next> ?o }"), {200}).json()
        number = counted["results"]["bindings"][0]["n"]["value"]
        ensure(number == "2000", f"{number} triples of 2000")
    return "unchanged"


# --- 8. encodings ----------------------------------------------------------------------------------------------------------

_TEXT = "SELECT ('ñandú \u202e \u00a0 😀' AS ?x) {}"


def _encoded() -> list[Case]:
    bodies: dict[str, tuple[bytes, set[int]]] = {
        "invalid UTF-8": (b"SELECT ('\xff\xfe' AS ?x) {}", {400}),
        "cut UTF-8": (b"SELECT ('\xc3' AS ?x) {}", {400}),
        "overlong slash": (b"SELECT ('\xc0\xaf' AS ?x) {}", {400}),
        "overlong quote": (b"SELECT ('\xe0\x80\xa7' AS ?x) {}", {400}),
        "encoded surrogate": (b"SELECT ('\xed\xa0\x80' AS ?x) {}", {400}),
        "beyond Unicode": (b"SELECT ('\xf4\x90\x80\x80' AS ?x) {}", {400}),
        "UTF-16 with a mark": (_TEXT.encode("utf-16"), {400}),
        "UTF-16 without a mark": (_TEXT.encode("utf-16-le"), {400}),
        "UTF-32": (_TEXT.encode("utf-32"), {400}),
        "NUL in a string": (b"SELECT ('a\x00b' AS ?x) {}", {200, 400}),
        "NUL between words": (b"SELECT\x00(1 AS ?x) {}", {400}),
        "escaped lone surrogate": (b"SELECT ('\\uD800' AS ?x) {}", {400}),
        "escaped surrogate pair": (b"SELECT ('\\uD83D\\uDE00' AS ?x) {}", {200, 400}),
        "escape beyond Unicode": (b"SELECT ('\\U00110000' AS ?x) {}", {400}),
        "escape cut short": (b"SELECT ('\\u00", {400}),
        "no-break space between words": ("SELECT\u00a0(1 AS ?x) {}".encode(), {400}),
        "only a byte order mark": (b"\xef\xbb\xbf", {400}),
        "control characters": (b"SELECT ('\x01\x02\x7f\x1b[31m' AS ?x) {}", {200, 400}),
        "non-characters": ("SELECT ('\ufffe\uffff' AS ?x) {}".encode(), {200, 400}),
    }
    found = [Case(8, f"body: {name}", _body(data, statuses)) for name, (data, statuses) in bodies.items()]
    found += [Case(8, f"charset {name}", _charset(name, ok)) for name, ok in _CHARSETS.items()]
    found += [Case(8, f"address: {name}", _address(path, statuses)) for name, (path, statuses) in _PATHS.items()]
    found += [
        Case(8, "text survives by every way", _survives),
        Case(8, "byte order mark before a query", _body(b"\xef\xbb\xbfASK {}", {200, 400})),
        Case(8, "errors with odd text are valid JSON", _odd_error),
    ]
    return found


_CHARSETS = {"utf-8": True, "UTF8": True, '"utf-8"': True, "utf-16": False, "utf-7": False, "idna": False, "rot13": False}
_CHARSETS |= {"zlib": False, "x" * 5000: False, "": True}
_PATHS: dict[str, tuple[str, set[int]]] = {
    "invalid UTF-8": ("/sparql?query=ASK%20%7B%20%3Fs%20%3Fp%20'%FF'%20%7D", {400}),
    "overlong": ("/sparql?query=ASK%20%7B%C0%AF%7D", {400}),
    "surrogate": ("/sparql?query=ASK%20%7B%20%3Fs%20%3Fp%20'%ED%A0%80'%20%7D", {400}),
    "cut escape": ("/sparql?query=ASK%20%7B%7D%2", {400}),
    "escape that is none": ("/sparql?query=ASK%20%7B%7D%zz", {400}),
    "encoded twice": ("/sparql?query=ASK%2520%257B%257D", {400}),
    "plus as blank": ("/sparql?query=ASK+%7B+%7D", {200}),
    "encoded plus": ("/sparql?query=SELECT+(1%2B1+AS+%3Fx)+%7B%7D", {200}),
    "NUL": ("/sparql?query=ASK%00%7B%7D", {400}),
    "NUL in a name": ("/sparql?que%00ry=ASK+%7B%7D", {200, 400}),
    "raw UTF-8": ("/sparql?query=SELECT+('ñ'+AS+%3Fx)+%7B%7D", {200, 400}),
    "semicolons between": ("/sparql?x=1;query=ASK+%7B%7D", {200, 400}),
    "query twice": ("/sparql?query=ASK+%7B%7D&query=ASK+%7B%7D", {400}),
    "query in capitals": ("/sparql?QUERY=ASK+%7B%7D", {200, 400}),
    "query with brackets": ("/sparql?query[]=ASK+%7B%7D", {200, 400}),
    "invalid UTF-8 in the path": ("/doc/%FF%FE", {400, 404}),
    "NUL in the path": ("/doc/a%00b", {400, 404}),
}


def _body(data: bytes, statuses: set[int]) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        reply = expect(site.address.exchange(query_request(data)), statuses)
        ensure(reply.json() is not None, f"the answer is no JSON: {reply.body[:80]!r}")
        return reply.status

    return run


def _charset(name: str, is_known: bool) -> Callable[[Site], int]:
    header = ("Content-Type", f"application/sparql-query; charset={name}")
    data = request("POST", "/sparql", [header], b"ASK {}")
    statuses = {400, 415} if not is_known else {200} if name else {200, 400}
    return lambda site: expect(site.address.exchange(data), statuses).status


def _address(path: str, statuses: set[int]) -> Callable[[Site], int]:
    return lambda site: (
        expect(
            site.address.get(path, [("Accept", "application/json, text/turtle;q=0.1")]), statuses, problem=path.isascii()
        ).status
    )


def _survives(site: Site) -> str:
    for data in (query_request(_TEXT), request("GET", query_path(_TEXT)), form_request([("query", _TEXT)])):
        found = expect(site.address.exchange(data), {200}).json()["results"]["bindings"][0]["x"]["value"]
        if found not in _TEXT:
            raise Failure(f"{found!r} came back")
    return "200"


def _odd_error(site: Site) -> int:
    text = 'SELEC "\u202e\u2028\ud83d\ude00\x1b </script>'.encode("utf-16", "surrogatepass").decode("utf-16")
    reply = expect(site.address.query(text), {400})
    json.loads(reply.body.decode("utf-8"))
    return reply.status
