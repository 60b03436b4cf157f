"""Where a connection stands: the whole table, any order of moves, and what a broken call means in each state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.wire.errors import (
    Broken,
    DeadlineExceeded,
    HttpError,
    NoTask,
    ProtocolViolation,
    RpcError,
    SessionLost,
    Unreachable,
    Unsupported,
    WireError,
)
from mcp_crashtest.wire.transport import TABLE, Connection, Move, State

# Row by row: speak, leave, drop. None: refused.
LEGAL: dict[State, tuple[State | None, State | None, State | None]] = {
    State.OPEN: (State.OPEN, State.LEAVING, State.DROPPED),
    State.LEAVING: (State.LEAVING, State.LEAVING, State.LEFT),
    State.LEFT: (None, State.LEFT, State.LEFT),
    State.DROPPED: (None, State.LEFT, State.DROPPED),
}
CELLS = [(state, move, after) for state, row in LEGAL.items() for move, after in zip(Move, row, strict=True)]
OURS = [HttpError(500, "x"), SessionLost("x"), ProtocolViolation("x"), Unsupported("x"), RpcError(1, "x")]
THEIRS = [Unreachable("x"), Broken("x"), DeadlineExceeded("x"), NoTask("x", refused=True)]


def test_every_state_has_its_row() -> None:
    assert set(TABLE) == set(State) == set(LEGAL)


@pytest.mark.parametrize(("state", "move", "after"), CELLS)
def test_a_move_leads_where_the_table_says_or_is_refused(state: State, move: Move, after: State | None) -> None:
    connection = Connection(state=state)
    if after is None:
        with pytest.raises(Broken, match="left by this side"):
            connection.move(move)
        assert connection.state is state
    else:
        assert connection.move(move) is after
        assert connection.state is after


@given(st.lists(st.sampled_from(Move)))
def test_whatever_the_order_only_the_dropped_are_silent_and_only_who_leaves_has_broken_his_calls(
    moves: list[Move],
) -> None:
    connection, left, dropped = Connection(), False, False
    for move in moves:
        left, dropped = left or move is Move.LEAVE, dropped or move is Move.DROP
        if move is Move.SPEAK and dropped:
            with pytest.raises(Broken):
                connection.move(move)
        else:
            connection.move(move)
        assert (Move.SPEAK in TABLE[connection.state].moves) is not dropped
        with pytest.raises(Broken if left else RpcError), connection.pending():
            raise RpcError(1, "x")


@given(st.lists(st.sampled_from(Move)))
def test_a_connection_is_never_open_again(moves: list[Move]) -> None:
    connection = Connection(state=State.LEAVING)
    for move in moves:
        if move in TABLE[connection.state].moves:
            assert connection.move(move) is not State.OPEN


@pytest.mark.parametrize("error", [*OURS, *THEIRS], ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("state", State)
def test_how_a_pending_call_fails_is_said_by_the_state(state: State, error: WireError) -> None:
    with pytest.raises(WireError) as caught, Connection(state=state).pending():
        raise error
    if state in (State.LEAVING, State.LEFT) and error in OURS:
        assert caught.type is Broken
        assert caught.value.__cause__ is error
        assert str(error) in str(caught.value)
    else:
        assert caught.value is error


def test_a_call_is_judged_by_the_state_in_which_it_fails() -> None:
    connection = Connection()

    def leave_and_fail() -> None:
        connection.move(Move.LEAVE)
        raise HttpError(404, "gone")

    with pytest.raises(Broken, match="left while the call was pending"), connection.pending():
        leave_and_fail()


@pytest.mark.parametrize("state", State)
def test_a_mistake_of_our_own_stays_what_it_is(state: State) -> None:
    with pytest.raises(ValueError, match="ours"), Connection(state=state).pending():
        raise ValueError("ours")


def test_the_record_sees_what_is_sent_and_what_is_a_message() -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []
    connection = Connection(on_message=lambda *what: seen.append(what))
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    assert connection.received(connection.sent(asked)) == asked
    with pytest.raises(ProtocolViolation):
        connection.received("hello")
    assert seen == [("sent", asked), ("received", asked)]
