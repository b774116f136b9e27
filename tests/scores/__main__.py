"""`python -m tests.scores [DOCUMENTS]`: print how near the drafts come, for each set of documents at hand; say what fell.

Exit code 1 where a figure is below its floor. `--write` makes the floors anew from what is measured now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from kg.cli import main as kg
from kg.files import write_whole
from kg.measuring import floors_text, score_documents
from tests.scores import DOCUMENTS, SETS, floors_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scores", description=__doc__)
    parser.add_argument(
        "documents", type=Path, nargs="?", default=DOCUMENTS, help="folder with the plan documents (KG_DOCUMENTS)"
    )
    parser.add_argument("--only", choices=SETS, help="one set")
    parser.add_argument("--misses", default="0", metavar="N", help="list up to N of each kind of difference")
    parser.add_argument("--write", action="store_true", help="write the floors")
    arguments = parser.parse_args()
    worst = 0
    for name, (usual, against) in SETS.items():
        documents = arguments.documents if usual == DOCUMENTS else usual
        if arguments.only not in {None, name}:
            continue
        if not documents.is_dir() or not against.is_dir():
            print(f"{name}: {documents if not documents.is_dir() else against} is not at hand; not measured", file=sys.stderr)
        elif arguments.write:
            write_whole(floors_of(name), floors_text(score_documents([documents], against)[0]))
        else:
            print(f"{name}: {documents} / {against}", flush=True)
            options = ["--against", str(against), "--floors", str(floors_of(name)), "--misses", arguments.misses]
            worst = max(worst, kg(["score", str(documents), *options]))
    return worst


if __name__ == "__main__":
    sys.exit(main())
