"""Structured logs: one JSON object a line on standard error, without addresses of clients or texts of queries."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from functools import lru_cache

Told = Mapping[str, object]
_OWN = ("request", "kind")
FLUSH_LINES, FLUSH_SECONDS = 200, 1.0


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: time (UTC), level, message, and the request that it belongs to."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, object] = {"time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"}
        told |= {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        told |= {name: record.__dict__[name] for name in _OWN if name in record.__dict__}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


class AccessLog:
    """One line a request, written in bundles: a server that is killed loses the lines of its last second."""

    def __init__(self, wanted: bool):
        self.wanted = wanted
        self._lines: list[str] = []
        self._stamp, self._second = "", 0

    def add(self, request: str, method: str, route: str, status: int, seconds: float, sent: int, more: Told) -> None:
        """Note a request."""
        if not self.wanted:
            return
        now = time.time()
        if int(now) != self._second:
            self._second = int(now)
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            self.flush()
        rest = "".join(
            [f', "{name}": {value if isinstance(value, int) else _quoted(str(value))}' for name, value in more.items()]
        )
        self._lines.append(
            f'{{"time": "{self._stamp}.{int(now * 1000) % 1000:03d}Z", "level": "info", "logger": "kg.access", '
            f'"request": "{request}", "method": "{method}", "route": "{route}", "status": {status}, '
            f'"ms": {seconds * 1000:.1f}, "bytes": {sent}{rest}}}'
        )
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what has been noted."""
        if self._lines:
            sys.stderr.write("\n".join(self._lines) + "\n")
            self._lines.clear()


@lru_cache(maxsize=100)  # there are few outcomes
def _quoted(text: str) -> str:
    return json.dumps(text)


def set_up(level: str) -> None:
    """Send all logs of this process to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))
