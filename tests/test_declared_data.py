"""The declared data, entry by entry: a failure names the entry."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kg.checks import check_declared, check_ontology
from kg.gazetteer import load_gazetteer
from kg.issues import load_issues
from kg.ontology import load_ontology
from kg.reading.mentions import Mentions
from kg.records import STATEMENT_KEYS
from kg.registry import load_registry
from kg.text import fold, slug

REGISTRY, GAZETTEER, ISSUES = load_registry(), load_gazetteer(), load_issues()
TABLES = Path(__file__).parent / "tables"


def test_references_between_the_files_hold():
    assert "institutions" in check_declared()


def test_every_term_is_bilingual_with_domain_and_range():
    assert check_ontology() > 100


# ------------------------------------------------------------------ territories


def test_all_of_peru_is_there():
    levels = [t.level for t in GAZETTEER.territories.values()]
    assert (levels.count("department"), levels.count("province")) == (25, 196)
    assert 1880 <= levels.count("district") <= 1900


@pytest.mark.parametrize("level", ["department", "province", "district"])
def test_codes_capitals_and_coordinates(level):
    for territory in GAZETTEER.territories.values():
        if territory.level != level:
            continue
        size = {"department": 2, "province": 4, "district": 6}[level]
        assert len(territory.inei) == size and territory.inei.isdigit(), territory
        assert territory.parent == (territory.inei[:-2] or None) and (
            territory.parent is None or territory.parent in GAZETTEER.territories
        )
        assert territory.capital, territory
        assert territory.latitude is not None and -18.5 < territory.latitude < 0.1, territory
        assert territory.longitude is not None and -81.5 < territory.longitude < -68.5, territory
        assert territory.altitude is None or 0 <= territory.altitude <= 5300, territory
        assert territory.area is None or 0 < territory.area < 400_000, territory
        assert (territory.iso3166_2 or "PE-").startswith("PE-"), territory
    if level == "department":
        assert all(t.iso3166_2 for t in GAZETTEER.territories.values() if t.level == level)


def test_a_code_means_different_places_in_the_two_systems():
    inei, reniec = GAZETTEER.by_code("200101", "inei"), GAZETTEER.by_code("200101", "reniec")
    assert inei is not None and reniec is not None
    assert (inei.name, reniec.name) == ("Piura", "Puno")
    assert reniec.inei == "210101"


def test_how_many_codes_collide():
    districts = [t for t in GAZETTEER.territories.values() if t.level == "district"]
    by_reniec = {t.reniec: t for t in districts if t.reniec}
    same = sum(t.inei == t.reniec for t in districts)
    taken = sum(t.inei in by_reniec and by_reniec[t.inei] is not t for t in districts)
    assert (same, taken) == (111, pytest.approx(1020, abs=60))


def test_trailing_zeros_are_no_other_place():
    puno = GAZETTEER.by_code("210000", "inei")
    assert puno is not None and (puno.inei, puno.level) == ("21", "department")


@pytest.mark.parametrize(
    ("name", "context", "code"),
    [
        ("SAN SEBASTIAN", {"level": "district", "province": "Cusco"}, "080105"),
        ("pativilca", {"level": "district"}, "150203"),
        ("Provincia de Huancané", {"level": "province"}, "2106"),
        ("Santa Rosa", {"level": "district", "department": "Puno", "province": "Melgar"}, "210808"),
        ("HUANCAYO", {"level": "province"}, "1201"),
    ],
)
def test_names_in_context(name, context, code):
    assert [t.inei for t in GAZETTEER.by_name(name, **context)] == [code]


def test_a_bare_name_stays_a_question():
    assert len(GAZETTEER.by_name("Santa Rosa", "district")) >= 8
    assert GAZETTEER.by_name("Nowhere") == []


# ------------------------------------------------------------------ actors


def test_there_are_enough_institutions():
    assert len(REGISTRY.listed) >= 700
    assert {"minsa", "senati", "sencico", "cenfotur", "bid", "universidades", "rondas-campesinas"} <= set(REGISTRY.listed)
    assert len([i for i in REGISTRY.families.values() if i.id.startswith("gore-")]) == 25


@pytest.mark.parametrize("institution", REGISTRY.listed.values(), ids=lambda i: i.id)
def test_institution(institution):
    assert institution.id == slug(institution.id)
    assert institution.name and institution.name_en
    folded = [fold(a) for a in institution.aliases]
    assert len(folded) == len(set(folded)), "an alias is given twice"
    assert all(rule.any or rule.none for rule in institution.context)


@pytest.mark.parametrize("fund", REGISTRY.funds.values(), ids=lambda f: f.id)
def test_fund(fund):
    assert fund.id == slug(fund.id)
    assert fund.name and fund.name_en and fund.definition_es and fund.definition_en


@pytest.mark.parametrize("organization", REGISTRY.organizations.values(), ids=lambda o: o.id)
def test_organization(organization):
    assert organization.id == slug(organization.id)
    assert organization.kind in {"party", "regional-movement", "local-organization", "alliance"}


with (TABLES / "mentions.csv").open(encoding="utf-8", newline="") as file:
    MENTIONS = list(csv.DictReader(file))


@pytest.mark.parametrize("row", MENTIONS, ids=lambda r: r["plan"])
def test_mentions(row):
    partners, mentions = Mentions(REGISTRY, GAZETTEER, row["territory"]).partners(row["text"], row["type"])
    assert [p.institution for p in partners] == row["partners"].split()
    assert sorted(m.institution for m in mentions if m.institution) == sorted(row["mentions"].split())


def test_a_column_of_partners_needs_no_context():
    partners, _ = Mentions(REGISTRY, GAZETTEER, "0806").partners("Cámaras", "activity", "PNP, SERVIR y PRODUCE")
    assert [p.institution for p in partners] == ["pnp", "servir", "produce"]


@pytest.mark.parametrize(
    ("organization", "text", "found"),
    [
        (None, "Equipar a la PNP", ["pnp"]),
        ("partido-nacionalista-peruano", "Propuestas del PNP", []),
        ("partido-nacionalista-peruano", "Comisarías de la PNP", ["pnp"]),
    ],
)
def test_a_party_of_the_same_letters(organization, text, found):
    names = Mentions(REGISTRY, GAZETTEER, "080105", organization).institutions(text)
    assert [n.thing.id for n in names] == found


def test_the_families_patterns_are_filled():
    assert all(family.id == slug(family.id) for family in REGISTRY.families.values())
    texts = {t for f in REGISTRY.families.values() for t in (f.name, f.name_en, *f.aliases, *f.acronyms, *f.relative)}
    assert [text for text in texts if "{" in text] == []


def test_regional_governments_are_told_from_their_offices():
    assert len(REGISTRY.regional_governments) == 25
    assert "diresa-puno" in REGISTRY.families and "diresa-puno" not in REGISTRY.regional_governments


@pytest.mark.parametrize(
    ("cell", "sources"),
    [
        ("Municipalidad-G.Regional y MINSA", ["municipalidad-080105", "gore-cusco", "minsa"]),
        ("FONCOMUN E INGRESOS PROPIOS", ["foncomun", "recursos-propios"]),
        ("recursos prpios", ["recursos-propios"]),
        ("Endeudamiento BID", ["endeudamiento", "bid"]),
        ("canon sobre canon", ["canon-y-sobrecanon"]),
        ("recursos propios y gobierno regional y donaciones", ["recursos-propios", "gore-cusco", "donaciones"]),
    ],
)
def test_funding_cells(cell, sources):
    found = Mentions(REGISTRY, GAZETTEER, "080105").funding(cell)
    assert [f.fund or f.institution for f in found] == sources


# ------------------------------------------------------------------ issues


def test_the_scheme_has_its_size_and_dimensions():
    concrete = [i for i in ISSUES.issues.values() if not i.group]
    assert 80 <= len(concrete) <= 130
    assert set(ISSUES.dimensions) == {"social", "economic", "environmental", "institutional"}
    assert {i.dimension for i in concrete} == set(ISSUES.dimensions)


@pytest.mark.parametrize("issue", ISSUES.issues.values(), ids=lambda i: i.id)
def test_issue(issue):
    assert issue.id == slug(issue.es)
    assert issue.en and issue.definition_es and issue.definition_en
    assert issue.group != bool(issue.words), "a group has no words, a topic has some"
    assert all(word == fold(word) for word in (*issue.words, *issue.weak, *issue.exceptions))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Desnutrición y anemia infantil en el distrito", "desnutricion-y-anemia-infantil"),
        ("Construcción de redes de agua potable y alcantarillado", "agua-potable-y-alcantarillado"),
        ("Planta de tratamiento de aguas residuales", "tratamiento-de-aguas-residuales"),
        ("Mantenimiento de los caminos rurales", "caminos-rurales-y-articulacion-vial"),
        ("Programa de serenazgo y videovigilancia", "serenazgo-patrullaje-y-videovigilancia"),
        ("Relleno sanitario", "relleno-sanitario"),
    ],
)
def test_labels(text, first):
    assert ISSUES.label(text)[0] == first


# ------------------------------------------------------------------ ontology and records name the same keys


def test_record_types_and_keys_are_the_ontologys():
    ontology = load_ontology()
    assert len(ontology.statement_types) == 18
    mapped = {key.split(".")[0] for key in ontology.properties}
    assert STATEMENT_KEYS - {"id", "type"} <= mapped
