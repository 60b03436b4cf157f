"""The table of invariants: each is stated, and each comes with advice."""

from __future__ import annotations

import re

import pytest

from mcp_crashtest.model.invariants import INVARIANTS


@pytest.mark.parametrize("name", INVARIANTS)
def test_an_invariant_has_a_name_of_two_parts_a_statement_and_advice(name: str) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z-]+", name)
    assert INVARIANTS[name].id == name
    assert INVARIANTS[name].statement
    assert INVARIANTS[name].advice.endswith(".")
