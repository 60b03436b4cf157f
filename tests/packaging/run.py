"""``make wheel``: what we publish, as a user gets it, under the oldest and the newest Python of this machine.

The source archive is built from a copy of the checkout, the wheel from the source archive, each in isolation. For each
Python the wheel goes into an empty environment without the extra, and into another one with it; in both, a user's
commands are run. What has passed is left in ``dist``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.packaging.checkout import ROOT, build, the_wheel
from tests.packaging.environment import Environment, Failed
from tests.packaging.interpreters import MINORS, Interpreter, candidates, newest_of_each_minor
from tests.packaging.uses import with_the_extra, without_the_extra

_SHOWN_LINES = 5  # a certificate's last words


def main() -> None:
    """Build, install, certify; the exit code is 1 where anything failed, or where there is no Python to do it under."""
    parser = argparse.ArgumentParser(prog="python -m tests.packaging.run", description=__doc__)
    parser.add_argument("--full", action="store_true", help="certify in full instead of --quick")
    parser.add_argument("--all", action="store_true", help="also under the Pythons between the oldest and the newest")
    options = parser.parse_args()
    found = newest_of_each_minor(candidates(os.environ))
    chosen = found if options.all else sorted({*found[:1], *found[-1:]})
    between = [python for python in found if python not in chosen]
    absent = [f"Python 3.{minor}" for minor in MINORS if minor not in {python.minor for python in found}]

    with tempfile.TemporaryDirectory(prefix="crashtest-wheel-") as folder:
        built = build(Path(folder))
        failed = [python for python in chosen if not _passes(python, built, () if options.full else ("--quick",))]
        if chosen and not failed:
            shutil.copytree(built, ROOT / "dist", dirs_exist_ok=True)

    print(f"tested: {', '.join(map(str, chosen)) or 'nothing'}")
    if between:
        print(f"not tested, --all does: {', '.join(map(str, between))}")
    if absent:
        print(f"not tested, not on this machine: {', '.join(absent)}")
    if failed or not chosen:
        sys.exit(f"failed: {', '.join(map(str, failed)) or 'there is no Python to test'}")


def _passes(python: Interpreter, built: Path, depth: tuple[str, ...]) -> bool:
    wheel = the_wheel(built)
    jobs: dict[str, Callable[[Environment], str]] = {
        "": without_the_extra,
        "[reference]": lambda environment: with_the_extra(environment, *depth),
    }
    for extra, use in jobs.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="crashtest-wheel-") as place:
            try:
                said = use(Environment.installed(python, f"{wheel}{extra}", Path(place)))
            except (Failed, subprocess.TimeoutExpired) as error:
                print(f"--- mcp-crashtest{extra} under {python}: FAILED\n{error}", flush=True)
                return False
        last_words = "\n".join(said.strip().splitlines()[-_SHOWN_LINES:])
        print(f"--- mcp-crashtest{extra} under {python}: {time.monotonic() - began:.0f} s\n{last_words}\n", flush=True)
    return True


if __name__ == "__main__":
    main()
