"""Settings of the server: one table with name, default, unit and help; an environment variable KG_<NAME> overrides each."""

from __future__ import annotations

# ruff: noqa: RUF009 - the table below is made of field() calls
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kg.errors import KgError
from kg.frames import Order
from kg.paths import DEFAULT_OUT, QUERIES
from kg.pool import Limits

LEAST_MEMORY = 768 * 1024**2
LEVELS = ("info", "warning", "error")


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Everything that a deployment may choose."""

    out: Path = _setting(DEFAULT_OUT, "folder that `kg build` wrote; its store is served")
    questions: Path = _setting(QUERIES / "questions", "folder of the named questions")
    url: str = _setting("", "public address of this server, which its descriptions name (e.g. https://planes.example.pe/)")
    contact: str = _setting("", "where readers report mistakes: an address of a page (https://…) or an e-mail address")
    endpoint: str = _setting("", "address of another SPARQL 1.1 server to stand before, instead of a store of one's own")
    endpoint_user: str = _setting("", "user name at that server")
    endpoint_password: str = _setting("", "password at that server (better as a variable than as a flag)")
    workers: int = _setting(2, "short queries of /sparql and /questions that run at a time; one more for a client that has none")
    long_workers: int = _setting(2, "long queries that run at a time, at the lowest priority; one client has all but one at most")
    long_seconds: float = _setting(0.1, "seconds after which a query counts as long")
    page_workers: int = _setting(2, "processes kept for the site's own pages, so that these answer while queries queue")
    query_seconds: float = _setting(30.0, "seconds after which a query is stopped, the wait for a process included")
    worker_memory: int = _setting(2 * 1024**3, "bytes of address space of a query process (0: no limit)")
    in_memory: float = _setting(
        0.25,
        "part of the free memory (0 to 1) in which the triples are kept if they fit, for faster answers; 0: they stay on disk",
    )
    queue: int = _setting(16, "queries that may wait for a process; more are answered with 503")
    query_bytes: int = _setting(100_000, "bytes of the longest request body that is read")
    header_bytes: int = _setting(64 * 1024, "bytes of the longest request line with its headers")
    result_bytes: int = _setting(256 * 1024**2, "bytes of the longest answer")
    result_rows: int = _setting(
        1_000_000, "rows of the longest answer (0: no limit); one that has more is cut there, and says so"
    )
    table_bytes: int = _setting(4 * 1024**2, "bytes of the longest answer shown as an HTML table")
    table_rows: int = _setting(1000, "rows of an answer shown as an HTML table; the files have all")
    cache_bytes: int = _setting(64 * 1024**2, "bytes of answers kept in memory (0: none)")
    cache_seconds: int = _setting(0, "seconds for which others may keep an answer without asking whether it still holds")
    retry_seconds: int = _setting(5, "seconds that a 503 asks to wait")
    rate: int = _setting(0, "requests a minute that one client may make (0: as many as it likes); more are answered with 429")
    connections: int = _setting(1000, "connections open at a time; beyond it, the one that has been idle longest is closed")
    request_seconds: float = _setting(10.0, "seconds that a request may take to arrive")
    idle_seconds: int = _setting(15, "seconds that a connection may stay open between requests")
    write_seconds: float = _setting(20.0, "seconds after which a client that takes nothing of its answer is dropped")
    shutdown_seconds: int = _setting(10, "seconds that running requests get to end when the server is stopped")
    trusted_proxies: str = _setting("127.0.0.1", "addresses of reverse proxies whose X-Forwarded-For is believed, with commas")
    log: str = _setting("info", "what is logged: info (every request), warning or error")

    def query_limits(self) -> Limits:
        """Return the bounds of strangers' queries."""
        return Limits(self.workers, self.long_workers, self.query_seconds, self.long_seconds, self.worker_memory, self.queue)

    def page_limits(self) -> Limits:
        """Return the bounds of the site's own queries, which are short and may queue longer."""
        seconds = min(self.query_seconds, 10.0)
        return Limits(self.page_workers, self.page_workers, seconds, seconds, self.worker_memory, self.queue * 4, spare=0)

    def remote(self) -> Order | None:
        """Return what query processes are to serve when that is another server."""
        if not self.endpoint:
            return None
        return Order("", self.endpoint, self.endpoint_user, self.endpoint_password, self.worker_memory)


def load_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Return the defaults, overridden by the environment, overridden by the arguments that are not None.

    Raises:
        KgError: a variable cannot be read as what the setting is.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        name = f"KG_{setting.name.upper()}"
        if name in environment:
            values[setting.name] = read_value(name, environment[name], type(setting.default))
    values |= {name: value for name, value in given.items() if value is not None}
    if values.get("log", "info") not in LEVELS:
        raise KgError(f"KG_LOG={values['log']}: must be one of {', '.join(LEVELS)}")
    settings = Settings(**values)
    if settings.in_memory > 1:
        raise KgError(f"KG_IN_MEMORY={settings.in_memory:g}: must be a part of the free memory, from 0 to 1")
    if 0 < settings.worker_memory < LEAST_MEMORY:
        raise KgError(
            f"KG_WORKER_MEMORY={settings.worker_memory}: a query process needs {LEAST_MEMORY} at least; 0 sets no limit"
        )
    return settings


def settings_from(arguments: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of a command line: its flags as text, by the settings' names; what is not there stays.

    Raises:
        KgError: a flag or a variable cannot be read as what the setting is.
    """
    given = {s.name: arguments[s.name] for s in fields(Settings) if arguments.get(s.name) is not None}
    kinds = {s.name: type(s.default) for s in fields(Settings)}
    read = {name: read_value(flag_of(name), str(text), kinds[name]) for name, text in given.items()}
    return load_settings(environment, **read)


def describe_settings() -> list[tuple[str, str, str, str]]:
    """Return each setting's environment variable, flag of `kg serve`, default and help."""
    return [(f"KG_{s.name.upper()}", flag_of(s.name), str(s.default), s.metadata["help"]) for s in fields(Settings)]


def flag_of(name: str) -> str:
    """Return the flag of `kg serve` for a setting."""
    return "--" + name.replace("_", "-")


def read_value(name: str, text: str, kind: type[Any]) -> Any:
    """Read a setting from text; raises KgError."""
    try:
        value = Path(text) if issubclass(kind, Path) else kind(text)
    except ValueError as error:
        raise KgError(f"{name} {text}: a number is expected, e.g. 10") from error
    if isinstance(value, int | float) and value < 0:
        raise KgError(f"{name} {text}: must not be negative")
    return value
