"""A relay before PostgreSQL, which loses the connection in the middle of a COMMIT: behind it, or before it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

_COMMIT = b"COMMIT\0"
# What a session says often is prepared by its driver, and from then on goes by a name: Parse, and later Bind.
_PREPARED = re.compile(rb"P.{4}(\w+)\0COMMIT\0", re.DOTALL)
_DEADLINE_S = 30.0
_MOST_BYTES = 1 << 16


class Relay:
    """Passes on what both sides say. ``cut_behind`` or ``cut_before`` so many COMMITs: the next one loses its session.

    Behind: PostgreSQL has done it, and its answer is lost. Before: it never hears of it.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (str(parts.hostname), int(parts.port or 0))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{self._to[1]}/", f":{self._listening.getsockname()[1]}/")
        self._left: int | None = None
        self._behind, self._last = True, False
        self._open: list[socket.socket] = []
        self._muted: set[socket.socket] = set()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *, behind: bool, after: int = 0, last: bool = False) -> None:
        """Cut the next COMMIT, once so many have passed; the ``last`` one: from then on nobody gets through."""
        self._behind, self._left, self._last = behind, after, last

    def close(self, but: Collection[socket.socket] = ()) -> None:
        """Pass nothing on any more."""
        _close(self._listening)
        for end in self._open:
            if end not in but:
                _close(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(self._to, timeout=_DEADLINE_S)
                except OSError:  # it is dead
                    _close(client)
                    continue
                server.settimeout(None)
                self._open += [client, server]
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._pass_back, args=(client, server), daemon=True).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        named: re.Pattern[bytes] | None = None
        with suppress(OSError):
            while said := client.recv(_MOST_BYTES):
                commits = _COMMIT in said or bool(named and named.search(said))
                if prepared := _PREPARED.search(said):
                    named = re.compile(rb"B.{4}\0" + prepared[1] + rb"\0", re.DOTALL)
                if commits and self._is_to_be_cut():
                    self._cut(client, server, said)
                    return
                server.sendall(said)
            server.shutdown(socket.SHUT_WR)

    def _is_to_be_cut(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0

    def _cut(self, client: socket.socket, server: socket.socket, said: bytes) -> None:
        self._left = None
        self.cuts += 1
        if self._last:
            self.close(but=(client, server))
        if not self._behind:
            _close(client)
            _close(server)
            return
        self._muted.add(client)
        server.sendall(said)
        server.shutdown(socket.SHUT_WR)  # it does what it was told, and then ends: so does ``_pass_back``

    def _pass_back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while said := server.recv(_MOST_BYTES):
                if client not in self._muted:
                    client.sendall(said)
        _close(client)
        _close(server)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
