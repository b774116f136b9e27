"""Publishing: brings the named graphs of a build into a SPARQL server, by the Graph Store HTTP Protocol.

The graph `…/graph/published` on the server notes the SHA-256 of every graph that lies there, and the version of the data once
all of it does. So a run that was broken off goes on where it stopped, and a run on the same data sends nothing.

    <…/graph/plan/one>   dcterms:identifier  "sha256:1f0c…"      it is there as it should be
    <…/graph/plan/two>   dcterms:identifier  "pending"           it is, or was, about to be sent
    <…/graph/published>  owl:versionInfo     "b4e0d6c1f0a92c35"  all of it is there
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
from rdflib.namespace import DCTERMS, OWL

from kg.errors import KgError, reason_of
from kg.paths import shown
from kg.progress import step, tracked
from kg.remote import PUBLISHED, Remote, RemoteError
from kg.store import version_of

BUCKET = 32 * 1024 * 1024  # bytes of quads that are sorted by graph in memory at a time
BUCKETS = 200  # temporary files at most, all open at once
PART = 16 * 1024 * 1024  # bytes of one request's body
BATCH = 20  # graphs between two notes on the server
PAGE = 1000  # rows of the notes read at a time; some servers cut off longer answers
TRIES = 6
PENDING = "pending"
_BUSY = {408, 429, 502, 503, 504}
_LONGEST_PAUSE = 30.0  # seconds
_SECONDS = httpx.Timeout(300.0, connect=10.0)
_KNOWN = "known are Virtuoso (…/sparql), Fuseki (…/NAME/sparql, …/NAME/query), Oxigraph (…/query), GraphDB (…/repositories/NAME)"


@dataclass(frozen=True)
class Target:
    """Where to publish: the query endpoint, the graph store ('' to guess it), and who asks."""

    endpoint: str
    graph_store: str = ""
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Published:
    """What a run did, or would do: names of the graphs sent anew or again, left alone, deleted; triples sent; the version."""

    version: str
    new: list[str]
    changed: list[str]
    same: list[str]
    deleted: list[str]
    triples: int

    @property
    def sent(self) -> list[str]:
        """Graphs to send."""
        return self.new + self.changed


@dataclass
class _Graph:
    """What is known of a graph of the file: its digest, length in bytes, number of triples."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    size: int = 0
    triples: int = 0

    def add(self, line: bytes) -> None:
        """Count one more line."""
        self.digest.update(line)
        self.size += len(line)
        self.triples += 1

    @property
    def note(self) -> str:
        """What stands for it in the notes."""
        return "sha256:" + self.digest.hexdigest()


def publish(nquads: Path, target: Target, dry_run: bool = False) -> Published:
    """Make the server's graphs those of an N-Quads file, sending only what has changed; graphs not ours are left alone.

    Memory is bounded by BUCKET and PART, not by the file; as much temporary space as the file takes is needed.

    Raises:
        KgError: the file cannot be read, the server's graph store is not known, or the server refuses.

    Source:
        SPARQL 1.1 Graph Store HTTP Protocol, https://www.w3.org/TR/sparql11-http-rdf-update/
    """
    version = version_of(nquads)
    store_url = target.graph_store or guess_graph_store(target.endpoint)
    with Quads(nquads) as quads, GraphStore(store_url, target.user, target.password) as store:
        with step(f"lectura / reading {shown(nquads)}") as notes:
            quads.split()
            notes.append(f"{len(quads.graphs):,} grafos")
        with step(f"servidor / server {target.endpoint}") as notes:
            noted, before = _notes_of(target)
            plan = _planned(version, quads.graphs, noted)
            notes.append(f"versión {before or '–'}: {len(plan.same):,} grafos iguales, {len(plan.sent):,} por enviar")
        if not dry_run and (before != version or plan.sent or plan.deleted):
            _carry_out(plan, quads, store, noted)
    return plan


def guess_graph_store(endpoint: str) -> str:
    """Return the graph store's address that belongs to a query endpoint.

    Raises:
        KgError: it cannot be told from the address.
    """
    parts = urlsplit(endpoint)
    folder, _, last = parts.path.rstrip("/").rpartition("/")
    path = None
    if folder.endswith("/repositories"):  # GraphDB, RDF4J
        path = f"{folder}/{last}/rdf-graphs/service"
    elif "neptune" in (parts.hostname or ""):
        path = "/sparql/gsp/"
    elif not folder:
        path = {"query": "/store", "sparql": "/sparql-graph-crud-auth", "sparql-auth": "/sparql-graph-crud-auth"}.get(last)
    elif last in {"sparql", "query"}:  # Fuseki
        path = f"{folder}/data"
    if path is None:
        raise KgError(f"{endpoint}: where its graph store is cannot be told ({_KNOWN}); name it with --graph-store URL")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


class Quads:
    """A file of N-Quads, sorted by graph in temporary files. Use it as a context manager."""

    def __init__(self, path: Path):
        self.path = path
        self.graphs: dict[str, _Graph] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="kg-publish-"))
        self._number = 1

    def __enter__(self) -> Quads:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def split(self) -> None:
        """Read the file once: every line goes to the bucket of its graph.

        Raises:
            KgError: it cannot be read, or a line is no quad of a named graph.
        """
        try:
            self._number = min(self.path.stat().st_size // BUCKET + 1, BUCKETS)
            files = [(self._folder / str(number)).open("wb") for number in range(self._number)]
            try:
                self._fill(files)
            finally:
                for file in files:
                    file.close()
        except OSError as error:
            raise KgError(f"{shown(self.path)}: cannot be read ({reason_of(error)}); run `kg build` first") from error

    def _fill(self, files: Sequence[IO[bytes]]) -> None:
        with self.path.open("rb") as source:
            for number, line in enumerate(source, 1):
                triple, name = _parted(line)
                if not name:
                    raise KgError(f"{shown(self.path)}:{number}: not a quad of a named graph; build it again with `kg build`")
                self.graphs.setdefault(name, _Graph()).add(triple)
                files[self._bucket(name)].write(line)

    def parts(self, names: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each of the graphs with its N-Triples, in parts of about PART bytes; take them before the next graph."""
        wanted: dict[int, list[str]] = {}
        for name in names:
            wanted.setdefault(self._bucket(name), []).append(name)
        for bucket, members in sorted(wanted.items()):
            small = {name: bytearray() for name in members if self.graphs[name].size <= PART}
            for triple, name in self._lines(bucket) if small else ():
                if name in small:
                    small[name] += triple
            for name in members:
                yield name, iter([bytes(small.pop(name))]) if name in small else self._large(bucket, name)

    def _large(self, bucket: int, wanted: str) -> Iterator[bytes]:
        part = bytearray()
        for triple, name in self._lines(bucket):
            if name != wanted:
                continue
            part += triple
            if len(part) >= PART:
                yield bytes(part)
                part.clear()
        if part:
            yield bytes(part)

    def _lines(self, bucket: int) -> Iterator[tuple[bytes, str]]:
        with (self._folder / str(bucket)).open("rb") as file:
            yield from map(_parted, file)

    def _bucket(self, name: str) -> int:
        return int.from_bytes(hashlib.blake2s(name.encode(), digest_size=4).digest(), "big") % self._number


def _parted(line: bytes) -> tuple[bytes, str]:
    """Part an N-Quads line into its triple, as a line, and the name of its graph ('' where it has none)."""
    triple, sign, rest = line.rstrip(b"\r\n .").rpartition(b" <")
    graph = sign and rest.endswith(b">") and triple.count(b" ") >= 2
    return (triple + b" .\n", rest[:-1].decode()) if graph else (line, "")


class GraphStore:
    """A server's graph store. Use it as a context manager."""

    def __init__(self, url: str, user: str = "", password: str = "", pause: Callable[[float], None] = time.sleep):
        if urlsplit(url).scheme not in {"http", "https"}:
            raise KgError(f"{url}: no http or https address; write e.g. http://127.0.0.1:3030/ds/data")
        self.url, self.pause = url, pause
        self.media_type = "application/n-triples"
        auth = _Credentials(user, password) if user else None
        self._client = httpx.Client(auth=auth, timeout=_SECONDS, follow_redirects=False)

    def __enter__(self) -> GraphStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def put(self, graph: str, parts: Iterable[bytes]) -> None:
        """Replace a graph by N-Triples; what is large comes in several parts.

        Raises:
            KgError: the server refuses, or cannot be reached.
        """
        method = "PUT"
        for part in parts:
            self._send(method, graph, part)
            method = "POST"
        if method == "PUT":
            self.delete(graph)

    def add(self, graph: str, triples: bytes) -> None:
        """Add N-Triples to a graph.

        Raises:
            KgError: the server refuses, or cannot be reached.
        """
        self._send("POST", graph, triples)

    def delete(self, graph: str) -> None:
        """Delete a graph; that it is not there is fine.

        Raises:
            KgError: the server refuses, or cannot be reached.
        """
        self._send("DELETE", graph)

    def _send(self, method: str, graph: str, body: bytes | None = None) -> None:
        response = self._answer(method, graph, body)
        if response.status_code == 415 and body is not None and self.media_type != "text/turtle":
            self.media_type = "text/turtle"  # of which N-Triples is a part
            response = self._answer(method, graph, body)
        if response.is_success or (method == "DELETE" and response.status_code == 404):
            return
        raise KgError(f"{self.url}: {method} of <{graph}> failed: {_told(response)}; {_advice(response.status_code)}")

    def _answer(self, method: str, graph: str, body: bytes | None) -> httpx.Response:
        """Send one request, again after a pause while the server is busy or gone; every request may be sent twice."""
        url = f"{self.url}{'&' if '?' in self.url else '?'}graph={quote(graph, safe='')}"
        headers = {"Content-Type": self.media_type} if body is not None else {}
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                response = self._client.request(method, url, content=body, headers=headers)
            except httpx.TransportError as error:
                if last:
                    raise KgError(f"{self.url}: cannot be reached ({_why(error)}); is the server running there?") from error
                self.pause(2**attempt / 2)
                continue
            except httpx.HTTPError as error:
                raise KgError(f"{self.url}: {_why(error)}; check the address") from error
            if last or response.status_code not in _BUSY:
                return response
            self.pause(_pause(response, attempt))
        raise AssertionError


class _Credentials(httpx.Auth):
    """Basic or Digest, whichever the server asks for; nothing is told before it asks."""

    requires_response_body = True

    def __init__(self, user: str, password: str):
        self._digest, self._basic = httpx.DigestAuth(user, password), httpx.BasicAuth(user, password)
        self._chosen: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Learn the scheme from the first refusal, then use it."""
        if self._chosen is None:
            response = yield request
            if response.status_code != 401:
                return
            wants_digest = "digest" in response.headers.get("WWW-Authenticate", "").lower()
            self._chosen = self._digest if wants_digest else self._basic
        yield from self._chosen.auth_flow(request)


def _pause(response: httpx.Response, attempt: int) -> float:
    """Return the seconds to wait: what the server asks for, within reason, else twice as long each time."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked) if asked.isdigit() else 2**attempt / 2, _LONGEST_PAUSE)


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


def _told(response: httpx.Response) -> str:
    text = " ".join(response.text.split()) if "html" not in response.headers.get("Content-Type", "") else ""
    return f"{response.status_code} {text[:300] or response.reason_phrase}"


def _advice(status: int) -> str:
    if status in {401, 403}:
        return "give a user who may write with --user, the password in KG_PASSWORD"
    if status in {301, 302, 307, 308, 404, 405, 400}:
        return "if this is not its graph store, name that with --graph-store URL"
    return "run the command again: it goes on where it stopped"


def _notes_of(target: Target) -> tuple[dict[str, str], str]:
    """Read what the server notes of the graphs there, name → digest ('' where it is doubtful), and the version.

    Raises:
        KgError: the server does not answer.
    """
    noted: dict[str, set[str]] = {}
    try:
        remote = Remote(target.endpoint, target.user, target.password)
        version = remote.version()
        last = ""
        while page := _page(remote, last):
            for name, note in page:
                noted.setdefault(name, set()).add(note)
            last = page[-1][0]
    except RemoteError as error:
        raise KgError(f"{target.endpoint}: the server did not answer ({error}); is this its query endpoint?") from error
    digests = {name: notes - {PENDING} for name, notes in noted.items()}
    return {name: found.pop() if len(found) == 1 else "" for name, found in digests.items()}, version


def _page(remote: Remote, after: str) -> list[tuple[str, str]]:
    """Return the notes on the next graphs by name, all notes on each."""
    text = (
        f"SELECT ?graph ?note {{ GRAPH <{PUBLISHED}> {{ ?graph <{DCTERMS.identifier}> ?note }} "
        f"FILTER(STR(?graph) > {json.dumps(after, ensure_ascii=False)}) }} ORDER BY STR(?graph) LIMIT {PAGE}"
    )
    rows = json.loads(b"".join(remote.ask(text).chunks()))["results"]["bindings"]
    pairs = [(row["graph"]["value"], row["note"]["value"]) for row in rows]
    if len(pairs) == PAGE:  # the last graph's notes may go on on the next page
        pairs = [pair for pair in pairs if pair[0] != pairs[-1][0]]
    return pairs


def _planned(version: str, graphs: Mapping[str, _Graph], noted: Mapping[str, str]) -> Published:
    same = [name for name, graph in graphs.items() if noted.get(name) == graph.note]
    left = sorted(graphs.keys() - set(same))
    return Published(
        version=version,
        new=[name for name in left if name not in noted],
        changed=[name for name in left if name in noted],
        same=sorted(same),
        deleted=sorted(noted.keys() - graphs.keys()),
        triples=sum(graphs[name].triples for name in left),
    )


def _carry_out(plan: Published, quads: Quads, store: GraphStore, noted: Mapping[str, str]) -> None:
    """Send and delete; the server knows at every moment which graphs may be there, and which are as they should be."""
    kept = {name: noted[name] for name in plan.same}
    doubtful = dict.fromkeys([*plan.sent, *plan.deleted], PENDING)
    store.put(PUBLISHED, _in_parts(_noted(kept | doubtful)))
    with step(f"envío / sending {store.url}") as notes:
        fresh: list[bytes] = []
        parts = quads.parts(plan.sent)
        for _ in tracked(plan.sent, "envío / sending"):
            name, body = next(parts)
            store.put(name, body)
            fresh += _noted({name: quads.graphs[name].note})
            if len(fresh) >= BATCH:
                store.add(PUBLISHED, b"".join(fresh))
                fresh = []
        for name in plan.deleted:
            store.delete(name)
        all_notes = {name: graph.note for name, graph in quads.graphs.items()}
        store.put(PUBLISHED, _in_parts([*_noted(all_notes), _line(PUBLISHED, str(OWL.versionInfo), plan.version)]))
        notes.append(f"{len(plan.sent):,} grafos, {plan.triples:,} tripletas; {len(plan.deleted):,} borrados")


def _noted(notes: Mapping[str, str]) -> list[bytes]:
    return [_line(name, str(DCTERMS.identifier), note) for name, note in sorted(notes.items())]


def _line(subject: str, predicate: str, value: str) -> bytes:
    return f'<{subject}> <{predicate}> "{value}" .\n'.encode()


def _in_parts(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Join lines into bodies of about PART bytes."""
    part = bytearray()
    for line in lines:
        part += line
        if len(part) >= PART:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)


def credentials(user: str) -> tuple[str, str]:
    """Return user and password, from KG_USER and KG_PASSWORD where no user was given."""
    return user or os.environ.get("KG_USER", ""), os.environ.get("KG_PASSWORD", "")
