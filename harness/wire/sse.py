"""Server-sent events, incrementally and bounded (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.wire.errors import ProtocolViolation

_LINE_END = re.compile(rb"\r\n|\n|\r(?!$)")


class EventStream:
    """Bytes in, the data of whole events out. A line may end in CR LF, LF or CR, and may be split anywhere."""

    def __init__(self, longest_event_bytes: int) -> None:
        self._longest = longest_event_bytes
        self._pending = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of each event that ends within this chunk; raises ProtocolViolation beyond the bound."""
        *lines, self._pending = _LINE_END.split(self._pending + chunk)
        for line in lines:
            event = self._line(line)
            if event is not None:
                yield event
        if self._size + len(self._pending) > self._longest:
            raise ProtocolViolation(f"an event of more than {self._longest} bytes")

    def _line(self, line: bytes) -> str | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data).decode("utf-8", errors="replace") if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
        return None
