"""What a bundle's evidence is, byte for byte: the SHA-256 of every file, and one digest of them all.

The one digest is that of the lines ``<sha256>  <path>``, sorted by path in bytes, as ``sha256sum`` prints them: whoever
does not trust the lab computes it without it. A link is taken for where it points to; what is neither file nor link is
named by its kind. Nothing is followed out of the folder; the shared memory beside a SQLite database is left out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MOST_NAMED = 10
_PASSING = "-shm"  # SQLite's shared memory beside a database: whoever reads that makes it anew
_KINDS = {stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
Digests = Mapping[str, Mapping[str, str]]
"""For each folder the digests of its files by their names."""


def digests(top: Path, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Those of what lies under ``top`` at these names, files or folders; keys are paths relative to it."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted(_files(top, names), key=os.fsencode):
        folder, _, name = path.rpartition("/")
        found.setdefault(folder or ".", {})[name] = _digest(Path(top, path))
    return found


def digest_of_all(known: Digests) -> str:
    """The digest of the whole evidence, in hexadecimal digits."""
    seen = hashlib.sha256()
    for path, digest in sorted(paths(known).items(), key=lambda item: os.fsencode(item[0])):
        seen.update(f"{digest}  ".encode() + os.fsencode(path) + b"\n")
    return seen.hexdigest()


def paths(known: Digests) -> dict[str, str]:
    """The digest of each path."""
    return {
        name if folder == "." else f"{folder}/{name}": digest
        for folder, files in known.items()
        for name, digest in files.items()
    }


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not as it was: paths, sorted."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    @classmethod
    def between(cls, before: Digests, now: Digests) -> Differences:
        """What has become of what there was before."""
        old, new = paths(before), paths(now)
        changed = (path for path, digest in old.items() if path in new and new[path] != digest)
        return cls(
            tuple(sorted(changed)), tuple(sorted(old.keys() - new.keys())), tuple(sorted(new.keys() - old.keys()))
        )

    def __str__(self) -> str:
        """In a line, bounded; empty where nothing differs."""
        kinds = (("changed", self.changed), ("missing", self.missing), ("added", self.added))
        return "; ".join(f"{what}: {_named(names)}" for what, names in kinds if names)


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _files(top: Path, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = Path(top, name)
        if path.is_symlink() or not path.is_dir():
            if path.is_symlink() or path.exists():
                yield name
            continue
        for folder, folders, files in os.walk(path):
            inner = os.path.relpath(folder, top)
            links = [one for one in folders if Path(folder, one).is_symlink()]
            yield from (f"{inner}/{file}" for file in (*files, *links) if not file.endswith(_PASSING))


def _digest(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return hashlib.sha256(b"-> " + os.fsencode(os.readlink(path))).hexdigest()  # noqa: PTH115
        if not stat.S_ISREG(mode):
            return _KINDS.get(stat.S_IFMT(mode), "device")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
