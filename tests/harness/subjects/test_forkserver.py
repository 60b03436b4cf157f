"""A forked subject is what a cold start would have made of the same command."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_crashtest.subjects.protocol import BOOT_VARIABLE
from mcp_crashtest.subjects.sockets import listen_socket
from tests.harness.subjects.launching import DEADLINE_S, Launching, until

ENDINGS = {
    "exits with a code": "import sys; sys.exit(3)",
    "exits with a text": "import sys; sys.exit('no room')",
    "runs to its end": "import atexit; atexit.register(print, 'bye'); print('hello', end='')",
    "raises": """
        import atexit
        atexit.register(print, 'bye')
        def inner():
            raise ValueError('bad') from KeyError('worse')
        def outer():
            inner()
        outer()
    """,
    "has its own hook": """
        import sys, traceback
        sys.excepthook = lambda kind, error, trace: print('hook', traceback.format_tb(trace))
        1 / 0
    """,
    "cannot be parsed": "print('never')\nthis is no python\n",
    "leaves at once": "import os; print('lost'); os._exit(7)",
    "is interrupted": "raise KeyboardInterrupt",
    "kills itself": "import os; os.kill(os.getpid(), 9)",
    "has a thread that goes on": """
        import threading, sys
        go = threading.Event()
        threading.Thread(target=lambda: (go.wait(), print(sys.modules['__main__'].answer))).start()
        answer = 42
        threading.main_thread()
        go.set()
    """,
    "has children of its own": """
        import asyncio, multiprocessing, subprocess, sys
        def double(n): return 2 * n
        async def main():
            child = await asyncio.create_subprocess_exec(sys.executable, '-c', 'print(1)', stdout=subprocess.PIPE)
            print((await child.communicate())[0], await asyncio.to_thread(double, 4))
        if __name__ == '__main__':
            asyncio.run(main())
            with multiprocessing.get_context('spawn').Pool(1) as pool:
                print(pool.map(double, [1, 2]))
    """,
}

IDENTITY = """
    import json, os, signal, sys, threading
    import __main__
    shown = {
        "argv": sys.argv, "orig_argv": getattr(sys, "orig_argv", None), "path": sys.path, "cwd": os.getcwd(),
        "main": [__main__.__file__, __main__.__name__, __main__ is sys.modules["__main__"], __main__.__package__,
                 getattr(__main__.__spec__, "name", None), type(__main__.__loader__).__name__],
        "environment": {k: v for k, v in os.environ.items() if k not in ("CRASHTEST_BOOT", "LC_CTYPE")},
        "descriptors": sorted(os.listdir("/proc/self/fd"))[:-1],
        "signals": {s.name: str(signal.getsignal(s)).partition(" at ")[0] for s in signal.valid_signals()
                    if isinstance(s, signal.Signals)},
        "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "leader": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
        "streams": [s.line_buffering for s in (sys.stdout, sys.stderr)] + [s.write_through for s in (sys.stdout,)],
        "encodings": [sys.stdout.encoding, sys.stderr.errors, sys.getfilesystemencoding()],
        "stdin": sys.stdin.read(),
        "interpreter": [sys.executable, sys.prefix, sys.version, sys.flags[:], sys.dont_write_bytecode],
        "threads": threading.active_count(),
        "lab": "mcp_crashtest" in sys.modules,
        "children": open(f"/proc/self/task/{os.getpid()}/children").read(),
    }
    print(json.dumps(shown, indent=1))
"""


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ENDINGS.values(), ids=ENDINGS)
async def test_it_ends_as_a_cold_start_does_when_it(launching: Launching, text: str) -> None:
    script = launching.script(text)
    cold = await launching.ended(await launching.python(script))
    warm = await launching.ended(await launching.python(script, warm=True))
    assert warm == cold


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "arguments",
    [("missing.py",), ("-m", "missing"), ("-m", "package.broken"), ("-m", "package", "-v"), ("sub/dir/../script.py",)],
    ids=" ".join,
)
async def test_a_command_means_what_it_means_cold(launching: Launching, arguments: tuple[str, ...]) -> None:
    launching.script("", "package/__init__.py")
    launching.script("import sys; print(sys.argv, __name__, __package__, sys.path[0])", "package/__main__.py")
    launching.script("import nowhere", "package/broken.py")
    launching.script("import sys; print(sys.argv, __file__, sys.path[0])", "sub/script.py")
    (launching.folder / "sub/dir").mkdir()
    cold = await launching.ended(await launching.python(*arguments))
    warm = await launching.ended(await launching.python(*arguments, warm=True))
    assert warm == cold


@pytest.mark.asyncio
@pytest.mark.parametrize("module", [False, True], ids=["script", "module"])
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
async def test_it_sees_what_a_cold_start_sees(launching: Launching, module: bool, unbuffered: str) -> None:
    launching.script(IDENTITY)
    command = ("-m", "subject") if module else ("subject.py",)
    seen = []
    environment = {"ONE": "1", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": unbuffered}
    for warm in (False, True):
        process = await launching.python(*command, "--flag", "ü", warm=warm, env=environment)
        done = await launching.ended(process)
        assert done.err == ""
        seen.append(json.loads(done.out))
    assert seen[1] == seen[0]


@pytest.mark.asyncio
async def test_output_without_a_newline_survives_a_kill_when_it_is_unbuffered(launching: Launching) -> None:
    script = launching.script("import time; print('at once', end=''); time.sleep(60)")
    process = await launching.python(script, warm=True, env={"PYTHONUNBUFFERED": "1"})
    await until(lambda: launching.out.read_text() == "at once", "the text is there")
    assert (await process.kill()).confirmed


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("file", "preload"), [("preloaded.py", "preloaded"), ("preloaded/__main__.py", "preloaded.__main__")]
)
async def test_a_preloaded_module_is_run_as_the_main_program_without_a_warning(
    launching: Launching, file: str, preload: str
) -> None:
    launching.script("import os\nprint(__name__, os.environ.get('ROUND'))", file)
    for number in ("1", "2"):
        process = await launching.python("-m", "preloaded", warm=True, preload=(preload,), env={"ROUND": number})
        done = await launching.ended(process)
        assert (done.out, done.err) == (f"__main__ {number}\n", "")


@pytest.mark.asyncio
async def test_what_was_preloaded_is_shared_and_what_a_child_changes_is_not(launching: Launching) -> None:
    launching.script("import os\npid, seen = os.getpid(), []", "shared.py")
    script = launching.script(
        "import shared, random; shared.seen.append(1); print(shared.pid, shared.seen, random.random())"
    )
    said = []
    for _ in range(2):
        done = await launching.ended(await launching.python(script, warm=True, preload=("shared",)))
        said.append(done.out.split())
    assert said[0][:2] == said[1][:2]
    assert said[0][2] != said[1][2]


@pytest.mark.asyncio
async def test_a_process_is_seen_by_its_command_and_its_boot(launching: Launching) -> None:
    script = launching.script("import time; print(flush=True); time.sleep(60)")
    process = await launching.python(script, "--of-mine", warm=True)
    await launching.written()
    seen = psutil.Process(process.pid)
    assert f"{script} --of-mine" in " ".join(seen.cmdline())
    assert seen.environ()[BOOT_VARIABLE] == process.boot
    await process.kill()


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_an_environment_of_a_megabyte_arrives(launching: Launching, warm: bool) -> None:
    big = {f"BIG_{number}": "x" * 50_000 for number in range(20)}
    script = launching.script("import os; print(sum(len(v) for k, v in os.environ.items() if k.startswith('BIG_')))")
    done = await launching.ended(await launching.python(script, warm=warm, env=big))
    assert done.out == "1000000\n"


@pytest.mark.asyncio
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "forked"])
async def test_a_listening_socket_is_served_as_descriptor_3_and_outlives_a_kill(
    launching: Launching, warm: bool
) -> None:
    script = launching.script("""
        import os, socket
        listening = socket.socket(fileno=3)
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(str(os.getpid()).encode())
    """)
    with listen_socket() as held:
        address = held.getsockname()
        for _ in range(2):
            process = await launching.python(script, warm=warm, inherit=(held.fileno(),))
            assert await _said_at(address) == str(process.pid)
            assert (await process.kill()).confirmed


async def _said_at(address: tuple[str, int]) -> str:
    reader, writer = await asyncio.open_connection(*address)
    try:
        async with asyncio.timeout(DEADLINE_S):
            return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.asyncio
async def test_fastmcp_is_warmed_up_without_a_trace_and_reads_its_settings_again(
    launching: Launching, tmp_path: Path
) -> None:
    script = launching.script("""
        import fastmcp, json, logging
        uvicorn = logging.getLogger("uvicorn.error")
        print(json.dumps([fastmcp.settings.port, fastmcp.settings.log_level, logging.getLogger("fastmcp").level,
                          uvicorn.level, logging.getLogger("uvicorn.access").propagate, logging.root.manager.disable]))
    """)
    given = {"HOME": str(tmp_path)}
    for environment in (given, {**given, "FASTMCP_PORT": "4711", "FASTMCP_LOG_LEVEL": "DEBUG"}):
        cold = await launching.ended(await launching.python(script, env=environment))
        process = await launching.python(script, warm=True, preload=("fastmcp",), warm_up=True, env=environment)
        warm = await launching.ended(process)
        assert warm == cold
        assert json.loads(warm.out)[0] == int(environment.get("FASTMCP_PORT", "8000"))


@pytest.mark.asyncio
async def test_what_a_server_on_fastmcp_loads_as_it_starts_is_there_once_it_was_warmed_up(
    launching: Launching, tmp_path: Path
) -> None:
    script = launching.script("""
        import fastmcp, sys, uvicorn
        from fastmcp.utilities.logging import get_logger
        before = set(sys.modules)
        uvicorn.Config(fastmcp.FastMCP("mine").http_app(), ws="websockets-sansio").load()
        get_logger("mine").warning("it starts")
        loaded = sys.modules.keys() - before
        print(len(loaded), "rich.table" in loaded, "websockets" in loaded)
    """)
    environment = {"HOME": str(tmp_path)}
    cold = await launching.ended(await launching.python(script, env=environment))
    given: dict[str, Any] = {"preload": ("fastmcp", "uvicorn"), "warm": True, "env": environment}
    preloaded = await launching.ended(await launching.python(script, **given))
    warmed_up = await launching.ended(await launching.python(script, **given, warm_up=True))
    assert [said.out.split()[1:] for said in (cold, preloaded)] == [["True", "True"]] * 2
    assert warmed_up.out == "0 False False\n"


@pytest.mark.asyncio
async def test_a_child_stands_by_becomes_the_next_subject_and_is_not_missed_when_it_dies(
    launching: Launching, tmp_path: Path
) -> None:
    script = launching.script(IDENTITY)
    environment = {"HOME": str(tmp_path), "LANG": "C.UTF-8"}
    given: dict[str, Any] = {"env": environment, "preload": ("fastmcp",), "warm": True, "warm_up": True}
    cold = json.loads((await launching.ended(await launching.python(script, env=environment))).out)
    first = await launching.python(script, **given)
    server = psutil.Process(first.pid).parent()
    assert server is not None
    await first.wait_exit(DEADLINE_S)

    await until(server.children, "a child stands by")
    (standby,) = server.children()
    second = await launching.python(script, **given)
    assert second.pid == standby.pid
    assert json.loads((await launching.ended(second)).out) == cold

    await until(server.children, "another child stands by")
    (standby,) = server.children()
    standby.kill()
    await until(lambda: not standby.is_running(), "it is dead")
    third = await launching.python(script, **given)
    assert third.pid != standby.pid
    assert json.loads((await launching.ended(third)).out) == cold


@pytest.mark.asyncio
async def test_fastmcp_is_warmed_up_only_where_what_was_preloaded_has_imported_it(launching: Launching) -> None:
    script = launching.script("import sys; print('fastmcp' in sys.modules, 'http.server' in sys.modules)")
    light = await launching.python(script, warm=True, preload=("http.server",), warm_up=True)
    assert (await launching.ended(light)).out == "False True\n"
