"""What lies in the folder in which a server runs, and what of it has changed: a store outside its ``{state_dir}``.

Runs that share a store disturb each other: a new server takes up the unfinished jobs of another run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

_DEEPEST, _MOST_FILES = 3, 5000
_NO_STORE = frozenset({"__pycache__", "node_modules", "venv", "crashtest-report"})

Footprint = Mapping[str, tuple[int, int]]


def footprint(folder: Path, leave_out: Path) -> Footprint:
    """Time of change and size of each file, by its path; hidden folders, caches and the lab's own report are left out.

    So is what our own words go to. A folder that is not there has none; of a large tree the first few thousand files
    are looked at.
    """
    found: dict[str, tuple[int, int]] = {}
    ours = _written_to()
    for path in _files(folder, leave_out, 0):
        if len(found) >= _MOST_FILES:
            break
        try:
            seen = path.stat()
        except OSError:
            continue
        if (seen.st_dev, seen.st_ino) in ours:
            continue
        found[str(path.relative_to(folder))] = seen.st_mtime_ns, seen.st_size
    return found


def changed(before: Footprint, after: Footprint) -> list[str]:
    """The files that are new, or were written to."""
    return sorted(path for path, seen in after.items() if before.get(path) != seen)


def _written_to() -> set[tuple[int, int]]:
    """The files to which standard output and error go."""
    found = set()
    for stream in (1, 2):
        with suppress(OSError):
            seen = os.fstat(stream)
            found.add((seen.st_dev, seen.st_ino))
    return found


def _files(folder: Path, leave_out: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or entry.name in _NO_STORE or path == leave_out or entry.is_symlink():
            continue
        if entry.is_file():
            yield path
        elif entry.is_dir() and depth < _DEEPEST:
            yield from _files(path, leave_out, depth + 1)
