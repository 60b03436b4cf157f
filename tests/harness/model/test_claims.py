"""The table of claims x invariants, and the page that is made from it."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from mcp_crashtest.model.claims import RULES, held, held_sharply
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.profile import Claims, Semantics
from tests.claims_page import PAGE, text

ALL = replace(Claims(), recovery_deadline_s=10.0, durable_events=True, shared_store=True, lease_s=5.0)
NONE = Claims(Semantics.AT_LEAST_ONCE, resumes=False, ordered=False, deterministic=False)


def test_the_page_is_what_the_table_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == text(), "python -m tests.claims_page writes it anew"


def test_every_claim_of_a_profile_switches_something_that_exists() -> None:
    assert {rule.claim for rule in RULES} == {field.name for field in fields(Claims)}
    assert {rule.invariant for rule in RULES} <= set(INVARIANTS)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.claim}-{rule.invariant}")
def test_a_rule_is_made_by_its_claim_and_not_otherwise(rule: Any) -> None:
    made, not_made = asdict(ALL), asdict(NONE)
    assert rule.is_made(made)
    assert not rule.is_made(not_made)
    assert held(made, rule.invariant)
    assert held_sharply(made, rule.invariant)
    assert not held_sharply(not_made, rule.invariant)
    assert held({**made, rule.claim: not_made[rule.claim]}, rule.invariant) is not rule.frees


def test_what_no_claim_switches_is_held_whatever_is_claimed() -> None:
    assert held(asdict(NONE), "task.vanished")
    assert held_sharply(asdict(NONE), "task.vanished")
