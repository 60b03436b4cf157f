"""System calls are counted, and a kill comes just before the one that was asked for: seen from outside, in its files.

Each program does ``rounds``: it writes ``log.new``, syncs it and puts it in the place of ``log``, three times; then it
removes that. What lies there tells before which call it stands.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.model.calls import ANY, Call, Counted, Engine, Remark, missed, names
from mcp_crashtest.model.coordinates import Syscall
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.subjects.life import ProcessLife
from mcp_crashtest.subjects.process import Launch
from mcp_crashtest.subjects.syscalls import engines
from mcp_crashtest.subjects.syscalls.control import Control
from mcp_crashtest.subjects.syscalls.engines import CannotCount, counting
from tests.harness.subjects.launching import DEADLINE_S, Launching, until

PROGRAMS = Path(__file__).parent / "programs"
ROUND = ["write log.new", "fsync log.new", "rename log"]
CALLS = [*ROUND * 3, "unlink log"]
ENGINES = (Engine.PRELOAD, Engine.WATCH)  # the one that records is the first of them
NODE = pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")


def lies_there(number: int) -> tuple[str | None, str | None]:
    """What ``log`` and ``log.new`` hold just before the call with this number, from 1."""
    done, within = divmod(number - 1, len(ROUND))
    log = str(done) if done else None
    return log, (None if number == len(CALLS) else "" if within == 0 else str(done + 1))


def found(state: Path) -> tuple[str | None, str | None]:
    log, new = (state / name for name in ("log", "log.new"))
    return (log.read_text() if log.exists() else None, new.read_text() if new.exists() else None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C programs, compiled; ``static`` is rounds without any library."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("rounds", "buffered", "answers"):
        subprocess.run(["cc", "-o", folder / name, PROGRAMS / f"{name}.c"], check=True)
    subprocess.run(["cc", "-static", "-o", folder / "static", PROGRAMS / "rounds.c"], check=False)
    return folder


@dataclass(frozen=True, slots=True)
class Run:
    """A life that stands still, or has ended; what was counted, and what lies there."""

    counted: Counted
    there: tuple[str | None, str | None]
    killed: bool


async def run(launching: Launching, engine: Engine, *argv: str, before: Syscall | None = None) -> Run:
    """Start a program under an engine; kill it where it stands still."""
    state = launching.folder / "state"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    control = Control(launching.folder / "control")
    control.make(state, launching.folder / "ledger", before)
    ready = await counting(engine, launching.spawner)
    with launching.out.open("wb") as out, launching.err.open("wb") as err:
        words = tuple(word.replace("STATE", str(state)) for word in argv)
        launch = Launch(words, str(launching.folder), launching.environment, stdout=out.fileno(), stderr=err.fileno())
        process = await launching.spawner.spawn(ready.around(launch, control))
    life = ProcessLife(1, process)
    killed = await life.wait_parked(DEADLINE_S)
    there = found(state)
    if killed:
        proof = await life.kill()
        assert proof.confirmed, proof.reason
        assert found(state) == there, "it went on behind the place where it stood"
    return Run(control.read(), there, killed)


def program(kind: str, made: Path) -> tuple[str, ...]:
    if kind == "node":
        return (shutil.which("node") or "node", str(PROGRAMS / "rounds.js"), "STATE")
    if kind == "child":  # of a launcher, in its group
        return ("/bin/sh", "-c", f"{made / 'rounds'} STATE; true")
    if not (made / kind).exists():
        pytest.skip(f"{kind} programs cannot be linked here")
    return (str(made / kind), "STATE")


SWEPT = [
    pytest.param("rounds", Engine.PRELOAD, id="c-preload"),
    pytest.param("rounds", Engine.WATCH, id="c-watch"),
    pytest.param("static", Engine.WATCH, id="static"),
    pytest.param("child", Engine.WATCH, id="child-of-a-launcher", marks=pytest.mark.soak),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "engine"), SWEPT)
async def test_a_program_is_killed_just_before_each_call_that_is_asked_for(
    kind: str, engine: Engine, launching: Launching, made: Path
) -> None:
    argv = program(kind, made)
    whole = await run(launching, engine, *argv)
    assert (names(whole.counted.calls), whole.killed) == (CALLS, False)
    for number in range(1, len(CALLS) + 1):
        seen = await run(launching, engine, *argv, before=Syscall(ANY, number))
        assert (seen.killed, seen.there) == (True, lies_there(number)), f"call {number}"
        assert (seen.counted.reached, names(seen.counted.calls)) == (number, CALLS[:number])


@pytest.mark.asyncio
@NODE
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_node_program_is_killed_just_before_the_call_that_is_asked_for(
    engine: Engine, launching: Launching, made: Path
) -> None:
    for number in (1, 5, 10) if engine is Engine.PRELOAD else (5,):
        seen = await run(launching, engine, *program("node", made), before=Syscall(ANY, number))
        assert (seen.killed, seen.there) == (True, lies_there(number)), f"call {number}"
        assert (seen.counted.reached, names(seen.counted.calls)) == (number, CALLS[:number])


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_call_of_one_class_is_counted_among_its_own(engine: Engine, launching: Launching, made: Path) -> None:
    seen = await run(launching, engine, *program("rounds", made), before=Syscall("fsync log.new", 2))
    assert (seen.killed, seen.counted.reached, seen.there) == (True, 5, lies_there(5))


@pytest.mark.asyncio
async def test_a_static_program_is_not_counted_by_the_preload(launching: Launching, made: Path) -> None:
    seen = await run(launching, Engine.PRELOAD, *program("static", made), before=Syscall(ANY, 1))
    assert not seen.killed
    assert seen.counted == Counted(())


@pytest.mark.asyncio
async def test_what_passes_the_preload_by_is_told_by_the_watcher(launching: Launching, made: Path) -> None:
    fewer, more = [await run(launching, engine, str(made / "buffered"), "STATE") for engine in ENGINES]
    assert missed(fewer.counted.calls, more.counted.calls) == {"write log": 2}
    assert [call.size for call in more.counted.calls] == [1, 1]


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_answers_for_the_job_are_counted_and_nothing_else_that_is_said(
    engine: Engine, launching: Launching, made: Path
) -> None:
    seen = await run(launching, engine, "/bin/sh", "-c", f"{made / 'answers'} | cat", before=Syscall("answer", 2))
    assert (names(seen.counted.calls), seen.killed) == (["answer", "answer"], True)
    other = await run(launching, engine, "/bin/sh", "-c", f"{made / 'answers'} | cat", before=Syscall(ANY, 1))
    assert (names(other.counted.calls), other.killed) == (["answer", "answer"], False)


@pytest.mark.asyncio
@pytest.mark.parametrize("engine", ENGINES)
async def test_only_what_lies_in_the_state_or_is_the_ledger_is_counted(engine: Engine, launching: Launching) -> None:
    script = launching.script(
        """
        import mmap, os, sys
        state, ledger = sys.argv[1:]
        for path in (state + "/a", state + "/b-shm", state + "x", ledger, "/dev/null"):
            with open(path, "wb", buffering=0) as file:
                file.write(b"12")
        os.rename(state + "x", state + "/x.1234567.tmp")
        os.unlink(state + "/../state/a")
        os.chdir(state)
        os.rename("x.1234567.tmp", "y")
        with open("y", "r+b") as file:
            mmap.mmap(file.fileno(), 2)
        """
    )
    seen = await run(launching, engine, sys.executable, script, "STATE", str(launching.folder / "ledger"))
    assert names(seen.counted.calls) == ["write a", "write ledger", "rename x.*.tmp", "unlink a", "rename y"]
    assert seen.counted.remarks == Remark.ATTACHED | Remark.MAPPED


@pytest.mark.asyncio
async def test_a_life_that_a_fork_server_forks_is_counted_from_its_first_call(launching: Launching) -> None:
    script = launching.script("import os, sys; os.chdir(sys.argv[1]); os.write(os.open('a', os.O_CREAT | 2), b'1')")
    ready = await counting(Engine.PRELOAD, launching.spawner)
    for number in (1, 2):
        control = Control(launching.folder / f"control-{number}")
        control.make(launching.folder, launching.folder / "ledger", Syscall(ANY, 1))
        with launching.out.open("wb") as out:
            argv = (sys.executable, script, str(launching.folder))
            launch = Launch(argv, str(launching.folder), launching.environment, out.fileno(), out.fileno(), preload=())
            life = ProcessLife(1, await launching.spawner.spawn(ready.around(launch, control)))
        assert await life.wait_parked(DEADLINE_S)
        assert names(control.read().calls) == ["write a"]
        assert (launching.folder / "a").read_text() == ""
        assert (await life.kill()).confirmed


@pytest.mark.asyncio
async def test_threads_that_come_to_a_call_meanwhile_stand_still_there(launching: Launching) -> None:
    script = launching.script(
        """
        import os, sys, threading
        def work(name):
            file = os.open(os.path.join(sys.argv[1], name), os.O_CREAT | os.O_WRONLY)
            for _ in range(200):
                os.write(file, b"1")
        threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        """
    )
    for engine in ENGINES:
        seen = await run(launching, engine, sys.executable, script, "STATE", before=Syscall(ANY, 100))
        state = launching.folder / "state"
        written = sum(path.stat().st_size for path in state.iterdir())
        assert seen.killed
        assert 96 <= written <= 99, "one call of each other thread may have been under way"


# --- what is missing is said


@pytest.mark.asyncio
async def test_without_a_compiler_it_is_said_what_to_install(
    launching: Launching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(CannotCount, match=r"CC is 'no-such-compiler'.*install one \(gcc\), or name it in CC"):
        await counting(Engine.PRELOAD, launching.spawner)


@pytest.mark.asyncio
async def test_a_cache_that_cannot_be_written_is_named(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CannotCount, match="set XDG_CACHE_HOME"):
        await counting(Engine.WATCH, launching.spawner)


@pytest.mark.asyncio
async def test_what_was_compiled_is_kept_whole_and_made_once(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    await counting(Engine.PRELOAD, launching.spawner)
    [kept] = (tmp_path / "cache" / "mcp-crashtest").iterdir()
    before = kept.stat()
    assert await engines._compiled(Engine.PRELOAD, launching.spawner) == kept
    assert kept.stat() == before


def test_a_call_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no call 'open'"):
        Control(tmp_path / "control").make(tmp_path, tmp_path, Syscall("open log", 1))


# --- a server may write the control file, too


def test_a_control_file_that_a_server_has_spoilt_says_nothing_and_holds_nobody_up(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    control.make(tmp_path, tmp_path / "ledger", Syscall(ANY, 10**30))
    whole = control.path.read_bytes()
    assert control.read() == Counted(())
    control.path.write_bytes(whole[:5000])
    assert control.read() == Counted(())
    control.path.write_bytes(whole[:4] + b"\xff" * (len(whole) - 4))
    assert control.read().calls == ()
    control.path.unlink()
    assert control.read() == Counted(())
    os.mkfifo(control.path)
    assert control.read() == Counted(())


def test_a_name_is_shown_without_what_a_terminal_would_obey(tmp_path: Path) -> None:
    control = Control(tmp_path / "control")
    control.make(tmp_path, tmp_path / "ledger", None)
    entry = struct.pack("=IIQq104s", 1, 1, 10**9, 2, b"\x1b[2Jlog\xff")
    with control.path.open("r+b") as file:
        file.write(struct.pack("=IIQ", 0x43414C31, 16, 1))
        file.seek(2248)
        file.write(entry)
    assert control.read() == Counted((Call("write", "?[2Jlog\ufffd", 2, 1.0),), Remark.ATTACHED)


# --- nothing is left behind


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_outlives_a_lab_that_is_killed_while_a_life_stands_still(
    engine: Engine, made: Path, tmp_path: Path
) -> None:
    lab = subprocess.Popen(
        [sys.executable, "-m", "tests.harness.subjects.a_counting_lab", engine, str(made / "rounds"), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert lab.stdout
    standing = int(lab.stdout.readline())
    group = [p.pid for p in psutil.process_iter() if _group_of(p.pid) == standing]
    assert standing in group
    assert len(group) == (2 if engine is Engine.WATCH else 1)
    lab.send_signal(signal.SIGKILL)
    lab.wait(DEADLINE_S)
    lab.stdout.close()
    asyncio.run(until(lambda: not any(psutil.pid_exists(pid) for pid in group), "the group is gone"))


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None
