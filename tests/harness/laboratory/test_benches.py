"""Benches: several subjects are set up at once, and what is wrong with one of them is said when its turn comes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profiles import read_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.probe import worth_asking
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.wire.messages import SUPPORTED, is_stateless
from tests.lab import SMALL, smaller


def test_who_cannot_start_is_told_in_his_turn_and_keeps_nobody_else_from_being_set_up(tmp_path: Path) -> None:
    right, wrong = read_profile(SMALL), read_profile(smaller(SMALL, tmp_path, name="wrong"))
    wrong = replace(wrong, subject=replace(wrong.subject, command="no-such-program-anywhere"))
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=2) as laboratory:
        assert laboratory.bench(right, [right, wrong]).golden is not None
        with pytest.raises(SubjectError, match="there is no program 'no-such-program-anywhere' to start"):
            laboratory.bench(wrong)
        with pytest.raises(SubjectError, match="as said above"):
            laboratory.bench(wrong)


def test_the_rhythm_of_a_short_job_is_that_of_a_warm_run(tmp_path: Path) -> None:
    bundle = Bundle(tmp_path / "report")
    profile = read_profile(smaller(SMALL, tmp_path))
    with Laboratory(bundle, seed=0, jobs=1) as laboratory:
        golden = laboratory.bench(profile).golden
    assert golden is not None
    assert golden.rhythm is not None
    paced = bundle.setting_up(profile, "pace").history()
    boots = [event.value["warm"] for event in paced.operations if event.op == "boot"]
    assert boots == [True]


@pytest.mark.parametrize(("kind", "all_of_them"), [("resource-task", True), ("tasks-extension", False)])
def test_an_extension_is_asked_for_in_the_era_that_can_declare_it(kind: str, all_of_them: bool) -> None:
    profile = read_profile(SMALL)
    bench = Bench(replace(profile, contract=replace(profile.contract, kind=type(profile.contract.kind)(kind))))
    asked = worth_asking(bench)
    assert (asked == SUPPORTED) is all_of_them
    assert all_of_them or all(is_stateless(protocol) for protocol in asked)
