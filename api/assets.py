"""Static files: the built script and style by their names, and how long a browser may keep each."""

from __future__ import annotations

import json
import mimetypes
import os
import re
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.negotiation import coding

STATIC = Path(__file__).with_name("static")
_MANIFEST = STATIC / "built" / "manifest.json"
_YEAR = "public, max-age=31536000, immutable"
_CHECKED = "public, no-cache"  # kept, and asked for again by its ETag
_LASTING = re.compile(r"built/(?:[^/]+-[0-9A-Z]{8}\.(?:js|css)|fonts/[^/]+\.woff2)")
_TYPES = {".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2", ".svg": "image/svg+xml", ".txt": "text/plain"}
for _ending, _type in _TYPES.items():
    mimetypes.add_type(_type, _ending)  # a machine's own table may lack or change them


class Assets(StaticFiles):
    """The folder of static files. What has a fingerprint in its name is kept for a year; the rest is checked each time."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file; packed where it lies packed beside and the client takes that."""
        accepted = Headers(scope=scope).get("accept-encoding", "")
        packed = coding(accepted) and self.lookup_path(f"{path}.gz")[1] is not None and not path.endswith(".gz")
        response = await super().get_response(f"{path}.gz" if packed else path, scope)
        if response.status_code == 200 and packed:
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = f"{_TYPES[Path(path).suffix]}; charset=utf-8"
        response.headers["Cache-Control"] = _YEAR if _LASTING.fullmatch(path.replace(os.sep, "/")) else _CHECKED
        response.headers["Vary"] = "Accept-Encoding"
        return response


def built(name: str) -> str:
    """Return the address of a built file by its source's name (`editor.js`); empty where the front end has not been built."""
    file = _manifest(_MANIFEST.stat().st_mtime_ns if _MANIFEST.is_file() else 0).get(name)
    return f"/static/built/{file}" if file else ""


@lru_cache(maxsize=1)
def _manifest(modified: int) -> dict[str, str]:
    if not modified:
        return {}
    found: dict[str, str] = json.loads(_MANIFEST.read_text(encoding="utf-8"))
    return found
