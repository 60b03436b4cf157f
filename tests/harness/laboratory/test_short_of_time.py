"""Where a session is short of time, each scenario plays the same share of its plans, from the beginning of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory, Numbered
from mcp_crashtest.laboratory.play import Outcome
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.model.plan import Plan
from tests.lab import THIRD_PARTY


@dataclass
class Asked:
    """Stands in the laboratory's place, and is asked to play."""

    seed: int = 0
    numbers: list[int] = field(default_factory=list)

    def known(self, bench: Bench) -> Bench:
        return bench

    def play(self, _bench: Bench, _scenario: str, plans: Sequence[Numbered], _seen: object) -> list[Outcome]:
        self.numbers += [number for number, _ in plans]
        return []


@pytest.mark.parametrize(("share", "core", "played"), [(1.0, 12, 12), (0.25, 12, 3), (0.01, 12, 1), (0.5, None, 20)])
def test_a_share_of_what_is_owed_is_played(share: float, core: int | None, played: int) -> None:
    asked = Asked()
    bench = Bench(read_profile(THIRD_PARTY / "crashtest.toml"))
    trial = Trial(cast(Laboratory, asked), bench, "kills", 2, "", lambda _: None, share=share)
    trial.play([Plan("kills", "2025-11-25", ())] * 40, core=core)
    assert asked.numbers == list(range(1, played + 1))
    assert trial.planned == 40
