"""A subject's words for a status: the usual ones, with any prefix and in any case, and those that a profile lists."""

from __future__ import annotations

import pytest

from mcp_crashtest.contracts.words import ends, meaning, normalise


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("completed", "completed"),
        ("SUCCEEDED", "completed"),
        ("TASK_STATE_COMPLETED", "completed"),
        ("JOB_STATUS_FAILED", "failed"),
        ("job-status-done", "completed"),
        ("EXPORT_JOB_STATE_CANCELLED", "cancelled"),
        ("TaskStateCompleted", "completed"),
        ("run failed", "failed"),
        ("IN_PROGRESS", "running"),
        ("InProgress", "running"),
        ("TASK_STATE_WORKING", "running"),
        ("interrupted", None),
        ("not_completed", None),
        ("almost_done", None),
        ("partially completed", None),
        ("FERTIG", None),
    ],
)
def test_what_a_word_means(word: str, means: str | None) -> None:
    assert meaning(word, {}) == means


def test_a_profiles_own_words_come_first_and_in_any_case() -> None:
    words = {"failed": ("interrupted", "done"), "running": ["crunching"]}
    assert normalise("INTERRUPTED", words) == "failed"
    assert normalise("done", words) == "failed"
    assert meaning("Crunching", words) == "running"


def test_a_flag_is_a_word_and_means_the_end_unless_it_is_said_to_mean_the_opposite() -> None:
    assert [normalise(flag, {}) for flag in (True, False)] == ["completed", "false"]
    assert meaning("false", {}) == "running"
    running = {"completed": ["false"], "running": ["true"]}
    assert [normalise(flag, running) for flag in (False, True)] == ["completed", "true"]
    assert normalise(1, {}) is None


def test_a_word_that_is_no_end_stays_as_it_is() -> None:
    assert normalise("RUNNING", {}) == "RUNNING"
    assert normalise("Interrupted", {}) == "Interrupted"


@pytest.mark.parametrize("status", [None, "", "  ", 3, ["completed"]])
def test_what_is_no_word_is_no_status(status: object) -> None:
    assert normalise(status, {}) is None


def test_the_words_that_are_known_as_ends_begin_with_the_profiles_own() -> None:
    assert ends({"failed": ["interrupted"], "running": ["crunching"]})[0] == "interrupted"
    assert "crunching" not in ends({"running": ["crunching"]})
