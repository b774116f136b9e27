"""The framework's empty answer: what a request costs before anybody does anything for it. `python -m tests.bench.empty PORT`."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/")
async def empty() -> Response:
    """Answer nothing."""
    return Response()


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning", server_header=False)
