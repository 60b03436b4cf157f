"""Serving over HTTP: the socket, the ready line, and a stop that loses nothing."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from types import FrameType
from typing import Any

import uvicorn

from reference_server.engine import Engine
from reference_server.errors import StartError

PROTOCOLS = ("2026-07-28", "2025-11-25")
_BACKLOG = 128


class Serving(uvicorn.Server):
    """Says when it is ready, and lets the engine stop as soon as a signal comes."""

    def __init__(self, config: uvicorn.Config, engine: Engine, described: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._engine = engine
        self._described = described

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, then say so: one line of JSON on standard output."""
        await super().startup(sockets=sockets)
        if self.should_exit or not sockets:
            return
        host, port = sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        ready = {
            "ready": True,
            "host": host,
            "port": port,
            "url": f"http://{shown}:{port}/mcp",
            "pid": os.getpid(),
            "protocols": PROTOCOLS,
            **self._described,
        }
        print(json.dumps(ready), flush=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal to stop: no further batch is begun."""
        self._engine.request_stop()
        super().handle_exit(sig, frame)


def listen(address: str, port: int, descriptor: int | None) -> socket.socket:
    """The listening socket: inherited, or bound; raises StartError."""
    try:
        if descriptor is not None:
            return socket.socket(fileno=descriptor)
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        where = f"--listen-fd {descriptor}" if descriptor is not None else f"{address}:{port}"
        raise StartError(
            f"{where} cannot be used: {error}. Is another server running there? --port 0 takes a free one"
        ) from error
    return listening
