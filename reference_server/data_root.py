"""The data root: the only folder in which clients may name files. Nothing in it leads out of it.

With users each of them has a folder in it, ``users/NAME``, in which all their paths begin. Paths that begin with
``shared/`` are those of one folder, ``shared``, which all of them read and none of them writes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from reference_server.errors import Refusal

SHARED = "shared"
_USERS = "users"
_LONGEST_PATH = 512
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_DIGEST_DIGITS = 32


class DataRoot:
    """A sealed folder. ``private`` files may lie within, and are never given to a client.

    ``divided``: between users, each of whom has ``of`` it. ``shared`` is what a user reads of all users' own.
    """

    def __init__(
        self, folder: Path, private: Iterable[Path] = (), *, divided: bool = False, shared: DataRoot | None = None
    ) -> None:
        self._folder = folder.resolve()
        self._private = tuple(path.resolve() for path in private)
        self._divided = divided
        self._shared = shared

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._folder

    def of(self, owner: str) -> DataRoot:
        """What is an owner's of it: all of it, unless it is divided."""
        if not self._divided:
            return self
        shared = DataRoot(self._folder / SHARED, self._private)
        return DataRoot(self._folder / _USERS / folder_name(owner), self._private, shared=shared)

    def resolve_readable(self, name: str, what: str) -> Path:
        """As ``resolve``; with users also what is shared."""
        if self._shared and _is_shared(name):
            return self._shared.resolve("/".join(Path(name).parts[1:]), what)
        return self.resolve(name, what)

    def candidates(self, name: str, what: str) -> list[Path]:
        """Where a file of this name may lie: among one's own, and else among what is shared; raises Refusal."""
        roots = [self, self._shared] if self._shared else [self]
        return [root.resolve(name, what) for root in roots]

    def resolve(self, name: str, what: str) -> Path:
        """The path that a client means by ``name``; raises Refusal unless it lies within, links and all."""
        if self._shared and _is_shared(name):
            raise Refusal(f"the {what} {name!r} is in the shared folder, which is for reading: give a path of your own")
        if not name or len(name) > _LONGEST_PATH or "\0" in name or not name.isprintable():
            raise Refusal(f"the {what} must be a relative path of 1 to {_LONGEST_PATH} printable characters")
        path = Path(name)
        if path.is_absolute() or ".." in path.parts:
            raise Refusal(f"the {what} {name!r} must be a path within the data root: no '..', not absolute")
        try:
            real = Path(os.path.realpath(self._folder / path))
        except (OSError, ValueError):
            raise Refusal(f"the {what} {name!r} cannot be resolved within the data root") from None
        if not real.is_relative_to(self._folder) or real == self._folder:
            raise Refusal(f"the {what} {name!r} leads out of the data root")
        if any(real == private or private in real.parents for private in self._private):
            raise Refusal(f"the {what} {name!r} belongs to the server itself")
        return real


def folder_name(owner: str) -> str:
    """The name of an owner's folder: the subject's own if any file system takes it, else its SHA-256, cut."""
    if _PLAIN_NAME.fullmatch(owner):
        return owner
    return "~" + hashlib.sha256(owner.encode("utf-8", errors="surrogatepass")).hexdigest()[:_DIGEST_DIGITS]


def _is_shared(name: str) -> bool:
    return Path(name).parts[:1] == (SHARED,)
