"""What a command shows is the output: words stay words, time and size are bounded, a query is psql's."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_crashtest.files.commands import document_of, query_script, rows_of, shown_by
from mcp_crashtest.model.errors import SubjectError

SAY = "import sys; sys.stdout.write(sys.argv[1] + sys.stdin.read())"


@pytest.mark.asyncio
async def test_a_word_is_one_word_and_no_shell_sees_it(tmp_path: Path) -> None:
    hostile = "$(touch owned); `touch owned` | x > owned"
    assert await shown_by([sys.executable, "-c", SAY, hostile], str(tmp_path), b"!") == f"{hostile}!".encode()
    assert os.listdir(tmp_path) == []  # noqa: PTH208


@pytest.mark.asyncio
async def test_a_program_of_the_profiles_own_folder_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "rows").chmod(0o755)
    assert Path((await shown_by(["rows"], str(tmp_path))).decode().strip()).name == tmp_path.name


@pytest.mark.asyncio
async def test_a_command_that_fails_is_missing_or_never_ends_is_said(tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"ended with 1: .*no such table"):
        await shown_by([sys.executable, "-c", "import sys; sys.exit('no such table')"], str(tmp_path))
    with pytest.raises(SubjectError, match="no program 'nobody-has-this'"):
        await shown_by(["nobody-has-this"], str(tmp_path))
    with pytest.raises(SubjectError, match=r"has not ended after 0\.05 s"):
        await shown_by(["sleep", "30"], str(tmp_path), wait_s=0.05)


@pytest.mark.parametrize(
    ("output", "document"),
    [
        (b'{"n": 1}\n{"n": 2}\n', [{"n": 1}, {"n": 2}]),
        (b'{"n": 1}\n', [{"n": 1}]),
        (b'[{"n": 1}]', [{"n": 1}]),
        (b'{\n"rows": [{"n": 1}]\n}\n', {"rows": [{"n": 1}]}),
        (b'{"n": 1}\n{"n"', [{"n": 1}, {"torn": '{"n"'}]),
        (b"", []),
    ],
)
def test_output_is_a_document_or_lines(output: bytes, document: object) -> None:
    assert document_of(output) == document


def test_placeholders_of_a_query_are_variables_that_quote_themselves() -> None:
    script = query_script("SELECT n FROM t WHERE job = {id} AND kind = '{kind}';", ["id", "kind"])
    assert "WHERE job = :'p0' AND kind = :'p1'\n) AS" in script


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[str]:
    """A database of its own, by a user who may start one, behind a socket in its folder."""
    initdb = shutil.which("initdb")
    if initdb is None or shutil.which("psql") is None:
        pytest.skip("PostgreSQL is not installed")
    nobody = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder = Path("/tmp") / f"crashtest-pg-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    data = folder / "data"
    bin_folder = Path(initdb).resolve().parent
    try:
        made = [str(bin_folder / "initdb"), "-D", str(data), "-A", "trust", "-U", "lab", "-N"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True, **nobody)  # type: ignore[call-overload]
        served = [str(bin_folder / "postgres"), "-D", str(data), "-k", str(folder), "-h", "", "-F"]
        with subprocess.Popen(served, cwd=folder, stderr=subprocess.DEVNULL, **nobody) as server:  # type: ignore[call-overload]
            try:
                _wait_for(folder / ".s.PGSQL.5432")
                yield f"postgresql:///postgres?host={folder}&user=lab"
            finally:
                server.kill()
    finally:
        shutil.rmtree(folder)


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        with socket.socket(socket.AF_UNIX) as end:
            if end.connect_ex(str(path)) == 0:
                return
        assert time.monotonic() < deadline, "PostgreSQL does not listen within 30 s"
        time.sleep(0.02)


@pytest.mark.soak
@pytest.mark.asyncio
async def test_the_rows_of_a_query_are_records(postgres: str, tmp_path: Path) -> None:
    query = "SELECT n, job FROM (VALUES (1, 'it''s'), (2, 'it''s'), (3, 'other')) AS t (n, job) WHERE job = {job}"
    rows = await rows_of(postgres, query, {"job": "it's"}, str(tmp_path))
    assert rows == [{"n": 1, "job": "it's"}, {"n": 2, "job": "it's"}]
    with pytest.raises(SubjectError, match="no_such_table"):
        await rows_of(postgres, "SELECT n FROM no_such_table", {}, str(tmp_path))
