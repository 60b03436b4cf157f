"""The data root: the only folder in which clients may name files. Nothing in it leads out of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reference_server.errors import Refusal

_LONGEST_PATH = 512


class DataRoot:
    """A sealed folder. ``private`` files may lie within, and are never given to a client."""

    def __init__(self, folder: Path, private: Iterable[Path] = ()) -> None:
        self._folder = folder.resolve()
        self._private = tuple(path.resolve() for path in private)

    def resolve(self, name: str, what: str) -> Path:
        """The path that a client means by ``name``; raises Refusal unless it lies within, links and all."""
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
