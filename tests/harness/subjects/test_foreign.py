"""A subject with an interpreter of its own is forked from a fork server that runs under that one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.model.errors import SubjectError
from tests.harness.subjects.launching import Launching, made, packages_of
from tests.harness.subjects.test_forkserver import ENDINGS, IDENTITY
from tests.packaging.interpreters import Interpreter, asked, candidates

OLDEST = 9


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return made(tmp_path_factory.mktemp("foreign") / "venv")


@pytest.mark.asyncio
@pytest.mark.parametrize("module", [False, True], ids=["script", "module"])
async def test_it_sees_what_a_cold_start_of_its_own_interpreter_sees(
    launching: Launching, python: str, module: bool
) -> None:
    launching.script(IDENTITY)
    command = ("-m", "subject") if module else ("subject.py",)
    environment = {"ONE": "1", "LANG": "C.UTF-8"}
    cold = await launching.ended(await launching.python(*command, "ü", python=python, env=environment))
    process = await launching.python(*command, "ü", python=python, env=environment, warm=True, warm_up=True)
    assert process.warm
    warm = await launching.ended(process)
    assert (warm.err, cold.err) == ("", "")
    assert json.loads(warm.out) == json.loads(cold.out)
    assert json.loads(warm.out)["interpreter"][:2] == [python, str(Path(python).parents[1])]


@pytest.mark.asyncio
@pytest.mark.parametrize("text", ENDINGS.values(), ids=ENDINGS)
async def test_it_ends_as_a_cold_start_does_when_it(launching: Launching, python: str, text: str) -> None:
    script = launching.script(text)
    cold = await launching.ended(await launching.python(script, python=python))
    warm = await launching.ended(await launching.python(script, python=python, warm=True))
    assert warm == cold


@pytest.mark.asyncio
async def test_nothing_of_the_labs_own_packages_is_there(launching: Launching, python: str) -> None:
    script = launching.script("""
        import sys
        print([name for name in ("mcp_crashtest", "fastmcp", "h11") if name in sys.modules])
        import h11
    """)
    done = await launching.ended(await launching.python(script, python=python, warm=True, preload=(), warm_up=True))
    assert done.out == "[]\n"
    assert done.err.endswith("ModuleNotFoundError: No module named 'h11'\n")


@pytest.mark.asyncio
async def test_what_most_servers_import_is_imported_once_where_it_is_installed(
    launching: Launching, tmp_path: Path
) -> None:
    python = made(tmp_path / "venv")
    (packages_of(python) / "uvicorn.py").write_text("import os\nby = os.getpid()\n")
    script = launching.script("import uvicorn; print(uvicorn.by)")
    said = []
    for _ in range(2):
        process = await launching.python(script, python=python, warm=True, preload=(), warm_up=True)
        said.append((await launching.ended(process)).out)
    assert said[0] == said[1]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("own", "found"),
    [("uvicorn.py", "own"), ("uvicorn/__init__.py", "own"), ("uvicorn/notes.txt", "installed"), (None, "installed")],
    ids=["a module of its own", "a package of its own", "a folder of that name", "nothing"],
)
async def test_a_module_in_the_subjects_own_folder_is_the_one_that_it_gets(
    launching: Launching, tmp_path: Path, own: str | None, found: str
) -> None:
    python = made(tmp_path / "venv")
    (packages_of(python) / "uvicorn.py").write_text("whose = 'installed'\n")
    if own:
        launching.script("whose = 'own'", f"mine/{own}")
    script = launching.script("import os, uvicorn; print(uvicorn.whose, os.environ['ONE'])", "mine/subject.py")
    for warm in (False, True):
        given: dict[str, Any] = {"preload": (), "warm_up": True} if warm else {}
        process = await launching.python(script, python=python, warm=warm, env={"ONE": "1"}, **given)
        done = await launching.ended(process)
        assert (done.out, done.err) == (f"{found} 1\n", "")


@pytest.mark.asyncio
async def test_a_python_that_was_built_on_an_old_system_forks_too(launching: Launching, tmp_path: Path) -> None:
    python = made(tmp_path / "venv")
    (packages_of(python) / "sitecustomize.py").write_text("import os\ndel os.pidfd_open, os.memfd_create\n")
    script = launching.script("import os; print(hasattr(os, 'pidfd_open'), flush=True); import time; time.sleep(60)")
    process = await launching.python(script, python=python, warm=True, warm_up=True)
    assert await launching.written() == ["False"]
    assert (await process.kill()).confirmed


@pytest.mark.asyncio
async def test_a_program_that_only_starts_an_interpreter_is_told_from_one(launching: Launching, tmp_path: Path) -> None:
    launcher = compiled(
        "#include <unistd.h>\n"
        f'int main(int c, char **v) {{ (void)c; v[0] = "{sys.executable}"; return execv(v[0], v); }}\n',
        tmp_path / "python",
    )
    script = launching.script("print('never')")
    with pytest.raises(SubjectError, match=f"no fork server can serve it: {launcher} is no interpreter itself"):
        await launching.python(script, python=str(launcher), warm=True)


@pytest.mark.asyncio
async def test_a_program_that_is_none_is_named(launching: Launching, tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to("/bin/false")
    with pytest.raises(SubjectError, match="has ended the fork server with exit code 1"):
        await launching.python(launching.script(""), python=str(tmp_path / "python"), warm=True)


@pytest.mark.soak
@pytest.mark.asyncio
async def test_other_versions_of_python_fork_as_they_start_and_too_old_ones_are_named(launching: Launching) -> None:
    script = launching.script(IDENTITY)
    environment = {"ONE": "1", "LANG": "C.UTF-8"}
    for other in others():
        python = str(other.path)
        cold = await launching.ended(await launching.python(script, python=python, env=environment))
        warming: dict[str, Any] = {"warm": True, "preload": (), "warm_up": True, "env": environment}
        if other.minor < OLDEST:
            with pytest.raises(SubjectError, match=rf"3\.{other.minor} has no fork server: it takes CPython 3.9"):
                await launching.python(script, python=python, **warming)
            continue
        process = await launching.python(script, python=python, **warming)
        warm = await launching.ended(process)
        assert (process.warm, warm.err, cold.err) == (True, "", ""), other
        assert json.loads(warm.out) == json.loads(cold.out), other


def compiled(text: str, program: Path) -> Path:
    """A program in C; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no compiler")
    source = program.with_suffix(".c")
    source.write_text(text)
    subprocess.run([compiler, "-o", program, source], check=True)
    return program


def others() -> list[Interpreter]:
    """One of each minor version of Python 3 that is on this machine, but the one that runs this."""
    found = {one.minor: one for one in filter(None, map(asked, candidates(os.environ))) if one.version[0] == 3}
    found.pop(sys.version_info.minor, None)
    return sorted(found.values())


@pytest.mark.asyncio
async def test_each_interpreter_has_a_fork_server_of_its_own(launching: Launching, python: str) -> None:
    script = launching.script("import os, sys; print(os.getppid(), sys.prefix)")
    said = []
    for interpreter in (python, sys.executable, python):
        done = await launching.ended(await launching.python(script, python=interpreter, warm=True))
        said.append(done.out.split())
    assert said[0] == said[2]
    assert said[0][0] != said[1][0]
    assert said[1][1] == sys.prefix


@pytest.mark.asyncio
async def test_its_kill_is_proven(launching: Launching, python: str) -> None:
    script = launching.script("import time; print('up', flush=True); time.sleep(60)")
    process = await launching.python(script, python=python, warm=True)
    await launching.written()
    assert (await process.kill()).confirmed
