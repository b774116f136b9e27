"""Answers to the named questions as they stand, written beside the store when it is built.

On a large graph some questions go through all of it. A store never changes, so what they answer without other parameters can be
found once: the site then shows it at once. An answer is kept under the text of its query; where the text or the question has
changed, or another parameter is asked for, the graph is asked as if nothing were kept.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path

import zstandard

from kg.errors import KgError
from kg.files import write_whole
from kg.frames import Order, Query
from kg.pool import Limits, Pool
from kg.processes import QueryFailed
from kg.progress import measured
from kg.queries import Question, render

ANSWERS = "answers"  # a folder in that of the store
ROWS = 5000  # rows of an answer that are kept; what has more says so (`"cut"`)
SECONDS = 180.0  # for one answer
MEMORY = 4 * 1024**3  # bytes, for one process


def prepare_answers(store: Path, questions: Mapping[str, Question]) -> dict[str, str]:
    """Write the answers that are not there yet and remove those that nobody asks for; return why some are missing, by question.

    A missing answer harms nothing: it is asked for when somebody wants it.

    Raises:
        KgError: the folder cannot be written.
    """
    wanted = {_place(store, render(question)): question for question in questions.values()}
    for path in (store / ANSWERS).glob("*"):
        if path not in wanted:
            path.unlink()
    missing = {path: question for path, question in wanted.items() if not path.exists()}
    if not missing:
        return {}
    with measured(len(missing), "respuestas / answers") as tell:
        return asyncio.run(_ask_all(store, missing, tell))


def prepared_answer(store: Path, text: str) -> bytes | None:
    """Return the kept answer to a query, SPARQL results in JSON of up to ROWS rows; None where there is none."""
    try:
        return zstandard.ZstdDecompressor().decompress(_place(store, text).read_bytes())
    except (OSError, zstandard.ZstdError):
        return None


def _place(store: Path, text: str) -> Path:
    return store / ANSWERS / f"{blake2b(text.encode(), digest_size=12).hexdigest()}.json.zst"


async def _ask_all(store: Path, missing: Mapping[Path, Question], tell: Callable[[int, str], None]) -> dict[str, str]:
    """Ask as many questions at a time as there are processors; return why some have no answer."""
    processes = os.cpu_count() or 1
    limits = Limits(processes, processes, SECONDS, SECONDS, MEMORY, queue=processes, spare=0)
    failed: dict[str, str] = {}
    todo, done = deque(missing.items()), 0

    async def work(pool: Pool) -> None:
        nonlocal done
        while todo:
            path, question = todo.popleft()
            query = Query(render(question), "json", None, max_rows=ROWS, seconds=int(SECONDS) + 5)
            try:
                answer = await pool.ask(query, client=question.name)
                write_whole(path, zstandard.ZstdCompressor(level=6).compress(await answer.read()))
            except QueryFailed as failure:
                failed[question.name] = str(failure)
            done += 1
            tell(done, question.name)

    try:
        async with Pool(Order(store=str(store), memory=MEMORY), limits) as pool:
            await asyncio.gather(*(work(pool) for _ in range(processes)))
    except QueryFailed as failure:
        raise KgError(f"{store}: no query process starts ({failure})") from failure
    return failed
