"""Shrinking a plan of several faults: what matters is left, and nothing else; no more is played than was allowed."""

from __future__ import annotations

from itertools import combinations

import pytest

from mcp_crashtest.model.coordinates import Batch, During
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.planning.shrinking import Faults, minimal, without

SIX = tuple(Fault("kill", Victim.SERVER, Batch(number, thousandths=500)) for number in range(1, 7))
LASTING = Fault("freeze", Victim.SERVER, Batch(2, thousandths=500))


class Asked:
    """A subject that fails where all of these faults are in the plan."""

    def __init__(self, *matter: Fault) -> None:
        self.matter = set(matter)
        self.runs: list[Faults] = []

    def __call__(self, faults: Faults) -> bool:
        self.runs.append(faults)
        return self.matter <= set(faults)


@pytest.mark.parametrize("many", [1, 2, 3, 6])
def test_what_matters_is_left_in_its_order(many: int) -> None:
    for matter in combinations(SIX, many):
        asked = Asked(*matter)
        assert minimal(SIX, asked, 30) == matter
        assert len(asked.runs) == len(set(asked.runs)) <= 24


def test_no_more_is_played_than_is_allowed_and_what_was_not_seen_to_fail_is_not_believed() -> None:
    asked = Asked(SIX[1], SIX[4])
    assert minimal(SIX, asked, 7) == SIX[:5]
    assert len(asked.runs) == 7


def test_what_lands_while_another_lasts_goes_with_it_and_is_never_alone() -> None:
    during = Fault("kill", Victim.CLIENT, During(2))
    plan = (SIX[0], LASTING, during, SIX[4])
    assert without(plan, 2) == (SIX[0], SIX[4])
    assert without(plan, 1) == (LASTING, Fault("kill", Victim.CLIENT, During(1)), SIX[4])
    asked = Asked(LASTING, Fault("kill", Victim.CLIENT, During(1)))
    assert minimal(plan, asked, 30) == (LASTING, Fault("kill", Victim.CLIENT, During(1)))
    assert all(not isinstance(run[0].at, During) for run in asked.runs)
