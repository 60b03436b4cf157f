"""Whatever is started is accounted for: descriptors, processes and memory stay what they are, and nobody is left."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.subjects.fork_servers import warm_program
from mcp_crashtest.subjects.process import Exit, Launch
from mcp_crashtest.subjects.spawner import Spawner
from tests import warm
from tests.harness.subjects.launching import DEADLINE_S, Launching

_CYCLES = 200
_GROWTH_KIB = 1024


@pytest.fixture(autouse=True)
def nobody_else_has_a_guard() -> None:
    """What other tests of this process keep warm ends: here everybody is counted, and one guard is killed."""
    warm.close()


@dataclass(frozen=True, slots=True)
class Holding:
    """What the lab and those who work for it hold."""

    processes: int
    lab: int
    guard: int
    fork_server: int


def holding() -> tuple[Holding, dict[int, int]]:
    lab = psutil.Process()
    (guard,) = (child for child in lab.children() if "mcp_crashtest.subjects.guard" in child.cmdline())
    (server,) = (child for child in guard.children() if "mcp_crashtest.subjects.forkserver" in child.cmdline())
    family = len(lab.children(recursive=True))
    memory = {process.pid: process.memory_info().rss // 1024 for process in (guard, server)}
    return Holding(family, lab.num_fds(), guard.num_fds(), server.num_fds()), memory


@pytest.mark.asyncio
async def test_two_hundred_lives_and_deaths_leave_no_process_descriptor_or_memory(launching: Launching) -> None:
    script = launching.script("import time; time.sleep(60)")

    async def cycle(warm: bool) -> int:
        process = await launching.python(script, warm=warm)
        assert (await process.kill()).confirmed
        return process.pid

    for _ in range(20):
        await cycle(True)
    await cycle(False)
    before, memory_before = holding()
    pids = {await cycle(number % 10 > 0) for number in range(_CYCLES)}
    after, memory_after = holding()
    assert len(pids) == _CYCLES
    assert after == before
    assert all(memory_after[pid] - memory_before[pid] < _GROWTH_KIB for pid in memory_before)


@pytest.mark.asyncio
async def test_many_start_and_die_at_once(launching: Launching) -> None:
    script = launching.script("import time; time.sleep(60)")
    processes = await asyncio.gather(*(launching.python(script, warm=number % 2 == 0) for number in range(20)))
    assert len({process.pid for process in processes}) == 20
    proofs = await asyncio.gather(*(process.kill() for process in processes))
    assert all(proof.confirmed for proof in proofs)


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_no_descriptor_of_the_lab_reaches_a_subject(launching: Launching, warm: bool) -> None:
    script = launching.script("import os; print(sorted(os.listdir('/proc/self/fd'), key=int)[:-1])")
    with (launching.folder / "held").open("wb") as held:
        os.set_inheritable(held.fileno(), True)
        done = await launching.ended(await launching.python(script, warm=warm))
    assert done.out == "['0', '1', '2']\n"


def set_in(line: str) -> set[int]:
    """The signals in a mask of /proc/self/status, without those that the C library keeps for itself."""
    mask = int(line.split()[1], 16)
    return {number for number in signal.valid_signals() if mask >> (number - 1) & 1}


@pytest.mark.asyncio
async def test_a_subject_that_is_no_python_finds_its_signals_as_a_shell_gives_them(launching: Launching) -> None:
    done = await launching.ended(await launching.start("grep", "Sig[BI]", "/proc/self/status"))
    assert [set_in(line) for line in done.out.splitlines()] == [set(), set()]


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_a_lab_that_ignores_signals_has_subjects_that_do_not(tmp_path: Path, warm: bool) -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTSTP, signal.SIGTTIN)}
    try:
        async with Spawner() as spawner:
            launching = Launching(spawner, tmp_path)
            script = launching.script("print(open('/proc/self/status').read())")
            done = await launching.ended(await launching.python(script, warm=warm))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    (ignored,) = (set_in(line) for line in done.out.splitlines() if line.startswith("SigIgn"))
    assert ignored == {signal.SIGPIPE, signal.SIGXFSZ}


@pytest.mark.asyncio
@pytest.mark.parametrize("argv", [("no-such-program",), ("/etc/passwd",)])
async def test_what_cannot_be_executed_ends_with_127_and_says_why(launching: Launching, argv: tuple[str, ...]) -> None:
    done = await launching.ended(await launching.start(*argv))
    assert done.exit == Exit(code=127)
    assert done.err.startswith(f"{argv[0]} cannot be started in {launching.folder}: [Errno ")


@pytest.mark.asyncio
async def test_who_was_started_for_somebody_who_gave_up_is_killed(launching: Launching) -> None:
    starting = asyncio.create_task(launching.start("sleep", "61"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    ended = await launching.start("true")
    await ended.wait_exit(DEADLINE_S)
    await asyncio.sleep(0)
    guard = next(p for p in psutil.Process().children() if "mcp_crashtest.subjects.guard" in p.cmdline())
    _, alive = psutil.wait_procs(guard.children(), timeout=DEADLINE_S)
    assert alive == []


@pytest.mark.asyncio
async def test_closing_ends_everybody_and_frees_every_descriptor(tmp_path: Path) -> None:
    script = tmp_path / "subject.py"
    script.write_text("import time; time.sleep(60)")
    before = psutil.Process().num_fds()
    with (tmp_path / "log").open("wb") as log:
        launch = Launch((sys.executable, str(script)), str(tmp_path), {}, log.fileno(), log.fileno())
        async with Spawner() as spawner:
            process = await spawner.spawn(launch)
            family = psutil.Process().children(recursive=True)
            assert psutil.Process(process.pid) in family
        assert process.exited
        assert not any(member.is_running() for member in family)
        with pytest.raises(HarnessError, match="not open"):
            await spawner.spawn(launch)
    assert psutil.Process().num_fds() == before


@pytest.mark.asyncio
async def test_more_descriptors_than_a_message_carries_are_refused(launching: Launching) -> None:
    with pytest.raises(HarnessError, match="too many to inherit"):
        await launching.start("true", inherit=(0,) * 40)


@pytest.mark.asyncio
async def test_a_guard_that_is_killed_is_a_failure_of_the_lab(launching: Launching) -> None:
    process = await launching.start("sleep", "61")
    guard = next(p for p in psutil.Process().children() if "mcp_crashtest.subjects.guard" in p.cmdline())
    guard.kill()
    assert (await process.wait_exit(DEADLINE_S)).signal
    with pytest.raises(HarnessError, match="the guard is gone"):
        await launching.start("true")


@pytest.mark.parametrize(
    ("argv", "program"),
    [
        ((sys.executable, "server.py", "--port", "1"), sys.executable),
        ((sys.executable, "-m", "server"), sys.executable),
        ((sys.executable, "-m"), None),
        ((sys.executable, "-O", "server.py"), None),
        ((sys.executable, "-c", "pass"), None),
        ((sys.executable, "folder"), None),
        ((sys.executable,), None),
        (("python3", "server.py"), sys.executable),
        (("/bin/sh", "server.py"), None),
        (("no-such-program", "server.py"), None),
        ((), None),
    ],
)
def test_only_plain_scripts_and_modules_of_a_python_are_for_the_fork_server(
    argv: tuple[str, ...], program: str | None
) -> None:
    assert warm_program(argv, path=str(Path(sys.executable).parent)) == program


@pytest.mark.parametrize(("name", "taken"), [("python3.11", True), ("python", True), ("pypy3", False), ("node", False)])
def test_another_environments_interpreter_is_itself_and_not_the_labs(tmp_path: Path, name: str, taken: bool) -> None:
    program = tmp_path / name
    program.symlink_to(Path(sys.executable).resolve())
    assert warm_program((str(program), "server.py")) == (str(program) if taken else None)


def test_a_script_by_the_name_of_python_is_no_interpreter(tmp_path: Path) -> None:
    shim = tmp_path / "python"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    assert warm_program((str(shim), "server.py")) is None
