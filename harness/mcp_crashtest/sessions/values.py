"""The values that options take, on the command line and under pytest alike."""

from __future__ import annotations

import argparse
import os
import secrets

from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.shard import Shard
from mcp_crashtest.model.verdict import HIGHEST_LEVEL

AUTO, RANDOM = "auto", "random"
_MOST_JOBS = 64
_MOST_FAULTS = 1_000_000_000
_LARGEST_RANDOM = 1 << 32

HOOKS = {
    "start-command": "its owner's command that starts the server",
    "stop-command": "the command that stops it, as for a planned restart",
    "kill-command": "the command that kills it, as SIGKILL does",
    "alive-command": "exit code 0 while it lives; what it prints, such as a process id, tells its lives apart",
}
"""The commands by which a server is killed and started that the lab did not start, and what each is for."""

OUTCOMES = {
    "junit": "write the scenarios as JUnit XML",
    "sarif": "write the findings as SARIF, for code scanning",
    "baseline": "findings that are expected: any other one fails, and so does an entry that is stale",
}
"""The files by which a session's outcome goes to other programs, or is held against what was expected."""


def level(text: str) -> int:
    """A number of stars."""
    if text not in map(str, range(1, HIGHEST_LEVEL + 1)):
        raise argparse.ArgumentTypeError(f"this version certifies levels 1 to {HIGHEST_LEVEL}, found {text!r}")
    return int(text)


def usual_jobs() -> int:
    """How many runs at a time where nobody says: one more than processors, for runs mostly wait; 2 to 4."""
    return min(max(len(os.sched_getaffinity(0)) + 1, 2), 4)


def jobs(text: str) -> int:
    """How many runs at a time; ``auto``: one for each processor that this process may use, and two at least."""
    if text == AUTO:
        return min(max(len(os.sched_getaffinity(0)), 2), _MOST_JOBS)
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_JOBS:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {_MOST_JOBS}, or {AUTO}, found {text!r}")
    return int(text)


def seed(text: str) -> int:
    """A seed; ``random`` draws one, which is then said."""
    if text == RANDOM:
        return 1 + secrets.randbelow(_LARGEST_RANDOM)
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number or {RANDOM}, found {text!r}") from None


def shard(text: str) -> str:
    """Which part of the plans is played: ``2/3``. Text, for it goes to worker processes."""
    try:
        Shard.parse(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def faults(text: str) -> int:
    """How many confirmed faults."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_FAULTS:
        raise argparse.ArgumentTypeError(f"expected a number of faults, 1 to {_MOST_FAULTS}, found {text!r}")
    return int(text)


def seconds(text: str) -> float:
    """A time limit."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, found {text!r}")
    return value
