"""Whose turn is next: owners one after the other, and of each owner whoever has been ready for longest.

So one owner with a thousand tasks delays another's single one by a turn, and not by a thousand. Pure: who calls this
from several threads has a lock for it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Rota(Generic[T]):
    """All who are ready for a turn."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        """How many owners have somebody ready."""
        return len(self._lines)

    def put(self, owner: str, one: T) -> None:
        """Be ready, behind the others of this owner."""
        self._lines.setdefault(owner, deque()).append(one)

    def take(self, served: str | None = None) -> T:
        """Whoever is next; their owner is then behind all other owners. Raises IndexError when nobody is ready.

        ``served``: who has just had a turn, and is behind all others who are ready, also those that have come since.
        """
        if not self._lines:
            raise IndexError("nobody is ready")
        if served is not None and served in self._lines:
            self._lines.move_to_end(served)
        owner, line = next(iter(self._lines.items()))
        one = line.popleft()
        if line:
            self._lines.move_to_end(owner)
        else:
            del self._lines[owner]
        return one


@contextmanager
def counted(under_way: Counter[str], owner: str) -> Iterator[None]:
    """One more of this owner's is under way meanwhile; who has none does not stand in the counter."""
    under_way[owner] += 1
    try:
        yield
    finally:
        under_way[owner] -= 1
        if not under_way[owner]:
            del under_way[owner]
