"""Streams that are joined again: what is left out, told twice, or another's; and what is lawful."""

from __future__ import annotations

import pytest

from mcp_crashtest.checkers.judge import judge
from mcp_crashtest.checkers.stream import check
from mcp_crashtest.model.operation import History
from tests.harness.checkers.histories import boot, submit
from tests.harness.checkers.stream_histories import event, joined, refused, streamed, unanswered

WHOLE: list[float] = [1, 2, 3, 4, 5, 6]
RESULT = event("7", part="result")
REST = [event("4", 4), event("5", 5), event("6", 6), RESULT]


def found(history: History) -> set[str]:
    return {finding.invariant for finding in check(history)}


@pytest.mark.parametrize(
    "history",
    [
        streamed(*REST, stream=WHOLE),
        streamed(joined("3"), *REST, stream=WHOLE),
        streamed(joined("1"), event("2", 2), event("3", 3), *REST, stream=WHOLE),
        streamed(joined("0"), event("1", 1), event("2", 2), event("3", 3), *REST),  # behind an event without a message
        streamed(joined("3"), event("8", part="empty"), *REST),  # a new id to join at, on every connection
        streamed(joined("2"), event("3", 3), joined("2"), event("3", 3), *REST),
        streamed(boot(), refused()),  # over a restart nothing is promised
        # killed behind the batch and before its event: that was never made
        streamed(boot(), joined("3"), event("5", 5), event("6", 6), RESULT, stream=WHOLE, durable_events=True),
        streamed(event("4", 4), event("5", 5), boot(), joined("5"), RESULT, stream=WHOLE, durable_events=True),
        streamed(joined("3"), event("5", 5), RESULT, stream=[3, 6]),  # told now and then: nobody knows what is missing
    ],
)
def test_what_goes_on_behind_the_event_that_was_named_is_lawful(history: History) -> None:
    assert found(history) == set()


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        (streamed(joined("1"), event("3", 3), *REST), "stream.lost"),
        (streamed(joined("1"), *REST), "stream.lost"),
        (streamed(joined("3"), event("5", 5), event("6", 6), RESULT, stream=WHOLE), "stream.lost"),
        # what a later life leaves out of its own is lost all the same
        (
            streamed(boot(), joined("3"), event("4", 4), event("6", 6), RESULT, stream=WHOLE, durable_events=True),
            "stream.lost",
        ),
        (streamed(refused()), "stream.lost"),
        (streamed(joined("2"), event("1", 1)), "stream.duplicated"),
        (streamed(joined("2"), event("3", 3), event("3", 3)), "stream.duplicated"),
        (streamed(event("3", 3)), "stream.duplicated"),
        (streamed(joined("3"), event("8", part="foreign"), *REST), "stream.foreign"),
    ],
)
def test_what_does_not_is_named(history: History, invariant: str) -> None:
    assert found(history) == {invariant}


TOLD = [event("4", 4), event("5", 5), event("6", 6)]


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        (unanswered(joined("3")), "stream.lost"),
        (unanswered(joined("3"), *TOLD), "stream.lost"),
        (unanswered(boot(), joined("3"), *TOLD, stream=WHOLE, durable_events=True), "stream.lost"),
        # the job itself may stand still behind a restart, and a stream that nobody has joined is not lost
        (unanswered(boot(), joined("3"), stream=WHOLE, durable_events=True), "recovery.deadline"),
        (unanswered(boot(), joined("3"), *TOLD, stream=WHOLE), "recovery.deadline"),
        (unanswered(*TOLD), "recovery.deadline"),
        # whoever is back has made his call anew, and that one stands still
        (unanswered(joined("3"), boot(), submit()[:1]), "recovery.deadline"),
    ],
)
def test_a_stream_that_never_comes_to_its_answer_is_lost_and_nobody_s_recovery_is_slow(
    history: History, invariant: str
) -> None:
    assert [finding.invariant for finding in judge(history).findings] == [invariant]
