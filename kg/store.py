"""The store: an immutable folder for each version of the graph, and a pointer to the one that is served.

    <out>/store/<version>/        a RocksDB folder; the version is the start of the N-Quads file's SHA-256
    <out>/store/<version>/search/ the index of its texts and names (`kg.search`)
    <out>/store/<version>/resident.nq.zst  the triples as a server takes them into memory (`kg.resident`)
    <out>/store/<version>.part/   one being built; whoever builds next removes it
    <out>/store/current           the name of the folder to serve, replaced as a whole

A reader never sees a folder that is being written, and a build killed at any moment leaves the old one in service.

Every triple is stored twice: in its own named graph, and once in the default graph, which is thereby the union of the named
graphs *as a set*. The engine's own union repeats a triple for every graph that holds it, so that COUNT and SUM go wrong.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO

import pyoxigraph as ox

from kg.errors import KgError, reason_of
from kg.files import write_whole
from kg.resident import write_resident
from kg.search import build_index, check_index

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
POINTER, OVERLAP, INDEX = "current", ".overlaps", "search"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_INTEGERS = {_XSD + name for name in ("integer", "int", "long", "short", "nonNegativeInteger", "positiveInteger")}


@dataclass(frozen=True)
class StoreInfo:
    """A built store: its version, where it lies, and how many quads and named graphs it holds."""

    version: str
    path: Path
    quads: int
    graphs: int


class Iri(str):
    """An IRI among the values of a solution, so that it can be told from text."""

    __slots__ = ()


Value = Iri | str | int | float | Decimal | bool | None


@dataclass(frozen=True)
class Solutions:
    """The answer to a query: column names in the query's order, and rows as wide; None where a variable is unbound.

    ASK gives one row with the column `answer`; CONSTRUCT and DESCRIBE the columns `subject`, `predicate`, `object`.
    """

    variables: tuple[str, ...]
    rows: list[tuple[Value, ...]]


def version_of(nquads: Path) -> str:
    """Return the first 16 hexadecimal digits of the file's SHA-256.

    Raises:
        KgError: the file cannot be read.
    """
    try:
        with nquads.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise KgError(f"{nquads}: cannot be read ({reason_of(error)}); build the graph first: kg build") from error


def build_store(nquads: Path, out: Path) -> StoreInfo:
    """Load an N-Quads file into a store of its own below `<out>/store` and put that into service.

    The same file again is not loaded again. Stores that were in service before go, unless a server still reads them: it removes
    them itself when their last query has ended.

    Raises:
        KgError: the file is missing or not N-Quads, the disk refuses, or another build is at work.
    """
    version = version_of(nquads)
    home = out / "store"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home):
            _remove_all(home.glob("*.part"))
            target = home / version
            if not _opens(target):
                _load(nquads, target)
            write_resident(nquads, target)
            info = _info(target)
            _note_overlap(target, info)
            write_whole(home / POINTER, version + "\n")
        remove_unused(out)
        return info
    except OSError as error:
        raise KgError(f"{home}: the store cannot be written ({reason_of(error)}); check space and permissions") from error


def current_store(out: Path) -> Path:
    """Return the folder of the store in service.

    Raises:
        KgError: nothing has been built in `out`, or what the pointer names is gone.
    """
    home = out / "store"
    name = _pointed(home)
    if not name:
        raise KgError(f"{home}: no store has been built here; run: kg build --out {out}")
    if not (home / name).is_dir():
        raise KgError(f"{home / POINTER}: names {name}, which is gone; run: kg build --out {out}")
    return home / name


def servable_store(out: Path) -> Path:
    """Return the folder of the store in service, whose search index is there and of this program.

    Raises:
        KgError: nothing has been built in `out`, or what is there is broken or of an older program.
    """
    folder = current_store(out)
    check_index(folder / INDEX)
    return folder


def lock_file(path: Path) -> IO[bytes] | None:
    """Say that this process reads a store folder, until the file returned is closed; None where no lock can be had."""
    try:
        file = path.with_name(path.name + ".lock").open("ab")
        fcntl.flock(file, fcntl.LOCK_SH)
    except OSError:
        return None
    return file


def remove_unused(out: Path) -> list[str]:
    """Remove the store folders that are neither in service nor read by a query process; returns their names."""
    home = out / "store"
    removed = []
    for folder in [p for p in home.glob("*") if p.is_dir() and p.suffix != ".part" and p.name != _pointed(home)]:
        lock = folder.with_name(folder.name + ".lock")
        with lock.open("ab") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
            lock.unlink()
            folder.with_name(folder.name + OVERLAP).unlink(missing_ok=True)
            removed.append(folder.name)
    return removed


def open_store(path: Path) -> ox.Store:
    """Open a built store for reading.

    Raises:
        KgError: the folder is not a store.
    """
    try:
        return ox.Store.read_only(str(path))
    except OSError as error:
        raise KgError(f"{path}: cannot be opened as a store ({error}); build it again: kg build") from error


@contextmanager
def reading(out: Path) -> Iterator[ox.Store]:
    """Open the store in service of an output folder; no build removes it meanwhile.

    Raises:
        KgError: there is none, or it cannot be opened.
    """
    folder = current_store(out)
    lock = lock_file(folder)
    try:
        yield open_store(folder)
    finally:
        if lock:
            lock.close()


def query(store: ox.Store, text: str, prefixes: Mapping[str, str] | None = None) -> Solutions:
    """Answer a query of the project's own, in this process, with Python values.

    A stranger's query belongs in a worker (`kg.pool`): the engine can neither be stopped nor always be survived.

    Raises:
        KgError: the text is not a query, or the engine refuses it.
    """
    try:
        results = store.query(text, prefixes=dict(prefixes or {}))
        if isinstance(results, ox.QuerySolutions):
            names = tuple(v.value for v in results.variables)
            return Solutions(names, [tuple(python_value(row[name]) for name in names) for row in results])
        if isinstance(results, ox.QueryBoolean):
            return Solutions(("answer",), [(bool(results),)])
        rows = sorted({(t.subject, t.predicate, t.object) for t in results}, key=str)
        return Solutions(("subject", "predicate", "object"), [tuple(map(python_value, row)) for row in rows])
    except (SyntaxError, ValueError, OSError) as error:
        raise KgError(f"query: {error}") from error


def python_value(term: Term | None) -> Value:
    """Turn a term into an Iri, a number, a boolean or a string; a number that is none stays the string that it is."""
    if term is None:
        return None
    if isinstance(term, ox.NamedNode):
        return Iri(term.value)
    if not isinstance(term, ox.Literal):
        return str(term)
    kind, text = term.datatype.value, term.value
    try:
        if kind in _INTEGERS:
            return int(text)
        if kind == _XSD + "decimal":
            return Decimal(text)
        if kind in {_XSD + "double", _XSD + "float"}:
            return float(text)
    except (ValueError, InvalidOperation):
        return text
    return text in {"true", "1"} if kind == _XSD + "boolean" else text


class _Pairs:
    """A store as the search index reads it."""

    def __init__(self, store: ox.Store):
        self.store = store

    def pairs(self, predicate: str) -> Iterator[tuple[str, str, str]]:
        """Yield subject, value and language of each triple with a predicate."""
        for quad in self.store.quads_for_pattern(None, ox.NamedNode(predicate), None, ox.DefaultGraph()):
            subject, term = quad.subject, quad.object
            if isinstance(subject, ox.NamedNode) and isinstance(term, ox.Literal):
                yield subject.value, term.value, term.language or ""
            elif isinstance(subject, ox.NamedNode) and isinstance(term, ox.NamedNode):
                yield subject.value, term.value, ""

    def about(self, subject: str) -> Iterator[tuple[str, str]]:
        """Yield predicate and value of each triple about a thing."""
        for quad in self.store.quads_for_pattern(ox.NamedNode(subject), None, None, ox.DefaultGraph()):
            if isinstance(quad.object, ox.Literal | ox.NamedNode):
                yield quad.predicate.value, quad.object.value


def _load(nquads: Path, target: Path) -> None:
    """Fill a store aside, then give it its name in one step."""
    part = target.with_name(target.name + ".part")
    store = ox.Store(str(part))
    try:
        store.bulk_load(path=str(nquads), format=ox.RdfFormat.N_QUADS)
        quads = ox.parse(path=str(nquads), format=ox.RdfFormat.N_QUADS)
        store.bulk_extend(ox.Quad(q.subject, q.predicate, q.object) for q in quads)
    except SyntaxError as error:
        raise KgError(f"{nquads}: not N-Quads: {error.msg}") from error
    store.optimize()
    store.flush()
    build_index(_Pairs(store), part / INDEX)
    del store  # the engine has no close(): it lets go of the folder when the last reference is gone
    _remove_all([target])
    part.replace(target)


def overlaps(path: Path) -> bool:
    """Tell whether a triple stands in several named graphs of a store; the engine would count it for each."""
    return path.with_name(path.name + OVERLAP).exists()


def union_of(store: ox.Store, default: list[str], named: list[str]) -> ox.Store:
    """Return a store in memory whose default graph is the union of some graphs, as a set, beside some named ones."""
    union = ox.Store()
    for name in default:
        found = store.quads_for_pattern(None, None, None, ox.NamedNode(name))
        union.extend(ox.Quad(q.subject, q.predicate, q.object) for q in found)
    for name in named:
        union.extend(store.quads_for_pattern(None, None, None, ox.NamedNode(name)))
    return union


def _note_overlap(path: Path, info: StoreInfo) -> None:
    found = open_store(path).query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }")
    assert isinstance(found, ox.QuerySolutions)
    if int(next(found)["n"].value) < info.quads:
        path.with_name(path.name + OVERLAP).touch()


def _info(path: Path) -> StoreInfo:
    store = open_store(path)
    graphs = sum(1 for _ in store.named_graphs())
    found = store.query("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } }")
    assert isinstance(found, ox.QuerySolutions)
    return StoreInfo(path.name, path, int(next(found)["n"].value), graphs)


def _opens(path: Path) -> bool:
    """Tell whether the folder is there and is a store with its index: only a broken one is built again."""
    if not path.is_dir():
        return False
    try:
        open_store(path)
        check_index(path / INDEX)
    except KgError:
        return False
    return True


def _pointed(home: Path) -> str:
    """Read the pointer; an empty string where there is none. A name with a slash is not one of ours."""
    try:
        name = (home / POINTER).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if "/" in name or name.startswith(".") else name


def _remove_all(paths: Iterator[Path] | list[Path]) -> None:
    for path in list(paths):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Hold the folder for one build; the system lets go of it when the process ends, however it ends."""
    with (home / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise KgError(f"{home}: another build is at work here; wait for it, or build elsewhere with --out") from error
        yield
