"""When a session begins nothing more: for want of time, after a violation, or because enough was seen."""

from __future__ import annotations

from mcp_crashtest.sessions.gate import Gate


def test_an_open_gate_closes_when_its_time_is_over() -> None:
    assert Gate().closed() is None
    assert Gate(1000).closed() is None
    over = Gate(1e-9)
    assert over.over
    assert over.closed() == "the time limit of 1e-09 s was over"


def test_it_closes_when_enough_was_seen_and_says_so() -> None:
    gate = Gate(1000)
    gate.enough = "20 confirmed faults were asked for"
    assert gate.over
    assert gate.closed() == gate.why_over == "20 confirmed faults were asked for"


def test_it_closes_after_a_violation_where_that_was_asked_for() -> None:
    assert Gate(violated=True).closed() is None
    assert "--fail-fast" in str(Gate(fail_fast=True, violated=True).closed())


def test_who_goes_on_later_leaves_nothing_out_for_want_of_time() -> None:
    assert Gate(1000).left_s is not None
    assert Gate(1000, fits=False).left_s is None
