"""Makes small PDF files for tests: text at places, rules, pictures, and the damage that files come with."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field

WIDTH, HEIGHT = 595, 842
_PAD = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")


@dataclass
class PdfPage:
    """A page; places are points from its upper left corner. `picture`: share of the page that a picture covers."""

    operators: list[str] = field(default_factory=list)
    picture: float = 0.0

    def text(self, x: float, y: float, text: str, size: float = 10, bold: bool = False) -> PdfPage:
        """Set a line of text whose base line is at y."""
        shown = text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)").decode("latin-1")
        self.operators.append(f"BT /{'B' if bold else 'F'} {size} Tf {x} {HEIGHT - y} Td ({shown}) Tj ET")
        return self

    def lines(self, x: float, y: float, texts: list[str], size: float = 10, bold: bool = False) -> PdfPage:
        """Set lines of text below each other."""
        for number, text in enumerate(texts):
            self.text(x, y + 1.2 * size * number, text, size, bold)
        return self

    def grid(self, xs: list[float], ys: list[float]) -> PdfPage:
        """Draw the rules of a table."""
        for y in ys:
            self.operators.append(f"{xs[0]} {HEIGHT - y} m {xs[-1]} {HEIGHT - y} l S")
        for x in xs:
            self.operators.append(f"{x} {HEIGHT - ys[0]} m {x} {HEIGHT - ys[-1]} l S")
        return self


def pdf(pages: list[PdfPage], password: str | None = None) -> bytes:
    """Return a PDF file of the pages, protected where a password is given."""
    bodies: list[bytes] = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    bodies += [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name
        for name in (b"Helvetica", b"Helvetica-Bold")
    ]
    bodies.append(
        _stream(b"\x80" * 100, b"/Type /XObject /Subtype /Image /Width 10 /Height 10 /ColorSpace /DeviceGray /BitsPerComponent 8")
    )
    kids = []
    for page in pages:
        operators = "\n".join(page.operators) + (
            f"\nq {WIDTH} 0 0 {HEIGHT * page.picture} 0 0 cm /I Do Q" if page.picture else ""
        )
        bodies.append(_stream(operators.encode("latin-1")))
        resources = "<< /Font << /F 3 0 R /B 4 0 R >> /XObject << /I 5 0 R >> >>"
        box = f"[0 0 {WIDTH} {HEIGHT}]"
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox {box} /Resources {resources} /Contents {len(bodies)} 0 R >>".encode()
        )
        kids.append(f"{len(bodies)} 0 R")
    bodies[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>".encode()
    trailer = b""
    if password is not None:
        bodies.append(_encryption(password))
        trailer = b" /Encrypt %d 0 R /ID [<00> <00>]" % len(bodies)
    return file_of(bodies, trailer)


def file_of(bodies: list[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF file of numbered objects, the first of which is its catalogue."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R%s >>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, trailer, start)
    return bytes(out)


def _stream(data: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(packed), more, packed)


def bomb(size: int) -> bytes:
    """Return a PDF whose one page unpacks to `size` bytes of blanks."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b" " * 10_000_000) for _ in range(size // 10_000_000)) + packer.flush()
    contents = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    return file_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", page, contents])


def _encryption(password: str) -> bytes:
    """Return the dictionary that asks for a password: 40-bit RC4, as the PDF Reference 1.4, section 3.5, has it."""
    padded = (password.encode() + _PAD)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    key = hashlib.md5(padded + owner + (-4 & 0xFFFFFFFF).to_bytes(4, "little") + b"\0").digest()[:5]
    return b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >>" % (owner.hex().encode(), _rc4(key, _PAD).hex().encode())


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out = bytearray()
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
