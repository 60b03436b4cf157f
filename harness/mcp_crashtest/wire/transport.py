"""What carries a session's messages, and where the connection stands: one table and a small interpreter.

A transport knows bytes, a session knows messages. A connection is open until this side leaves it or drops it; what a
move does, and what the failure of a call that is pending means, stands in ``TABLE``. Not here: what the server does.
Over HTTP each exchange has a connection of its own, and its end is that exchange's failure.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any, Protocol

from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import Broken, HttpError, ProtocolViolation, RpcError, SessionLost, WireError
from mcp_crashtest.wire.messages import STATELESS, Message

Heard = Callable[[Message], Awaitable[None]]
OnMessage = Callable[[str, Mapping[str, Any]], object]


class State(StrEnum):
    """Where a connection stands."""

    OPEN = auto()
    LEAVING = auto()  # a goodbye is under way; what is pending may still be answered
    LEFT = auto()
    DROPPED = auto()  # without a goodbye


class Move(StrEnum):
    """What this side does with a connection."""

    SPEAK = auto()
    LEAVE = auto()
    DROP = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """What may be done in a state, and where it leads; which errors of a pending call are Broken in it."""

    moves: Mapping[Move, State]
    broken: tuple[type[WireError], ...] = ()


# Who is leaving has caused whatever then becomes of his calls: the server's answer to them says nothing about it.
_OUR_DOING = (HttpError, SessionLost, ProtocolViolation, RpcError)

# Leaving and dropping may be repeated, and come in any order. Where there is no entry, the move is illegal.
TABLE: Mapping[State, Row] = {
    State.OPEN: Row({Move.SPEAK: State.OPEN, Move.LEAVE: State.LEAVING, Move.DROP: State.DROPPED}),
    State.LEAVING: Row(
        {Move.SPEAK: State.LEAVING, Move.LEAVE: State.LEAVING, Move.DROP: State.LEFT},
        broken=_OUR_DOING,
    ),
    State.LEFT: Row({Move.LEAVE: State.LEFT, Move.DROP: State.LEFT}, broken=_OUR_DOING),
    State.DROPPED: Row({Move.LEAVE: State.LEFT, Move.DROP: State.DROPPED}),
}


@dataclass(slots=True, eq=False, repr=False)
class Connection:
    """What a transport and its session both know: the revision they speak, the session's id, and where they stand.

    ``session_id`` is given by a server of the handshake era, over HTTP. ``on_message`` sees every message.
    """

    protocol: str = STATELESS
    session_id: str | None = None
    on_message: OnMessage | None = None
    state: State = State.OPEN

    def move(self, move: Move) -> State:
        """Make a move: the state after it. Raises Broken, and changes nothing, where the table does not have it."""
        after = TABLE[self.state].moves.get(move)
        if after is None:
            raise Broken("the session was left by this side")
        self.state = after
        return after

    @contextmanager
    def pending(self) -> Iterator[None]:
        """Around a call: how it fails depends on the state in which it does."""
        try:
            yield
        except TABLE[self.state].broken as error:
            raise Broken(f"the session was left while the call was pending: {error}") from error

    def sent(self, message: Message) -> bytes:
        """A message that is about to be sent, as its bytes. Raises ValueError for NaN and infinity."""
        if self.on_message:
            self.on_message("sent", message)
        return messages.encode(message)

    def received(self, text: str | bytes) -> Message:
        """A message that has come. Raises ProtocolViolation for what is none."""
        message = messages.decode(text)
        if self.on_message:
            self.on_message("received", message)
        return message


class Transport(Protocol):
    """What carries messages. All of it raises WireError; time is the caller's business, but for the goodbye's.

    It makes its moves on ``connection``, and shows it each message: one to be sent before it goes, one that came
    as it comes.
    """

    connection: Connection

    async def ask(self, message: Message, heard: Heard) -> Message:
        """Send a request: its response, not yet looked at. What else the server says meanwhile is handed on."""

    async def tell(self, message: Message) -> None:
        """Send a message that nothing answers."""

    async def leave(self) -> None:
        """Say goodbye, within a bound, where there is somebody to say it to. Never raises WireError."""

    def abort(self) -> None:
        """Drop everything at once and without a word; whoever waits for an answer gets Broken."""
