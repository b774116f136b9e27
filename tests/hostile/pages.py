"""Groups 9, 10 and 11: paths that climb out, headers that are not the server's own, and scripts in what is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

from tests.hostile.cases import CLOSED, Case, ensure, expect
from tests.hostile.site import Site
from tests.hostile.wire import Header, Reply, form_request, query_path, request

HTML: list[Header] = [("Accept", "text/html")]
JSON: list[Header] = [("Accept", "application/json, */*;q=0.5")]
# What would tell that a file came out: of the system, of the project, of the store, of the process.
LEAKS = (b"root:x:0:", b"from __future__", b"[project]", b"MANIFEST-0", b"def create_app", b"KG_QUERY_SECONDS=", b"<<<<CURRENT")
EVIL = "evil.example"


def cases() -> list[Case]:
    """Return the cases of this module."""
    return [*_climbing(), *_injecting(), *_scripting()]


# --- 9. path traversal -------------------------------------------------------------------------------------------------------

_DOORS = ("/static", "/id", "/doc", "/questions", "/dumps", "/graph")
_UPWARDS = {
    "dots": "/../" * 8 + "etc/passwd",
    "encoded dots": "/%2e%2e" * 8 + "/etc/passwd",
    "encoded slashes": "/" + "..%2f" * 8 + "etc%2fpasswd",
    "all encoded": "/" + "%2e%2e%2f" * 8 + "etc%2fpasswd",
    "encoded twice": "/" + "%252e%252e%252f" * 8 + "etc%252fpasswd",
    "backslashes": "/" + "..\\" * 8 + "etc\\passwd",
    "encoded backslashes": "/" + "..%5c" * 8 + "etc%5cpasswd",
    "overlong dots": "/" + "%c0%ae%c0%ae/" * 8 + "etc/passwd",
    "semicolons": "/..;" * 8 + "/etc/passwd",
    "absolute": "//etc/passwd",
    "absolute, encoded": "/%2fetc%2fpasswd",
    "NUL before an ending": "/../../pyproject.toml%00.css",
    "four dots": "/..../..../pyproject.toml",
}
_FILES = {
    "the application": "/static/../app.py",
    "the application, encoded": "/static/%2e%2e/app.py",
    "the texts": "/static/..%2fstrings.yaml",
    "a template": "/static/../templates/base.html",
    "the folder itself": "/static/",
    "the environment": "/static/../../../../../../proc/self/environ",
    "the store": "/dumps/../store/current",
    "the graph file": "/static/%2e%2e/%2e%2e/build/graph.nq",
    "a question's file": "/questions/..%2fenunciados.rq",
    "a question above": "/questions/../../pyproject.toml",
    "a file address": "/doc/file:///etc/passwd",
    "the checkout": "/.git/config",
    "a format that is a path": "/ontology.../../../etc/passwd",
    "an ending that is a path": "/ontology.ttl%2f..%2f..%2fetc%2fpasswd",
}


def _climbing() -> list[Case]:
    found = [Case(9, f"{name}, by every door", _climb(*(door + path for door in _DOORS))) for name, path in _UPWARDS.items()]
    return found + [Case(9, name, _climb(path)) for name, path in _FILES.items()]


def _climb(*paths: str) -> Callable[[Site], str]:
    """Expect refusals, or redirects within the site; never a file's content."""

    def run(site: Site) -> str:
        seen = []
        for path in paths:
            for headers in (HTML, JSON):
                told = site.address.get(path, headers)
                reply = expect(told, {303, 307, 308, 400, 404, 405}, problem=False)
                ensure(not any(leak in told.raw for leak in LEAKS), f"the content of a file by {path}: {reply.text[:100]!r}")
                if location := reply.header("location"):
                    _ensure_inside(location)
            seen.append(str(reply.status))
        return " ".join(seen)

    return run


def _ensure_inside(location: str) -> None:
    """Check that a redirect stays on this host."""
    parts = urlsplit(location)
    inside = parts.netloc.partition(":")[0] in {"", "localhost"} and parts.scheme in {"", "http"}
    ensure(inside and not location.startswith(("//", "/\\", "\\")), f"redirects to {location!r}")


# --- 10. header injection ------------------------------------------------------------------------------------------------------

_CRLF = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a<script>"
_SPLIT_PATHS = {
    "CRLF in /id": f"/id/x{_CRLF}",
    "CRLF in the query of /id": f"/id/x?a={_CRLF}",
    "line feed in /id": "/id/x%0aX-Injected:%20yes",
    "unicode line separators in /id": "/id/x%E2%80%A8X-Injected:%20yes%C2%85X-Injected:%20yes",
    "high characters that end in CR LF": "/id/x%E5%98%8D%E5%98%8AX-Injected:%20yes",
    "CRLF in /doc": f"/doc/x{_CRLF}",
    "CRLF in the format": f"/sparql?query=ASK+%7B%7D&format=json{_CRLF}",
    "CRLF in the language": f"/?lang=en{_CRLF}",
    "CRLF in a question's name": f"/questions/enunciados{_CRLF}?format=csv",
    "CRLF in a question's format": f"/questions/enunciados?format=csv{_CRLF}",
    "CRLF in a question's parameter": f"/questions/enunciados?format=csv&plan=demo-2019-2022{_CRLF}",
    "CRLF in a redirect's path": f"/questions/{_CRLF}/",
    "CRLF in the query": f"/sparql?query={_CRLF}",
    "CRLF in a dump's name": f"/dumps/x{_CRLF}.nq.gz",
    "CRLF in a graph's name": f"/graph/plan/x{_CRLF}",
}
_REDIRECTS = {
    "two slashes before": f"//{EVIL}/questions/",
    "two slashes before /id": f"//{EVIL}/id/x",
    "backslash": f"/\\{EVIL}/questions/",
    "encoded slash": f"/%2f{EVIL}/questions/",
    "in /id": f"/id//{EVIL}/",
    "in /id, encoded": f"/id/%2f%2f{EVIL}",
    "user part": f"/id/@{EVIL}",
    "scheme": f"/id/https://{EVIL}",
    "tabulator": f"/id/%09//{EVIL}",
}
_REQUEST_IDS = {
    "harmless": ("4f2a-11EE.x_9", True),
    "script": ("<script>alert(1)</script>", False),
    "quotes": ('a"b', False),
    "long": ("x" * 5000, False),
    "not ASCII": ("ñandú", False),
    "blanks": ("a b c", False),
    "log forgery": ("x%0aERROR forged", False),
    "template": ("{{7*7}}${jndi:ldap://127.0.0.77/}", False),
}


def _injecting() -> list[Case]:
    found = [Case(10, name, _split(path)) for name, path in _SPLIT_PATHS.items()]
    found += [Case(10, f"redirect elsewhere: {name}", _redirected(path)) for name, path in _REDIRECTS.items()]
    found += [Case(10, f"X-Request-ID: {name}", _identified(text, ok)) for name, (text, ok) in _REQUEST_IDS.items()]
    raw = {"line feed": "a\nX-Injected: yes", "carriage return": "a\rX-Injected: yes", "NUL": "a\0b", "bell": "a\x07b"}
    found += [Case(10, f"raw {name} in X-Request-ID", _raw_header("X-Request-ID", text)) for name, text in raw.items()]
    found += [Case(10, f"raw {name} in Accept", _raw_header("Accept", text)) for name, text in raw.items()]
    hosts = {
        "another host": EVIL,
        "with a port": f"{EVIL}:80",
        "user part": f"localhost@{EVIL}",
        "path": f"{EVIL}/x?",
        "script": "<script>",
    }
    found += [Case(10, f"Host: {name}", _hosted([("Host", host)])) for name, host in hosts.items()]
    found += [
        Case(10, "X-Forwarded-Host", _hosted([("X-Forwarded-Host", EVIL)])),
        Case(10, "Forwarded", _hosted([("Forwarded", f"host={EVIL};proto=https")])),
        Case(10, "X-Original-URL and X-Rewrite-URL", _hosted([("X-Original-URL", f"//{EVIL}"), ("X-Rewrite-URL", "/doc/x")])),
        Case(10, "Origin is not mirrored", _cross_origin),
        Case(10, "script in Origin of OPTIONS", _preflight),
        Case(10, "forms are not redirected elsewhere", _posted),
    ]
    return found


def _untouched(told: Reply) -> None:
    names = [name for name, _ in told.headers]
    ensure("x-injected" not in names and "set-cookie" not in names, f"a header of the client's: {told.headers!r}")
    ensure(not any("\r" in value or "\n" in value for _, value in told.headers), "a line end in a header")


def _split(path: str) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        for headers in (HTML, JSON):
            told = site.address.get(path, headers)
            reply = expect(told, {200, 303, 307, 308, 400, 404, 406}, problem=False)
            _untouched(reply)
            ensure(len(told.replies) == 1, "the response was split")
        return reply.status

    return run


def _redirected(path: str) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        reply = expect(site.address.get(path, HTML), {200, 303, 307, 308, 400, 404}, problem=False)
        if location := reply.header("location"):
            _ensure_inside(location)
        return reply.status

    return run


def _identified(text: str, is_harmless: bool) -> Callable[[Site], str]:
    """A request's name comes back only when it is made of harmless signs; another may be given in its place."""

    def run(site: Site) -> str:
        told = site.address.get("/sparql?query=SELEC", [*JSON, ("X-Request-ID", text)])
        reply = expect(told, {400, 431}, problem=False)
        _untouched(reply)
        echoed = reply.header("x-request-id")
        ensure(is_harmless or (text not in echoed and text.encode() not in told.raw), f"echoed {echoed[:60]!r}")
        return f"{reply.status}, {'echoed' if echoed == text else 'own' if echoed else 'none'}"

    return run


def _raw_header(name: str, text: str) -> Callable[[Site], int]:
    """A line end in a value makes two headers, which is the client's affair; other control characters are no header at all."""

    def run(site: Site) -> int:
        data = request("GET", "/health", [(name, text)])
        told = site.address.exchange(data, timeout=3)
        reply = expect(told, {200, 400, CLOSED} if "\n" in text or "\x07" in text else {400, CLOSED}, problem=False)
        _untouched(reply)
        return reply.status

    return run


def _hosted(headers: list[Header]) -> Callable[[Site], str]:
    """No address of another host appears in a body or a header because a client named that host."""

    def run(site: Site) -> str:
        seen = []
        for path, accept in (("/sparql", "text/turtle"), ("/", "text/html"), ("/questions/", "*/*"), ("/id/plan/x", "*/*")):
            told = site.address.get(path, [("Accept", accept), *headers], source="127.0.0.5")
            reply = expect(told, {200, 303, 307, 308, 400, 403, 404, 421}, problem=False)
            ensure(EVIL.encode() not in told.raw and b"<script>" not in told.raw, f"{path} names the client's host")
            seen.append(str(reply.status))
        return " ".join(seen)

    return run


def _cross_origin(site: Site) -> int:
    told = site.address.get(query_path("ASK {}"), [("Origin", f"https://{EVIL}"), ("Cookie", "a=b")])
    reply = expect(told, {200})
    ensure(reply.header("access-control-allow-origin") in {"*", ""}, "the origin is mirrored")
    ensure(not reply.header("access-control-allow-credentials"), "credentials are allowed")
    ensure(not reply.header("set-cookie"), "a cookie is set")
    return reply.status


def _preflight(site: Site) -> int:
    asked = [
        ("Origin", "https://<script>"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "X-<script>"),
    ]
    told = site.address.exchange(request("OPTIONS", "/sparql", asked))
    reply = expect(told, {200, 204, 400}, problem=False)
    ensure(b"<script>" not in told.raw, "mirrored")
    ensure("DELETE" not in reply.header("access-control-allow-methods"), "DELETE is allowed")
    return reply.status


def _posted(site: Site) -> int:
    told = site.address.exchange(form_request([("query", "ASK {}")], f"//{EVIL}/sparql/", [("Host", EVIL)]))
    reply = expect(told, {307, 308, 400, 404, 405, 421}, problem=False)
    ensure(EVIL not in urlsplit(reply.header("location")).netloc, f"redirects to {reply.header('location')!r}")
    return reply.status


# --- 11. script injection ---------------------------------------------------------------------------------------------------

MARK = "hostile7"
PAYLOADS = {
    "script": f"<script>{MARK}()</script>",
    "image": f'"><img src=x onerror={MARK}()>',
    "end of a text area": f"</textarea></title></style><svg/onload={MARK}()>",
    "single quotes": f"' autofocus onfocus='{MARK}()",
    "address": f"javascript:{MARK}()",
    "template": "{{ 7*191 }}{% for x in range(9) %}hostile7{% endfor %}${7*191}",
    "comment": f"--><script>{MARK}()</script><!--",
    "entities": f"&lt;script&gt;{MARK}()&#60;/script&#62;",
    "other quotes": f"＜script＞{MARK}()\u2028</script><script>{MARK}()</script>",
}
_PLACES = {
    "query": query_path,
    "string in an answer": lambda p: query_path(f'SELECT ("""{_literal(p)}""" AS ?x) {{}}'),
    "language-tagged answer": lambda p: query_path(f'SELECT ("""{_literal(p)}"""@es AS ?x) {{}}'),
    "IRI in an answer": lambda p: query_path(f'SELECT (IRI("""{_literal(p)}""") AS ?x) {{}}'),
    "graph as an answer": lambda p: query_path(f'CONSTRUCT {{ <a:a> <b:b> """{_literal(p)}""" }} WHERE {{}}'),
    "dataset": lambda p: query_path("ASK {}", **{"default-graph-uri": p}),
    "format": lambda p: query_path("ASK {}", format=p),
    "language": lambda p: "/?lang=" + quote(p),
    "question's parameter": lambda p: "/questions/enunciados?plan=" + quote(p),
    "question's unknown parameter": lambda p: f"/questions/enunciados?{quote(p)}=1",
    "question's name": lambda p: "/questions/" + quote(p, safe=""),
    "thing": lambda p: "/doc/plan/" + quote(p, safe=""),
    "path": lambda p: "/nothing/" + quote(p, safe=""),
    "search": lambda p: "/search?q=" + quote(p),
    "search of questions": lambda p: "/questions?q=" + quote(p),
    "other parameter": lambda p: "/ontology?x=" + quote(p),
}


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _scripting() -> list[Case]:
    found = [Case(11, place, _shown(*(make(payload) for payload in PAYLOADS.values()))) for place, make in _PLACES.items()]
    labelled = ("/doc/plan/demo-2019-2022/s001", "/doc/plan/demo-2019-2022", "/questions/enunciados")
    found += [Case(11, f"label on {path}", _shown(path)) for path in labelled]
    pages = ("/", "/sparql", "/questions", "/ontology", "/nope", "/doc/nope", "/sparql?query=SELEC", "/static/icon.svg")
    found += [Case(11, f"policy of {path}", _policy(path)) for path in pages]
    plain = {"plain text": "text/plain", "JSON": "application/json", "CSV": "text/csv", "XML": "application/sparql-results+xml"}
    found += [Case(11, f"not shown as a page: {name}", _not_a_page(accept)) for name, accept in plain.items()]
    return found


class _Reader(HTMLParser):
    """Collects what a browser would run, and the blocks of data, which it does not: those have to be JSON to their end."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.blocks: list[str] = []
        self.in_block = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        values = {name: value or "" for name, value in attrs}
        self.in_block = tag == "script" and values.get("type") == "application/ld+json"
        if self.in_block:
            self.blocks.append("")
        elif tag == "script" and not values.get("src", "").startswith("/static/"):
            self.found.append("script")
        if tag in {"svg", "img"} and ("onload" in values or "onerror" in values):
            self.found.append(tag)
        self.found += [f"{tag} {name}" for name in values if name.startswith("on")]
        for name in ("href", "src", "action", "formaction"):
            address = "".join(values.get(name, "").lower().split())
            if address.startswith(("javascript:", "data:", "vbscript:")):
                self.found.append(f"{tag} {name}={address[:30]}")

    def handle_endtag(self, tag: str) -> None:
        """Leave a block of data."""
        self.in_block = self.in_block and tag != "script"

    def handle_data(self, data: str) -> None:
        """Keep what a block of data holds."""
        if self.in_block:
            self.blocks[-1] += data


def ensure_no_script(reply: Reply) -> None:
    """Check that a page runs nothing of the client's, by itself and by its policy."""
    reader = _Reader()
    reader.feed(reply.text)
    ensure(not reader.found, f"the page would run {reader.found!r}")
    for block in reader.blocks:
        ensure(_is_json(block), f"a block of data was broken out of: {block[-100:]!r}")
    ensure("1337" not in reply.text, "a template was filled in")
    policy = reply.header("content-security-policy")
    ensure(policy, "no Content-Security-Policy")
    ensure("unsafe-inline" not in policy and "unsafe-eval" not in policy, f"policy {policy!r}")
    ensure("default-src" in policy or "script-src" in policy, f"policy {policy!r} says nothing of scripts")
    ensure(reply.header("x-content-type-options") == "nosniff", "no nosniff")


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _shown(*paths: str) -> Callable[[Site], str]:
    def run(site: Site) -> str:
        seen = []
        for path in paths:
            reply = expect(site.address.get(path, HTML), {200, 303, 400, 404, 406}, problem=False)
            if reply.status != 303:
                is_page = reply.header("content-type").startswith("text/html")
                ensure(is_page or MARK not in reply.text, f"{path}: no page, but {reply.header('content-type')!r}")
                ensure_no_script(reply)
            seen.append(str(reply.status))
        return " ".join(seen)

    return run


def _policy(path: str) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        reply = expect(site.address.get(path, HTML), {200, 400, 404}, problem=False)
        ensure_no_script(reply)
        policy = reply.header("content-security-policy")
        for directive in ("object-src 'none'", "base-uri", "frame-ancestors"):
            ensure(directive in policy, f"{directive} is missing in {policy!r}")
        return reply.status

    return run


def _not_a_page(accept: str) -> Callable[[Site], int]:
    def run(site: Site) -> int:
        for text in (PAYLOADS["script"], f"SELECT ('{PAYLOADS['script']}' AS ?x) {{}}"):
            reply = expect(site.address.get(query_path(text), [("Accept", accept)]), {200, 400, 406}, problem=False)
            ensure("html" not in reply.header("content-type"), f"content type {reply.header('content-type')!r}")
            ensure(reply.header("x-content-type-options") == "nosniff", "no nosniff")
        return reply.status

    return run
