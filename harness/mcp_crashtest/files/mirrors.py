"""A copy of somebody's folder, small enough to be made: a server that is tried there leaves the folder as it is.

Environments, of which nothing is written at work, are linked; version control and our own reports stay behind.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LEFT = frozenset({".git", ".hg", "__pycache__", "crashtest-report"})
_MOST_FILES, _MOST_BYTES = 3000, 64 << 20


def is_environment(folder: Path) -> bool:
    """Whether a folder holds what others have written, of packages that were installed."""
    return folder.name == "node_modules" or (folder / "pyvenv.cfg").is_file()


def stays(path: Path) -> bool:
    """Whether a file or folder is no part of a server."""
    return path.name in _LEFT


@contextmanager
def mirrored(folder: Path) -> Iterator[Path | None]:
    """A copy of the folder, gone afterwards; None where it is too large, or cannot be read."""
    if not is_small(folder):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mcp-crashtest-copy-") as passing:
        copy = Path(passing) / folder.name
        yield copy if _copied(folder, copy) else None


def is_small(folder: Path) -> bool:
    """Whether a copy of a folder, or of a file, is soon made."""
    if folder.is_file():
        return folder.stat().st_size <= _MOST_BYTES
    files = size = 0
    for place, folders, names in os.walk(folder):
        folders[:] = [
            name for name in folders if not stays(Path(place, name)) and not is_environment(Path(place, name))
        ]
        files += len(names)
        size += sum(path.lstat().st_size for name in names if (path := Path(place, name)).is_file())
        if files > _MOST_FILES or size > _MOST_BYTES:
            return False
    return True


def _copied(folder: Path, copy: Path) -> bool:
    links: list[Path] = []

    def without(place: str, names: list[str]) -> set[str]:
        paths = [Path(place, name) for name in names]
        environments = [path for path in paths if path.is_dir() and is_environment(path)]
        links.extend(environments)
        odd = [path for path in paths if not (path.is_file() or path.is_dir() or path.is_symlink())]
        return {path.name for path in (*environments, *odd, *filter(stays, paths))}

    try:
        shutil.copytree(folder, copy, symlinks=True, ignore=without)
        for environment in links:
            (copy / environment.relative_to(folder)).symlink_to(environment.resolve())
    except (OSError, shutil.Error):
        return False
    return True
