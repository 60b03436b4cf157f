"""Serving over HTTP: the socket, the ready line, and a stop that loses nothing."""

from __future__ import annotations

import ipaddress
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from reference_server.connections import Table, within_descriptors
from reference_server.engine import Engine
from reference_server.errors import StartError
from reference_server.guarded import Door, Guarded

PROTOCOLS = ("2026-07-28", "2025-11-25")
_BACKLOG = 4096  # the kernel takes as many as it may: those of many who knock at once come again after a second or more


@dataclass(frozen=True, slots=True)
class Guard:
    """Bounds of connections: how many in all and of one peer, and the time that an unfinished request has."""

    most: int
    most_of_peer: int
    request_s: float


class Serving(uvicorn.Server):
    """Lets in as many as it may, says when it is ready, and lets the engine stop as soon as a signal comes."""

    def __init__(self, config: uvicorn.Config, engine: Engine, guard: Guard, described: Mapping[str, Any]) -> None:
        super().__init__(config)
        self._engine = engine
        self._guard = guard
        self._described = described
        self._door: Door | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, then say so: one line of JSON on standard output."""
        await super().startup(sockets=[])  # connections are not uvicorn's to accept
        if self.should_exit or not sockets:
            return
        self._open(sockets[0])
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

    def _open(self, listening: socket.socket) -> None:
        table = Table(within_descriptors(self._guard.most), self._guard.most_of_peer)
        listening.setblocking(False)
        listening.listen(_BACKLOG)

        def connection(peer: str) -> Guarded:
            of_uvicorn = {"config": self.config, "server_state": self.server_state, "app_state": self.lifespan.state}
            return Guarded(table, peer, self._guard.request_s, **of_uvicorn)

        self._door = Door(listening, table, connection)
        self._door.open()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in any more, and let those go who are there."""
        if self._door:
            self._door.close()
        await super().shutdown(sockets=sockets)

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
