"""Citations of an answer: as text, as BibTeX and as CSL JSON, with the version and the date of the data.

Source: https://docs.citationstyles.org/en/stable/specification.html (CSL), https://ctan.org/pkg/bibtex (BibTeX)
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

_BIBTEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: f"\\{c}" for c in "&%$#_{}"}


@dataclass(frozen=True)
class Citation:
    """What a citation tells: the answer's title and address, who publishes it, version and date of the data, what language."""

    key: str
    title: str
    publisher: str
    version: str
    date: str
    url: str
    language: str
    version_words: str
    licence: str = "CC BY 4.0"

    def text(self) -> str:
        """Return the citation as a sentence for a footnote."""
        dated = f" ({self.date})" if self.date else ""
        quoted = f"“{self.title}”" if self.language == "en" else f"«{self.title}»"
        return f"{quoted}. {self.publisher}, {self.version_words} {self.version}{dated}. {self.url}"

    def bibtex(self) -> str:
        """Return the citation as a BibTeX entry."""
        fields = {
            "title": "{" + _escaped(self.title) + "}",
            "author": "{" + _escaped(self.publisher) + "}",
            "year": self.date[:4],
            "date": self.date,
            "version": _escaped(self.version),
            "note": _escaped(f"{self.version_words} {self.version}, {self.licence}"),
            "url": self.url,
            "langid": {"es": "spanish", "en": "english"}.get(self.language, ""),
        }
        lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
        return "\n".join([f"@misc{{{re.sub('[^A-Za-z0-9-]', '-', self.key)},", *lines, "}"]) + "\n"

    def csl(self) -> str:
        """Return the citation as CSL JSON: a list of one item."""
        item: dict[str, object] = {
            "id": self.key,
            "type": "dataset",
            "title": self.title,
            "author": [{"literal": self.publisher}],
            "publisher": self.publisher,
            "version": self.version,
            "URL": self.url,
            "language": self.language,
            "license": self.licence,
        }
        if self.date:
            item["issued"] = {"date-parts": [[int(part) for part in self.date.split("-")]]}
        return json.dumps([item], ensure_ascii=False, indent=1) + "\n"


def day_of(seconds: float) -> str:
    """Return the day (UTC) of a time in seconds since the epoch, as 2026-11-21; empty for 0, which says that it is unknown."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds else ""


def _escaped(text: str) -> str:
    return "".join(_BIBTEX.get(c, c) for c in " ".join(text.split()))
