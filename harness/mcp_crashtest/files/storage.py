"""Room for evidence: where there is none, the lab has failed, and nobody else is to blame for what came of it."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_crashtest.model.errors import NoRoom, UsageError

LEAST_FREE_BYTES = 4 << 20
"""With less than this left, what a server failed to write may be what we had no room for."""

LEAST_DESCRIPTORS = 256

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room, or none that may be written."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def room_for(folder: Path) -> Iterator[None]:
    """What is written within goes to this folder's disk: raises NoRoom where that is, or has become, full."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise NoRoom(_told(folder, os.strerror(error.errno or 0))) from error
    if (free := free_bytes(folder)) < LEAST_FREE_BYTES:
        raise NoRoom(_told(folder, f"{free} bytes are left"))


def refuse_few_descriptors() -> None:
    """Raise UsageError where so few files may be open that the lab, or a server, would fail for that alone."""
    may, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if may != resource.RLIM_INFINITY and may < LEAST_DESCRIPTORS:
        raise UsageError(
            f"no more than {may} files may be open, and {LEAST_DESCRIPTORS} are the least for the lab and its "
            f"subjects: ulimit -n {4 * LEAST_DESCRIPTORS}"
        )


def free_bytes(folder: Path) -> int:
    """How much an ordinary user may still write there."""
    shown = os.statvfs(folder)
    return shown.f_bavail * shown.f_frsize


def _told(folder: Path, why: str) -> str:
    return (
        f"there is no room for the evidence in {folder}: {why}. What a run comes to there shows nothing of its "
        f"subject: make room, or give another --report-dir"
    )
