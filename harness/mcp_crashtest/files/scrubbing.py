"""Taking secrets out of what a subject has written itself: its logs, its state, its ledger.

A server writes where it likes and when it likes, so this is done once its life is over, in place and at the same
length: a database keeps its pages. A file that cannot be looked through is removed, because nobody knows what it holds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

_CHUNK_BYTES = 1 << 20
_MOST_BYTES = 1 << 30
_MOST_FILES = 20_000


def scrub(folder: Path, secrets: Sequence[str], spared: Collection[str] = ()) -> None:
    """Overwrite these secrets in every regular file below a folder but in those at its top that are ``spared``.

    Links are not followed. A file is removed that may not be read or written, or comes after 20,000 others, or after a
    gibibyte of them.
    """
    needles = [secret.encode() for secret in secrets]
    left, files = _MOST_BYTES, _MOST_FILES
    for place, _, names in os.walk(folder) if needles else ():
        for name in sorted(names):
            path = Path(place, name)
            if Path(place) == folder and name in spared:
                continue
            files -= 1
            try:
                seen = path.lstat()
                if not stat.S_ISREG(seen.st_mode):
                    continue
                left -= seen.st_size
                if left < 0 or files < 0:
                    raise OSError("too much to look through")
                _overwrite(path, needles)
            except OSError:
                with suppress(OSError):
                    path.unlink()


def _overwrite(path: Path, needles: Sequence[bytes]) -> None:
    """Chunks overlap, so that a secret on the border of two is found."""
    longest = max(map(len, needles))
    with path.open("rb") as file:
        start = 0
        while True:
            file.seek(start)
            chunk = file.read(_CHUNK_BYTES + longest)
            for needle in needles:
                found = chunk.find(needle)
                while found >= 0:
                    _put(path, start + found, len(needle))
                    found = chunk.find(needle, found + len(needle))
            if len(chunk) <= _CHUNK_BYTES:
                return
            start += _CHUNK_BYTES


def _put(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"*" * length)
