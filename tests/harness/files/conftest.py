"""Reading a profile from text."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import Target
from mcp_crashtest.model.profile import Profile
from tests.harness.files.texts import Reader


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read a profile from a file of this text."""

    def reader(text: str, target: Target | None = None) -> Profile:
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return read_profile(path, target)

    return reader
