"""A call that tells nothing of its progress: what it has shown of its records must be there after a crash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.coordinates import Moment, Since
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History, Op
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.profile import Profile
from tests.lab import SMALL

SHOWN = SMALL.with_name("shown.toml")


def kept(how: str) -> Profile:
    profile = read_profile(SHOWN)
    command = (profile.subject.command or "").replace("--keeps store", f"--keeps {how}")
    return replace(profile, subject=replace(profile.subject, command=command))


def killed(profile: Profile, folder: Path, victim: Victim) -> tuple[History, list[str]]:
    fault = Fault("kill", victim, Moment(600, Since.FIRST_WORD))
    with Laboratory(Bundle(folder), seed=0, jobs=1) as laboratory:
        bench = laboratory.bench(profile)
        plan = Plan("kill", bench.protocols[0], (fault,))
        [outcome] = laboratory.play(bench, "kill", [(1, plan)], lambda *_: None)
    assert outcome.judgement.confirmed == 1
    return outcome.folder.history(), [finding.invariant for finding in outcome.judgement.findings]


@pytest.mark.parametrize(
    ("how", "victim", "found"),
    [
        ("memory", Victim.SERVER, ["progress.regressed"]),
        ("memory", Victim.BOTH, ["progress.regressed"]),
        ("store", Victim.SERVER, []),
        ("end", Victim.SERVER, []),
    ],
)
def test_records_that_were_shown_before_a_kill_are_there_before_the_call_is_made_again(
    tmp_path: Path, how: str, victim: Victim, found: list[str]
) -> None:
    history, invariants = killed(kept(how), tmp_path, victim)
    assert invariants == found
    before = [seen.value["done"] for seen in history.of(Op.SHOWN) if seen.life == 1]
    after = [seen.value["done"] for seen in history.of(Op.SHOWN) if seen.life == 2]
    again = [asked for asked in history.of(Op.SUBMIT) if asked.life == 2]
    assert any(before) is (how != "end")
    assert after[0] >= max(before) if how == "store" else after[0] == 0
    assert next(seen for seen in history.of(Op.SHOWN) if seen.life == 2).i < again[0].i
    assert len({output.value["count"] for output in history.of(Op.OUTPUT)}) == 1


def test_who_claims_no_resumption_may_begin_anew(tmp_path: Path) -> None:
    profile = kept("memory")
    profile = replace(profile, claims=replace(profile.claims, resumes=False))
    assert killed(profile, tmp_path, Victim.SERVER)[1] == []
