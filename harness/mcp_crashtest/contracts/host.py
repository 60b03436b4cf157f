"""What a client process is over stdio: the host that holds the server's pipes, as the lab hands them to it.

Orders come over a socket that the client inherits, with descriptors. Each life of the server has pipes of its own; the
lab keeps no copy, so that the death of one side closes them for the other.
"""

from __future__ import annotations

import asyncio
import socket
from enum import StrEnum

from mcp_crashtest.contracts.job import Journal
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.wire.sharing import share
from mcp_crashtest.wire.stdio import Pipes

CONTROL = 3
"""The descriptor of the socket over which orders come, in the client."""

_MOST_STRAYS = 100  # of one life of the client; what comes behind them is not told


class Order(StrEnum):
    """What the lab tells a host; the last two are said back when they are done."""

    PIPES = "pipes"  # with two descriptors: read the server's standard output there, write its standard input here
    BESIDE = "beside"  # with a socket: another host shares its server with us
    GUEST = "guest"  # with a socket: somebody speaks over our pipes
    GOODBYE = "goodbye"  # close the server's standard input
    HANG_UP = "hang-up"  # close both of its pipes at once


_DESCRIPTORS = 2


class Host:
    """The pipes of the server's present life. ``left`` is set when the lab has gone."""

    def __init__(self, journal: Journal, control: int = CONTROL) -> None:
        self.left = asyncio.Event()
        self._journal = journal
        self._pipes: Pipes | None = None
        self._given = asyncio.Event()
        self._strays = 0
        self._orders: asyncio.Queue[tuple[Order, list[int]]] = asyncio.Queue()
        self._sharing: set[asyncio.Task[None]] = set()
        self._working = asyncio.create_task(self._work())
        self._control = socket.socket(fileno=control)
        self._control.setblocking(False)
        asyncio.get_running_loop().add_reader(self._control, self._readable)

    async def pipes(self) -> Pipes:
        """Those of the server's present life; wait for the next one where it has ended."""
        while self._pipes is None or self._pipes.ended.is_set():
            self._given.clear()
            await self._given.wait()
        return self._pipes

    def _readable(self) -> None:
        order, descriptors, _, _ = socket.recv_fds(self._control, 64, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not order:
            asyncio.get_running_loop().remove_reader(self._control)
            self.left.set()
            return
        self._orders.put_nowait((Order(order.decode()), descriptors))

    async def _work(self) -> None:
        """Do what one is told, in this order."""
        while True:
            what, descriptors = await self._orders.get()
            match what:
                case Order.PIPES:
                    self._have(await Pipes.over(descriptors, self._stray))
                case Order.BESIDE:
                    self._have(await Pipes.beside(socket.socket(fileno=descriptors[0])))
                case Order.GUEST:
                    task = asyncio.create_task(self._share(socket.socket(fileno=descriptors[0])))
                    self._sharing.add(task)
                    task.add_done_callback(self._sharing.discard)
                case Order.GOODBYE | Order.HANG_UP:
                    if self._pipes:
                        self._pipes.hang_up() if what is Order.GOODBYE else self._pipes.abort()
                        await self._pipes.let_go()
                    order(self._control, what)

    def _have(self, pipes: Pipes) -> None:
        if self._pipes:
            self._pipes.abort()
        self._pipes = pipes
        self._given.set()

    async def _share(self, guest: socket.socket) -> None:
        await share(await self.pipes(), guest)

    def _stray(self, text: str) -> None:
        """A line on standard output that is no message is told, with the process that has written it."""
        self._strays += 1
        if self._strays <= _MOST_STRAYS:
            self._journal.write(Type.INFO, Op.WIRE, blame="subject", stray=text)


def order(control: socket.socket, what: Order, descriptors: tuple[int, ...] = ()) -> bool:
    """Tell a host; False where it is not there any more. The descriptors stay ours, to be closed."""
    try:
        socket.send_fds(control, [what.encode()], list(descriptors))
    except OSError:
        return False
    return True


def control_pair() -> tuple[socket.socket, socket.socket]:
    """The lab's end of a control socket, and the host's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
