"""A subject at its site: what it is started by, and what that needs."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.subjects import subject as module
from mcp_crashtest.subjects.commands import installed
from mcp_crashtest.subjects.sockets import LOOPBACK
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from tests.harness.subjects.launching import until

PLAIN = Path(__file__).resolve().parents[2] / "packaging" / "plain.toml"


def test_only_modules_that_can_be_found_are_preloaded_and_none_is_imported_for_that() -> None:
    assert installed(("this", "no_such_module", "json")) == ("this", "json")  # importing this would print a poem
    assert installed(("no_such_module",)) == ()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "preloaded"), [(("no_such_module", "uvicorn"), ("uvicorn",)), (("no_such_module",), ())]
)
async def test_where_fastmcp_is_not_installed_a_server_is_forked_without_it(
    spawner: Spawner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: tuple[str, ...],
    preloaded: tuple[str, ...],
) -> None:
    monkeypatch.setattr(module, "_PRELOAD", wanted)
    profile = read_profile(PLAIN)
    subject = Subject(profile, spawner, RunFolder(tmp_path), "run", profile.workload)
    subject.open()
    try:
        process = await subject.boot()
        started_by = psutil.Process(process.pid).parent()
        assert started_by is not None
        *_, program, _, given = started_by.cmdline()
        assert program == "mcp_crashtest.subjects.forkserver"
        assert json.loads(given) == [list(preloaded), False]  # and no warm-up
        await until(lambda: accepts(subject.port), "the server listens")
    finally:
        subject.close()


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
