"""Small file systems; and what hostile tests have tried and what held, by category: a category is a file.

A test says so with ``record_property("tries", n)`` and ``record_property("held", n)``; one that says nothing is a try.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import pytest

from tests.reference_server.conftest import fresh, guarded

__all__ = ["disk", "fresh", "guarded"]

HERE = "tests/hostile/"


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, of so many bytes."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    size = ("-o", f"size={request.param}")
    if subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", str(place)], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def counted(reports: list[Any]) -> dict[str, tuple[int, int]]:
    """Tries and those that held, by category, of the reports of tests that were run."""
    found: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for report in reports:
        if report.when != "call" or HERE not in report.nodeid.partition("::")[0]:
            continue
        told = dict(report.user_properties)
        tries = int(told.get("tries", 1))
        held = int(told.get("held", tries if report.passed else 0))
        category = PurePath(report.nodeid.partition("::")[0]).stem.removeprefix("test_").replace("_", " ")
        tried_before, held_before = found[category]
        found[category] = (tried_before + tries, held_before + held)
    return dict(found)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ())]
    if not (found := counted(reports)):
        return
    terminalreporter.section("hostile users, full disks, ends at any moment")
    terminalreporter.line(f"{'category':<28}{'tries':>9}{'held':>9}")
    for category, (tries, held) in sorted(found.items()):
        terminalreporter.line(f"{category:<28}{tries:>9}{held:>9}", red=held < tries)
