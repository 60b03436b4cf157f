"""What an option means that depends on earlier sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_crashtest.sessions.options import failed_in


def session(*, finished: bool = True, partial: bool = False, **verdicts: str) -> Mapping[str, Any]:
    scenarios = [
        {"profile": "server", "id": name, "verdict": verdict or "SKIP", "begun": bool(verdict)}
        for name, verdict in verdicts.items()
    ]
    return {"scenarios": scenarios, "finished": finished, "selection": {"again": partial, "scenarios": []}}


def failed(*newest_first: Mapping[str, Any]) -> set[str]:
    return {name for _, name in failed_in(newest_first)}


def test_what_failed_is_played_again_and_what_proved_nothing() -> None:
    assert failed(session(a="PASS", b="FAIL", c="INVALID", d="SKIP")) == {"b", "c"}
    assert failed() == set()


def test_what_a_session_of_a_part_has_not_played_is_as_the_session_before_has_shown_it() -> None:
    whole = session(a="PASS", b="FAIL", c="FAIL")
    assert failed(session(partial=True, b="PASS"), whole) == {"c"}
    assert failed(session(partial=True, b="PASS"), session(partial=True, c="PASS"), whole) == set()
    assert failed(session(partial=True, b="PASS"), session(partial=True, b="FAIL", c="FAIL")) == {"c"}


def test_what_a_session_that_was_cut_short_has_not_played_is_as_the_session_before_has_shown_it() -> None:
    whole = session(a="PASS", b="FAIL", c="FAIL")
    assert failed(session(finished=False, a="FAIL"), whole) == {"a", "b", "c"}
    assert failed(session(a="FAIL", b="", c=""), whole) == {"a", "b", "c"}, "it has stopped at the first violation"


def test_a_whole_session_says_all_and_what_was_before_it_is_over() -> None:
    assert failed(session(a="FAIL", b="SKIP"), session(a="PASS", b="FAIL")) == {"a"}
