"""Pure text operations: folding, slugs, white space, mark-up, words."""

from __future__ import annotations

import html
import re
import unicodedata

_SPACE = re.compile(r"\s+")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")
_TAG = re.compile(r"</?(?:p|b|i|u|em|strong|span|sup|sub|ul|ol|li|br|div|a|font|table|tr|td|th)\b[^<>]*>", re.IGNORECASE)
_EMPHASIS = re.compile(r"\*{1,3}|(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)")


def squeeze(text: str) -> str:
    """Collapse every run of white space to one space and trim."""
    return _SPACE.sub(" ", text).strip()


def strip_accents(text: str) -> str:
    """Remove combining marks; ñ becomes n. Length may change for composed characters only."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def fold(text: str) -> str:
    """Fold case, accents and white space: the form in which names are compared."""
    if text.isascii():
        return squeeze(text.casefold())
    return squeeze(strip_accents(text).casefold())


def fold_aligned(text: str) -> str:
    """Fold case and accents keeping the length: position i of the result is character i of the text."""
    return text.translate(_FOLDED)


class _Folded(dict[int, str]):
    """What each character becomes, found when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = folded = _fold_character(chr(code))
        return folded


_FOLDED = _Folded()


def _fold_character(character: str) -> str:
    if character.isspace():
        return " "
    folded = strip_accents(character).casefold()
    return folded if len(folded) == 1 else character.casefold()[:1] or character


def slug(text: str) -> str:
    """Return the ASCII, lower-case, hyphenated form of a name."""
    return _NOT_SLUG.sub("-", strip_accents(text).casefold()).strip("-")


def strip_markup(text: str) -> str:
    """Remove Markdown emphasis and HTML tags, resolve entities, collapse white space."""
    return squeeze(html.unescape(_EMPHASIS.sub("", _TAG.sub(" " if "<p" in text or "<br" in text else "", text))))


def shorten(text: str, limit: int = 90) -> str:
    """Cut at a word boundary and say so with an ellipsis; at most `limit` characters."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    cut = head.rfind(" ")
    return (head[:cut] if cut > limit // 2 else head).rstrip(" ,;:.") + "…"
