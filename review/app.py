"""The application: one page, its data, and the actions of the reviewer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kg.errors import KgError
from kg.records import Mark, Record
from kg.text import squeeze
from review import editing, joining, ties
from review.edits import Edited, EditError
from review.guard import Guard
from review.placing import Astray, place
from review.session import Action, ChangedError, Session
from review.view import Views
from review.words import LANGUAGES, Language, say

_HERE = Path(__file__).parent
_BODY_BYTES = 1_000_000
_NAME_LENGTH = 120
_environment = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def create_app(session: Session, port: int) -> Guard:
    """Return the application for one review, in its guard; `port` is where it is served."""
    handlers = Handlers(session, Views(session))
    routes = [
        Route("/", handlers.page),
        Route("/state", handlers.asked(handlers.state)),
        Route("/version", handlers.asked(handlers.version)),
        Route("/do", handlers.asked(handlers.do), methods=["POST"]),
        Route("/undo", handlers.asked(handlers.undo), methods=["POST"]),
        Route("/check", handlers.asked(handlers.check), methods=["POST"]),
        Route("/difference", handlers.asked(handlers.difference), methods=["POST"]),
        Route("/who", handlers.asked(handlers.who), methods=["POST"]),
        Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
    ]
    app = Starlette(routes=routes)
    guard = Guard(app, port)
    app.state.token = guard.token
    return guard


@dataclass
class Asked:
    """What the page asked: the values of the request's body, and the page's language."""

    values: Mapping[str, Any]
    language: Language

    def text(self, key: str) -> str:
        """Return a text.

        Raises:
            EditError: it is missing, or something else.
        """
        value = self.values.get(key)
        if not isinstance(value, str):
            raise EditError("request", key)
        return value

    def number(self, key: str) -> int:
        """Return a whole number; raises EditError as `text`."""
        value = self.values.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise EditError("request", key)
        return value

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a mapping; raises EditError as `text`."""
        value = self.values.get(key)
        if not isinstance(value, dict):
            raise EditError("request", key)
        return value


@dataclass
class Handlers:
    """What each address answers."""

    session: Session
    views: Views

    async def page(self, request: Request) -> HTMLResponse:
        """Answer the page itself; all else it fetches."""
        language = language_of(request)
        other = "en" if language == "es" else "es"
        template = _environment.get_template("page.html")
        record = self.session.path.stem
        values = {"lang": language, "other": other, "token": request.app.state.token, "key": record}
        return HTMLResponse(template.render(values, t=lambda key, **filled: say(key, language, **filled)))

    def asked(self, answer: Callable[[Asked], Any]) -> Callable[[Request], Awaitable[Response]]:
        """Make a handler of a function: its values read, its errors told in the page's language."""

        async def handler(request: Request) -> Response:
            language = language_of(request)
            try:
                asked = Asked(await _body(request), language)
                return JSONResponse(await run_in_threadpool(answer, asked))
            except ChangedError:
                return _error(409, "changed", say("ui.changed-meanwhile", language))
            except EditError as error:
                text = say(f"errors.{error.code}", language, **({"field": error.field} | error.values))
                return _error(422, error.code, text, error.field)
            except KgError as error:
                return _error(500, "file", say("errors.file", language, detail=str(error)))

        return handler

    def state(self, asked: Asked) -> Any:
        """Return document, record and vocabularies."""
        return self.views.page(asked.language)

    def version(self, asked: Asked) -> Any:  # noqa: ARG002
        """Return the version of the record on the disk."""
        return {"version": self.session.state().version}

    def who(self, asked: Asked) -> Any:
        """Take the reviewer's name."""
        name = squeeze(asked.text("name"))[:_NAME_LENGTH]
        if not name:
            raise EditError("who", "name")
        self.session.by = name
        return {"by": name}

    def do(self, asked: Asked) -> Any:
        """Do one action and return what it changed."""
        name = asked.text("action")
        done = self.session.change(asked.text("version"), name, self._action(name, asked))
        return self.views.done(done, asked.language)

    def undo(self, asked: Asked) -> Any:
        """Take the last action back."""
        return self.views.done(self.session.undo(asked.text("version")), asked.language)

    def check(self, asked: Asked) -> Any:
        """Say where a text stands in the document, or from where on it does not."""
        line = asked.number("line")
        found = place(self.session.document, asked.text("text"), line)
        if isinstance(found, Astray):
            code = "elsewhere" if found.elsewhere else "astray"
            text = say(f"errors.{code}", asked.language, line=line, rest=found.rest, elsewhere=found.elsewhere)
            return {"found": False, "text": text, "stands": found.stands, "elsewhere": found.elsewhere}
        lines = [found.line, *(p.line for p in found.parts)]
        key = "ui.found-parts" if found.parts else "ui.found"
        return {"found": True, "text": say(key, asked.language, line=line, lines=", ".join(map(str, lines))), "lines": lines}

    def difference(self, asked: Asked) -> Any:  # noqa: ARG002
        """Read the document again and return what that would change."""
        return self.views.difference(*self.session.difference())

    def _action(self, name: str, asked: Asked) -> Action:
        document = self.session.document
        known: dict[str, Action] = {
            "accept": lambda r, m: editing.accept(r, asked.text("id"), m),
            "reopen": lambda r, m: editing.reopen(r, asked.text("id"), m),
            "revert": lambda r, _: editing.revert(r, asked.text("id")),
            "reject": lambda r, m: editing.reject(r, asked.text("id"), m),
            "restore": lambda r, _: editing.restore(r, asked.text("id")),
            "correct": lambda r, m: editing.correct(r, document, asked.text("id"), asked.mapping("changes"), m),
            "retype": lambda r, m: editing.retype(r, asked.text("id"), asked.text("type"), m),
            "split": lambda r, m: joining.split(r, document, asked.text("id"), asked.text("first"), asked.text("second"), m),
            "merge": lambda r, m: joining.merge(r, document, asked.text("id"), asked.text("other"), m),
            "add": lambda r, m: editing.add(r, document, asked.number("line"), asked.text("text"), asked.text("type"), m),
            "link": lambda r, m: ties.link(r, asked.text("id"), asked.text("kind"), asked.text("other"), m),
            "unlink": lambda r, m: ties.unlink(r, asked.text("id"), asked.text("kind"), asked.text("other"), m),
            "finish": editing.finish,
            "take": lambda r, m: self._proposed(r, m, asked.text("id"), editing.take),
            "refuse": lambda r, m: self._proposed(r, m, asked.text("id"), editing.refuse),
        }
        if name not in known:
            raise EditError("request", "action")
        return known[name]

    def _proposed(self, record: Record, mark: Mark, key: str, what: Callable[..., Edited]) -> Edited:
        """Take or refuse what the new reading says of an id."""
        difference = self.session.compared(record)
        found = {s.id: s for s in difference.new} | {c.accepted.id: c.read for c in difference.changed}
        if key not in found:
            raise EditError("no-proposal")
        return what(record, found[key], mark)


def language_of(request: Request) -> Language:
    """Return the language that `?lang=` asks for, else Spanish."""
    wanted = request.query_params.get("lang")
    return next((known for known in LANGUAGES if known == wanted), "es")


async def _body(request: Request) -> Mapping[str, Any]:
    """Read the JSON of a request, of a limited size; empty for a GET."""
    if request.method == "GET":
        return {}
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > _BODY_BYTES:
            raise EditError("too-large")
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EditError("request") from error
    if not isinstance(values, dict):
        raise EditError("request")
    return values


def _error(status: int, code: str, text: str, field: str = "") -> JSONResponse:
    return JSONResponse({"error": code, "text": text, "field": field}, status)
