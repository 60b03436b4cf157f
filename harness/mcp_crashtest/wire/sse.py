"""Server-sent events, incrementally and bounded (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each byte is looked at once, however an event is split. Two things are stricter than the specification of the format,
because MCP is: text that is not UTF-8 is refused, and so is what grows beyond the bound. An event with an ``id`` and no
data is told too: it is where a stream can be resumed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcp_crashtest.wire.errors import ProtocolViolation

_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONGEST_RETRY = 8
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``type`` is "message" where the server names none, ``id`` None where it gives none of its own."""

    type: str
    data: str
    id: str | None = None


class EventStream:
    """Bytes in, whole events out. A line may end in CR LF, LF or CR, and may be split anywhere."""

    def __init__(self, longest_event_bytes: int) -> None:
        self._longest = longest_event_bytes
        self._line = bytearray()
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0
        self._id: bytes | None = None
        self._after_cr = False
        self._begun = False
        self.retry_ms: int | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that end within this chunk; raises ProtocolViolation beyond the bound."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        *ends, rest = _LINE_END.split(chunk)
        events = []
        for end in ends:
            self._grow(end)
            event = self._end_of_line()
            if event:
                events.append(event)
        self._grow(rest)
        self._after_cr = self._after_cr or chunk.endswith(b"\r")
        return events

    def _grow(self, part: bytes) -> None:
        if self._size + len(self._line) + len(part) > self._longest:
            raise ProtocolViolation(f"an event of more than {self._longest} bytes")
        self._line += part

    def _end_of_line(self) -> Event | None:
        line, self._line = bytes(self._line), bytearray()
        if not self._begun:
            line, self._begun = line.removeprefix(_BYTE_ORDER_MARK), True
        if not line:
            return self._end_of_event()
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(line) + 1
        elif name == b"event":
            self._type = value.removeprefix(b" ")
        elif name == b"id" and b"\0" not in value:
            self._id = value.removeprefix(b" ")
        elif name == b"retry" and (said := value.strip()).isdigit() and len(said) < _LONGEST_RETRY:
            self.retry_ms = int(said)
        return None

    def _end_of_event(self) -> Event | None:
        type_, self._type = self._type, b""
        data, self._data, self._size = self._data, [], 0
        id_, self._id = self._id, None
        if not data and not id_:
            return None
        try:
            return Event(type_.decode() or "message", b"\n".join(data).decode(), id_.decode() if id_ else None)
        except UnicodeDecodeError as error:
            raise ProtocolViolation(f"an event that is not UTF-8: {error.reason} at byte {error.start}") from None
