"""Which process gives way to which, as far as the system lets this one say so."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

_CAP_SYS_NICE = 23
STARTING = 10  # niceness of a process that gets ready
USUAL = 5  # and of one that answers: all requests pass through the server, so that it must not wait for one of them


def _may_restore() -> bool:
    """Tell whether this process may give another its usual priority back (Linux: CAP_SYS_NICE, or a limit that allows it)."""
    with suppress(OSError, AttributeError, ValueError):
        (capable,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapEff")]
        return bool(int(capable, 16) >> _CAP_SYS_NICE & 1) or resource.getrlimit(resource.RLIMIT_NICE)[0] >= 20
    return False


MAY_RESTORE = _may_restore()


def lower(pid: int) -> None:
    """Let a process run only when no other wants to."""
    with suppress(OSError, AttributeError):
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))


def restore(pid: int) -> bool:
    """Give a process its usual priority back; tell whether that was allowed."""
    try:
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    except (OSError, AttributeError):
        return False
    return True


def start_gently() -> None:
    """Be nice to others while this process gets ready, if it may take that back with `ready`."""
    if MAY_RESTORE:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, STARTING)


def ready() -> None:
    """Take the usual priority of a query process."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, USUAL)
