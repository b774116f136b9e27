"""Who may ask: only the page that this program served, on this machine; and what a browser is told about the answers.

A page of another site can send requests to 127.0.0.1, and can give it another name (DNS rebinding): so the Host header, the
Origin and a token that only the page knows are checked.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from review.words import say

TOKEN_HEADER = "x-review-token"
_OPEN = ("/", "/static/")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass
class Guard:
    """ASGI middleware: refuses what does not come from the page itself; `port` is where the server listens."""

    app: ASGIApp
    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with 403."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        if self._allows(scope):
            await self.app(scope, receive, send_guarded)
        else:
            refusal = JSONResponse({"error": "forbidden", "text": say("errors.forbidden", "es")}, 403)
            await refusal(scope, receive, send_guarded)

    def _allows(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        if headers.get("host") not in hosts:
            return False
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in hosts:
            return False
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return False
        path: str = scope["path"]
        if scope["method"] in {"GET", "HEAD"} and (path == _OPEN[0] or path.startswith(_OPEN[1])):
            return True
        return secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode())
