"""Hostile documents: each ends in a clear error, or in gaps, within bounded time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import docx
import pytest

from kg.documents import LIMIT_BYTES, read_document
from kg.documents.pdf import child
from kg.errors import KgError
from tests.pdfs import PdfPage, bomb, file_of, pdf

MEMORY = 1 << 30  # bytes
MEASURED = """
import resource, sys
from pathlib import Path
from kg.documents import read_document
from kg.errors import KgError
try:
    print(len(read_document(Path(sys.argv[1])).lines))
except KgError as error:
    print(error)
# The kernel counts what the starting process held before as this one's, but for VmHWM.
own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print((own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024)
"""


def refusal(path: Path) -> str:
    with pytest.raises(KgError) as told:
        read_document(path)
    assert str(path) in str(told.value)
    return str(told.value)


def package(path: Path, document: str, **parts: str) -> Path:
    """Write a Word document whose body is the XML given."""
    blank = path.with_name("blank.docx")
    docx.Document().save(str(blank))
    with zipfile.ZipFile(blank) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, document if name == "word/document.xml" else source.read(name))
        for name, content in parts.items():
            target.writestr(name, content)
    return path


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


# ---------------------------------------------------------------------------- PDF


def test_encrypted_pdf(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf([PdfPage().text(60, 60, "Secreto")], "clave"))
    assert "protected by a password" in refusal(path)


@pytest.mark.parametrize("size", [8, 300, 900])
def test_truncated_pdf(tmp_path, size):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf([PdfPage().text(60, 60, "Plan")])[:size])
    assert "no readable PDF" in refusal(path)


def test_pdf_of_ten_thousand_pages(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf([PdfPage()] * 10_000))
    assert "more than 2,000 pages" in refusal(path)


def test_pdf_whose_pages_go_round(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(file_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"]))
    refusal(path)


def test_pdf_page_that_cannot_be_read_is_a_gap(tmp_path):
    path = tmp_path / "a.pdf"
    full = PdfPage().text(60, 60, "Plan de gobierno")
    dense = PdfPage([f"BT /F 1 Tf 9 9 Td ({'a' * (child.LETTERS_A_PAGE + 1)}) Tj ET"])
    path.write_bytes(pdf([full, dense, full]))
    document = read_document(path)
    assert document.lines == ("Plan de gobierno", "", "Plan de gobierno")
    assert [gap.page for gap in document.gaps] == [2]


def test_pdf_with_too_many_lines_for_tables(tmp_path):
    path = tmp_path / "a.pdf"
    page = PdfPage().text(60, 60, "Plan de gobierno").grid([50.0, 500.0], [100 + i / 10 for i in range(child.SHAPES_A_PAGE + 1)])
    path.write_bytes(pdf([page]))
    document = read_document(path)
    assert document.lines == ("Plan de gobierno",)
    assert ["no tables were looked for" in gap.en for gap in document.gaps] == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does")
def test_pdf_bomb_in_bounded_memory(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(bomb(1_100_000_000))
    assert path.stat().st_size < LIMIT_BYTES
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, timeout=120, check=True)
    *told, used = done.stdout.splitlines()
    assert "none of its 1 pages yields text" in told[0]
    assert int(used) < MEMORY


def test_what_a_pdf_says_starts_nothing(tmp_path):
    """An action, a script and a file to launch are left alone."""
    path = tmp_path / "a.pdf"
    mark = tmp_path / "started"
    action = b"<< /S /JavaScript /JS (app.launchURL\\('http://127.0.0.1:9/'\\)) /Next << /S /Launch /F (/bin/touch) /P (%s) >> >>"
    data = pdf([PdfPage().text(60, 60, "Plan")]).replace(
        b"/Type /Catalog", b"/Type /Catalog /OpenAction " + action % os.fsencode(mark)
    )
    path.write_bytes(data)
    assert "Plan" in "".join(read_document(path).lines)
    assert not mark.exists()


# ---------------------------------------------------------------------------- Word


def test_zip_bomb(tmp_path):
    path = package(tmp_path / "a.docx", f"<w:document {W}><w:body>{' ' * 30_000_000}</w:body></w:document>")
    assert "zip bomb" in refusal(path)


def test_many_parts(tmp_path):
    path = package(tmp_path / "a.docx", f"<w:document {W}><w:body/></w:document>", **{f"word/{n}.xml": "" for n in range(6_000)})
    assert "zip bomb" in refusal(path)


ENTITY_BODY = "<w:body><w:p><w:r><w:t>Plan &e9;</w:t></w:r></w:p></w:body>"


def test_entities_that_multiply(tmp_path):
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    path = package(
        tmp_path / "a.docx", f"<!DOCTYPE w:document [<!ENTITY e0 'x'>{entities}]><w:document {W}>{ENTITY_BODY}</w:document>"
    )
    assert "no readable Word document" in refusal(path)


def test_other_files_are_not_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRETO", encoding="utf-8")
    entity = f'<!ENTITY e9 SYSTEM "{secret.as_uri()}">'
    path = package(tmp_path / "a.docx", f"<!DOCTYPE w:document [{entity}]><w:document {W}>{ENTITY_BODY}</w:document>")
    assert read_document(path).lines == ("Plan",)


def test_deeply_nested_word_document(tmp_path):
    depth = 5_000
    path = package(tmp_path / "a.docx", f"<w:document {W}><w:body>{'<w:sdt>' * depth}{'</w:sdt>' * depth}</w:body></w:document>")
    assert "no readable Word document" in refusal(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"PK\x03\x04 cut off", "no readable Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "protected by a password, or an old .doc"),
        (b"Plan de gobierno", "no readable Word document"),
    ],
)
def test_no_word_document(tmp_path, content, told):
    path = tmp_path / "a.docx"
    path.write_bytes(content)
    assert told in refusal(path)


# ---------------------------------------------------------------------------- text and HTML


@pytest.mark.parametrize(
    ("name", "size", "told"), [("a.txt", 45_000_000, "a line of 45,000,000 letters"), ("a.md", LIMIT_BYTES + 1, "larger than")]
)
def test_one_line_of_megabytes(tmp_path, name, size, told):
    path = tmp_path / name
    path.write_bytes(b"a" * size)
    assert told in refusal(path)


def test_text_of_a_library(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Reducir la pobreza.\n" * 400_000, encoding="utf-8")
    assert "letters of text" in refusal(path)


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "ul><li", "b"])
def test_deeply_nested_html(tmp_path, tag):
    path = tmp_path / "a.html"
    path.write_text(f"<{tag}>" * 200_000 + "Plan", encoding="utf-8")
    assert "nested thousands deep" in refusal(path)


@pytest.mark.parametrize(
    "html",
    [
        "<script>malo</script><p>Plan</p><script src='http://127.0.0.1:9/x.js'></script>",
        "<p onclick='malo'>Plan</p><img src='http://127.0.0.1:9/x.png' alt='malo'><iframe src='file:///etc/passwd'>malo</iframe>",
        "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>Plan</p>",
        "<SCRIPT>malo</SCRIPT><style>malo</style><noscript>malo</noscript><p>Plan",
    ],
)
def test_scripts_and_resources_are_no_text(tmp_path, html):
    path = tmp_path / "a.html"
    path.write_text(html, encoding="utf-8")
    text = "".join(read_document(path).lines)
    assert text.endswith("Plan")
    assert "malo" not in text
    assert "root:" not in text


def test_a_table_that_claims_to_be_huge(tmp_path):
    path = tmp_path / "a.html"
    cell = "<td colspan=999999999 rowspan=99999999>a"
    path.write_text(f"<table>{f'<tr>{cell * 20}' * 20}</table>", encoding="utf-8")
    lines = read_document(path).lines
    assert sum(map(len, lines)) < 1_000_000


@pytest.mark.parametrize("content", [bytes(range(128, 256)) * 20, b"\xff\xfe\x00\xd8\x00", b"Plan \x81\x8d\x8f\x90\x9d"])
def test_bytes_that_are_no_text(tmp_path, content):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    assert "not UTF-8" in refusal(path)
