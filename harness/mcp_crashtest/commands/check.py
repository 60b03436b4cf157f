"""``mcp-crashtest check``: the golden run alone, in words, before anything is killed.

A profile that does not fit its server is refused as ``certify`` refuses it, by the same sentences.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.files.bundle import GOLDEN, Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import Target
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.console import about, clean
from mcp_crashtest.reporting.sheet import lines, sheet
from mcp_crashtest.sessions.catalogue import highest
from mcp_crashtest.sessions.outlook import outlook

USUAL_PROFILE = "crashtest.toml"
"""Where a profile is looked for, and written, when nobody says."""

_ESTIMATES = (("certify --quick", Budget.QUICK), ("certify", Budget.CORE))
_LONGEST = 2000


def check(options: argparse.Namespace) -> int:
    """Play the golden run of each profile and say what it has shown; returns the exit code."""
    config = Path(options.mcp_config) if options.mcp_config else None
    target = Target(options.command, options.url, config, options.server)
    paths = [Path(path) for path in options.profile or ()] or [_usual()]
    profiles = [read_profile(path, target) for path in paths]
    for profile in profiles:
        if profile.client is not None:
            raise UsageError(f"{profile.name} is for a client, whose golden run certify plays: give a server's profile")
    options.endings.gently()
    said = []
    with (
        evidence(options.report_dir) as bundle,
        Laboratory(bundle, seed=0, jobs=options.jobs, restarts=False) as laboratory,
    ):
        for profile in profiles:
            said.append(checked(profile, laboratory))
            if not options.json:
                tell(said[-1])
    if options.json:
        print(json.dumps(said if len(said) > 1 else said[0], indent=2))
    return ExitCode.CERTIFIED


def checked(profile: Profile, laboratory: Laboratory) -> dict[str, Any]:
    """The sheet of one profile, with how long a session takes. Raises UsageError and SubjectError."""
    bench = laboratory.bench(profile)
    history = laboratory.bundle.setting_up(profile, GOLDEN).history()
    estimates = {name: outlook(bench, laboratory, budget) for name, budget in _ESTIMATES}
    return {
        **sheet(profile, history, bench.protocols, highest(client=False)),
        "alone": bench.why_alone,
        "takes": {name: {"runs": one.runs, "seconds": round(one.seconds, 1)} for name, one in estimates.items()},
    }


def tell(said: dict[str, Any]) -> None:
    """Print a sheet."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines(said):
        console.print(clean(line, _LONGEST))
    for name, one in said["takes"].items():
        console.print(f"  {name}: about {one['runs']} runs, about {about(one['seconds'])}")


@contextmanager
def evidence(folder: str | None) -> Iterator[Bundle]:
    """A bundle in this folder, or in one that is gone afterwards. Raises UsageError."""
    with tempfile.TemporaryDirectory(prefix="mcp-crashtest-") as passing:
        bundle = Bundle(Path(folder) if folder else Path(passing) / "report")
        with bundle.prepare("check", shared=False):
            yield bundle


def _usual() -> Path:
    path = Path(USUAL_PROFILE)
    if not path.exists():
        raise UsageError(
            f"there is no {USUAL_PROFILE} here: give --profile FILE, or have one written: mcp-crashtest init"
        )
    return path
