"""Structured logs: one JSON object a line on standard error, without addresses of clients or texts of queries."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

_OWN = ("request", "method", "route", "status", "ms", "bytes", "outcome", "rows")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: time (UTC), level, message, and what is known of the request."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told: dict[str, Any] = {"time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z"}
        told |= {"level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        told |= {name: record.__dict__[name] for name in _OWN if name in record.__dict__}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def set_up(level: str) -> None:
    """Send all logs of this process to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn").setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))
