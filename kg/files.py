"""Files read and written whole."""

from __future__ import annotations

import os
from pathlib import Path

from kg.errors import KgError, reason_of
from kg.paths import shown


def read_text_file(path: Path) -> str:
    """Read a UTF-8 file whole.

    Raises:
        KgError: the file is missing, unreadable, a folder, or not UTF-8 (with the offset of the first bad byte).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise KgError(f"{path}: cannot be read ({reason_of(error)}); check the path and its permissions") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise KgError(
            f"{path}:{line}: not UTF-8 (byte {data[error.start]:#04x} at offset {error.start}); save the file as UTF-8"
        ) from error


def write_whole(path: Path, data: str | bytes) -> Path:
    """Write a file as a whole, making its folder: a reader sees the old one or the new one, never a part.

    Raises:
        KgError: the folder is not writable or the disk is full; the old file is as it was.
    """
    partial = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if partial.is_file():
            partial.unlink()
        raise KgError(f"{shown(path)}: cannot be written ({reason_of(error)}); check permissions and free space") from error
    return path
