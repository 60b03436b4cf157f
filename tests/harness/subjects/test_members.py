"""Whoever belongs to a life and outlives its group refutes the kill, however soon he ends; nobody else does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from mcp_crashtest.subjects.proc import see
from mcp_crashtest.subjects.process import KillProof, Site
from mcp_crashtest.subjects.sockets import find_free_port
from tests.harness.subjects.launching import DEADLINE_S, Launching, until

TICKS = os.sysconf("SC_CLK_TCK")  # a second: so exactly /proc tells when somebody was born
WORKER = "setsid sh -c 'echo; exec sleep {}' &"
HIDDEN = """
    import os, sys, time
    told, tells = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir(sys.argv[1])
            os.execve("/bin/sleep", ["sleep", "63"], {})
        os._exit(0)
    os.close(tells)
    os.read(told, 1)  # the end of it: the daemon is what it is called by now
    print(flush=True)
    time.sleep(60)
"""
HONEST = {
    "a helper in its own group": "import subprocess; subprocess.Popen(['sleep', '60'])",
    "a helper in its own session that has ended": """
        import subprocess
        subprocess.run(['true'], start_new_session=True)
    """,
    "a helper in its own session that nobody has waited for": """
        import os, subprocess
        helper = subprocess.Popen(['true'], start_new_session=True)
        os.waitid(os.P_PID, helper.pid, os.WEXITED | os.WNOWAIT)
    """,
    "a helper in its own session that the kernel ends with it": """
        import ctypes, os, signal, subprocess
        die = lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
        subprocess.Popen(['sleep', '60'], start_new_session=True, preexec_fn=die)
    """,
    "a pool of workers with a resource tracker": """
        import multiprocessing
        pool = multiprocessing.get_context('spawn').Pool(2)
        pool.map(abs, [1, 2])
    """,
    "threads": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
}


async def killed(launching: Launching, text: str, *arguments: str, site: Site, warm: bool = False) -> KillProof:
    """Start a script, wait until it, or what it has started, has written a line, and kill it."""
    process = await launching.python(launching.script(text), *arguments, warm=warm, site=site)
    await launching.written()
    return await process.kill()


def main(text: str) -> str:
    """A server that does this, says so, and goes on; guarded, because a pool imports it again."""
    lines = [f"    {line.strip()}" for line in text.strip().splitlines()]
    return "\n".join(
        ["import time", "if __name__ == '__main__':", *lines, "    print(flush=True)", "    time.sleep(60)"]
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("honest", HONEST)
@pytest.mark.parametrize("everybody", [False, True], ids=["group", "all"])
async def test_a_server_is_not_accused_for(launching: Launching, honest: str, everybody: bool) -> None:
    site = Site(port=find_free_port(), folder=str(launching.folder), everybody=everybody)
    proof = await killed(launching, main(HONEST[honest]), site=site)
    assert proof.confirmed, proof.reason
    deadline = time.monotonic() + DEADLINE_S
    while await launching.spawner.strays():  # who is dying can do nothing any more, and is still there
        assert time.monotonic() < deadline


@pytest.mark.asyncio
async def test_a_worker_that_ends_a_moment_after_the_group_refutes_the_kill(launching: Launching) -> None:
    process = await launching.start("sh", "-c", f"{WORKER.format(0.3)} wait")
    await launching.written()
    proof = await process.kill()
    assert not proof.confirmed
    assert [command for _, command in proof.survivors] == ["sleep 0.3"]
    assert 'set [subject] kill = "all"' in proof.reason


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_with_everybody_the_kill_reaches_workers_in_sessions_of_their_own(
    launching: Launching, warm: bool
) -> None:
    text = """
        import subprocess, time
        worker = "import time; print(flush=True); time.sleep(60)"
        for _ in range(3):
            subprocess.Popen(["python3", "-c", worker], start_new_session=True)
        time.sleep(60)
    """
    process = await launching.python(launching.script(text), warm=warm, site=Site(everybody=True))
    await launching.written(3)
    family = psutil.Process(process.pid).children()
    proof = await process.kill()
    assert proof.confirmed, proof.reason
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)
    assert await launching.spawner.strays() == ()


@pytest.mark.asyncio
async def test_with_everybody_a_worker_that_starts_the_next_one_is_outrun(launching: Launching) -> None:
    script = launching.script("import os, time\nwhile os.fork() == 0: os.setsid(); print(flush=True)\ntime.sleep(0.05)")
    site = Site(everybody=True)
    process = await launching.start("sh", "-c", f"setsid {sys.executable} {script} & exec sleep 60", site=site)
    await launching.written(5)
    proof = await process.kill()
    assert proof.confirmed, proof.reason
    assert await launching.spawner.strays() == ()


@pytest.mark.asyncio
async def test_a_kill_of_everybody_spares_another_life(launching: Launching) -> None:
    site = Site(folder=str(launching.folder), everybody=True)
    other = await launching.start("sh", "-c", f"{WORKER.format(62)} wait", site=site)
    await launching.written()
    [spared] = psutil.Process(other.pid).children()
    assert (await killed(launching, main("pass"), site=site, warm=True)).confirmed
    assert other.exited is None
    assert spared.is_running()
    assert (await other.kill()).confirmed


@pytest.mark.asyncio
@pytest.mark.parametrize("everybody", [False, True], ids=["group", "all"])
async def test_a_daemon_that_hides_its_origin_is_known_by_the_folder_that_it_is_in(
    launching: Launching, everybody: bool
) -> None:
    site = Site(folder=str(launching.folder), everybody=everybody)
    proof = await killed(launching, HIDDEN, str(launching.folder), site=site)
    assert proof.confirmed is everybody
    assert [command for _, command in proof.survivors] == ([] if everybody else ["sleep 63"])
    assert len(await launching.spawner.strays()) == (not everybody)


@pytest.mark.asyncio
async def test_a_daemon_that_hides_its_origin_is_not_held_against_a_life_that_began_after_it(
    launching: Launching,
) -> None:
    refuted = await killed(launching, HIDDEN, "/", site=Site(folder=str(launching.folder)))
    assert [command for _, command in refuted.survivors] == ["sleep 63"]
    daemon = see(refuted.survivors[0][0])
    assert daemon is not None
    await until(lambda: time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS > daemon.born + 1, "it is older by a tick")
    assert (await killed(launching, main("pass"), site=Site(folder=str(launching.folder)))).confirmed
    assert len(await launching.spawner.strays()) == 1


@contextmanager
def stranger(text: str, *arguments: object) -> Iterator[int]:
    """Somebody whom no life has started, and who has said that he is there."""
    command = [sys.executable, "-c", f"{text}\nimport sys, time; print(flush=True); time.sleep(60)"]
    started = subprocess.Popen([*command, *map(str, arguments)], stdout=subprocess.PIPE)
    try:
        assert started.stdout
        started.stdout.readline()
        yield started.pid
    finally:
        started.kill()
        started.communicate()


LISTENS = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))"
WRITES = "import sys; f = open(sys.argv[1] + '/x', 'w')"
READS = "import os, sys; os.chdir(sys.argv[1]); f = open('subject.py')"


@pytest.mark.asyncio
@pytest.mark.parametrize(("text", "counts"), [(LISTENS, True), (WRITES, True), (READS, False)])
async def test_a_stranger_counts_if_he_listens_on_the_port_or_can_write_to_the_store(
    launching: Launching, text: str, counts: bool
) -> None:
    port = find_free_port()
    script, site = launching.script(main("pass")), Site(port=port, folder=str(launching.folder))
    process = await launching.python(script, site=site)
    await launching.written()
    with stranger(text, port if text is LISTENS else launching.folder) as pid:
        proof = await process.kill()
    assert proof.confirmed is not counts
    assert [survivor for survivor, _ in proof.survivors] == ([pid] if counts else [])


@pytest.mark.asyncio
async def test_a_stranger_who_was_there_before_is_no_matter(launching: Launching) -> None:
    with stranger(WRITES, launching.folder):
        proof = await killed(launching, main("pass"), site=Site(folder=str(launching.folder)))
    assert proof.confirmed, proof.reason


@pytest.mark.asyncio
async def test_a_port_that_the_lab_itself_holds_is_no_matter(launching: Launching) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        site = Site(port=held.getsockname()[1], held=True)
        process = await launching.python(launching.script(main("pass")), site=site, inherit=(held.fileno(),))
        await launching.written()
        assert (await process.kill()).confirmed


@pytest.mark.asyncio
async def test_who_is_left_in_the_group_of_a_launcher_that_was_told_to_stop_can_be_killed(launching: Launching) -> None:
    process = await launching.start("sh", "-c", "(trap '' TERM; sleep 61; true) & wait")
    family = psutil.Process(process.pid).children
    await until(lambda: ["sleep", "61"] in [one.cmdline() for one in family(recursive=True)], "the sleeper is there")
    await process.watch()
    assert process.signal(signal.SIGTERM)
    await process.wait_exit(20)
    remains = await process.left(0.0)
    assert sorted(command for _, command in remains.inside)[-1] == "sleep 61"
    assert not (await process.left(5.0, kill=("inside",))).group_lives
    assert not any(psutil.pid_exists(pid) for pid, _ in remains.inside)
