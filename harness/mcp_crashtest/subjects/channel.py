"""The lab's side of a control socket to the guard or a fork server: requests, answers, and what becomes of whom."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import signal
import socket
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.subjects.process import Exit, Launch, Process, Remains
from mcp_crashtest.subjects.protocol import BOOT_VARIABLE, receive_event, send_request

_ANSWER_S = 30.0


class Channel:
    """Requests and events over one control socket, on the running event loop. Knows who was started through it."""

    def __init__(self, control: socket.socket, name: str, guard: Channel | None = None) -> None:
        self.control = control
        self.name = name
        self.processes: dict[int, Process] = {}
        self.serving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.open = True
        self._guard = guard or self
        self._kin: list[Channel] = guard._kin if guard else []
        self._kin.append(self)
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._starting: dict[int, tuple[str, Launch]] = {}
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
        request: dict[str, Any] = {"do": "spawn", "argv": launch.argv, "cwd": launch.cwd, "env": environment}
        if launch.user is not None:
            request["user"] = launch.user
        self._starting[number] = (boot, launch)
        answer = await self._ask(number, request, [stdin, launch.stdout, launch.stderr, *launch.inherit])
        process: Process = answer["process"]
        return process

    async def signal_group(self, pid: int, number: int) -> float | None:
        """Signal a group whose leader this channel's parent has forked: when that was; None when it has ended."""
        at: float | None = (await self.ask({"do": "signal-group", "pid": pid, "signal": number})).get("at")
        return at

    async def watch(self, process: Process) -> None:
        """Have the guard watch everybody who belongs to a process: it is about to be killed. It sees what they used."""
        used = await self._guard.ask({"do": "watch", **self._described(process)})
        process.trace.used(used["memory_bytes"], used["written_bytes"])

    async def remains(self, process: Process, kill: Collection[str], wait_s: float) -> Remains:
        """Who is left of a process, once its group is gone or the time is over; first kill those of ``kill``."""
        request = {"do": "remains", "kill": list(kill), "wait_s": wait_s, **self._described(process)}
        answer = await self._guard.ask(request)
        return Remains(answer["group_lives"], pairs(answer["inside"]), pairs(answer["outside"]))

    async def forget(self, process: Process) -> None:
        """Have it watched no longer."""
        await self._guard.ask({"do": "forget", "boot": process.boot})

    def _described(self, process: Process) -> dict[str, Any]:
        living = [(one.pid, one.boot) for channel in self._kin for one in channel.processes.values()]
        return {"group": process.pid, "boot": process.boot, "open": living, **asdict(process.site)}

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
            starting = self._starting.pop(event["to"], None)
            waiting = self._waiting.get(event["to"])
            wanted = waiting is not None and not waiting.done()
            if starting and "pid" in event:
                boot, launch = starting
                process = Process(event["pid"], descriptors.pop(), boot, self._guard is not self, self, launch.site)
                self.processes[process.pid] = process
                event["process"] = process
                if not wanted:  # whoever wanted it has been cancelled
                    self._kill_unwanted(process)
            if waiting and wanted:
                waiting.set_result(event)
        elif "stopped" in event and event["stopped"] in self.processes:
            self.processes[event["stopped"]].tell_stopped()
        elif "ended" in event and event["ended"] in self.processes:
            process = self.processes.pop(event["ended"])
            process.trace.reaped(event)
            process.tell_ended(Exit.of(event["status"]))
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


def pairs(listed: Sequence[Sequence[Any]]) -> tuple[tuple[int, str], ...]:
    """Processes and their commands, as they come over the socket."""
    return tuple((int(pid), str(command)) for pid, command in listed)
