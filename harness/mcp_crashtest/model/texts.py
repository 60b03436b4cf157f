"""A column of many texts, held in one buffer: a million names as objects would take ten times as much."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Any, TypeVar, overload

_ENCODING, _ERRORS = "utf-8", "surrogatepass"
_AT_A_TIME = 4096
T = TypeVar("T")


class Texts(Sequence[str]):
    """A sequence of strings that cannot be changed."""

    __slots__ = ("_buffer", "_ends")

    def __init__(self, buffer: bytes = b"", ends: array[int] | None = None) -> None:
        """``ends`` holds where each text ends in the buffer, in bytes."""
        self._buffer = buffer
        self._ends = array("Q") if ends is None else ends

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[str]:
        buffer = self._buffer
        return (str(buffer[start:end], _ENCODING, _ERRORS) for start, end in pairwise(chain((0,), self._ends)))

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        n = range(len(self))[index]
        start = self._ends[n - 1] if n else 0
        return str(self._buffer[start : self._ends[n]], _ENCODING, _ERRORS)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Texts):
            return NotImplemented
        return self._buffer == other._buffer and self._ends == other._ends

    def __hash__(self) -> int:
        return hash((self._buffer, len(self)))

    def __repr__(self) -> str:
        return f"Texts({list(self)!r})"


class Column:
    """A column that grows part by part: one buffer as long as all values are strings, else a list."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ends = array("Q")
        self._mixed: list[Any] | None = None

    def extend(self, part: Sequence[Any]) -> None:
        """Add some values."""
        if self._mixed is None and not all(type(value) is str for value in part):
            self._mixed = list(Texts(bytes(self._buffer), self._ends))
        if self._mixed is not None:
            self._mixed.extend(part)
            return
        for text in part:
            self._buffer += text.encode(_ENCODING, _ERRORS)
            self._ends.append(len(self._buffer))

    def whole(self) -> Sequence[Any]:
        """All of them: ``Texts``, or a tuple."""
        return Texts(bytes(self._buffer), self._ends) if self._mixed is None else tuple(self._mixed)


def column(values: Iterable[Any]) -> Sequence[Any]:
    """These values, as ``Texts`` where all of them are strings; else as a tuple. They are taken one by one."""
    growing = Column()
    for part in parts(values):
        growing.extend(part)
    return growing.whole()


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Values as they come, some at a time."""
    following = iter(values)
    while part := list(islice(following, _AT_A_TIME)):
        yield part
