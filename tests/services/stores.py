"""Three stores behind one face: ``put`` writes all of it or nothing, ``get`` gives what begins with a prefix.

A connection is made anew when it was lost; who asks meanwhile is told with OSError.
"""

from __future__ import annotations

import json
import socket
from typing import Any, Protocol
from urllib.parse import urlsplit


class Store(Protocol):
    def put(self, pairs: dict[str, str]) -> None: ...

    def get(self, prefix: str) -> dict[str, str]: ...


class Line:
    """A connection on which a question has one answer."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._at = (str(parts.hostname), int(parts.port or 0))
        self._socket: socket.socket | None = None

    def send(self, asked: bytes) -> Any:
        """Send something, over a new connection where there is none."""
        if self._socket is None:
            self._socket = socket.create_connection(self._at, timeout=5)
            self._file = self._socket.makefile("rb")
        try:
            self._socket.sendall(asked)
        except OSError:
            self.close()
            raise
        return self._file

    def read(self, number: int | None = None) -> bytes:
        """A line, or so many bytes."""
        try:
            line = self._file.readline() if number is None else self._file.read(number)
        except OSError:
            self.close()
            raise
        if not line:
            self.close()
            raise ConnectionError("the store has left")
        return line

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None


class Broker:
    def __init__(self, url: str) -> None:
        self._line = Line(url)

    def _ask(self, asked: dict[str, Any]) -> Any:
        self._line.send(json.dumps(asked).encode() + b"\n")
        return json.loads(self._line.read())

    def put(self, pairs: dict[str, str]) -> None:
        self._ask({"put": pairs})

    def get(self, prefix: str) -> dict[str, str]:
        found: dict[str, str] = self._ask({"get": prefix})
        return found


class InSteps(Broker):
    """Writes in a transaction of several round trips. Only the last of them makes it so, and only its answer tells."""

    def put(self, pairs: dict[str, str]) -> None:
        self._ask({"begin": True})
        for key, value in pairs.items():
            self._ask({"put": {key: value}})
        self._ask({"commit": True})


class Redis:
    def __init__(self, url: str) -> None:
        self._line = Line(url)

    def _ask(self, *words: str) -> Any:
        said = [f"*{len(words)}\r\n".encode()]
        said += [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
        self._line.send(b"".join(said))
        return self._answer()

    def _answer(self) -> Any:
        line = self._line.read().strip()
        kind, rest = line[:1], line[1:].decode()
        if kind == b"-":
            raise ConnectionError(rest)
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == "-1" else self._line.read(int(rest) + 2)[:-2].decode()
        return rest

    def put(self, pairs: dict[str, str]) -> None:
        self._ask("MSET", *(word for pair in pairs.items() for word in pair))

    def get(self, prefix: str) -> dict[str, str]:
        keys = self._ask("KEYS", f"{prefix}*")
        return dict(zip(keys, self._ask("MGET", *keys), strict=True)) if keys else {}


class Postgres:
    def __init__(self, url: str) -> None:
        self._url = url
        self._db: Any = None

    def _ask(self, query: str, values: list[Any]) -> list[Any]:
        import psycopg

        try:
            if self._db is None:
                self._db = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
                self._db.execute("CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value TEXT)")
            cursor = self._db.execute(query, values)
            return list(cursor.fetchall()) if cursor.description else []
        except psycopg.Error as error:
            self._db = None
            raise ConnectionError(str(error)) from error

    def put(self, pairs: dict[str, str]) -> None:
        rows = ", ".join(["(%s, %s)"] * len(pairs))
        new = f"INSERT INTO kept VALUES {rows} ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        self._ask(new, [word for pair in pairs.items() for word in pair])

    def get(self, prefix: str) -> dict[str, str]:
        return dict(self._ask("SELECT key, value FROM kept WHERE starts_with(key, %s)", [prefix]))


STORES: dict[str, type[Broker] | type[Redis] | type[Postgres]] = {
    "tcp": Broker,
    "redis": Redis,
    "postgresql": Postgres,
}


def store_at(url: str) -> Store:
    return STORES[urlsplit(url).scheme](url)
