"""Which fork server serves whom, what cannot be served, and what becomes of one that has died."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from mcp_crashtest.model.errors import HarnessError, SubjectError
from mcp_crashtest.subjects.process import Exit
from tests.harness.subjects.launching import DEADLINE_S, LIGHT, Launching, made


@pytest.mark.asyncio
async def test_subjects_with_other_modules_have_another_fork_server(launching: Launching) -> None:
    script = launching.script("import os, sys; print(os.getppid(), 'xml.dom' in sys.modules, 'wave' in sys.modules)")
    said = []
    for modules in (("xml.dom",), ("wave",), ("xml.dom",)):
        said.append((await launching.ended(await launching.python(script, warm=True, preload=modules))).out.split())
    assert [words[1:] for words in said] == [["True", "False"], ["False", "True"], ["True", "False"]]
    assert said[0][0] == said[2][0] != said[1][0]


@pytest.mark.asyncio
async def test_what_the_interpreter_reads_at_its_start_is_read_for_each_subject(launching: Launching) -> None:
    script = launching.script("import sys, time; print(sys.flags.optimize, sys.path[1], time.tzname[0])")
    changed = {"PYTHONOPTIMIZE": "1", "PYTHONPATH": "/nowhere", "TZ": "XYZ-3"}
    for environment in ({}, changed):
        cold = await launching.ended(await launching.python(script, env=environment))
        warm = await launching.ended(await launching.python(script, warm=True, env=environment))
        assert warm == cold


@pytest.mark.asyncio
async def test_beyond_eight_fork_servers_subjects_are_started_cold(launching: Launching) -> None:
    script = launching.script("print('here')")
    warm = []
    for number in range(9):
        process = await launching.python(script, warm=True, preload=(), env={"TZ": f"A{number}"})
        warm.append(process.warm)
        assert (await launching.ended(process)).out == "here\n"
    assert warm == [True] * 8 + [False]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere_to_be_found", r"faulty: ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("raise SystemExit('not today')", r"faulty: SystemExit: not today"),
        ("import os; os.abort()", r"importing faulty has ended the fork server with SIGABRT"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
            r"2 threads are left after importing faulty: forking is not safe",
        ),
    ],
    ids=["imports nothing", "exits", "crashes", "starts a thread"],
)
async def test_a_module_that_cannot_be_preloaded_is_named(launching: Launching, text: str, said: str) -> None:
    launching.script(text, "faulty.py")
    script = launching.script("print('never')")
    for _ in range(2):
        with pytest.raises(SubjectError, match=said):
            await launching.python(script, warm=True, preload=("faulty",))


@pytest.mark.asyncio
@pytest.mark.parametrize("argv", [("/bin/true", "x.py"), (sys.executable, "-O", "x.py")], ids=["program", "option"])
async def test_only_this_interpreters_scripts_and_modules_are_forked(
    launching: Launching, argv: tuple[str, ...]
) -> None:
    with pytest.raises(HarnessError, match="is not for a fork server"):
        await launching.start(*argv, preload=LIGHT)


@pytest.mark.asyncio
async def test_a_fork_server_that_has_died_is_started_again(launching: Launching) -> None:
    script = launching.script("import os, time; print(os.getppid(), flush=True); time.sleep(60)")
    process = await launching.python(script, warm=True)
    (server,) = await launching.written()
    os.kill(int(server), signal.SIGKILL)
    assert await process.wait_exit(DEADLINE_S) == Exit(signal=signal.SIGKILL)
    again = await launching.python(script, warm=True)
    assert (await launching.written()) != [server]
    assert (await again.kill()).confirmed


@pytest.mark.asyncio
async def test_packages_of_the_users_own_are_not_taken_for_the_labs(launching: Launching) -> None:
    for name in ("mcp_crashtest/__init__.py", "socket.py", "signal.py"):
        launching.script("raise AssertionError(__file__)", name)
    launching.script("", "mine/mcp_crashtest/__init__.py")
    launching.script("answer = 42", "mine/mcp_crashtest/model.py")
    script = launching.script("from mcp_crashtest.model import answer; print(answer)", "mine/subject.py")
    for warm in (False, True):
        done = await launching.ended(await launching.python(script, warm=warm))
        assert (done.out, done.err) == ("42\n", "")


@pytest.mark.asyncio
async def test_a_folder_of_each_run_s_own_and_an_interpreter_over_a_link_take_no_other_fork_server(
    launching: Launching,
) -> None:
    python = Path(made(launching.folder / "env"))
    script = launching.script("import os, sys; print(os.getppid(), os.getcwd(), sys.prefix)")
    said = []
    for run in ("a", "b"):
        (folder := launching.folder / run).mkdir()
        (folder / "env").symlink_to(launching.folder / "env")
        ours = str(folder / "env" / "bin" / python.name)
        process = await launching.python(script, warm=True, preload=(), python=ours, cwd=folder)
        assert process.warm
        said.append((await launching.ended(process)).out.split())
    assert [Path(words[1]).name for words in said] == ["a", "b"]
    assert said[0][0] == said[1][0]
    assert Path(said[0][2]) == launching.folder / "env"
