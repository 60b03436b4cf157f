"""A stream that is left and joined again (basic/transports, "Resumability and Redelivery"), in the handshake era.

Each call has a stream of events, whose ids its client remembers. After the connection is lost it asks by GET, with the
id of the last event that it has, for what came behind it. A server may close a stream itself, with ``retry`` before
that, and is then asked so after that time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.wire.messages import Message, answers


class Part(StrEnum):
    """What a message is to the call in whose stream it came."""

    PROGRESS = "progress"
    RESULT = "result"
    OTHER = "other"
    EMPTY = "empty"  # an id without a message: where the stream can be joined
    FOREIGN = "foreign"  # progress of another call, or the answer to one


OnEvent = Callable[[str | None, Part, Message | None], object]


@dataclass(slots=True)
class Stream:
    """The stream of one request. ``on_event`` hears of each message in it, with the event's id.

    Where nobody has ``followed`` it, any answer in it is an answer, and an id that comes twice says nothing.

    ``ids`` are those of all events, in the order in which they came first; ``fruitless`` counts connections in a row
    that have shown nothing new, ``retry_ms`` is the pause that the server asks for.
    """

    on_event: OnEvent
    followed: bool = True
    request: Message | None = None
    session_id: str | None = None
    ids: list[str] = field(default_factory=list)
    fruitless: int = 0
    retry_ms: int | None = None

    @property
    def resumable(self) -> bool:
        """Whether there is an event behind which it could go on."""
        return self.request is not None and bool(self.ids)

    def begin(self, request: Message) -> None:
        """The request whose stream this is."""
        self.request = request

    def heard(self, id_: str | None, message: Message | None) -> Part | None:
        """An event came; what its message is, None for one without, and for one that had come before."""
        again = id_ is not None and id_ in self.ids
        if id_ is not None and not again:
            self.ids.append(id_)
            self.fruitless = 0
        if message is None:
            self.on_event(id_, Part.EMPTY, None)
            return None
        part = self._part(message)
        self.on_event(id_, part, message)
        return None if again and self.followed and part is not Part.RESULT else part

    def _part(self, message: Message) -> Part:
        assert self.request is not None
        if "method" not in message:
            return Part.RESULT if answers(message, self.request["id"]) else Part.FOREIGN
        if message["method"] != "notifications/progress":
            return Part.OTHER
        said: Any = message.get("params")
        token = self.request["params"].get("_meta", {}).get("progressToken")
        mine = isinstance(said, dict) and said.get("progressToken") == token
        return Part.PROGRESS if mine else Part.FOREIGN
