"""The triples in memory: what the store folder holds, without a disk's blocks to unpack, for those who have room for it.

    <store folder>/resident.nq.zst   the graph's N-Quads, sorted by predicate, compressed

The engine answers from memory in a third to all of the time that it takes from disk, and never in much more as long as what
has a predicate in common lies together, for it walks along chains of triples: hence the order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyoxigraph as ox
import zstandard

from kg.errors import KgError
from kg.files import write_whole

FILE = "resident.nq.zst"
MOST = 512 * 1024**2  # bytes of N-Quads that are sorted, in memory: twice that is taken; some two million triples
FACTOR = 3.3  # bytes of memory for a byte of N-Quads: measured, 2.2 to 3.3
_UNION = "INSERT { ?s ?p ?o } WHERE { GRAPH ?g { ?s ?p ?o } }"


def write_resident(nquads: Path, folder: Path) -> None:
    """Put the N-Quads of a store beside it, so that they can be taken into memory; nothing where they are too many.

    Raises:
        OSError: they cannot be read. KgError: the disk refuses.
    """
    target = folder / FILE
    if target.exists() or nquads.stat().st_size > MOST:
        return
    lines = nquads.read_bytes().splitlines()
    lines.sort(key=_predicate)
    write_whole(target, zstandard.ZstdCompressor(level=3).compress(b"\n".join(lines)))


def _predicate(line: bytes) -> bytes:
    """Return what stands second in a line."""
    parts = line.split(None, 2)
    return parts[1] if len(parts) > 2 else b""


def needed(folder: Path) -> int:
    """Return how many bytes of memory a store would take, about; 0 where it cannot be taken into memory."""
    with suppress(OSError, zstandard.ZstdError):
        return int(_text_size(folder / FILE) * FACTOR)
    return 0


def _text_size(path: Path) -> int:
    """Return how many bytes a compressed file has when it is not; raises OSError and ZstdError."""
    with path.open("rb") as file:
        return zstandard.get_frame_parameters(file.read(64)).content_size


def load_resident(folder: Path) -> ox.Store:
    """Take a store into memory.

    Raises:
        KgError: its file is not there, or broken.
    """
    path = folder / FILE
    store = ox.Store()
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as plain:
            store.bulk_load(plain, ox.RdfFormat.N_QUADS)
            if plain.tell() < _text_size(path):
                raise OSError("it ends too soon")
    except (OSError, SyntaxError, zstandard.ZstdError) as error:
        raise KgError(f"{path}: cannot be taken into memory ({error}); build it again: kg build") from error
    store.update(_UNION)
    return store


def free_memory(root: Path = Path("/")) -> int:
    """Return how many bytes of memory the system and the control groups leave to this process; 0 where they do not say."""
    found = {}
    with suppress(OSError, ValueError):
        for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
            name, amount = line.split()[:2]
            found[name] = int(amount) * 1024
    return min([found.get("MemAvailable:", 0), *_left_by_groups(root)])


def _left_by_groups(root: Path) -> Iterator[int]:
    """Yield what each control group of this process leaves of its limit (version 2; what caches files counts as free).

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """
    groups = root / "sys/fs/cgroup"
    try:
        (name,) = [line[3:] for line in (root / "proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    except (OSError, ValueError):
        return
    group = groups / name.strip("/")
    for folder in (group, *group.parents[: len(group.relative_to(groups).parts)]):
        with suppress(OSError, ValueError, KeyError):  # no limit is said by a word; the root has none
            limit = int((folder / "memory.max").read_text())
            figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            yield max(limit - int(figures["anon"]), 0)
