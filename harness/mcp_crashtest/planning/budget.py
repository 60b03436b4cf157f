"""A budget takes a prefix of a scenario's plans, whose order is such that a short prefix has seen the corners.

The plans of a scenario are one sequence: the same profile and seed give the same one, whatever the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_QUICK_SHARE, _QUICK_LEAST = 4, 3


def corners_first(plans: Sequence[T]) -> list[T]:
    """The first, the last and the middle one before the rest, which stays in its order: the simplest comes first."""
    corners = list(dict.fromkeys(i for i in (0, len(plans) - 1, len(plans) // 2) if 0 <= i < len(plans)))
    return [plans[i] for i in corners] + [plan for i, plan in enumerate(plans) if i not in corners]


def prefix_length(planned: int, *, quick: bool) -> int:
    """How many of so many plans are played: all of them, or, for a first look, a quarter, and not less than three."""
    return min(planned, max(_QUICK_LEAST, -(-planned // _QUICK_SHARE))) if quick else planned
