"""An eye on a server that the lab did not start: a connection that is only held, so that its end is seen."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}  # where a url without a port leads
_CONNECTING_S = 5.0


def place_of(url: str) -> tuple[str | None, int]:
    """Host and port of a url."""
    parts = urlsplit(url)
    return parts.hostname, parts.port or _PORTS.get(parts.scheme, 80)


@dataclass(slots=True)
class Eye:
    """A connection that is only held: its end is seen."""

    reading: asyncio.Task[None] | None = None
    writer: asyncio.StreamWriter | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, url: str) -> Any:
        """Hold one to this server; nobody may be there."""
        eye, (host, port) = cls(), place_of(url)
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECTING_S):
                reader, eye.writer = await asyncio.open_connection(host, port)
                eye.reading = asyncio.create_task(_to_the_end(reader))
        try:
            yield eye
        finally:
            if eye.reading:
                eye.reading.cancel()
            if eye.writer:
                eye.writer.close()

    @property
    def ended(self) -> bool:
        """Whether the other side has ended it, or there never was one."""
        return self.reading is None or self.reading.done()


async def _to_the_end(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(OSError):
        while await reader.read(1 << 12):
            pass
