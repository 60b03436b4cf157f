"""Server-sent events, incrementally and bounded (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Each byte is looked at once, however an event is split. Two things are stricter than the specification of the format,
because MCP is: text that is not UTF-8 is refused, and so is what grows beyond the bound. ``id`` and ``retry`` are
read over: no stream is resumed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mcp_crashtest.wire.errors import ProtocolViolation

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``type`` is "message" where the server names none."""

    type: str
    data: str


class EventStream:
    """Bytes in, whole events out. A line may end in CR LF, LF or CR, and may be split anywhere."""

    def __init__(self, longest_event_bytes: int) -> None:
        self._longest = longest_event_bytes
        self._line = bytearray()
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._begun = False

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
        return None

    def _end_of_event(self) -> Event | None:
        type_, self._type = self._type, b""
        data, self._data, self._size = self._data, [], 0
        if not data:
            return None
        try:
            return Event(type_.decode() or "message", b"\n".join(data).decode())
        except UnicodeDecodeError as error:
            raise ProtocolViolation(f"an event that is not UTF-8: {error.reason} at byte {error.start}") from None
