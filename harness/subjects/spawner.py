"""The lab's side of the guard and the fork servers: start processes, hear how they end, leave nothing behind."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.model.errors import HarnessError, SubjectError
from harness.subjects.forkserver import PRELOAD_VARIABLE
from harness.subjects.process import Exit, Launch, Process, Remains
from harness.subjects.protocol import receive_event, send_request

_ANSWER_S = 30.0
_PRELOAD_S = 120.0
_CLOSING_S = 20.0
_ROOT = Path(__file__).resolve().parents[2]

Answer = tuple[dict[str, Any], list[int]]


class Channel:
    """Requests and events over one control socket, on the running event loop."""

    def __init__(self, control: socket.socket, name: str) -> None:
        self.control = control
        self.name = name
        self.processes: dict[int, Process] = {}
        self.serving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ended_early: dict[int, Exit] = {}
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._open = True
        control.setblocking(False)
        asyncio.get_running_loop().add_reader(control, self._readable)

    async def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Answer:
        """Send a request and wait for its answer; raises HarnessError when the other side is gone."""
        number = next(self._ids)
        if not self._open:
            raise HarnessError(f"the {self.name} is gone")
        self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            send_request(self.control, {**request, "id": number}, descriptors)
            async with asyncio.timeout(_ANSWER_S):
                return await self._waiting[number]
        except (OSError, TimeoutError) as error:
            raise HarnessError(f"the {self.name} does not answer: {error!r}") from error
        finally:
            self._waiting.pop(number, None)

    def _readable(self) -> None:
        while self._open:
            try:
                received = receive_event(self.control)
            except BlockingIOError:
                return
            if received is None:
                self._lost()
                return
            self._heard(*received)

    def _heard(self, event: dict[str, Any], descriptors: list[int]) -> None:
        if "to" in event:
            waiting = self._waiting.get(event["to"])
            if waiting and not waiting.done():
                waiting.set_result((event, descriptors))
                return
        elif "stopped" in event and event["stopped"] in self.processes:
            self.processes[event["stopped"]].tell_stopped()
        elif "ended" in event:
            self._ended(event["ended"], Exit.of(event["status"]))
        elif "serving" in event and not self.serving.done():
            self.serving.set_result(None)
        elif "failed" in event and not self.serving.done():
            self.serving.set_exception(SubjectError(event["failed"]))
        for descriptor in descriptors:
            os.close(descriptor)

    def adopt(self, process: Process) -> None:
        """Tell this process from now on what becomes of it; it may have ended before anybody could listen."""
        self.processes[process.pid] = process
        if process.pid in self._ended_early:
            self._ended(process.pid, self._ended_early.pop(process.pid))

    def _ended(self, pid: int, exit_: Exit) -> None:
        process = self.processes.pop(pid, None)
        if process:
            process.tell_ended(exit_)
        else:
            self._ended_early[pid] = exit_

    def _lost(self) -> None:
        self.close()
        failure = HarnessError(f"the {self.name} is gone")
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(failure)
        if not self.serving.done():
            self.serving.set_exception(failure)
        for process in self.processes.values():
            process.tell_ended(Exit(signal=signal.SIGKILL))
        self.processes.clear()

    def close(self) -> None:
        """Stop listening; for the other side that is the end of the lab."""
        if self._open:
            self._open = False
            asyncio.get_running_loop().remove_reader(self.control)
            self.control.close()
            if self.serving.done() and not self.serving.cancelled():
                self.serving.exception()

    async def signal_group(self, pid: int, number: int) -> bool:
        """Signal a group whose leader this channel's parent has forked."""
        event, _ = await self.ask({"do": "signal-group", "pid": pid, "signal": number})
        return bool(event["sent"])


class Spawner:
    """Starts processes through a guard of its own. An async context manager: nobody is left when it is closed."""

    def __init__(self) -> None:
        self._guard: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._fork_servers: dict[tuple[tuple[str, ...], bool], asyncio.Task[Channel]] = {}

    async def __aenter__(self) -> Spawner:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._guard = _start_guard(theirs.fileno())
        self._channel = Channel(ours, "guard")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the guard, which kills everything that was started, and wait until it has."""
        starting = list(self._fork_servers.values())
        self._fork_servers.clear()
        for task in starting:
            task.cancel()
        for channel in await asyncio.gather(*starting, return_exceptions=True):
            if isinstance(channel, Channel):
                channel.close()
        if self._channel:
            self._channel.close()
        if self._guard:
            guard, self._guard = self._guard, None
            try:
                await asyncio.to_thread(guard.wait, _CLOSING_S)
            except subprocess.TimeoutExpired as error:
                raise HarnessError(f"the guard has not ended all processes within {_CLOSING_S:.0f} s") from error

    async def spawn(self, launch: Launch) -> Process:
        """Start a process; raises SubjectError when its fork server cannot import, HarnessError without a guard."""
        warm = launch.preload is not None
        channel = await self._fork_server(launch.preload or (), launch.warm_up) if warm else self._guarding()
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC) if launch.stdin is None else launch.stdin
        try:
            descriptors = [null, launch.stdout, launch.stderr, *launch.inherit]
            request = {"do": "spawn", "argv": launch.argv, "cwd": launch.cwd, "env": dict(launch.env)}
            event, received = await channel.ask(request, descriptors)
        finally:
            if launch.stdin is None:
                os.close(null)
        process = Process(event["pid"], received[0], warm, _Kin(channel, self))
        channel.adopt(process)
        return process

    async def remains(self, group: int) -> Remains:
        """What is left of a process group, and the orphans that the guard has adopted."""
        event, _ = await self._guarding().ask({"do": "remains", "group": group})
        return Remains(event["group_lives"], _pairs(event["adopted"]))

    async def strays(self) -> tuple[tuple[int, str], ...]:
        """Living processes that have lost their parents: escaped from their group."""
        event, _ = await self._guarding().ask({"do": "strays"})
        return _pairs(event["adopted"])

    async def sweep(self) -> tuple[tuple[int, str], ...]:
        """Kill all strays and what they have started; whom it was."""
        event, _ = await self._guarding().ask({"do": "sweep"})
        return _pairs(event["adopted"])

    def _guarding(self) -> Channel:
        if self._channel is None or self._guard is None:
            raise HarnessError("the spawner is not open")
        return self._channel

    async def _fork_server(self, modules: tuple[str, ...], warm_up: bool) -> Channel:
        """The fork server with these modules, started at the first call; callers that come meanwhile wait for it."""
        key = (modules, warm_up)
        if key not in self._fork_servers:
            self._fork_servers[key] = asyncio.create_task(self._start_fork_server(modules, warm_up))
        return await asyncio.shield(self._fork_servers[key])

    async def _start_fork_server(self, modules: tuple[str, ...], warm_up: bool) -> Channel:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        channel = Channel(ours, f"fork server of {', '.join(modules)}")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CRASHTEST_", "PYTEST_"))},
            "PYTHONPATH": _with_root(os.environ.get("PYTHONPATH")),
            PRELOAD_VARIABLE: json.dumps({"modules": modules, "warm_up": warm_up}),
        }
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            with theirs:
                launch = Launch(
                    argv=(sys.executable, "-m", "harness.subjects.forkserver"),
                    cwd=os.getcwd(),  # noqa: PTH109
                    env=environment,
                    stdout=null,
                    stderr=null,
                    inherit=(theirs.fileno(),),
                )
                await self.spawn(launch)
            async with asyncio.timeout(_PRELOAD_S):
                await channel.serving
        except TimeoutError as error:
            channel.close()
            raise SubjectError(f"importing {', '.join(modules)} takes more than {_PRELOAD_S:.0f} s") from error
        except SubjectError as error:
            channel.close()
            raise SubjectError(f"the modules to preload cannot be imported: {error}") from error
        except BaseException:
            channel.close()
            raise
        finally:
            os.close(null)
        return channel


class _Kin:
    """Those who started one process: its parent's channel, and the guard."""

    def __init__(self, channel: Channel, spawner: Spawner) -> None:
        self._channel = channel
        self._spawner = spawner

    async def signal_group(self, pid: int, number: int) -> bool:
        return await self._channel.signal_group(pid, number)

    async def remains(self, group: int) -> Remains:
        return await self._spawner.remains(group)


def _start_guard(control: int) -> subprocess.Popen[bytes]:
    """A guard with a session of its own: a Ctrl-C at the terminal is for the lab alone."""
    return subprocess.Popen(
        [sys.executable, "-m", "harness.subjects.guard", str(control)],
        env={**os.environ, "PYTHONPATH": _with_root(os.environ.get("PYTHONPATH"))},
        pass_fds=[control],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


def warm_target(argv: Sequence[str], interpreter: str) -> str | None:
    """The script or module of a command that is this very interpreter's and takes no options; None for any other."""
    found = shutil.which(argv[0])
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


def _with_root(paths: str | None) -> str:
    return os.pathsep.join(filter(None, [str(_ROOT), paths]))


def _pairs(listed: Sequence[Sequence[Any]]) -> tuple[tuple[int, str], ...]:
    return tuple((int(pid), str(command)) for pid, command in listed)
