"""The lab's side of the guard and the fork servers: start processes, hear how they end, leave nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.subjects.process import Exit, Launch, Process, Remains
from mcp_crashtest.subjects.protocol import BOOT_VARIABLE, MOST_DESCRIPTORS, receive_event, send_request

_ANSWER_S = 30.0
_PRELOAD_S = 120.0
_CLOSING_S = 20.0
_SWEEPING_S = 10.0
_POLL_S = 0.002
_MOST_FORK_SERVERS = 8
_ROOT = str(Path(__file__).resolve().parents[2])

# Neither may find a module of ours, or of Python's, in the folder that the lab is used in.
_GUARD = (
    "import sys; sys.path.append(sys.argv[2]); "
    "from mcp_crashtest.subjects.guard import main; main(int(sys.argv[3]), int(sys.argv[4]))"
)
_FORK_SERVER = (
    "import sys; path = [place for place in sys.path if place]; sys.path[:] = [sys.argv[2], *path]; "
    "from mcp_crashtest.subjects.forkserver import main; main(sys.argv[3], path)"
)
# To be seen with ps.
_GUARD_NAME, _FORK_SERVER_NAME = "mcp_crashtest.subjects.guard", "mcp_crashtest.subjects.forkserver"

# What Python, the C library and NumPy read once, when a process starts: subjects that differ in it have a fork server
# each.
_READ_AT_START = ("PYTHON", "LD_", "LC_", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_")
_READ_AT_START_NAMES = frozenset({"LANG", "LANGUAGE", "TZ", "GLIBC_TUNABLES", "OPENSSL_CONF"})
_NOT_FOR_FORK_SERVERS = ("CRASHTEST_", "PYTEST_", "FASTMCP_")


class Channel:
    """Requests and events over one control socket, on the running event loop. Knows who was started through it."""

    def __init__(self, control: socket.socket, name: str, guard: Channel | None = None) -> None:
        self.control = control
        self.name = name
        self.processes: dict[int, Process] = {}
        self.serving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.open = True
        self._guard = guard or self
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._starting: dict[int, str] = {}
        control.setblocking(False)
        asyncio.get_running_loop().add_reader(control, self._readable)

    async def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """Send a request and wait for its answer; raises HarnessError if there is none, or it is a refusal."""
        if not self.open:
            raise HarnessError(f"the {self.name} is gone")
        return await self._ask(next(self._ids), request, descriptors)

    async def start(self, launch: Launch, stdin: int) -> Process:
        """Have a process started; it is known here from the moment on at which the other side tells of it."""
        if not self.open:
            raise HarnessError(f"the {self.name} is gone")
        boot, number = secrets.token_hex(16), next(self._ids)
        environment = {**launch.env, BOOT_VARIABLE: boot}
        request = {"do": "spawn", "argv": launch.argv, "cwd": launch.cwd, "env": environment}
        self._starting[number] = boot
        answer = await self._ask(number, request, [stdin, launch.stdout, launch.stderr, *launch.inherit])
        process: Process = answer["process"]
        return process

    async def signal_group(self, pid: int, number: int) -> bool:
        """Signal a group whose leader this channel's parent has forked."""
        return bool((await self.ask({"do": "signal-group", "pid": pid, "signal": number}))["sent"])

    async def remains(self, group: int, boot: str) -> Remains:
        """What is left of a process group, and the orphans of its boot."""
        answer = await self._guard.ask({"do": "remains", "group": group, "boot": boot})
        return Remains(answer["group_lives"], _pairs(answer["orphans"]))

    def close(self) -> None:
        """Stop listening, once all that was said is heard; for the other side that is the end of the lab."""
        if self.open:
            self._readable()
        self._end()

    def forget_all(self) -> None:
        """Take everybody who was started here for killed: a fork server's children die with it, the guard kills its."""
        while self.processes:
            _, process = self.processes.popitem()
            process.tell_ended(Exit(signal=signal.SIGKILL))

    async def _ask(self, number: int, request: Mapping[str, Any], descriptors: Sequence[int]) -> dict[str, Any]:
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            send_request(self.control, {**request, "id": number}, descriptors)
            async with asyncio.timeout(_ANSWER_S):
                event = await self._waiting[number]
        except (OSError, TimeoutError) as error:
            raise HarnessError(f"the {self.name} does not answer: {error!r}") from error
        finally:
            self._waiting.pop(number).cancel()
        if "error" in event:
            raise HarnessError(event["error"])
        return event

    def _readable(self) -> None:
        while self.open:
            try:
                received = receive_event(self.control)
            except BlockingIOError:
                return
            if received is None:
                self._end()
                self.forget_all()
                return
            self._heard(*received)

    def _heard(self, event: dict[str, Any], descriptors: list[int]) -> None:
        """One event. A process is made here and not where it is awaited: its end may be the very next event."""
        if "to" in event:
            boot = self._starting.pop(event["to"], None)
            waiting = self._waiting.get(event["to"])
            wanted = waiting is not None and not waiting.done()
            if boot and "pid" in event:
                process = Process(event["pid"], descriptors.pop(), boot, self._guard is not self, self)
                self.processes[process.pid] = process
                event["process"] = process
                if not wanted:  # whoever wanted it has been cancelled
                    self._kill_unwanted(process)
            if waiting and wanted:
                waiting.set_result(event)
        elif "stopped" in event and event["stopped"] in self.processes:
            self.processes[event["stopped"]].tell_stopped()
        elif "ended" in event and event["ended"] in self.processes:
            self.processes.pop(event["ended"]).tell_ended(Exit.of(event["status"]))
        elif "serving" in event and not self.serving.done():
            self.serving.set_result(None)
        elif "failed" in event and not self.serving.done():
            self.serving.set_exception(SubjectError(event["failed"]))
        for descriptor in descriptors:
            os.close(descriptor)

    def _kill_unwanted(self, process: Process) -> None:
        request = {"do": "signal-group", "pid": process.pid, "signal": signal.SIGKILL, "id": next(self._ids)}
        with suppress(OSError):
            send_request(self.control, request)

    def _end(self) -> None:
        if not self.open:
            return
        self.open = False
        asyncio.get_running_loop().remove_reader(self.control)
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)  # even if somebody else holds it too
        self.control.close()
        failure = HarnessError(f"the {self.name} is gone")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(failure)
        if not self.serving.done():
            self.serving.set_exception(failure)
        if not self.serving.cancelled():
            self.serving.exception()  # nobody has to have asked


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes two subjects fit for the same fork server."""

    modules: tuple[str, ...]
    warm_up: bool
    cwd: str
    environment: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, launch: Launch) -> _Key:
        read = sorted((name, value) for name, value in launch.env.items() if _read_at_start(name))
        return cls(launch.preload or (), launch.warm_up, launch.cwd, tuple(read))


class Spawner:
    """Starts processes through a guard of its own. An async context manager: nobody is left when it is closed."""

    def __init__(self) -> None:
        self._guard: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._fork_servers: dict[_Key, asyncio.Task[Channel]] = {}

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
        starting = list(self._fork_servers.values())
        self._fork_servers.clear()
        for task in starting:
            task.cancel()
        served = await asyncio.gather(*starting, return_exceptions=True)
        channels = [channel for channel in (*served, self._channel) if isinstance(channel, Channel)]
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
            if warm_target(launch.argv, sys.executable) is None:
                raise HarnessError(
                    f"{launch.argv} is not for a fork server: it runs {sys.executable} scripts and modules"
                )
            channel = await self._fork_server(launch) or channel
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) if launch.stdin is None else launch.stdin
        try:
            return await channel.start(launch, null)
        finally:
            if launch.stdin is None:
                os.close(null)

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
        served = [task.result() for task in self._fork_servers.values() if _has_come(task)]
        channels = [self._guarding(), *served]
        living = [process.boot for channel in channels for process in channel.processes.values()]
        return _pairs((await self._guarding().ask({"do": do, "open": living, "of": list(boots)}))["orphans"])

    def _guarding(self) -> Channel:
        if self._channel is None or self._guard is None:
            raise HarnessError("the spawner is not open")
        return self._channel

    async def _fork_server(self, launch: Launch) -> Channel | None:
        """The fork server for this launch, started at the first call; callers that come meanwhile wait for it.

        None where there are as many as there may be: what comes then is started cold.
        """
        key = _Key.of(launch)
        task = self._fork_servers.get(key)
        if task and _has_come(task) and not task.result().open:  # it has died
            del self._fork_servers[key]
            task = None
        if task is None:
            if len(self._fork_servers) >= _MOST_FORK_SERVERS:
                return None
            task = self._fork_servers[key] = asyncio.create_task(self._start_fork_server(key))
        return await asyncio.shield(task)

    async def _start_fork_server(self, key: _Key) -> Channel:
        guard = self._guarding()
        named = ", ".join(key.modules) or "no modules"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(ours, f"fork server of {named}", guard)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        process = None
        try:
            with theirs:
                wanted = json.dumps([key.modules, key.warm_up])
                launch = Launch(
                    argv=(sys.executable, "-c", _FORK_SERVER, _FORK_SERVER_NAME, _ROOT, wanted),
                    cwd=key.cwd,
                    env={**_own_environment(), **dict(key.environment)},
                    stdout=null,
                    stderr=null,
                    inherit=(theirs.fileno(),),
                )
                process = await guard.start(launch, null)
            async with asyncio.timeout(_PRELOAD_S):
                await channel.serving
        except BaseException as error:
            channel.close()
            if process and not process.exited:
                await process.kill()
            if isinstance(error, TimeoutError):
                raise SubjectError(f"importing {named} takes more than {_PRELOAD_S:.0f} s") from error
            if isinstance(error, SubjectError):
                raise SubjectError(f"what is to be preloaded cannot be imported: {error}") from error
            if isinstance(error, HarnessError) and process and process.exited:
                raise SubjectError(f"importing {named} has ended the fork server with {process.exited}") from error
            raise
        finally:
            os.close(null)
        return channel


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


def warm_target(argv: Sequence[str], interpreter: str, path: str | None = None) -> str | None:
    """The script or module of a command that is this very interpreter's and takes no options; None for any other.

    A bare program name is looked up on ``path``, by default the lab's PATH.
    """
    found = shutil.which(argv[0], path=path) if argv else None
    if len(argv) < 2 or found is None or not _same_interpreter(found, interpreter):
        return None
    if argv[1] == "-m":
        return argv[2] if len(argv) > 2 else None
    return argv[1] if not argv[1].startswith("-") and argv[1].endswith(".py") else None


def _same_interpreter(found: str, interpreter: str) -> bool:
    """The same program in the same environment: a virtual environment's python is a link of its own."""
    with suppress(OSError):
        a, b = Path(found), Path(interpreter)
        return a.resolve() == b.resolve() and a.absolute().parent == b.absolute().parent
    return False


def _read_at_start(name: str) -> bool:
    return name in _READ_AT_START_NAMES or name.startswith(_READ_AT_START)


def _own_environment() -> dict[str, str]:
    """The lab's environment without what is the lab's alone, and without what each subject brings itself."""
    ours = os.environ.items()
    return {k: v for k, v in ours if not _read_at_start(k) and not k.startswith(_NOT_FOR_FORK_SERVERS)}


def _has_come(task: asyncio.Task[Channel]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _pairs(listed: Sequence[Sequence[Any]]) -> tuple[tuple[int, str], ...]:
    return tuple((int(pid), str(command)) for pid, command in listed)
