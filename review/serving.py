"""`kg review`: finds record and document, and serves the page on this machine until interrupted."""

from __future__ import annotations

import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import uvicorn

from kg.documents import read_document
from kg.errors import KgError, reason_of
from kg.paths import shown
from kg.records import load_record
from kg.records.locking import writing_alone
from review.app import create_app
from review.session import Session

_HOST = "127.0.0.1"
_PORT = 8765


def review(plan: str, plans: Path, document: Path | None, documents: Path | None, by: str | None, port: int | None) -> None:
    """Serve the review of a plan, given by its key or its record file, until interrupted.

    Raises:
        KgError: record or document are not found or wrong, the port is taken, or another process writes the record.
    """
    path = find_record(plan, plans)
    source = document or find_document(path, documents)
    session = Session(path.resolve(), read_document(source), by if by is not None else name_from_git())
    listener = _listener(port)
    address = f"http://{_HOST}:{listener.getsockname()[1]}/"
    with writing_alone(session.path, address):
        print(f"{shown(path)} ↔ {shown(source)}\n{address} (Ctrl+C: terminar / to stop)", flush=True)
        app = create_app(session, listener.getsockname()[1])
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none", lifespan="off")
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the lock file goes then, too
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def find_record(plan: str, plans: Path) -> Path:
    """Return the record file that a key or path names.

    Raises:
        KgError: there is none.
    """
    path = Path(plan) if plan.endswith((".yaml", ".yml")) else plans / f"{plan}.yaml"
    if path.is_file():
        return path
    known = ", ".join(sorted(p.stem for p in plans.glob("*.yaml"))) or "none"
    raise KgError(f"{shown(path)}: no such record; make one with `kg draft DOCUMENT --to {shown(plans)}` (there are: {known})")


def find_document(record: Path, folder: Path | None) -> Path:
    """Return the document of a record, in the folder or beside the record.

    Raises:
        KgError: it is in neither.
    """
    name = load_record(record).document.file
    places = [folder / name] if folder else [record.parent / name]
    for place in places:
        if place.is_file():
            return place
    raise KgError(f"{shown(places[0])}: the document of {record.stem} is not there; say where with --document or --documents")


def name_from_git() -> str:
    """Return the name that git knows its user by, or an empty text."""
    with suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, timeout=5, check=False)
        return found.stdout.strip()
    return ""


def _listener(port: int | None) -> socket.socket:
    """Listen on the port; where none is asked for, on the usual one or, where that is taken, on any."""
    wanted = [port] if port is not None else [_PORT, 0]
    for number in wanted:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, number))
            listener.listen(64)
        except OSError as error:
            listener.close()
            if number == wanted[-1]:
                raise KgError(
                    f"{_HOST}:{number}: cannot be listened on ({reason_of(error)}); choose another with --port"
                ) from error
        else:
            return listener
    raise AssertionError
