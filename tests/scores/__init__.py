"""What is measured: documents, what they are compared with, and the floors of each set beside this file."""

from __future__ import annotations

import os
from pathlib import Path

from kg.paths import PLANS
from tests.conftest import SHARED

HERE = Path(__file__).resolve().parent
LAYOUTS = HERE.parent / "layouts"
DOCUMENTS = Path(os.environ.get("KG_DOCUMENTS") or SHARED / "plans")

# Name of the floors → (documents, annotations or records). All but the synthetic layouts lie outside the checkout.
SETS = {
    "records": (DOCUMENTS, PLANS),
    "annotated": (DOCUMENTS, SHARED / "gold"),
    "unseen": (SHARED / "plans-more", SHARED / "plans-more"),
    "layouts": (LAYOUTS, LAYOUTS),
}


def floors_of(name: str) -> Path:
    """Return the file with a set's floors."""
    return HERE / f"{name}.yaml"
