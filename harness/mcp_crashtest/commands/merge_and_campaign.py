"""The options of ``merge`` and ``campaign``: what one machine, or one evening, is not enough for."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mcp_crashtest.commands.gates import add_reports
from mcp_crashtest.sessions import values

Commands = argparse._SubParsersAction  # argparse has no other name for it
Run = Callable[[argparse.Namespace], int]


def add_merge(commands: Commands[argparse.ArgumentParser], run: Run) -> None:
    """Declare ``merge``."""
    merging = commands.add_parser(
        "merge", help="put the reports of all shards (certify --shard I/N) together: one bundle, one certificate"
    )
    merging.set_defaults(run=run)
    add = merging.add_argument
    add("shards", nargs="+", metavar="DIR", help="the report directory of each shard")
    add(
        "--into",
        default="crashtest-report",
        metavar="DIR",
        help="where they are put together (default: %(default)s); every run is judged again on the way",
    )
    add_reports(merging)
    add("--json", action="store_true", help="print the certificate as JSON and nothing else")


def add_campaign(commands: Commands[argparse.ArgumentParser], run: Run) -> None:
    """Declare ``campaign``."""
    hunting = commands.add_parser(
        "campaign",
        help="seed after seed, for a time or until so many faults; what failed before is replayed first",
        description="Plays seed after seed, each as certify does, and keeps each finding with the smallest plan that "
        "showed it. The same command goes on where the last one ended, however that ended, and replays first what "
        "failed before. It certifies nothing, and exits with 1 while a finding is open.",
    )
    hunting.set_defaults(run=run)
    add = hunting.add_argument
    add("--time-limit", type=values.seconds, metavar="S", help="begin no run after so many seconds of this start")
    add("--faults", type=values.faults, metavar="N", help="play until the campaign has N confirmed faults in all")
    add("--profile", action="append", metavar="FILE", help="TOML profile, or FILE#NAME (repeatable)")
    add("--subject", action="append", metavar="NAME", help="only this one, where a file has several (repeatable)")
    target = hunting.add_mutually_exclusive_group()
    target.add_argument("--command", metavar="CMD", help="start the subject with this instead of the profile's command")
    target.add_argument("--url", metavar="URL", help="test the running server at this URL")
    add("--scenario", action="append", metavar="NAME", help="only this scenario, see 'list' (repeatable)")
    add("--full", action="store_true", help="of each seed all plans, not only those that a star is owed")
    add("--seed", type=values.seed, default=0, metavar="N|random", help="the first seed of a new campaign (default: 0)")
    add("--jobs", type=values.jobs, default=values.usual_jobs(), metavar="N|auto", help="runs at a time")
    add(
        "--report-dir",
        default="crashtest-campaign",
        metavar="DIR",
        help="where the campaign lies (default: %(default)s): each of the newest seeds is a report directory in "
        "DIR/seeds, the findings are one in DIR/corpus; recheck and replay take them",
    )
    add("--json", action="store_true", help="print what it came to as JSON and nothing else")
