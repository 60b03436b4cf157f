"""What this server refuses, and how it says so: with what was expected, what was seen, and the way out."""

from __future__ import annotations

import errno

from reference_server.plain_text import plain

INTERNAL_ERROR = "internal error"  # how the error of a task begins that this server has failed, and not its job


class Refusal(Exception):
    """A request that cannot be done as it was asked; the text is for the caller and holds no secrets.

    Names of files and tables may be in it, and those are anybody's: nothing in it is more than text.
    """

    def __str__(self) -> str:
        return plain(super().__str__())


class Damaged(Refusal):
    """What is stored is not what was written: nothing of it is served, and the text says of which task."""


class Away(OSError):
    """The store's database cannot be asked now; it may pass."""

    def __init__(self, text: str) -> None:
        super().__init__(errno.EIO, text)


class Unknown(Away):
    """The connection was lost in the middle of a COMMIT: what was written may be there, or not."""


class StartError(Exception):
    """The server cannot start as it was told to; the text is for the person at the terminal."""

    def __str__(self) -> str:
        return plain(super().__str__())


class NoRoom(StartError):
    """The server could start as it was told to, if the disk took what it has to write."""


class Superseded(Exception):
    """Another worker, or a cancellation, has taken the task over: this one must not write any more."""
