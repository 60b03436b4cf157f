"""A budget takes a prefix of a scenario's plans, whose order is such that a short prefix has seen the corners.

The plans of a scenario are one sequence: the same profile and seed give the same one, whatever the budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

_TOLERATED_SHARE, _A_FEW = 10, 3


class Budget(StrEnum):
    """How many plans of each scenario are played: a few for a first look, what a star is owed, or all of them.

    LOOK is a first look beside others that are tried in full: one of each scenario, and more only where many are owed.
    FITTED is the share of what a star is owed that fits into the time that there is.
    """

    LOOK = "look"
    QUICK = "quick"
    FITTED = "fitted"
    CORE = "core"
    FULL = "full"


_SHARE = 8
_LEAST = {Budget.LOOK: 1, Budget.QUICK: 3}


def corners_first(plans: Sequence[T]) -> list[T]:
    """The first, the last and the middle one before the rest, which stays in its order: the simplest comes first."""
    corners = list(dict.fromkeys(i for i in (0, len(plans) - 1, len(plans) // 2) if 0 <= i < len(plans)))
    return [plans[i] for i in corners] + [plan for i, plan in enumerate(plans) if i not in corners]


def tolerated(runs: int) -> int:
    """How many of so many runs may prove nothing, each of them tried several times: one in ten, and one of a few."""
    return max(runs // _TOLERATED_SHARE, int(runs >= _A_FEW))


def prefix_length(planned: int, core: int | None, budget: Budget) -> int:
    """How many of so many plans are played: as many as a star is owed, all of them, or a few for a first look."""
    owed = planned if core is None else min(core, planned)
    if budget in _LEAST:
        return min(owed, max(_LEAST[budget], -(-owed // _SHARE)))
    return planned if budget is Budget.FULL else owed


def fitting(owed: int, share: float) -> int:
    """How many of so many plans are this share of them: one at least, where there is any."""
    return min(owed, max(int(owed * share), 1))
