"""Shards: one session's plans dealt out to several machines, each of which plays its part of every scenario.

Whose a plan is follows from its place in its scenario's sequence alone: the parts of all shards are a partition of the
plans that one machine would play with the same seed. Scenarios begin at different shards, so that many short ones do
not all fall to the first.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from mcp_crashtest.model.errors import UsageError

T = TypeVar("T")

MOST_SHARDS = 256
ELSEWHERE = "other shards have all of its plans"
"""Why a scenario was not played in a shard that has none of its plans."""


@dataclass(frozen=True, slots=True)
class Shard:
    """``number`` (from 1) of so many parts, ``of``."""

    number: int
    of: int

    def __str__(self) -> str:
        """As a person says it."""
        return f"shard {self.number} of {self.of}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """A shard as it is asked for: ``2/3``. Raises UsageError."""
        number, _, of = text.partition("/")
        well = number.isdecimal() and of.isdecimal() and len(of) < len(str(10 * MOST_SHARDS))
        if not well or not 1 <= int(number) <= int(of) <= MOST_SHARDS:
            raise UsageError(
                f"expected which shard of how many, as in 1/3, 2/3 and 3/3, and at most {MOST_SHARDS} of them; "
                f"found {text!r}"
            )
        return cls(int(number), int(of))

    def owns(self, scenario: str, place: int) -> bool:
        """Whether the plan at this place (from 0) of a scenario's sequence is played here."""
        return (place + zlib.crc32(scenario.encode())) % self.of == self.number - 1

    def part(self, scenario: str, sequence: Iterable[T], first: int = 0) -> list[T]:
        """What is played here of a scenario's sequence, whose first one has the place ``first``."""
        return [one for place, one in enumerate(sequence, start=first) if self.owns(scenario, place)]


WHOLE = Shard(1, 1)
"""A session that is not dealt out."""
