"""The small server with a job that is one call over a stream of events that can be joined again, in the handshake era.

As it stands here it does it right, over its own restart too: sessions, calls and events are in the store, and an event
is written with the batch that it tells of. Where ``close_after`` is not 0, it closes each connection after so many
events, and asks with ``retry`` to be polled. Mutants change one thing.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

SPOKEN = ("2025-11-25", "2025-06-18", "2025-03-26")
TABLES = """
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS streams (id INTEGER PRIMARY KEY, session TEXT, request INT, token TEXT, job TEXT, last INT);
CREATE TABLE IF NOT EXISTS events (id INTEGER PRIMARY KEY AUTOINCREMENT, stream INT, session TEXT, data TEXT);
"""
Event = tuple[int, str]


class Streams(server.Jobs):
    """The jobs, and the streams in which they are told. ``behind`` is what mutants get wrong."""

    tables = server.TABLES + TABLES

    def begin(self, session: str, request: int, token: str, arguments: dict[str, Any]) -> int:
        """The stream of a call, whose job goes on by itself."""
        job = self.submit(arguments["key"], arguments["total"], arguments["batch"], pause_s=0.1)
        new = "INSERT INTO streams (session, request, token, job) VALUES (?, ?, ?, ?) RETURNING id"
        [(stream,)] = self._ask(new, session, request, token, job)
        self.tell(stream, None)  # where it can be joined from the first moment on
        self.go_on(job)
        self.finish(job)
        return int(stream)

    def tell(self, stream: int, message: dict[str, Any] | None) -> int:
        """Write an event."""
        data = "" if message is None else json.dumps({"jsonrpc": "2.0", **message})
        new = "INSERT INTO events (stream, session, data) SELECT id, session, ? FROM streams WHERE id = ? RETURNING id"
        return int(self._ask(new, data, stream)[0][0])

    def _do_batch(self, job: str, numbers: range, batch: int) -> None:
        """A batch, the cursor and what is told of it are one transaction."""
        self._effects.append(job, numbers)
        server.reach("before-write", batch)
        with self._lock:
            [(total,)] = self._db.execute("SELECT total FROM jobs WHERE id = ?", (job,)).fetchall()
            self._db.execute("BEGIN")
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?)", [(job, n, n * n) for n in numbers])
            self._db.execute("UPDATE jobs SET done = ? WHERE id = ?", (numbers.stop, job))
            for stream, session, token in self._db.execute(
                "SELECT id, session, token FROM streams WHERE job = ? AND last IS NULL", (job,)
            ).fetchall():
                told = {"progressToken": token, "progress": numbers.stop, "total": total}
                said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": told}
                self._db.execute(
                    "INSERT INTO events (stream, session, data) VALUES (?, ?, ?)", (stream, session, json.dumps(said))
                )
            self._db.execute("COMMIT")
        server.reach("committed-unacknowledged", batch)
        server.reach("acknowledged", batch)
        self.finish(job)

    def resume(self) -> None:
        super().resume()
        for (job,) in self._ask("SELECT id FROM jobs"):
            self.finish(job)

    def finish(self, job: str) -> None:
        """Answer the calls for a job that is done, each once."""
        with self._lock:
            [(total, done)] = self._db.execute("SELECT total, done FROM jobs WHERE id = ?", (job,)).fetchall()
            if done < total:
                return
            rows = self._db.execute("SELECT n, square FROM records WHERE job = ? ORDER BY n", (job,)).fetchall()
            output = {"count": len(rows), "records": [{"n": n, "square": square} for n, square in rows]}
            result = {"content": [{"type": "text", "text": json.dumps(output)}]}
            waiting = "SELECT id, session, request FROM streams WHERE job = ? AND last IS NULL"
            self._db.execute("BEGIN")
            for stream, session, request in self._db.execute(waiting, (job,)).fetchall():
                said = json.dumps({"jsonrpc": "2.0", "id": request, "result": result})
                new = "INSERT INTO events (stream, session, data) VALUES (?, ?, ?) RETURNING id"
                [(event,)] = self._db.execute(new, (stream, session, said)).fetchall()
                self._db.execute("UPDATE streams SET last = ? WHERE id = ?", (event, stream))
            self._db.execute("COMMIT")

    def stream_of(self, session: str, event: int) -> int | None:
        """The stream of an event of this session."""
        found = self._ask("SELECT stream FROM events WHERE id = ? AND session = ?", event, session)
        return int(found[0][0]) if found else None

    def behind(self, stream: int, event: int) -> list[Event]:
        """The events of a stream behind one of them."""
        return self._ask("SELECT id, data FROM events WHERE stream = ? AND id > ? ORDER BY id", stream, event)

    def last_of(self, stream: int) -> int | None:
        """The event with which a stream ends, once there is one."""
        return next((last for (last,) in self._ask("SELECT last FROM streams WHERE id = ?", stream)), None)

    def following(self, stream: int, event: int) -> Iterator[Event]:
        """The events behind one of them, as they come, to the end of the stream."""
        while True:
            last = self.last_of(stream)
            for found in self.behind(stream, event):
                yield found
                event = found[0]
            if last is not None and event >= last:
                return
            time.sleep(0.004)

    def open_session(self) -> str:
        """A session, stored."""
        session = uuid.uuid4().hex
        self._ask("INSERT INTO sessions VALUES (?)", session)
        return session

    def knows(self, session: str) -> bool:
        """Whether there is such a session."""
        return bool(self._ask("SELECT 1 FROM sessions WHERE id = ?", session))


class Handler(server.Handler):
    """One connection."""

    jobs: Streams
    close_after = 0
    retry_ms = 10

    def do_GET(self) -> None:
        session, event = str(self.headers.get("mcp-session-id")), str(self.headers.get("last-event-id", ""))
        stream = self.jobs.stream_of(session, int(event)) if event.isdigit() else None
        if not self.jobs.knows(session) or stream is None:
            self._status(404 if not self.jobs.knows(session) else 400)
            return
        self._stream(stream, int(event))

    def do_DELETE(self) -> None:
        self._status(200)

    def respond(self, request: dict[str, Any]) -> None:
        method, session = request["method"], str(self.headers.get("mcp-session-id"))
        if method == "initialize":
            self._said(request, self._hello(request["params"]), {"mcp-session-id": self.jobs.open_session()})
        elif not self.jobs.knows(session):
            self._status(404)
        elif "id" not in request:
            self._status(202)
        elif method == "tools/call":
            token = request["params"].get("_meta", {}).get("progressToken", "")
            stream = self.jobs.begin(session, request["id"], token, request["params"]["arguments"])
            self._stream(stream, 0)
        elif method == "ping":  # a stream of its own, of one event
            self._ping(session, request)
        else:
            self._said(request, {"tools": [server.TOOL]}, {})

    def _hello(self, params: dict[str, Any]) -> dict[str, Any]:
        asked = params["protocolVersion"]
        revision = asked if asked in SPOKEN else SPOKEN[0]
        return {"protocolVersion": revision, "capabilities": {"tools": {}}, "serverInfo": {"name": "streamed"}}

    def _ping(self, session: str, request: dict[str, Any]) -> None:
        new = "INSERT INTO streams (session, request, token) VALUES (?, ?, '') RETURNING id"
        [(stream,)] = self.jobs._ask(new, session, request["id"])
        last = self.jobs.tell(stream, {"id": request["id"], "result": {}})
        self.jobs._ask("UPDATE streams SET last = ? WHERE id = ?", last, stream)
        self._stream(stream, 0)

    def _stream(self, stream: int, event: int) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for number, (id_, data) in enumerate(self.jobs.following(stream, event), start=1):
                asked = f"retry: {self.retry_ms}\n" if self.close_after else ""
                self.wfile.write(f"{asked}id: {id_}\ndata: {data}\n\n".encode())
                self.wfile.flush()
                if number == self.close_after:
                    return
        except OSError:
            return  # nobody hears it: whoever comes back finds it in the store

    def _said(self, request: dict[str, Any], result: dict[str, Any], headers: dict[str, str]) -> None:
        body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).encode()
        self.send_response(200)
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _status(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


class Polled(Handler):
    """It closes a connection after three events, and asks to be polled."""

    close_after = 3


def main(jobs: type[Streams] = Streams, handler: type[Handler] = Handler) -> None:
    """Serve until SIGTERM."""
    server.main(jobs, handler)


if __name__ == "__main__":
    main()
