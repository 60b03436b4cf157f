"""How the lab's client processes reach a server: by its URL, or over stdio as the host that holds its pipes.

Over stdio one client process has the pipes of the server's present life, and the lab has no copy of them. Whoever else
asks the server something, an operator or a second job, speaks through that process; a client beside it is given a new
connection with each life of the server.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from mcp_crashtest.contracts.host import Order, control_pair, order
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.stage.client_process import ClientProcess, Listener
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import Unreachable
from mcp_crashtest.wire.session import Session
from mcp_crashtest.wire.stdio import Pipes, Stdio

_CLOSING_S = 10.0
_LONGEST_ORDER_BYTES = 64
_NOBODY = "nobody holds the server's pipes"


class Hosting:
    """The lab's side of one client's lives: starting them, and what they are given; ``beside`` has the pipes else."""

    def __init__(self, subject: Subject, beside: Hosting | None = None) -> None:
        self._subject = subject
        self._beside = beside
        self._control: socket.socket | None = None
        self._through_us: list[Hosting] = []

    async def start(self, job: Job, log: Path, listener: Listener) -> ClientProcess:
        """Start a client on this job. Over stdio it is given the pipes of the server's life, if nobody has them."""
        if not job.piped:
            return await ClientProcess.start(self._subject.spawner, job, log, listener)
        self.close()
        ours, theirs = control_pair()
        with theirs:
            self._control = ours
            ours.setblocking(False)
            client = await ClientProcess.start(self._subject.spawner, job, log, listener, (theirs.fileno(),))
        if self._beside:
            self._beside.share(self)
        else:
            self.give()
        return client

    def give(self) -> None:
        """Give the client the pipes of the server's new life, and keep no copy."""
        descriptors = self._subject.take_streams()
        if descriptors and self._control:
            order(self._control, Order.PIPES, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        if descriptors:
            for other in self._through_us:
                other.renew(self.guest())

    def share(self, other: Hosting) -> None:
        """Have another client speak through this one, to this life of the server and to all later ones."""
        self._through_us = [*(one for one in self._through_us if one is not other), other]
        other.renew(self.guest())

    def renew(self, guest: socket.socket) -> None:
        """Give a client that is beside another one its connection to the server's present life."""
        self._hand(Order.BESIDE, guest)

    async def say(self, what: Order) -> bool:
        """Have the client close what it has of the server's, and wait until it has; False where there is no client."""
        if self._control is None or not order(self._control, what):
            return False
        try:
            done = asyncio.get_running_loop().sock_recv(self._control, _LONGEST_ORDER_BYTES)
            return bool(await asyncio.wait_for(done, _CLOSING_S))
        except (OSError, TimeoutError):
            return False

    def guest(self) -> socket.socket:
        """A connection to the server, shared by the client that has its pipes; it ends with that client's."""
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._hand(Order.GUEST, theirs)
        return mine

    def _hand(self, what: Order, handed: socket.socket) -> None:
        with handed:
            if self._control:
                order(self._control, what, (handed.fileno(),))

    async def session(
        self, job: Job, *, deadline_s: float, headers: Mapping[str, str], extensions: tuple[str, ...]
    ) -> Session:
        """A session beside the client's. Raises WireError."""
        if not job.piped:
            return await Session.open(
                job.url, protocol=job.protocol, deadline_s=deadline_s, headers=headers, extensions=extensions
            )
        if self._control is None:
            raise Unreachable(_NOBODY)
        transport = Stdio(await Pipes.beside(self.guest()))
        try:
            return await Session.over(transport, protocol=job.protocol, deadline_s=deadline_s, extensions=extensions)
        except BaseException:
            transport.abort()
            raise

    def close(self) -> None:
        """Let go of the client."""
        if self._control:
            self._control.close()
            self._control = None
