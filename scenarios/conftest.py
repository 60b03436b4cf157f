"""Where the user names no profile, the reference server is put on trial: once for each contract that it offers."""

from __future__ import annotations

from pathlib import Path


def pytest_crashtest_profiles() -> list[Path]:
    """The reference server's profiles."""
    return sorted((Path(__file__).parent / "profiles").glob("reference-*.toml"))
