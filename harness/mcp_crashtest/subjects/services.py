"""Services: what a subject needs beside itself, one for each run, with a port and a folder of its own.

A service is a process of the lab's as a server is: the guard starts it, a kill reaches everybody who belongs to it, and
it does not outlive the lab. Its folder lies outside the evidence, where whoever it runs as may go, and is removed at
its end; what it says goes into the run's folder. Where the lab is root, those that it knows how to start run as
somebody else (``product``).
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.subjects.commands import absolute, environment_of, last_lines, words_of
from mcp_crashtest.subjects.fork_servers import warm_program
from mcp_crashtest.subjects.link import Link
from mcp_crashtest.subjects.proc import is_free
from mcp_crashtest.subjects.process import Exit, KillProof, Launch, Process, Site
from mcp_crashtest.subjects.products import PRODUCTS, Product
from mcp_crashtest.subjects.service_folder import copy_folder, make_folder, refuse_unreachable, runs_as
from mcp_crashtest.subjects.sockets import LOOPBACK, accepts, find_free_port
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.trace import Trace

_PAUSE_S = 0.01
_CHECK_S = 10.0
_MAKING_S = 120.0
_STOPPING_S, _MOST_PORTS = 5.0, 3


@dataclass(slots=True, eq=False)
class Service:
    """One service at one site, with port and folder over all its lives; ``cwd`` is where its command is at home.

    ``expected_to_end``: its life is being ended. ``started_at`` and ``ready_at`` are of the monotonic clock.
    """

    spec: ServiceSpec
    spawner: Spawner
    log: Path
    cwd: str
    port: int = 0
    link: Link | None = None
    folder: Path = Path()
    expected_to_end: bool = False
    started_at: float | None = None
    ready_at: float | None = None
    started: list[str] = field(default_factory=list)
    _process: Process | None = None
    _command: tuple[str, ...] = ()
    _values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the profile calls it."""
        return self.spec.name

    @property
    def url(self) -> str:
        """Where it is reached."""
        return str(self.told["url"])

    @property
    def told(self) -> Mapping[str, Any]:
        """What ``{services.NAME...}`` stands for."""
        return self._at(self.port)

    @property
    def linked(self) -> Mapping[str, Any]:
        """The same for the subject, which reaches it over the link where there is one."""
        return self._at(self.link.port if self.link else self.port)

    def _at(self, port: int) -> Mapping[str, Any]:
        written = self.spec.url or (product.url if (product := self._product) else f"tcp://{LOOPBACK}:{{port}}")
        told = {"port": port, "dir": str(self.folder), "host": LOOPBACK}
        return {**told, "url": written.replace("{port}", str(port)).replace("{dir}", str(self.folder))}

    @property
    def _product(self) -> Product | None:
        return PRODUCTS.get(self.spec.kind)

    # --- its lives

    async def open(self) -> None:
        """Choose its folder, and make what lies in it before its first life; raises SubjectError and UsageError."""
        user = self._user()
        scratch = await self.spawner.scratch()
        if user is not None:
            refuse_unreachable(scratch)
        self.folder = scratch / f"{self.name}-{secrets.token_hex(6)}"
        product = self._product
        if product is None or product.template is None:
            make_folder(self.folder, user)
            return

        async def make(path: Path) -> None:
            make_folder(path, user)
            await self._run(product.template_words(path), path, "its data folder could not be made")

        made = await self.spawner.once(f"{self.spec.kind}-{'own' if user is None else user[0]}", make)
        await asyncio.to_thread(copy_folder, made, self.folder)

    async def start(self, values: Mapping[str, Any]) -> None:
        """Begin a life, and wait until it is ready; raises SubjectError. ``values`` fill its command's placeholders."""
        self._values = values
        own = {**values, "port": self.port, "dir": str(self.folder), "subject_port": values.get("port", 0)}
        product, environment = self._product, environment_of(self.spec.environment, own, {})
        if product:
            words: Sequence[str] = (*product.words(self.port, self.folder), *self.spec.options)
        else:
            words = absolute(words_of(self.spec.command or "", own, {}), environment)
        self.expected_to_end = False
        self.started_at, self.ready_at = time.monotonic(), None
        self._command = tuple(words)
        self._process = await self._launch(self._command, environment)
        self.started.append(self._process.boot)
        await self._until_ready(own, environment)
        self.ready_at = time.monotonic()

    async def restart(self) -> None:
        """Begin another life in the same folder; raises SubjectError."""
        await self.start(self._values)

    async def wait_exit(self, deadline_s: float) -> Exit | None:
        """Wait for the end of this life; None where there is none. Raises TimeoutError."""
        return await self._process.wait_exit(deadline_s) if self._process else None

    @property
    def exited(self) -> Exit | None:
        """How its latest life has ended; None while it lives."""
        return self._process.exited if self._process else None

    @property
    def starved_s(self) -> float:
        """For how long, since it began, it has waited for a processor while it could have run."""
        return self._process.starved_s if self._process else 0.0

    @property
    def trace(self) -> Trace:
        """When its latest life was told to end and was reaped, and what it has used."""
        return self._process.trace if self._process else Trace()

    async def kill(self) -> KillProof:
        """SIGKILL everybody who belongs to it, and prove that they are dead, and that its port is closed."""
        self.expected_to_end = True
        if self._process is None:
            return KillProof(False, f"the service {self.name} has not begun", None, (), 0.0)
        proof = await self._process.kill()
        if proof.confirmed and await accepts(f"http://{LOOPBACK}:{self.port}"):
            return KillProof(False, f"somebody still accepts connections of {self.name}", proof.exit, (), 0.0)
        return proof

    async def stop(self, grace_s: float) -> KillProof:
        """SIGTERM, and so much grace to end; then SIGKILL. Whether nobody of it is left, and how it ended."""
        self.expected_to_end, began, process = True, time.monotonic(), self._process
        if process is None or process.exited:
            return KillProof(False, f"{self.name} had already ended before it was told to stop", None, (), 0.0)
        await process.watch()
        if (ended := await process.stop(signal.SIGTERM, grace_s)) is None:
            return await process.kill()
        refuted = (await process.left(grace_s)).said("SIGTERM")
        return KillProof(
            not refuted, refuted or f"{self.name} stopped with {ended}", ended, (), time.monotonic() - began
        )

    async def end(self) -> bool:
        """End it for good, and remove its folder; whether nobody of it is left."""
        self.expected_to_end = True
        if self.link:
            await self.link.close()
        process = self._process
        gone = process is None or process.exited is not None or await self._ended(process)
        if self.folder != Path():
            await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)
        return gone

    async def _ended(self, process: Process) -> bool:
        """Have it leave, or kill it; whether nobody of it is left."""
        if self._product and self._product.stop is not None:
            await process.watch()
            if await process.stop(self._product.stop, _STOPPING_S):
                return not (await process.left()).said()
        return (await process.kill()).confirmed

    def log_tail(self) -> str:
        """The last lines that it has written."""
        return last_lines(self.log)

    # --- how

    async def _until_ready(self, own: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        process, deadline = self._process, time.monotonic() + self.spec.ready_deadline_s
        assert process
        while True:
            ready = await self._is_ready(own, environment)
            if process.exited:  # then it was somebody else who has answered
                raise SubjectError(f"the service {self.name} ended with {process.exited} at its start:{self._said()}")
            if ready:
                return
            if time.monotonic() > deadline:
                raise SubjectError(
                    f"the service {self.name} is not ready after {self.spec.ready_deadline_s:g} s ([[services]] "
                    f"ready_deadline_s gives it more):{self._said()}"
                )
            await asyncio.sleep(_PAUSE_S)

    async def _is_ready(self, own: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
        if self._product:
            return await self._product.answers(self.port)
        if self.spec.ready:
            asking = await self._launch(absolute(words_of(self.spec.ready, own, {}), environment), environment)
            try:
                return (await asking.wait_exit(_CHECK_S)).code == 0
            except TimeoutError:
                await asking.kill()
                return False
        return await accepts(f"http://{LOOPBACK}:{self.port}")

    async def _run(self, words: Sequence[str], folder: Path, what: str) -> None:
        """Run something to its end; raises SubjectError."""
        process = await self._launch(tuple(words), environment_of({}, {}, {}), folder)
        try:
            ended = await process.wait_exit(_MAKING_S)
        except TimeoutError:
            await process.kill()
            raise SubjectError(f"{self.name}: {what} within {_MAKING_S:.0f} s:{self._said()}") from None
        if ended.code != 0:
            raise SubjectError(f"{self.name}: {what}: {ended}:{self._said()}")

    async def _launch(self, words: tuple[str, ...], environment: Mapping[str, str], cwd: Path | None = None) -> Process:
        preload = self.spec.preload if words == self._command else ()
        warm = warm_program(words, environment.get("PATH")) if preload else None
        with self.log.open("ab") as log:
            return await self.spawner.spawn(
                Launch(
                    argv=(warm, *words[1:]) if warm else words,
                    cwd=str(cwd or (self.folder if self._product else self.cwd)),
                    env=environment,
                    stdout=log.fileno(),
                    stderr=log.fileno(),
                    site=Site(self.port, folder=str(self.folder), everybody=True),
                    user=self._user(),
                    preload=preload if warm else None,
                    warm_up=warm is not None,
                )
            )

    def _user(self) -> tuple[int, int] | None:
        return runs_as(self.spec, self._product.users if self._product else ())

    def _said(self) -> str:
        return f"\n{self.log_tail()}"


@dataclass(slots=True)
class Services:
    """The services of one site, in the order of the profile."""

    all: tuple[Service, ...]

    @classmethod
    def of(cls, specs: Sequence[ServiceSpec], spawner: Spawner, folder: RunFolder, cwd: str) -> Services:
        """Those of a run; each has a port of its own, and nothing is started yet."""
        return cls(
            tuple(Service(spec, spawner, folder.service_log(spec.name), cwd, find_free_port()) for spec in specs)
        )

    @property
    def told(self) -> Mapping[str, Mapping[str, Any]]:
        """What the placeholders of each stand for."""
        return {service.name: service.told for service in self.all}

    @property
    def linked(self) -> Mapping[str, Mapping[str, Any]]:
        """The same for the subject."""
        return {service.name: service.linked for service in self.all}

    async def begin(self, values: Mapping[str, Any]) -> None:
        """Make their folders, and start them one after another; raises SubjectError and UsageError."""
        for service in self.all:
            await service.open()
        for service in self.all:
            await self._begin(service, values)

    async def _begin(self, service: Service, values: Mapping[str, Any]) -> None:
        """Start one for the first time: at another port where somebody else has taken its own since it was chosen."""
        for left in reversed(range(_MOST_PORTS)):
            if not is_free(service.port):
                service.port = find_free_port()
            try:
                await service.start({**values, "services": self.told})
                break
            except SubjectError:
                if not left or service.exited is None or is_free(service.port):
                    raise
        if service.spec.link:
            service.link = Link(service.port)
            await service.link.open()

    async def end(self) -> bool:
        """End all, the last one first; whether nobody is left."""
        gone = [await service.end() for service in reversed(self.all)]
        return all(gone)
