"""The corpus of a report directory: which failing plans a session plays first, and which it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.corpus import corpus_of
from mcp_crashtest.model.companions import Companion
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.plan import Plan
from tests.harness.files.test_bundle import PROFILE
from tests.harness.laying import LOST, NOTHING, PASSED, lay


def plan(batch: int = 1, faults: int = 1, scenario: str = "kills") -> Plan:
    at = [Fault("kill", Victim.SERVER, Batch(batch + n, Phase.BEFORE_WRITE)) for n in range(faults)]
    return Plan(scenario, "2026-07-28", tuple(at))


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    bundle = Bundle(tmp_path / "report")
    bundle.prepare("first").close()
    return bundle


def corpus(bundle: Bundle) -> list[tuple[str, Plan]]:
    found = corpus_of(bundle)
    assert {profile for profile, _, _ in found} <= {PROFILE.name}
    return [(scenario, Plan.from_json(json.loads(text))) for _, scenario, text in found]


def test_where_nothing_failed_there_is_none(bundle: Bundle, tmp_path: Path) -> None:
    lay(bundle, PROFILE, plan(), PASSED)
    lay(bundle, PROFILE, plan(2), NOTHING, number=2)
    lay(bundle, PROFILE, plan(3), LOST, number=3, judged=False)
    assert corpus(bundle) == []
    assert corpus_of(Bundle(tmp_path / "nowhere")) == []


def test_of_one_session_it_is_the_smallest_plan_of_each_scenario(bundle: Bundle) -> None:
    for number, failed in enumerate([plan(faults=3), plan(faults=2), plan(4, faults=2)], start=1):
        lay(bundle, PROFILE, failed, LOST, number=number)
    lay(bundle, PROFILE, plan(scenario="others"), LOST)
    assert sorted(corpus(bundle), key=lambda one: one[0]) == [
        ("kills", plan(faults=2)),
        ("others", plan(scenario="others")),
    ]


def test_earlier_sessions_come_behind_and_no_plan_twice(bundle: Bundle) -> None:
    for number, batch in enumerate([1, 2, 2, 3], start=1):
        lay(bundle, PROFILE, plan(batch), LOST)
        bundle.prepare(f"session {number}").close()
    assert [one for _, one in corpus(bundle)] == [plan(3), plan(2), plan(1)]
    lay(bundle, PROFILE, plan(5), LOST)
    assert [one for _, one in corpus(bundle)] == [plan(5), plan(3), plan(2), plan(1)]


def test_five_of_a_scenario_are_enough(bundle: Bundle) -> None:
    for batch in range(1, 7):
        lay(bundle, PROFILE, plan(batch), LOST)
        if batch < 6:
            bundle.prepare(f"session {batch}").close()
    assert [one for _, one in corpus(bundle)] == [plan(batch) for batch in (6, 5, 4, 3, 2)]


def test_the_same_call_once_more_is_for_a_session_to_judge(bundle: Bundle) -> None:
    lay(bundle, PROFILE, replace(plan(), companion=Companion.SAME_CALL), LOST)
    assert corpus(bundle) == []
    lay(bundle, PROFILE, replace(plan(2), companion=Companion.ANOTHER_JOB), LOST, number=2)
    assert [one for _, one in corpus(bundle)] == [replace(plan(2), companion=Companion.ANOTHER_JOB)]


@pytest.mark.parametrize("text", ["", "[]", '{"verdict": "FAIL"}', '{"verdict": "FAIL", "findings": [{}]}'])
def test_what_cannot_be_read_is_left_out(bundle: Bundle, text: str) -> None:
    run = lay(bundle, PROFILE, plan(), LOST)
    lay(bundle, PROFILE, plan(2), LOST, number=2)
    [judgement] = [path for path in run.path.glob("*.json") if path.read_bytes().startswith(b"{\n")]
    judgement.write_text(text, encoding="utf-8")
    assert [one for _, one in corpus(bundle)] == [plan(2)]
