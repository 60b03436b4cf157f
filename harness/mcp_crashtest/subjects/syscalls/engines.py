"""The two engines: compiled on first use, tried on this machine, and put around what is to be started.

What was compiled is kept in the user's cache, by what it was made of: the sources, the compiler and its version. A
session works with a copy of its own, so that nobody changes it under way.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.model.calls import Engine
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.subjects.process import Launch
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.syscalls import stores
from mcp_crashtest.subjects.syscalls.control import Control

CONTROL_VARIABLE, WRITES_VARIABLE = "CRASHTEST_CALLS", "CRASHTEST_WRITES"
_PRELOAD = "LD_PRELOAD"
_HERE = Path(__file__).parent
_PRELOADED = frozenset({Engine.PRELOAD, Engine.RECORD})  # which are one program
_SOURCE, _OPTIONS, _LIBRARIES = "preload.c", ("-shared", "-fPIC"), ("-ldl",)
_WATCHER = "watch.c"
_HEADERS, _COMPILERS = ("counted.h", "written.h", "unsynced.h"), ("cc", "gcc", "clang")
_COMPILING_S, _TRYING_S, _LONGEST_SAID = 120.0, 30.0, 500


class CannotCount(UsageError):
    """Why an engine cannot be used on this machine."""


@dataclass(frozen=True, slots=True)
class Counting:
    """An engine that is ready. Lives that ``watch`` counts are cold: a fork server's child begins no program."""

    engine: Engine
    program: Path

    @property
    def cold(self) -> bool:
        """Whether no fork server can serve."""
        return self.engine is Engine.WATCH

    def around(self, launch: Launch, control: Control) -> Launch:
        """What to start instead, so that its calls are counted in that file."""
        if self.engine is Engine.WATCH:
            return replace(launch, argv=(str(self.program), str(control.path), *launch.argv))
        before = launch.env.get(_PRELOAD)
        own = {_PRELOAD: f"{self.program}:{before}" if before else str(self.program)}
        if self.engine is Engine.RECORD:
            stores.begin(control.writes, Path(launch.site.folder or os.devnull))
            own[WRITES_VARIABLE] = str(control.writes)
        return replace(launch, env={**launch.env, **own, CONTROL_VARIABLE: str(control.path)})

    def keep(self, folder: RunFolder, lives: int) -> None:
        """So many lives are over: keep what was counted in each, and recorded, in a form that anybody can read."""
        for life in range(1, lives + 1):
            control = Control(folder.control_file(life))
            counted = control.read()
            if control.path.exists():
                folder.keep_calls(life, counted)
            if self.engine is Engine.RECORD and control.writes.exists():
                records = stores.recorded(control.writes)
                last = life == lives  # what earlier ones have left is not there any more
                unseen = stores.differing(records, folder.state_dir, counted.calls) if last else []
                folder.keep_writes(life, records, unseen)


async def counting(engine: Engine, spawner: Spawner) -> Counting:
    """The engine, compiled and tried. Raises CannotCount, with what is missing and what would mend it."""
    return Counting(engine, await spawner.once(f"calls-{engine}", partial(_make, engine, spawner)))


async def _make(engine: Engine, spawner: Spawner, path: Path) -> None:
    if platform.machine() not in ("x86_64", "aarch64"):
        raise CannotCount(f"system calls are counted on x86-64 and ARM64, and this is {platform.machine()}")
    shutil.copy(await _compiled(engine, spawner), path)
    if engine is Engine.WATCH:
        await _try(path, spawner)


async def _try(watcher: Path, spawner: Spawner) -> None:
    """Have the watcher watch itself: a machine may forbid it."""
    control = Control(watcher.with_suffix(".try"))
    control.make(watcher.parent, watcher, None)
    code, said = await _ran((str(watcher), "--try", str(control.path)), spawner, _TRYING_S)
    control.path.unlink()
    if code != 0:
        raise CannotCount(
            f"this machine does not let a process be told of another one's calls (seccomp user notification: "
            f"{said or code}): it takes Linux 5.9, no other listener around the lab, and a container that allows it"
        )


async def _compiled(engine: Engine, spawner: Spawner) -> Path:
    """The program in the cache; compiled where it is not there. Several may do so at once."""
    compiler = _compiler()
    code, version = await _ran((*compiler, "--version"), spawner, _TRYING_S)
    if code != 0:
        raise CannotCount(f"{compiler[0]} --version came to {code}: {version}")
    preloaded = engine in _PRELOADED
    source = _HERE / (_SOURCE if preloaded else _WATCHER)
    texts = [(_HERE / name).read_text() for name in (source.name, *_HEADERS)]
    made_of = [compiler, version, platform.machine(), *texts]
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:24]
    path = _cache() / f"{source.stem}-{key}"
    if not path.exists():
        made = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            options = ("-O2", *(_OPTIONS if preloaded else ()), "-o", str(made), str(source))
            options += _LIBRARIES if preloaded else ()
            code, said = await _ran((*compiler, *options), spawner, _COMPILING_S)
            if code != 0 or not made.exists():
                raise CannotCount(f"{compiler[0]} does not compile {source.name} ({code}): {said}")
            made.replace(path)
        finally:
            made.unlink(missing_ok=True)
    return path


def _compiler() -> Sequence[str]:
    """The words of a C compiler; raises CannotCount where there is none."""
    said = os.environ.get("CC", "").split()
    found = [words for words in ([said] if said else [[name] for name in _COMPILERS]) if shutil.which(words[0])]
    if not found:
        wanted = f"CC is {' '.join(said)!r}, and there is none" if said else f"none of {', '.join(_COMPILERS)} is here"
        raise CannotCount(f"counting system calls takes a C compiler: {wanted}; install one (gcc), or name it in CC")
    return tuple(found[0])


def _cache() -> Path:
    """The user's cache; raises CannotCount where it cannot be written."""
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "mcp-crashtest")
    try:
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CannotCount(f"what is compiled cannot be kept in {own} ({error}): set XDG_CACHE_HOME") from error
    if not os.access(own, os.W_OK):
        raise CannotCount(
            f"what is compiled cannot be kept in {own}: set XDG_CACHE_HOME to a folder that may be written"
        )
    return own


async def _ran(argv: Sequence[str], spawner: Spawner, deadline_s: float) -> tuple[int | str, str]:
    """Run a program to its end: its exit code, or how else it ended, and the last that it said."""
    environment: Mapping[str, str] = {**os.environ, "LC_ALL": "C"}
    with tempfile.TemporaryFile() as said:
        launch = Launch((_found(argv[0]), *argv[1:]), "/", environment, stdout=said.fileno(), stderr=said.fileno())
        process = await spawner.spawn(launch)
        try:
            ended = await process.wait_exit(deadline_s)
        except TimeoutError:
            await process.kill()
            return f"no end within {deadline_s:.0f} s", ""
        said.seek(0)
        text = said.read().decode(errors="replace").strip()[-_LONGEST_SAID:]
    return ended.code if ended.code is not None else str(ended), text


def _found(program: str) -> str:
    return shutil.which(program) or program


def before(points: Sequence[object]) -> Syscall | None:
    """The call that the next life is to stand still before, where that is what comes next."""
    first = points[0] if points else None
    return first if isinstance(first, Syscall) else None
