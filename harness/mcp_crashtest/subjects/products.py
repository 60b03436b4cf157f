"""Databases and brokers that the lab knows how to start: programs, users, how they say that they are ready.

What a product has acknowledged survives its SIGKILL as we start it: what it wrote stands in the kernel's page cache.
Only power loss would need more, and that is another level. What keeps a product from leaving something in the system
(shared memory, sockets in other folders) is said to it too.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.service_spec import ServiceKind
from mcp_crashtest.subjects.sockets import LOOPBACK

_ANSWER_S = 2.0
_POSTGRES_BINARIES = "/usr/lib/postgresql"  # where Debian keeps them, version by version, off the PATH
_PROTOCOL_3 = (196_608).to_bytes(4, "big")
_READY_FOR_QUERY = b"Z"
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Product:
    """One of them. ``users`` are who it runs as where the lab is root, the first that there is.

    ``words`` start it, given its port and folder; ``template`` are the words that make such a folder, given its path;
    ``stop`` is the signal upon which it leaves at once, and cleans up behind itself.
    """

    url: str
    users: Sequence[str]
    words: Callable[[int, Path], Sequence[str]]
    answers: Callable[[int], Awaitable[bool]]
    template: Callable[[Path], Sequence[str]] | None = None
    stop: signal.Signals | None = None

    def template_words(self, path: Path) -> Sequence[str]:
        """The words that make a folder."""
        assert self.template is not None
        return self.template(path)


def _redis(port: int, folder: Path) -> Sequence[str]:
    program = _program("redis-server", "Redis", "redis-server")
    kept = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    return (program, "--port", str(port), "--bind", LOOPBACK, "--dir", str(folder), "--daemonize", "no", *kept)


async def _redis_answers(port: int) -> bool:
    """Whether it says PONG; while it reads what it had it says something else."""
    return (await _asked(port, b"PING\r\n", until=b"\r\n")).startswith(b"+PONG")


def _postgres(port: int, folder: Path) -> Sequence[str]:
    settings = {
        "listen_addresses": LOOPBACK,
        "unix_socket_directories": "",
        "fsync": "off",  # for power loss only; a commit is written before it is acknowledged all the same
        "dynamic_shared_memory_type": "mmap",  # in its folder, and not in /dev/shm
        "shared_buffers": "16MB",
        "logging_collector": "off",
    }
    said = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    return (_of_postgres("postgres"), "-D", str(folder), "-p", str(port), *said)


def _initdb(path: Path) -> Sequence[str]:
    said = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
    return (_of_postgres("initdb"), "-D", str(path), *said)


async def _postgres_answers(port: int) -> bool:
    """Whether it lets the superuser in, and is ready for a query; while it recovers it refuses."""
    said = b"user\0postgres\0database\0postgres\0\0"
    startup = (len(said) + 8).to_bytes(4, "big") + _PROTOCOL_3 + said
    return (await _asked(port, startup, until=b"Z\0\0\0\5I"))[:1] == b"R"


async def _asked(port: int, request: bytes, until: bytes) -> bytes:
    """What somebody answers, up to the end of it; nothing where nobody does, or he leaves before."""
    heard = b""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            with contextlib.closing(writer):
                writer.write(request)
                while until not in heard and len(heard) < _MOST_BYTES:
                    if not (more := await reader.read(_MOST_BYTES)):
                        return b""
                    heard += more
            return heard
    return b""


def _of_postgres(program: str) -> str:
    """The newest of the installed versions, or else what is on the PATH."""
    versions = sorted(Path(_POSTGRES_BINARIES).glob(f"*/bin/{program}"), key=lambda path: _version(path.parts[-3]))
    return str(versions[-1]) if versions else _program(program, "PostgreSQL", "postgresql")


def _version(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0


def _program(program: str, product: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise SubjectError(
            f"[[services]] wants {product}, and there is no {program} on this machine: apt-get install {package}"
        )
    return found


PRODUCTS = {
    ServiceKind.REDIS: Product(
        f"redis://{LOOPBACK}:{{port}}/0", ("redis", "nobody"), _redis, _redis_answers, stop=signal.SIGINT
    ),
    ServiceKind.POSTGRES: Product(
        f"postgresql://postgres@{LOOPBACK}:{{port}}/postgres",
        ("postgres", "nobody"),
        _postgres,
        _postgres_answers,
        _initdb,
        stop=signal.SIGQUIT,
    ),
}
