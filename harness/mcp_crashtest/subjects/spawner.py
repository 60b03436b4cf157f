"""Starting processes, hearing how they end, and leaving nothing behind: by a guard, and fork servers beside it."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.channel import Channel, pairs
from mcp_crashtest.subjects.fork_servers import ForkServers
from mcp_crashtest.subjects.process import Launch, Process
from mcp_crashtest.subjects.protocol import MOST_DESCRIPTORS

_CLOSING_S = 20.0
_SWEEPING_S = 10.0
_POLL_S = 0.002
_ROOT = str(Path(__file__).resolve().parents[2])
_GUARD_NAME = "mcp_crashtest.subjects.guard"  # to be seen with ps

# It may find no module of ours, or of Python's, in the folder that the lab is used in.
_GUARD = (
    "import sys; sys.path.append(sys.argv[2]); "
    "from mcp_crashtest.subjects.guard import main; main(int(sys.argv[3]), int(sys.argv[4]))"
)


class Spawner:
    """Starts processes through a guard of its own. An async context manager: nobody is left when it is closed."""

    def __init__(self) -> None:
        self._guard: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._fork_servers = ForkServers()
        self._scratch: Path | None = None
        self._made: dict[str, asyncio.Task[Path]] = {}

    async def __aenter__(self) -> Spawner:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs:
                self._guard = _start_guard(theirs.fileno())
            self._channel = Channel(ours, "guard")
        except BaseException:
            ours.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the guard, which kills everything that was started, and wait until it has."""
        for making in self._made.values():
            making.cancel()
        await asyncio.gather(*self._made.values(), return_exceptions=True)
        served = await self._fork_servers.close()
        channels = [*served, self._channel] if self._channel else served
        for channel in channels:
            channel.close()
        if self._guard:
            guard, self._guard = self._guard, None
            await _ended(guard)
        for channel in channels:
            channel.forget_all()

    async def spawn(self, launch: Launch) -> Process:
        """Start a process.

        Raises SubjectError when its fork server cannot import, HarnessError when there is no guard or no room. A
        program that does not exist is a process that ends with exit code 127 and says why on standard error.
        """
        if len(launch.inherit) + 4 > MOST_DESCRIPTORS:
            raise HarnessError(
                f"{len(launch.inherit)} descriptors are too many to inherit: {MOST_DESCRIPTORS - 4} at most"
            )
        channel = self._guarding()
        if launch.preload is not None:
            channel = await self._fork_servers.serving(launch, channel) or channel
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) if launch.stdin is None else launch.stdin
        try:
            return await channel.start(launch, null)
        finally:
            if launch.stdin is None:
                os.close(null)

    def prepare(self, launch: Launch) -> None:
        """Have the fork server that this launch wants started in the background; raises HarnessError as ``spawn``."""
        self._fork_servers.begin(launch, self._guarding())

    async def scratch(self) -> Path:
        """A folder outside the evidence that others may pass through; it is gone with the guard, however that ends."""
        if self._scratch is None:
            folder = Path(tempfile.gettempdir(), f"mcp-crashtest-{secrets.token_hex(8)}")
            await self._guarding().ask({"do": "own", "folder": str(folder)})
            if self._scratch is None:  # nobody else has made one meanwhile
                self._scratch = _passable(folder)
        return self._scratch

    async def once(self, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        """What is made once a session, at a path in ``scratch``; whoever wants it meanwhile waits."""
        if name not in self._made:
            self._made[name] = asyncio.create_task(self._make(name, make))
        return await asyncio.shield(self._made[name])

    async def _make(self, name: str, make: Callable[[Path], Awaitable[None]]) -> Path:
        path = await self.scratch() / name
        await make(path)
        return path

    async def strays(self) -> tuple[tuple[int, str], ...]:
        """Living processes, with their commands, that have outlived the process that they belong to."""
        return await self._strays("strays")

    async def sweep(self, boots: Sequence[str] = ()) -> tuple[tuple[int, str], ...]:
        """Kill all strays, or those that these boots have left, and what they have started; whom it was.

        Without ``boots`` nobody may be waiting for the proof of a kill: it would find dead whom the sweep has killed.
        Raises HarnessError if one cannot be killed.
        """
        swept: dict[int, str] = {}
        deadline = time.monotonic() + _SWEEPING_S
        while left := await self._strays("sweep", boots):
            for pid, command in left:
                swept.setdefault(pid, command)  # who is dying has no command any more
            if time.monotonic() > deadline:
                raise HarnessError(f"processes that cannot be killed: {left}")
            await asyncio.sleep(_POLL_S)
        return tuple(swept.items())

    async def _strays(self, do: str, boots: Sequence[str] = ()) -> tuple[tuple[int, str], ...]:
        channels = [self._guarding(), *self._fork_servers.open]
        living = [process.boot for channel in channels for process in channel.processes.values()]
        return pairs((await self._guarding().ask({"do": do, "open": living, "of": list(boots)}))["orphans"])

    def _guarding(self) -> Channel:
        if self._channel is None or self._guard is None:
            raise HarnessError("the spawner is not open")
        return self._channel


def _passable(folder: Path) -> Path:
    """Make a folder that others may pass through, and not look into, whatever the umask is."""
    folder.mkdir(mode=0o700)
    folder.chmod(0o711)
    return folder


def _start_guard(control: int) -> subprocess.Popen[bytes]:
    """A guard with a session of its own: a Ctrl-C at the terminal is for the lab alone."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _GUARD, _GUARD_NAME, _ROOT, str(control), str(os.getpid())],
        pass_fds=[control],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


async def _ended(guard: subprocess.Popen[bytes]) -> None:
    """Wait for the guard's end, and reap it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    pidfd = os.pidfd_open(guard.pid)
    loop.add_reader(pidfd, ended.set)
    try:
        async with asyncio.timeout(_CLOSING_S):
            await ended.wait()
        guard.wait()
    except TimeoutError as error:
        raise HarnessError(f"the guard has not ended all processes within {_CLOSING_S:.0f} s") from error
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
