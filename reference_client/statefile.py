"""The state on disk: one file per server, replaced whole and flushed before anybody relies on it.

The file is never written in place: a new one is written beside it, flushed, moved over it, and the move is flushed too.
A second file, ``.lock``, holds the lock, because a lock on a file that is replaced would be a lock on nothing. What is
not ours or is damaged is set aside under another name and said; a format that we do not know is left alone, and so is
what is no regular file, since reading a device or a FIFO has no end, and what is larger than ``MOST_BYTES``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from reference_client.errors import StateError, StateLocked, UsageError
from reference_client.state import Newer, State, Unreadable, decode, encode

VARIABLE = "MCP_CRASHTEST_CLIENT_STATE"
MOST_BYTES = 64 << 20
_SET_ASIDE_NAMES = 1000


def now() -> str:
    """The time, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def public_url(server: str) -> str:
    """The server's URL as it may stand in a file: without a query, which may hold a key; raises UsageError."""
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"--server {server!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--server {server!r}: a URL such as http://127.0.0.1:8001/mcp is expected")
    if parts.username is not None or parts.password is not None:
        raise UsageError("--server: a password in a URL ends up in files; give --token-file or --token-env")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path, "", ""))


def default_path(server: str, folder: Path | None = None) -> Path:
    """Where the state for this server lies, unless the user says otherwise."""
    if folder is None:
        named = os.environ.get(VARIABLE)
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        folder = Path(named) if named else base / "mcp-crashtest-client"
    url = public_url(server)
    readable = re.sub(r"[^a-z0-9]+", "-", url.split("://", 1)[1].lower()).strip("-")[:60]
    return folder / f"{readable}-{hashlib.sha256(server.encode()).hexdigest()[:8]}.json"


class StateFile:
    """The state of one server, in memory and on disk. ``change`` returns when the change is safe on disk.

    With ``exclusive=False``, and another client holding the lock, it can be read, and changes stay in memory.
    """

    def __init__(
        self,
        path: Path,
        server: str,
        say: Callable[[str], object],
        *,
        exclusive: bool = True,
        moved: bool = False,
    ) -> None:
        """Open it, or begin a new one; ``moved``: it may belong to another URL, and this is the new one.

        Raises StateLocked or StateError.
        """
        with suppress(OSError):  # what is wrong is said when it is locked and read
            _must_be_regular(path, path.stat())  # before a lock is left beside it
        self.path = path
        self._server = public_url(server)
        self._moved = moved
        self._say = say
        self._lock = self._locked(exclusive)
        try:
            self.began_anew = False
            self.state = self._read() or self._new()
            if self.writable:
                self._sweep()
                self.change(lambda state: state.after_crash())
        except BaseException:
            self.close()
            raise

    @property
    def writable(self) -> bool:
        """Whether this client holds the lock."""
        return self._lock is not None

    def change(self, step: Callable[[State], State]) -> None:
        """Take the step, and return when it is on disk. Without the lock it is taken in memory alone."""
        after = step(self.state)
        if self.writable and (after != self.state or not self.path.exists()):
            text = json.dumps(encode(after, now()), indent=2, ensure_ascii=False) + "\n"
            written = text.encode("utf-8", "backslashreplace")
            if len(written) > MOST_BYTES:
                raise StateError(
                    f"the state file {self.path} would be larger than {MOST_BYTES >> 20} MiB: "
                    "'forget --ended' makes room"
                )
            _replace(self.path, written)
        self.state = after

    def close(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # --- hands

    def _locked(self, exclusive: bool) -> int | None:
        lock = self.path.with_name(f"{self.path.name}.lock")
        try:
            lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = _open_regular(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW)
        except OSError as error:
            raise StateError(
                f"the state cannot be kept at {self.path}: {error.strerror}. Give another --state"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if not exclusive:
                return None
            raise StateLocked(
                f"another client{f' (process {holder})' if holder else ''} is using {self.path}: "
                "wait for it, end it, or give another --state"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return descriptor

    def _read(self) -> State | None:
        try:
            with open(_open_regular(self.path, os.O_RDONLY), "rb") as file:
                raw = file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StateError(f"the state file {self.path} cannot be read: {error.strerror}") from None
        if len(raw) > MOST_BYTES:
            raise StateError(
                f"the state file {self.path} is larger than {MOST_BYTES >> 20} MiB, which none of ours is: "
                "give another --state"
            )
        try:
            state = decode(json.loads(raw))
        except Newer as error:
            raise StateError(
                f"the state file {self.path}: {error}. Use the newer client, or give another --state"
            ) from None
        except (Unreadable, ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, Unreadable) else "it is torn, or not JSON"
            self._set_aside(reason)
            return None
        if self._moved:
            return replace(state, server=self._server)
        if state.server != self._server:
            raise StateError(
                f"the state file {self.path} belongs to {state.server}, not to {self._server}: give another --state, "
                "or --server-moved if it is the same server at a new address"
            )
        return state

    def _new(self) -> State:
        self.began_anew = True
        return State(client_id=secrets.token_hex(8), server=self._server, created_at=now())

    def _set_aside(self, reason: str) -> None:
        if not self.writable:
            raise StateError(
                f"the state file {self.path} cannot be used: {reason}; the client that holds it will say more"
            )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        for number in range(_SET_ASIDE_NAMES):
            aside = self.path.with_name(f"{self.path.name}.set-aside-{stamp}-{number}")
            if not aside.exists():
                self.path.rename(aside)
                self._say(
                    f"the state file {self.path} cannot be used: {reason}. It was set aside as {aside}; starting anew"
                )
                return
        raise StateError(f"the state file {self.path} cannot be used: {reason}; clean up the files set aside beside it")

    def _sweep(self) -> None:
        """Remove what a killed write has left."""
        for left in self.path.parent.glob(f".{self.path.name}.*.new"):
            left.unlink(missing_ok=True)


_OTHER_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a symbolic link",
}


def _must_be_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _OTHER_KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        raise StateError(f"{path} is {kind}, where a regular file is expected: give another --state")


def _open_regular(path: Path, flags: int) -> int:
    """A descriptor of a regular file; raises StateError for anything else, OSError.

    It is looked at before, since opening a device may do something, and behind, since it may have become another. Only
    where it is created it need not be there before. Not to block is for a FIFO, and does nothing to a file.
    """
    with suppress(FileNotFoundError):
        _must_be_regular(path, path.stat(follow_symlinks=not flags & os.O_NOFOLLOW))
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o600)
    try:
        _must_be_regular(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _replace(path: Path, written: bytes) -> None:
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".new")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StateError(f"the state cannot be written to {path}: {error.strerror}; nothing was sent") from None
