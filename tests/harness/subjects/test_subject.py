"""A subject at its site: what it is started by, and what that needs."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.subjects.sockets import LOOPBACK
from mcp_crashtest.subjects.spawner import Spawner
from mcp_crashtest.subjects.subject import Subject
from tests.harness.subjects.launching import made, until

PLAIN = Path(__file__).resolve().parents[2] / "packaging" / "plain.toml"


@pytest.mark.asyncio
async def test_a_server_in_an_environment_of_its_own_without_packages_is_forked_there(
    spawner: Spawner, tmp_path: Path
) -> None:
    python = made(tmp_path / "venv")
    profile = read_profile(PLAIN)
    assert profile.subject.command
    command = profile.subject.command.replace("{python}", python)
    profile = replace(profile, subject=replace(profile.subject, command=command))
    subject = Subject(profile, spawner, RunFolder(tmp_path / "run"), "run", profile.workload)
    subject.open()
    try:
        life = await subject.boot()
        assert life.warm
        started_by = psutil.Process(life.pid).parent()
        assert started_by is not None
        first, *_, program, _, given = started_by.cmdline()
        assert (first, program) == (python, "mcp_crashtest.subjects.forkserver")
        assert json.loads(given) == [python, [], True]
        await until(lambda: accepts(subject.port), "the server listens")
    finally:
        subject.close()


def accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
