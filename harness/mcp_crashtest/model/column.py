"""A column of values, held as the JSON text that stands in its file, in parts of some thousand values.

A million names as objects would take five times as much, and the parser of JSON makes objects of them faster than any
loop. Columns that are equal for a part of their length have the same text there, which tells so without parsing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice, zip_longest
from typing import Any, TypeVar, overload

_AT_A_TIME = 4096
T = TypeVar("T")


class Column(Sequence[Any]):
    """Values as JSON gives them back; they cannot be changed. Every part but the last is full."""

    def __init__(self, parts: Sequence[str] = ()) -> None:
        """``parts``: JSON arrays, as ``encoded`` makes them."""
        self.parts = tuple(parts)

    @classmethod
    def of(cls, values: Iterable[Any]) -> Column:
        """From values, which are taken one by one."""
        return cls([encoded(part) for part in parts(values)])

    @cached_property
    def _length(self) -> int:
        return _AT_A_TIME * (len(self.parts) - 1) + len(json.loads(self.parts[-1])) if self.parts else 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(map(json.loads, self.parts))

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return list(islice(self, start, stop, step)) if step > 0 else list(self)[index]
        part, place = divmod(range(len(self))[index], _AT_A_TIME)
        return json.loads(self.parts[part])[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Column):
            return NotImplemented
        pairs = zip(self.parts, other.parts, strict=False)
        return len(self) == len(other) and all(a == b or json.loads(a) == json.loads(b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]  # 1 and 1.0 are equal, and their texts are not

    def __repr__(self) -> str:
        return f"Column({list(self)!r})"

    @cached_property
    def distinct(self) -> int:
        """How many different values there are; raises TypeError where one of them has no hash."""
        return len(set(self))

    def beyond(self, other: Column) -> list[Any]:
        """Those values that the other column does not have, in their order; most stand at the same place in both."""
        pairs = list(zip_longest(self.parts, other.parts))
        missing = [value for one, two in pairs if one is not None and one != two for value in json.loads(one)]
        for shared in (False, True):
            if missing:
                known = set(Column([two for one, two in pairs if two is not None and (one == two) is shared]))
                missing = [value for value in missing if value not in known]
        return missing

    def at(self, numbers: Iterable[int]) -> Column:
        """Some of the parts, in their order."""
        return Column([self.parts[number] for number in numbers])


def encoded(values: Any) -> str:
    """As it stands in a file: no letter but ASCII, and no blank."""
    return json.dumps(values, ensure_ascii=True, separators=(",", ":"))


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Values as they come, some at a time."""
    following = iter(values)
    while part := list(islice(following, _AT_A_TIME)):
        yield part
