"""A kill is proven by the corpse; what lives on is named; what stops and what ends is told apart."""

from __future__ import annotations

import asyncio
import signal
import sys
import time

import psutil
import pytest

from mcp_crashtest.subjects.proc import state_of
from mcp_crashtest.subjects.process import Exit
from tests.harness.subjects.launching import DEADLINE_S, Launching, until

SERVER = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
WRITING = "import itertools\nfor n in itertools.count(): print(n, flush=True)"
STOPPING = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP); print('thawed', flush=True)"
DAEMON = """
    import os, time
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            time.sleep(60)
        os._exit(0)
    time.sleep(60)
"""
KILLED = Exit(signal=signal.SIGKILL)


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_a_kill_is_confirmed(launching: Launching, warm: bool) -> None:
    process = await launching.python(launching.script(SERVER), warm=warm)
    assert await launching.written() == [str(process.pid)]
    assert (process.exited, process.warm) == (None, warm)
    proof = await process.kill()
    assert (proof.confirmed, proof.exit, proof.survivors) == (True, KILLED, ())
    assert process.exited == KILLED
    assert proof.elapsed_s < 5


@pytest.mark.asyncio
async def test_the_last_moment_of_who_is_killed_is_that_of_the_order_however_long_its_proof_takes(
    launching: Launching,
) -> None:
    process = await launching.python(launching.script(WRITING))
    await launching.written(100)
    guard = psutil.Process(process.pid).parent()
    assert guard
    guard.suspend()  # as on a machine on which it does not get its turn
    try:
        killing = asyncio.create_task(process.kill())
        await until(lambda: state_of(process.pid) == "T", "it stands still")
        written = launching.out.stat().st_size
        await asyncio.sleep(0.1)
        assert launching.out.stat().st_size == written
    finally:
        guard.resume()
    assert (await killing).confirmed
    assert launching.out.stat().st_size == written
    assert not await process.wait_stopped(DEADLINE_S)


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_a_process_is_killed_in_its_first_instant(launching: Launching, warm: bool) -> None:
    script = launching.script(SERVER)
    for _ in range(10):
        process = await launching.python(script, warm=warm)
        assert (await process.kill()).confirmed


@pytest.mark.asyncio
async def test_a_kill_behind_a_shell_reaches_the_server_in_its_group(launching: Launching) -> None:
    process = await launching.start("sh", "-c", f"{sys.executable} {launching.script(SERVER)}; true")
    (server,) = await launching.written()
    assert int(server) != process.pid
    proof = await process.kill()
    assert proof.confirmed, proof.reason
    assert await launching.spawner.strays() == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [None, False, True], ids=["setsid", "daemon", "forked daemon"])
async def test_a_server_that_has_left_the_group_is_no_confirmed_kill_is_named_and_can_be_swept(
    launching: Launching, warm: bool | None
) -> None:
    if warm is None:
        script = launching.script(SERVER)
        process = await launching.start("sh", "-c", f"setsid {sys.executable} {script} & wait")
    else:
        script = launching.script(DAEMON)
        process = await launching.python(script, warm=warm)
    server = int((await launching.written())[0])
    proof = await process.kill()
    assert not proof.confirmed
    assert [pid for pid, _ in proof.survivors] == [server]
    assert script in proof.survivors[0][1]
    assert f"{server} " in proof.reason
    assert "is outside its process group, and was alive when the group was gone" in proof.reason
    assert '[subject] kill = "all"' in proof.reason
    assert await launching.spawner.strays() == proof.survivors
    assert await launching.spawner.sweep() == proof.survivors
    assert await launching.spawner.strays() == ()


@pytest.mark.asyncio
async def test_a_survivor_that_hides_its_environment_is_not_overlooked(launching: Launching) -> None:
    process = await launching.start("sh", "-c", "setsid env -i sh -c 'echo; exec sleep 61' & wait")
    await launching.written()
    proof = await process.kill()
    assert [command for _, command in proof.survivors] == ["sleep 61"]
    assert len(await launching.spawner.sweep()) == 1


@pytest.mark.asyncio
async def test_one_processes_survivors_are_not_held_against_another(launching: Launching) -> None:
    escaping = await launching.start("sh", "-c", "setsid sh -c 'echo; exec sleep 61' & wait")
    await launching.written()
    other = await launching.python(launching.script(SERVER))
    await launching.written()
    assert not (await escaping.kill()).confirmed
    assert (await other.kill()).confirmed
    assert [command for _, command in await launching.spawner.sweep()] == ["sleep 61"]


@pytest.mark.asyncio
async def test_a_sweep_spares_what_an_open_process_has_sent_into_the_background(launching: Launching) -> None:
    process = await launching.python(launching.script(DAEMON))
    await launching.written()
    assert await launching.spawner.sweep() == ()
    assert not (await process.kill()).confirmed
    assert len(await launching.spawner.sweep()) == 1


@pytest.mark.asyncio
async def test_a_sweep_of_one_boot_spares_the_survivor_that_refutes_the_kill_of_another(launching: Launching) -> None:
    ours = await launching.start("sh", "-c", "setsid sh -c 'echo; exec sleep 61' & wait")
    await launching.written()
    other = await launching.start("sh", "-c", "setsid sh -c 'echo; exec sleep 62' & wait")
    await launching.written()
    assert not (await ours.kill()).confirmed
    proving = asyncio.create_task(other.kill())
    assert [command for _, command in await launching.spawner.sweep([ours.boot])] == ["sleep 61"]
    assert [command for _, command in (await proving).survivors] == ["sleep 62"]
    assert len(await launching.spawner.sweep()) == 1


@pytest.mark.asyncio
async def test_a_sweep_ends_whole_trees(launching: Launching) -> None:
    script = launching.script("""
        sh -c 'echo; exec sleep 61' &
        setsid sh -c 'echo; exec sleep 62' &
        wait
    """)
    process = await launching.start("sh", "-c", f"setsid sh {script} & wait")
    await launching.written(2)
    proof = await process.kill()
    assert sorted(command for _, command in proof.survivors) == [f"sh {script}", "sleep 61", "sleep 62"]
    swept = await launching.spawner.sweep()
    assert len(swept) == 3
    assert await launching.spawner.strays() == ()


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_a_kill_of_what_has_already_ended_is_not_confirmed(launching: Launching, warm: bool) -> None:
    process = await launching.python(launching.script("raise SystemExit(4)"), warm=warm)
    await process.wait_exit(DEADLINE_S)
    proof = await process.kill()
    assert not proof.confirmed
    assert proof.reason == "the process had already ended with exit code 4 before the kill"
    assert proof.exit == Exit(code=4)


@pytest.mark.asyncio
async def test_a_launcher_that_has_left_its_server_behind_is_no_confirmed_kill(launching: Launching) -> None:
    process = await launching.start("sh", "-c", "sleep 61 & sleep 0.2; echo")
    await process.wait_exit(DEADLINE_S)
    proof = await process.kill()
    assert not proof.confirmed
    assert "already ended with exit code 0" in proof.reason
    assert [command for _, command in proof.survivors] == ["sleep 61"]
    assert len(await launching.spawner.sweep()) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("how", ["cold", "forked", "behind a shell"])
async def test_a_stop_is_seen_and_a_group_goes_on(launching: Launching, how: str) -> None:
    script = launching.script(STOPPING)
    if how == "behind a shell":
        process = await launching.start("sh", "-c", f"{sys.executable} {script}; true")
    else:
        process = await launching.python(script, warm=how == "forked")
    assert await process.wait_stopped(DEADLINE_S)
    assert launching.out.read_text() == ""
    assert await process.signal_group(signal.SIGCONT)
    assert (await launching.ended(process)).out == "thawed\n"
    assert not await process.wait_stopped(DEADLINE_S)
    assert not await process.signal_group(signal.SIGCONT)


@pytest.mark.asyncio
async def test_a_stopped_process_is_killed(launching: Launching) -> None:
    process = await launching.python(launching.script(STOPPING), warm=True)
    assert await process.wait_stopped(DEADLINE_S)
    assert (await process.kill()).confirmed


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_every_wait_has_a_deadline(launching: Launching, warm: bool) -> None:
    process = await launching.python(launching.script(SERVER), warm=warm)
    for waiting in (process.wait_exit, process.wait_stopped):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await waiting(0.05)
        assert time.monotonic() - began < 5
    assert await process.stop(signal.SIGWINCH, 0.05) is None
    assert await process.stop(signal.SIGTERM, DEADLINE_S) == Exit(signal=signal.SIGTERM)
    assert not process.signal(signal.SIGTERM)


@pytest.mark.asyncio
async def test_a_process_that_ends_while_the_lab_is_busy_is_heard_of(launching: Launching) -> None:
    for _ in range(5):
        starting = asyncio.create_task(launching.start("true"))
        await asyncio.sleep(0)
        time.sleep(0.05)  # noqa: ASYNC251  the event loop itself is what is busy
        process = await starting
        assert await process.wait_exit(DEADLINE_S) == Exit(code=0)


@pytest.mark.parametrize(
    ("exit_", "said"),
    [(Exit(code=3), "exit code 3"), (Exit(signal=9), "SIGKILL"), (Exit(signal=63), "signal 63")],
)
def test_an_exit_is_said_as_a_person_says_it(exit_: Exit, said: str) -> None:
    assert str(exit_) == said


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_who_dies_of_a_fault_in_memory_leaves_no_core(launching: Launching, warm: bool) -> None:
    process = await launching.python(launching.script(SERVER), warm=warm)
    await launching.written()
    assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_CORE)[0] <= 1
    before = set(launching.folder.iterdir())
    assert process.signal(signal.SIGSEGV)
    assert await process.wait_exit(DEADLINE_S) == Exit(signal=signal.SIGSEGV)
    assert set(launching.folder.iterdir()) == before
