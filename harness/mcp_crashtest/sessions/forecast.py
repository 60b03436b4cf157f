"""What is to come on a subject, said once before its first scenario; and how much of it fits into a time limit.

Where a session is given less time than the plans of a star take, every scenario plays the same share of them, instead
of the first ones all and the last ones none. Such a session earns one star at most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from mcp_crashtest.laboratory.estimate import rehearsed, seconds
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.events import Estimated
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.shard import WHOLE
from mcp_crashtest.planning.budget import fitting
from mcp_crashtest.sessions import options, scenarios

_SURELY = 0.8  # of the time that there is: an estimate is one


def forecast(item: pytest.Item, laboratory: Laboratory, left_s: float | None) -> tuple[Estimated, float]:
    """What is to come on this item's subject, and which share of what is owed.

    ``left_s`` are the seconds that it is given, None for any number.
    """
    profile = scenarios.profile_of(item)
    bench, budget = laboratory.bench(profile), options.budget_of(item.config, profile)
    shard = options.shard_of(item.config) or WHOLE
    plans: list[list[Plan]] = []
    failed: list[Plan] = []
    for other in item.session.items:
        if isinstance(other, pytest.Function) and scenarios.is_for(other, profile):
            scenario: Callable[[Trial], object] = other.obj
            failed += options.failed_plans(item.config, *scenarios.place_of(other))
            plans.append(rehearsed(scenario, bench, scenarios.scenario_of(other), laboratory.seed, budget, shard))
    needed_s = partial(seconds, bench=bench, bundle=laboratory.bundle, jobs=laboratory.jobs)
    whole_s = needed_s(_together(plans))
    share = 1.0 if left_s is None or whole_s <= left_s else _SURELY * left_s / whole_s
    played = _together([some[: fitting(len(some), share)] for some in plans])
    said = Estimated(
        profile.name,
        len(played) + len(failed),
        needed_s(played) + needed_s(failed),
        len(_together(plans)) + len(failed),
        bench.why_alone,
        bench.why_cold,
        len(failed),
    )
    return said, share


def _together(plans: Sequence[Sequence[Plan]]) -> list[Plan]:
    return [plan for some in plans for plan in some]
