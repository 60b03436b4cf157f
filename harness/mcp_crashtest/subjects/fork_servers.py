"""The fork servers of one spawner: one for each interpreter, set of modules, folder and environment.

Each is started at the first need, under the subject's own interpreter.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.subjects.channel import Channel
from mcp_crashtest.subjects.process import Launch

_PRELOAD_S = 120.0
_MOST = 8
_ELF = b"\x7fELF"
_ROOT = str(Path(__file__).resolve().parents[2])
_NAME = "mcp_crashtest.subjects.forkserver"  # to be seen with ps

# It may find no module of ours, or of Python's, in the folder that the lab is used in. Any Python can read it.
_PROGRAM = """\
import sys
path = [place for place in sys.path if place]
name = getattr(getattr(sys, 'implementation', None), 'name', 'another Python')
if name != 'cpython' or sys.version_info < (3, 9):
    import json, socket
    said = '%s %d.%d has no fork server: it takes CPython 3.9' % (name, sys.version_info[0], sys.version_info[1])
    socket.socket(fileno=3).send(json.dumps({'failed': said}).encode())
    sys.exit(1)
sys.path[:] = [sys.argv[2]] + path
writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
from mcp_crashtest.subjects.forkserver import main
sys.dont_write_bytecode = writes
main(sys.argv[3], path)
"""
_INTERPRETER = re.compile(r"python(3(\.\d+)?)?t?")

# What Python, the C library and NumPy read once, when a process starts: subjects that differ in it have a fork server
# each.
_ANYWHERE = "/"
_READ_AT_START = ("PYTHON", "LD_", "LC_", "MALLOC_", "OMP_", "OPENBLAS_", "MKL_")
_READ_AT_START_NAMES = frozenset({"LANG", "LANGUAGE", "TZ", "GLIBC_TUNABLES", "OPENSSL_CONF"})
_NOT_FOR_FORK_SERVERS = ("CRASHTEST_", "PYTEST_", "FASTMCP_")


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes two subjects fit for the same fork server."""

    program: str
    modules: tuple[str, ...]
    warm_up: bool
    cwd: str
    environment: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, launch: Launch) -> _Key:
        """A subject's folder matters where modules of its own are preloaded; it may be another one in each run.

        So may the path of its interpreter, where that is found over a link to one environment.
        """
        read = sorted((name, value) for name, value in launch.env.items() if _read_at_start(name))
        given = Path(launch.argv[0])
        program = str(given.parent.resolve() / given.name) if given.is_absolute() else launch.argv[0]
        cwd = launch.cwd if launch.preload or not given.is_absolute() else _ANYWHERE
        return cls(program, launch.preload or (), launch.warm_up, cwd, tuple(read))


class ForkServers:
    """Starts fork servers through the guard, and knows those that there are."""

    def __init__(self) -> None:
        self._starting: dict[_Key, asyncio.Task[Channel]] = {}

    @property
    def open(self) -> Iterator[Channel]:
        """Those that serve."""
        return (task.result() for task in self._starting.values() if _has_come(task))

    async def close(self) -> list[Channel]:
        """Wait for those that are being started; all that there are, to be closed, and no more from now on."""
        starting = list(self._starting.values())
        self._starting.clear()
        for task in starting:
            task.cancel()
        served = await asyncio.gather(*starting, return_exceptions=True)
        return [channel for channel in served if isinstance(channel, Channel)]

    async def serving(self, launch: Launch, guard: Channel) -> Channel | None:
        """The fork server for this launch, started at the first call; callers that come meanwhile wait for it.

        None where there are as many as there may be: what comes then is started cold. Raises SubjectError when it
        cannot import what is wanted, HarnessError for a launch that no fork server can serve.
        """
        task = self.begin(launch, guard)
        return await asyncio.shield(task) if task else None

    def begin(self, launch: Launch, guard: Channel) -> asyncio.Task[Channel] | None:
        """Have the fork server for this launch started in the background, unless it is there; see ``serving``."""
        if warm_program(launch.argv) is None:
            raise HarnessError(f"{launch.argv} is not for a fork server: it runs scripts and modules of a Python")
        key = _Key.of(launch)
        task = self._starting.get(key)
        if task and _has_come(task) and not task.result().open:  # it has died
            del self._starting[key]
            task = None
        if task is None:
            if len(self._starting) >= _MOST:
                return None
            task = self._starting[key] = asyncio.create_task(_start(key, guard))
        return task


async def _start(key: _Key, guard: Channel) -> Channel:
    named = ", ".join(key.modules) or "what most servers import"
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours, f"fork server of {named}", guard)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    process = None
    try:
        with theirs:
            wanted = json.dumps([key.program, key.modules, key.warm_up])
            launch = Launch(
                argv=(key.program, "-c", _PROGRAM, _NAME, _ROOT, wanted),
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
            raise SubjectError(f"no fork server can serve it: {error}") from error
        if isinstance(error, HarnessError) and process and process.exited:
            raise SubjectError(f"importing {named} has ended the fork server with {process.exited}") from error
        raise
    finally:
        os.close(null)
    return channel


def warm_program(argv: Sequence[str], path: str | None = None) -> str | None:
    """The interpreter of a command that runs a script or a module and takes no options; None for any other.

    A bare program name is looked up on ``path``, by default the lab's PATH. Whether it is an interpreter that can fork
    is known to the fork server alone; what starts one (a shim, a script) is none.
    """
    found = shutil.which(argv[0], path=path) if argv else None
    if found is None or not _runs_a_program(argv[1:]):
        return None
    if _same_interpreter(found, sys.executable):
        return sys.executable
    return found if _INTERPRETER.fullmatch(Path(found).name) and _is_binary(found) else None


def _runs_a_program(arguments: Sequence[str]) -> bool:
    match arguments:
        case ["-m", _, *_]:
            return True
        case [first, *_]:
            return first.endswith(".py") and not first.startswith("-")
    return False


def _is_binary(found: str) -> bool:
    with suppress(OSError), Path(found).open("rb") as file:
        return file.read(len(_ELF)) == _ELF
    return False


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
