"""Turns: one holds a name at a time, also of another process, and a process that dies gives it back."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_crashtest.model.errors import SubjectError
from mcp_crashtest.subjects.turns import turn

HOLDING = """
import asyncio, sys
from mcp_crashtest.subjects.turns import turn
async def hold():
    async with turn([sys.argv[1]]):
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(hold())
"""


async def _held_by_five(name: str) -> list[int]:
    at_work, seen = 0, []

    async def one() -> None:
        nonlocal at_work
        async with turn([name, "another"]):
            at_work += 1
            seen.append(at_work)
            await asyncio.sleep(0.01)
            at_work -= 1

    await asyncio.gather(*(one() for _ in range(5)))
    return seen


def test_one_after_the_other(tmp_path: Path) -> None:
    assert asyncio.run(_held_by_five(f"port {tmp_path}")) == [1] * 5


async def _takes(name: str, longest_s: float) -> bool:
    async with turn([name] if name else [], longest_s):
        return True


def test_who_waits_too_long_is_told_and_who_dies_gives_it_back(tmp_path: Path) -> None:
    name = f"port {tmp_path}"
    other = subprocess.Popen([sys.executable, "-c", HOLDING, name], stdout=subprocess.PIPE)
    assert other.stdout is not None
    with other.stdout:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(SubjectError, match="is in use by another run"):
            asyncio.run(_takes(name, 0.05))
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert asyncio.run(_takes(name, 0.5))


def test_without_a_name_nobody_waits() -> None:
    assert asyncio.run(_takes("", 0.0))
