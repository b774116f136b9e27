"""Documents: what is no readable text is refused with a reason."""

from __future__ import annotations

import pytest

from kg.documents import find_documents, read_document
from kg.errors import KgError


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\n", "empty"),
        ("a.txt", b"Plan\nde \xe1gua \x81\x90\x8f", "a.txt:2: not UTF-8"),
        ("a.txt", b"PK\x03\x04\0\0", "not a text file"),
        ("a.doc", b"\xd0\xcf\x11\xe0", "are not read"),
        ("plan", b"Plan", "'without ending' are not read"),
    ],
)
def test_refused(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(KgError, match=told):
        read_document(path)


def test_missing(tmp_path):
    with pytest.raises(KgError, match="cannot be read"):
        read_document(tmp_path / "nothing.txt")
    with pytest.raises(KgError, match="no such folder"):
        list(find_documents(tmp_path / "nothing"))
    with pytest.raises(KgError, match="no document in it"):
        list(find_documents(tmp_path))


def test_what_is_no_plan_is_passed_over(tmp_path):
    for name in ("plan.pdf", "README.md", "~$plan.docx", ".plan.html", "plan.csv"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in find_documents(tmp_path)] == ["plan.pdf"]


def test_lines_are_those_of_an_editor(tmp_path):
    path = tmp_path / "a.md"
    path.write_bytes("\ufeffuno\r\ndos\rtres\n".encode())
    assert read_document(path).lines == ("uno", "dos", "tres")


def test_a_quote_may_run_over_lines_and_mark_up(tmp_path):
    path = tmp_path / "a.md"
    path.write_text("x\n- **Reducir** la\ndesnutrición <b>infantil</b>\n", encoding="utf-8")
    document = read_document(path)
    assert document.holds("Reducir la desnutrición infantil", 2)
    assert not document.holds("Reducir la desnutrición infantil", 1)
    assert not document.holds("Reducir la desnutrición infantil", 3)
    assert not document.holds("Reducir", 99)
