"""A spawner for each test, and launches that write into a file."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from mcp_crashtest.subjects.spawner import Spawner
from tests.harness.subjects.launching import Launching


@pytest_asyncio.fixture
async def spawner() -> AsyncGenerator[Spawner, None]:
    async with Spawner() as opened:
        yield opened


@pytest.fixture
def launching(spawner: Spawner, tmp_path: Path) -> Launching:
    return Launching(spawner, tmp_path)
