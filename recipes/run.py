"""``make recipes``: certify servers of third parties, each in an environment of its own.

    make recipes                          all of them; one that cannot be played here is SKIPPED, and says why
    make recipes ONLY=fastmcp-memory      one of them
    make recipes OPTIONS=--quick          a first look at each; any option of `mcp-crashtest certify`, and --ci

Their evidence goes to recipes/.reports. The exit code is 1 where one came to something else than its recipe.toml says,
2 for a wrong name, 130 after Ctrl-C, which leaves nothing running.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from mcp_crashtest.files.atomic import write_json
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.model.errors import UsageError
from recipes.environment import NotInstalled, lab, versions
from recipes.recipe import Recipe, chosen, recipes, why_not
from recipes.summary import VERSIONS

_ENDS_WITHIN_S = 60
_CERTIFIED, _VIOLATED = 0, 1  # the lab's exit codes of a session that has come to a verdict


class Differs(Exception):
    """A recipe came to something else than is expected."""


def main() -> int:
    """Play what was chosen, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m recipes.run", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only this recipe (repeatable)")
    parser.add_argument(
        "--ci", action="store_true", help="only those that fit into a minute or so; none may be skipped"
    )
    options, rest = parser.parse_known_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        wanted = chosen(recipes(), options.only, ci=options.ci)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    told: dict[str, str] = {}
    try:
        for recipe in wanted:
            told[recipe.name] = _played(recipe, rest)
    except KeyboardInterrupt:
        print("interrupted: nothing is left running", file=sys.stderr)
        return 130
    print("\n" + "\n".join(f"{name:<24}{said}" for name, said in told.items()))
    words = {said.partition(":")[0] for said in told.values()}
    return int("DIFFERS" in words or words <= {"SKIPPED"} or (options.ci and "SKIPPED" in words))


def _played(recipe: Recipe, rest: Sequence[str]) -> str:
    """What one came to, in a line."""
    print(f"\n--- {recipe.name}: {recipe.title}", flush=True)
    if (reason := why_not(recipe)) is not None:
        return f"SKIPPED: {reason}"
    began = time.monotonic()
    try:
        command = lab(recipe, do)
    except NotInstalled as error:
        return f"SKIPPED: what it pins could not be installed: {error}"
    words = [*command, "certify", "--profile", str(recipe.profile), "--report-dir", str(recipe.report)]
    code = do([*words, *recipe.arguments, *rest], recipe.folder)
    try:
        said = _as_expected(recipe, code)
    except Differs as error:
        return f"DIFFERS: {error}"
    write_json(recipe.report / VERSIONS, dict(versions(recipe, _asked)))
    return f"{said} ({time.monotonic() - began:.0f} s)"


def _as_expected(recipe: Recipe, code: int) -> str:
    """What it came to; raises Differs where that is not what its recipe says."""
    certificate = Bundle(recipe.report).certificate() if recipe.report.is_dir() else None
    if certificate is None:
        raise Differs(f"the lab ended with exit code {code} and left no certificate")
    invariants = frozenset(finding["invariant"] for finding in certificate["findings"])
    if (why := recipe.expected.differs(certificate["verdict"], invariants)) is not None:
        raise Differs(why)
    if code not in (_CERTIFIED, _VIOLATED):
        raise Differs(f"the lab ended with exit code {code}")
    faults = certificate["faults"]
    named = f" ({', '.join(sorted(invariants))})" if invariants else ""
    return f"{certificate['verdict']}{named}, as expected; {faults['confirmed']} faults, {faults['kills']} kills"


def do(words: Sequence[str], folder: Path) -> int:
    """Run a command in a folder to its end, in a session of its own; what ends us ends it first."""
    process = subprocess.Popen(words, cwd=folder, start_new_session=True, env=_environment())
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)  # SIGINT is ignored in what a shell has started with &
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def _asked(words: Sequence[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=_ENDS_WITHIN_S).stdout


def _environment() -> dict[str, str]:
    """Ours, without what says which Python environment we are in: the recipe has its own."""
    return {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
