"""One writer at a time for a record file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kg.errors import KgError, reason_of
from kg.paths import shown


@contextmanager
def writing_alone(path: Path, note: str = "") -> Iterator[None]:
    """Hold a record file for one writer; the lock ends with the process, however that ends.

    `note` tells others what holds it. The lock is a hidden file beside the record, removed afterwards.

    Raises:
        KgError: another process holds it, or the folder cannot be written.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        descriptor = _locked(lock)
    except BlockingIOError as error:
        holder = lock.read_text(encoding="utf-8").strip()
        raise KgError(f"{shown(path)}: is being written by another process ({holder}); finish there first") from error
    except OSError as error:
        raise KgError(f"{shown(lock)}: cannot be written ({reason_of(error)}); check the folder's permissions") from error
    try:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, (note or f"process {os.getpid()}").encode(), 0)
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path) -> int:
    """Open and lock the file; again where its former holder removed it in between."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # removed between opening and locking: open it anew
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
