"""What hostile tests have tried and what held, summed up by category: a category is a file.

A test says so with ``record_property("tries", n)`` and ``record_property("held", n)``; one that says nothing is a try.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePath
from typing import Any

HERE = "tests/hostile/"


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
