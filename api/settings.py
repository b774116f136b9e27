"""Settings of the server: one table with name, default, unit and help; an environment variable KG_<NAME> overrides each."""

from __future__ import annotations

# ruff: noqa: RUF009 - the table below is made of field() calls
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from kg.errors import KgError
from kg.paths import DEFAULT_OUT, QUERIES
from kg.pool import Limits


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Everything that a deployment may choose."""

    out: Path = _setting(DEFAULT_OUT, "folder that `kg build` wrote; its store is served")
    questions: Path = _setting(QUERIES / "questions", "folder of the named questions")
    workers: int = _setting(2, "processes that answer queries of /sparql and /questions")
    page_workers: int = _setting(2, "processes kept for the site's own pages, so that these answer while queries queue")
    query_seconds: float = _setting(30.0, "seconds after which a query is stopped")
    worker_memory: int = _setting(2 * 1024**3, "bytes of address space of a query process (0: no limit)")
    queue: int = _setting(16, "queries that may wait for a free process; more are answered with 503")
    query_bytes: int = _setting(100_000, "bytes of the longest request that is read")
    result_bytes: int = _setting(256 * 1024**2, "bytes of the longest answer")
    table_bytes: int = _setting(4 * 1024**2, "bytes of the longest answer shown as an HTML table")
    table_rows: int = _setting(1000, "rows of an answer shown as an HTML table; the files have all")
    retry_seconds: int = _setting(5, "seconds that a 503 asks to wait")

    def query_limits(self) -> Limits:
        """Return the bounds of strangers' queries."""
        return Limits(self.workers, self.query_seconds, self.worker_memory, self.queue)

    def page_limits(self) -> Limits:
        """Return the bounds of the site's own queries, which are short and may queue longer."""
        return Limits(self.page_workers, min(self.query_seconds, 10.0), self.worker_memory, self.queue * 4)


def load_settings(environment: Mapping[str, str] = os.environ, **given: Any) -> Settings:
    """Return the defaults, overridden by the environment, overridden by the arguments.

    Raises:
        KgError: a variable cannot be read as what the setting is.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        name = f"KG_{setting.name.upper()}"
        if name in environment:
            values[setting.name] = _read(name, environment[name], type(setting.default))
    return Settings(**(values | given))


def describe_settings() -> list[tuple[str, str, str]]:
    """Return each setting's environment variable, default and help."""
    return [(f"KG_{s.name.upper()}", str(s.default), s.metadata["help"]) for s in fields(Settings)]


def _read(name: str, text: str, kind: type[Any]) -> Any:
    try:
        value = Path(text) if issubclass(kind, Path) else kind(text)
    except ValueError as error:
        raise KgError(f"{name}={text}: a number is expected; e.g. {name}=10") from error
    if isinstance(value, int | float) and value < 0:
        raise KgError(f"{name}={text}: must not be negative")
    return value
