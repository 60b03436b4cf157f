"""Short literal histories with two clients: what one client would do, done by the second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcp_crashtest.model.companions import AGAIN, SECOND
from mcp_crashtest.model.operation import Op, Type
from tests.harness.checkers.histories import ALL, Event, ask, boot, landed, output, records, status, submit
from tests.harness.checkers.histories import KILL as KILL
from tests.harness.checkers.histories import KILL_BOTH as KILL_BOTH
from tests.harness.checkers.operation_histories import acknowledged

FOUR = "abcd"


def by_second(*done: Sequence[Event], task: str | None = "t") -> list[Event]:
    """These events, as the second client's, of this task."""
    events = [event for events in done for event in events]
    return [replace(e, process=f"{SECOND}-0", task=None if e.task is None else task) for e in events]


def read_again(*done: Sequence[Event]) -> list[Event]:
    """These events, as the first client sees them when it looks once more behind the second's end."""
    ready = [Event("client-0", Type.OK, Op.CLIENT, {"ready": True})]
    return [replace(e, process=AGAIN) for events in (ready, *done) for e in events]


def expected(shown: str, **more: object) -> list[Event]:
    """What the golden run of the second job gave."""
    return [Event(SECOND, Type.OK, Op.EXPECT, {"records": records(shown), **more})]


def given_to_second() -> list[Event]:
    """The second job is given what it asks for, which is acknowledged."""
    return [replace(e, process=f"{SECOND}-operator", task="u") for e in acknowledged(Op.ANSWER)]


def refused() -> list[Event]:
    """A submission that was turned away, for good as far as the client knows."""
    return [
        *ask(),
        Event("client-0", Type.FAIL, Op.SUBMIT, {"error": "busy"}),
        Event("client-0", Type.FAIL, Op.OUTPUT, {"reason": "refused", "error": "busy"}),
    ]


def killed_in_mid_job(fault: object = KILL) -> list[Event]:
    """A job is submitted, and the server killed and started again."""
    kill = KILL if fault is KILL else KILL_BOTH
    return [*boot(), *submit(), *status("running"), *landed(kill), *boot()]


def done(shown: str = ALL, count: int | None = None) -> list[Event]:
    """A task comes to its end, and its output is read."""
    return [*status("completed"), *output(shown, len(shown) if count is None else count)]
