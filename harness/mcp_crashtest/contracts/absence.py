"""A task that a server does not show: gone, or not read yet by a server that says so in words of its own.

While it lasts nobody can tell which. Once the task is there again the server is asked about one that there never was:
whoever says the same of both has said that a task of his is unknown, whoever says something else was not ready.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

LONGEST_S = 5.0
_WORD = re.compile(r"[\w-]+")
_NUMBER = re.compile(r"\d+")
_SHORT = 6
_MORE = "90871"
_TURNED = str.maketrans("0123456789abcdefABCDEF", "1234567890bcdefaBCDEFA")


@dataclass(slots=True)
class Absence:
    """A task that is not shown. With ``patient`` it is waited for, ``LONGEST_S`` at most; ``said`` is how it began."""

    patient: bool
    said: str = ""
    _since: float = 0.0

    def may_pass(self, said: str) -> bool:
        """Whether it is worth while to ask again."""
        if not self.patient:
            return False
        if not self.said:
            self.said, self._since = said, time.monotonic()
        return time.monotonic() - self._since < LONGEST_S

    def over(self) -> str:
        """The task is there again; how its absence began."""
        said, self.said = self.said, ""
        return said


def nobodys(handle: str) -> str:
    """The handle of a task that there never was, in the shape of one that there is."""
    name = _name(handle)
    return handle.replace(name, _another(name))


def alike(said: str, handle: str, said_of_nobody: str) -> bool:
    """Whether a server says the same of a task that there is and of ``nobodys``, but for the name and numbers."""
    name = _name(handle)
    return _plain(said, name) == _plain(said_of_nobody, _another(name))


def _name(handle: str) -> str:
    """The part of a handle that tells tasks apart: its longest word with a digit in it, or else its longest."""
    words: list[str] = _WORD.findall(handle) or [handle]
    return max(words, key=lambda word: (any(letter.isdigit() for letter in word), len(word)))


def _another(name: str) -> str:
    turned = name.translate(_TURNED) if len(name) > _SHORT else name
    return name + _MORE if turned == name else turned


def _plain(said: str, name: str) -> str:
    return _NUMBER.sub("0", said.replace(name, "it")).casefold().strip()
