"""From a plan summary of the JNE to a draft record: rows with their ties; organization and territory by the registries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from kg import __version__
from kg.documents.jne import Note, Row, Summary, Text
from kg.documents.jne_format import load_format
from kg.gazetteer import LEVELS, Territory, load_gazetteer
from kg.issues import load_issues
from kg.reading.drafted import Drafted
from kg.reading.drafts import make_statements
from kg.reading.links import link_row
from kg.reading.mentions import Mentions
from kg.reading.packed import split_items, split_packed
from kg.records import Axis, Named, Record, Review, Source
from kg.registry import Organization, load_registry
from kg.text import fold, shorten, slug

READER = f"kg import-jne {__version__}"
_RULE = "jne-field"
_FILE_NAME = re.compile(r"[\w-]+\.(?:pdf|PDF)", re.ASCII)
_MATTERS = {"url": "address", "process": "election", "election": "election"} | dict.fromkeys(
    ("organization", "organization_id"), "organization"
)
_URL = re.compile(r"https?://[^\s/<>\"{}|\\^`]+(?:/[^\s<>\"{}|\\^`]*)?")


@dataclass(frozen=True)
class Drafting:
    """A draft record with what a person should know of it; `whole` says whether place and organization are known."""

    record: Record
    notes: tuple[Note, ...]
    whole: bool


def draft_summary(summary: Summary, key: str | None = None) -> Drafting:
    """Read a summary into a draft record. `key` is the plan's key; by default it is made of place, period and organization."""
    about = _About(summary)
    level, territory = about.place()
    start, end = about.period()
    named = about.organization()
    found = _statements(summary)
    axes = {row.heading: row.dimension for row in summary.rows}
    issues = load_issues()
    document = summary.document
    record = Record(
        plan=key or _key(summary, level, territory, start, end, named),
        title=_title(summary, territory, start, end),
        level=level,
        document=Source(document.name, document.sha256, document.media_type, len(document.lines), about.url()),
        review=Review("draft", READER),
        territory=territory.inei if territory else None,
        start=start,
        end=end,
        organization=named,
        axes=tuple(Axis(a, d or issues.dimension_of_heading(a)) for a, d in axes.items()),
        statements=make_statements(found, range(len(found)), _mentions(territory.inei if territory else None), issues, end),
    )
    whole = (territory is not None or (level == "national" and about.level_is_told)) and named is not None
    return Drafting(record, (*summary.notes, *about.notes), whole)


@lru_cache(maxsize=32)
def _mentions(territory: str | None) -> Mentions:
    return Mentions(load_registry(), load_gazetteer(), territory)


# ------------------------------------------------------------------ statements


def _statements(summary: Summary) -> list[Drafted]:
    """Return the statements of the long texts, then of the rows, tied to each other within their row."""
    found: list[Drafted] = []
    for field in load_format().texts:
        for paragraph in summary.texts[field.name]:
            runs = [((paragraph.line, text),) for text in split_items(paragraph.text)]
            found += [Drafted(field.name, run, (field.head,), None, None, _RULE, 0.9) for run in runs]
    for number, row in enumerate(summary.rows, 1):
        _read_row(row, f"r{number:02d}", found)
    return found


def _read_row(row: Row, key: str, found: list[Drafted]) -> None:
    """Add the statements of a row; where it packs several numbered items, only those of one number are tied to each other.

    What a cell says once beside numbered ones holds for all numbers.
    """
    parts = split_packed(row.cells)
    members: list[int] = []
    loose: list[int] = []
    for number, part in enumerate(parts, 1):
        name = key if len(parts) == 1 else f"{key}.{number}"
        alone = len(parts) > 1 and sum(map(bool, part)) == 1
        indices = _read_cells(row, part, name, 0.7 if alone else 0.9, found)
        link_row(found, indices)
        if alone and any(text and text == whole for text, whole in zip(part, row.cells, strict=True)):
            loose += indices
        else:
            members += indices
    if loose:
        _link_loose(found, loose, members)


def _read_cells(row: Row, part: tuple[str, ...], key: str, confidence: float, found: list[Drafted]) -> list[int]:
    before = len(found)
    for cell, text in zip(load_format().cells, part, strict=True):
        for item in split_items(text):
            found.append(Drafted(cell.name, ((row.line, item),), (row.heading,), row.heading, key, _RULE, confidence))
    return list(range(before, len(found)))


def _link_loose(found: list[Drafted], loose: list[int], members: list[int]) -> None:
    """Tie what one cell says once for all the numbered items of its row to each of them; their own ties stay."""
    own = {index: found[index].links for index in members}
    for index in members:
        found[index].links = {}
    link_row(found, [*members, *loose])
    for index, links in own.items():
        for kind, tied in found[index].links.items():
            if shared := [other for other in tied if other in loose]:
                links[kind] = [*links.get(kind, []), *shared]
        found[index].links = links


# ------------------------------------------------------------------ what the plan is


class _About:
    """What a summary says of the plan: place, period, organization, address; notes gather where it cannot be told."""

    def __init__(self, summary: Summary):
        self._summary = summary
        self._fields = summary.fields
        self.notes: list[Note] = []
        self.level_is_told = True

    def _get(self, name: str) -> str:
        return self._fields[name].text if name in self._fields else ""

    def _note(self, name: str, es: str, en: str) -> None:
        keys = next(f.keys for f in load_format().fields if f.name == name)
        self.notes.append(Note(_MATTERS.get(name, "place"), keys[0], es, en))

    def url(self) -> str | None:
        """Return the address of the plan's document, where it is one."""
        text = self._get("url")
        if not text or _URL.fullmatch(text):
            return text or None
        if _FILE_NAME.fullmatch(text):
            url = load_format().words["documents"] + text
            self._note("url", f"solo el nombre: {text!r}; completado: {url}", f"a bare name: {text!r}; completed: {url}")
            return url
        self._note("url", f"no es una dirección web: {text!r}", f"no web address: {text!r}; kept in the document only")
        return None

    def period(self) -> tuple[int | None, int | None]:
        """Return the years that the plan is for, by its election."""
        form = load_format()
        for text in (self._get("file"), form.processes.get(self._get("process"), "")):
            match = re.match(r"([A-Z]+)[.\s-]?((?:19|20)\d\d)", text)
            if match and match[1] in form.terms:
                after, years = form.terms[match[1]]
                return int(match[2]) + after, int(match[2]) + after + years - 1
        said = " / ".join(filter(None, (self._get("file"), self._get("process")))) or "-"
        self._note("process", f"elección desconocida ({said}): sin periodo", f"unknown election ({said}): no period")
        return None, None

    def organization(self) -> Named | None:
        """Return the organization: by its name, else by the JNE's number; without id where the registry has neither."""
        name = self._fields.get("organization")
        number = self._get("organization_id")
        by_name = _organizations().get(_words(name.text)) if name else None
        by_number = next((o for o in load_registry().organizations.values() if o.jne_id and o.jne_id == number), None)
        found = by_name or by_number
        if name is None and found is None:
            return None
        if by_name and by_number and by_name.id != by_number.id:
            self._note("organization_id", f"{number} es {by_number.name}", f"{number} is {by_number.name}; the name counts")
        elif found is None and name:
            said = f"{name.text!r} ({number or '-'})"
            self._note("organization", f"no está en el registro: {said}", f"not in the registry: {said}; add it there")
        elif found and name and not by_name:
            self._note(
                "organization", f"{name.text!r}: por su número, {found.name}", f"{name.text!r}: by its number, {found.name}"
            )
        text = name or Text(self._fields["organization_id"].line, number)
        return Named(text.text, text.line, found.id if found else None)

    def place(self) -> tuple[str, Territory | None]:
        """Return the plan's level, and its territory where names or code tell one."""
        names = {name: self._get(name) for name in ("department", "province", "district")}
        level = self._level(names)
        if level == "national":
            return level, None
        by_name = self._by_names(level, names)
        by_code = self._by_code(level)
        if len(by_name) == 1:
            self._compare(by_name[0], by_code)
            return level, by_name[0]
        said = ", ".join(filter(None, reversed(names.values()))) or self._get("constituency") or "-"
        if by_code and (not by_name or by_code in by_name):
            return level, by_code
        if by_name:
            which = "; ".join(f"{t.inei} {_full(t)}" for t in by_name)
            self._note("district", f"{said}: hay {len(by_name)}: {which}", f"{said}: one of {len(by_name)}: {which}")
        else:
            self._note(level, f"territorio desconocido: {said}", f"unknown territory: {said}")
        return level, None

    def _level(self, names: dict[str, str]) -> str:
        said, number = fold(self._get("election")), self._get("election_id")
        for level in load_format().levels:
            if any(word in said for word in level.words) or (not said and number in level.numbers):
                return level.level
        deepest = next((name for name in ("district", "province", "department") if names[name]), None)
        what = deepest or "national"
        self.level_is_told = deepest is not None
        self._note("election", f"tipo de elección desconocido; nivel {what}", f"unknown kind of election; taken as {what}")
        return what

    def _by_names(self, level: str, names: dict[str, str]) -> list[Territory]:
        gazetteer = load_gazetteer()
        if names[level]:
            above = {name: names[name] or None for name in ("department", "province") if LEVELS[name] < LEVELS[level]}
            return gazetteer.by_name(names[level], level, above.get("province"), above.get("department"))
        parts = [p for p in re.split(r"\s*[-/,>|]\s*", self._get("constituency")) if p]
        found = gazetteer.by_name(parts[-1], level) if parts else []
        above_names = {fold(p) for p in parts[:-1]}
        return [t for t in found if above_names <= {fold(a.name) for a in gazetteer.ancestors(t.inei)}] if above_names else found

    def _by_code(self, level: str) -> Territory | None:
        """Look a code up as RENIEC's; a capital district's stands for its province or department."""
        digits = re.sub(r"\D", "", self._get("ubigeo"))
        if len(digits) < LEVELS[level]:
            return None
        found = load_gazetteer().by_code(digits[: LEVELS[level]], "reniec")
        if found is None or found.level != level:
            self._note("ubigeo", f"{digits} no es de RENIEC", f"{digits} is no code of RENIEC's for a {level}")
            return None
        return found

    def _compare(self, named: Territory, coded: Territory | None) -> None:
        if coded is None or coded is named:
            return
        code = self._get("ubigeo")
        inei = load_gazetteer().by_code(code[: LEVELS[named.level]], "inei") is named
        why = " (es su código del INEI)" if inei else ""
        en = " (it is INEI's code of the place named)" if inei else ""
        self._note(
            "ubigeo", f"{code} es {_full(coded)} en RENIEC{why}", f"RENIEC's {code} is {_full(coded)}{en}; the names count"
        )


def _full(territory: Territory) -> str:
    return ", ".join([territory.name, *(t.name for t in load_gazetteer().ancestors(territory.inei))])


def _words(name: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", fold(name)))


@cache
def _organizations() -> dict[str, Organization]:
    """Return the organizations by every name; a full name goes before another's alias, an alias before a short name."""
    known: dict[str, Organization] = {}
    organizations = load_registry().organizations.values()
    for names in (lambda o: (o.name,), lambda o: o.aliases, lambda o: o.short):
        for organization in organizations:
            for name in names(organization):
                known.setdefault(_words(name), organization)
    return known


def _key(
    summary: Summary, level: str, territory: Territory | None, start: int | None, end: int | None, named: Named | None
) -> str:
    """Return `<ubigeo>-<from>-<to>-<organization>`; where one is not known, the JNE's own number."""
    place = territory.inei if territory else load_format().words["national"] if level == "national" else ""
    who = (named.id or slug(shorten(named.raw, 60))) if named else ""
    if place and start and end and who:
        return f"{place}-{start}-{end}-{who}"
    return own_key(summary)


def own_key(summary: Summary) -> str:
    """Return a key that no other summary has: the file number, the list's or plan's number, else the fingerprint's beginning."""
    fields = summary.fields
    number = next((f"{n}-{fields[n].text}" for n in ("file", "list", "plan_id") if n in fields), summary.document.sha256[:12])
    return "jne-" + slug(number.removeprefix("file-").replace("plan_id", "plan"))


def _title(summary: Summary, territory: Territory | None, start: int | None, end: int | None) -> str:
    """Return kind of plan, organization, place and period, as a person would name the plan."""
    fields = summary.fields
    raw = ", ".join(fields[n].text for n in ("district", "province", "department") if n in fields)
    above = ", ".join(t.name for t in load_gazetteer().ancestors(territory.inei)) if territory else ""
    place = ", ".join(filter(None, (territory.full_name, above))) if territory else raw
    who = fields["organization"].text if "organization" in fields else ""
    kind = fields["kind"].text if "kind" in fields else load_format().words["title"]
    return shorten(" · ".join(filter(None, (kind, who, place, "-".join(str(y) for y in (start, end) if y)))), 200)
