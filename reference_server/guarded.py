"""HTTP connections under guard: requests must arrive in time, answers must be read, and a full table says so.

uvicorn speaks HTTP; what is here decides who is let in, and how long an unfinished request may keep a place. A
request that has arrived whole has all the time it needs.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from reference_server.connections import Phase, Table, peer_of
from reference_server.logs import Seldom

_AT_ONCE = 2  # what is accepted between two looks at what others have sent: they wait for no crowd at the door
_RETRY_S = 0.2
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_GONE = (errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH)

_log = logging.getLogger("reference_server")


class Guarded(H11Protocol):
    """A connection whose request must have arrived, and whose answer must be read, within ``deadline_s``."""

    def __init__(self, table: Table, peer: str, deadline_s: float, **of_uvicorn: Any) -> None:
        super().__init__(**of_uvicorn)
        self.peer = peer
        self._table = table
        self._deadline_s = deadline_s
        self._phase = Phase.HEAD
        self._timer: asyncio.TimerHandle | None = None
        self._given_way = False

    # --- what uvicorn is told by asyncio, and we with it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        if self._given_way:
            transport.abort()
        else:
            self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._unset_timer()
        self._table.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        self._settle()

    def pause_writing(self) -> None:
        """See asyncio.Protocol: the peer does not read."""
        super().pause_writing()
        self._settle()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._settle()

    def on_response_complete(self) -> None:
        """The answer is written: the next request may come."""
        super().on_response_complete()
        self._settle()

    # --- time and places

    def give_way(self) -> None:
        """Close: the place is another's."""
        self._given_way = True
        if self.transport is not None:
            self._end(_answer(503, "Service Unavailable", "too many connections: try again later"))

    def _settle(self) -> None:
        """Find out where the connection stands; what has only begun has its own time."""
        phase = self._found()
        if phase is self._phase:
            return
        self._phase = phase
        self._table.turn(self, phase)
        self._unset_timer()
        if phase is not Phase.SERVED:
            self._set_timer()

    def _found(self) -> Phase:
        unread = self.transport.is_closing() and self.transport.get_write_buffer_size() > 0
        if self.flow.write_paused or unread:
            return Phase.STALLED
        if self.conn.their_state is h11.IDLE:
            return Phase.HEAD
        return Phase.BODY if self.conn.their_state is h11.SEND_BODY else Phase.SERVED

    def _late(self) -> None:
        self._end(_answer(408, "Request Timeout", f"a request must have arrived within {self._deadline_s:g} s"))

    def _end(self, answer: bytes) -> None:
        """Close, with an answer where none was begun: to a request of which only a part has come."""
        self._unset_timer()
        if self.transport.is_closing() or self._phase is Phase.STALLED:
            self.transport.abort()
            return
        cycle = self.cycle if self._phase is Phase.BODY else None
        if cycle is None or not cycle.response_started:
            self.transport.write(answer)
        if cycle is not None:
            cycle.disconnected = True  # what the application says from now on is for nobody
            cycle.message_event.set()
        self.transport.close()

    def _set_timer(self) -> None:
        self._timer = self.loop.call_later(self._deadline_s, self._late)

    def _unset_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Door:
    """Accepts connections for as long as it is open; ``make`` has one for a peer."""

    def __init__(self, listening: socket.socket, table: Table, make: Callable[[str], Guarded]) -> None:
        self._listening = listening
        self._table = table
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[Any]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._told_full, self._told_out = Seldom(_log), Seldom(_log)

    def open(self) -> None:
        """Accept from now on."""
        self._retry = None
        self._loop.add_reader(self._listening.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listening.fileno())
        if self._retry:
            self._retry.cancel()

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = self._listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _GONE:
                    continue
                if error.errno not in _NO_ROOM:
                    raise
                self._rest(error)
                return
            accepted.setblocking(False)
            self._admit(accepted, peer_of(address))

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        connection, full = self._make(peer), self._is_full(peer)
        entered = self._table.enter(connection)
        if full:
            self._told_full.warning(
                f"the table of connections is full: {len(self._table)} of {self._table.most}, of which "
                f"{self._table.of_peer(peer)} of {self._table.most_of_peer} are of {peer or 'one peer'}; "
                f"{'one without a whole request was closed' if entered else 'the newest was turned away'}"
            )
        if not entered:
            _turn_away(accepted)
            return
        entering = self._loop.create_task(self._enter(connection, accepted))
        self._entering.add(entering)
        entering.add_done_callback(self._entering.discard)

    async def _enter(self, connection: Guarded, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except BaseException:
            self._table.leave(connection)
            accepted.close()
            raise

    def _is_full(self, peer: str) -> bool:
        return len(self._table) >= self._table.most or self._table.of_peer(peer) >= self._table.most_of_peer

    def _rest(self, error: OSError) -> None:
        """No descriptor is left: one that is kept for nothing is closed, and who knocks waits for a moment."""
        self._told_out.warning(
            f"no connection can be accepted now ({error.strerror}): raise the limit of open files (ulimit -n)"
        )
        self._table.make_room()
        self._loop.remove_reader(self._listening.fileno())
        self._retry = self._loop.call_later(_RETRY_S, self.open)


def _turn_away(accepted: socket.socket) -> None:
    """Say 503 and close. What has been sent is read first: else the kernel would take the answer back."""
    with accepted, suppress(OSError):
        accepted.send(_answer(503, "Service Unavailable", "too many requests at once: try again later"))
        accepted.shutdown(socket.SHUT_WR)
        accepted.recv(1 << 16)


def _answer(status: int, phrase: str, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status} {phrase}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        f"{'retry-after: 1' if status == 503 else 'cache-control: no-store'}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
