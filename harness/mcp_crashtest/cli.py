"""The command line: ``mcp-crashtest init | check | certify | show | merge | list | explain | replay | ...``."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from mcp_crashtest import __version__
from mcp_crashtest.commands import gates, merge_and_campaign, show_options
from mcp_crashtest.commands.exit_codes import ExitCode, explained, of_error
from mcp_crashtest.commands.signals import NOTHING_SHOWN, Endings, endings
from mcp_crashtest.commands.streams import steadfast
from mcp_crashtest.files.storage import is_full
from mcp_crashtest.model.errors import CrashtestError, UsageError
from mcp_crashtest.model.invariants import INVARIANTS
from mcp_crashtest.model.secrets import masked
from mcp_crashtest.model.verdict import HIGHEST_LEVEL
from mcp_crashtest.sessions import values

_EPILOG = f"""examples:
  mcp-crashtest certify                                     the reference server: see it killed and come back exact
  mcp-crashtest certify --profile my.toml                   your server, started by the profile's command
  mcp-crashtest certify --profile my.toml --url http://127.0.0.1:8000/mcp
                                                            a running server, which the lab may not kill
  mcp-crashtest certify --profile client.toml               a client: its profile has a [client] table
  mcp-crashtest replay FOLDER --times 10                    the folder of a run, as a finding names it
  mcp-crashtest merge shard-1 shard-2 shard-3               what certify --shard 1/3, 2/3 and 3/3 have left
  mcp-crashtest campaign --profile my.toml --time-limit 28800
                                                            seed after seed; the same command goes on from there
  mcp-crashtest show                                        what a session came to, in your browser
  mcp-crashtest explain records.duplicated

exit codes:
{explained()}"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit with its code."""
    with steadfast(), endings() as found:
        code = _run(arguments, found)
        if code == ExitCode.INTERRUPTED and found.terminated:
            code = ExitCode.TERMINATED
    sys.exit(code)


def _run(arguments: Sequence[str] | None, endings: Endings) -> int:
    try:
        options = _parser().parse_args(arguments)
        options.endings = endings
        return int(options.run(options))
    except CrashtestError as error:
        print(f"mcp-crashtest: {error}", file=sys.stderr)
        return of_error(error)
    except KeyboardInterrupt:
        print(NOTHING_SHOWN, file=sys.stderr)
        return ExitCode.INTERRUPTED
    except Exception as error:
        if not is_full(error):
            print(masked(traceback.format_exc()), file=sys.stderr)
        said = masked(str(error))
        print(f"mcp-crashtest: the lab itself has failed, and shows nothing of its subject: {said}", file=sys.stderr)
        return ExitCode.NOT_PROVEN


# What a command needs is imported when it is called: help is there at once. It says when it starts something.


def _certify(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.certify import certify

    return certify(options)


def _init(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.init import init

    return init(options)


def _check(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.check import check

    return check(options)


def _list(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.certify import list_scenarios

    return list_scenarios(options)


def _replay(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.replay import replay

    return replay(options)


def _recheck(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.recheck import recheck

    return recheck(options)


def _merge(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.merge import merge

    return merge(options)


def _campaign(options: argparse.Namespace) -> int:
    from mcp_crashtest.commands.campaign import campaign

    return campaign(options)


def explain(options: argparse.Namespace) -> int:
    """Say what an invariant means and how a server is usually mended; all of them without an id."""
    if options.id is not None and options.id not in INVARIANTS:
        raise UsageError(f"there is no invariant {options.id!r}; there are: {', '.join(INVARIANTS)}")
    chosen = [INVARIANTS[options.id]] if options.id else list(INVARIANTS.values())
    if options.json:
        print(json.dumps([{"id": i.id, "statement": i.statement, "advice": i.advice} for i in chosen], indent=2))
        return ExitCode.CERTIFIED
    why_not: dict[str, str] = {}
    if options.profile:
        from mcp_crashtest.files.profile_files import read_profile
        from mcp_crashtest.model.caps import unseen

        why_not = unseen(read_profile(Path(options.profile)))
    for invariant in chosen:
        if invariant.id in why_not:
            print(f"{options.profile}: {why_not[invariant.id]}")
        print(f"{invariant.id}\n  must hold: {invariant.statement}\n  advice:    {invariant.advice}\n")
    return ExitCode.CERTIFIED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mcp-crashtest",
        description="Kill MCP servers and clients, restart them, prove that nothing was lost.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    _add_init(commands)
    certifying = commands.add_parser(
        "certify", help="put a server or client through the scenarios and say what it earned"
    )
    certifying.set_defaults(run=_certify)
    add = certifying.add_argument
    add(
        "--profile",
        action="append",
        metavar="FILE",
        help="TOML profile, or FILE#NAME (repeatable; default: [tool.crashtest] of pyproject.toml, or ours)",
    )
    add("--look", action="append", metavar="FILE", help="a plan of each scenario on this profile too (repeatable)")
    add("--subject", action="append", metavar="NAME", help="only this one, where a file has several (repeatable)")
    target = certifying.add_mutually_exclusive_group()
    target.add_argument("--command", metavar="CMD", help="start the subject with this instead of the profile's command")
    target.add_argument("--url", metavar="URL", help="test the running server at this URL; it is killed by hooks alone")
    target.add_argument("--mcp-config", metavar="FILE", help="the subject is an entry of this mcp.json")
    add("--server", metavar="NAME", help="the name of that entry, where there are several")
    hooks = certifying.add_argument_group("hooks", "with --url: how its owner stops, starts and kills that server")
    for name, meaning in values.HOOKS.items():
        hooks.add_argument(f"--{name}", metavar="CMD", help=meaning)
    add(
        "--level",
        type=values.level,
        metavar="N",
        help=f"stars to certify, 1 to {HIGHEST_LEVEL} (default: 2, or what the profile can earn)",
    )
    add(
        "--seed",
        type=values.seed,
        default=0,
        metavar="N|random",
        help="seed of all plans: the same seed, the same plans (default: 0)",
    )
    add(
        "--report-dir",
        default="crashtest-report",
        metavar="DIR",
        help="where the evidence goes (default: %(default)s); five earlier sessions stay in DIR/previous",
    )
    add("--compare", metavar="DIR", help="compare with the report in DIR (default: the session before, if any)")
    add(
        "--jobs",
        type=values.jobs,
        default=values.usual_jobs(),
        metavar="N|auto",
        help="runs at a time (default: %(default)s)",
    )
    add("--scenario", action="append", metavar="NAME", help="only this scenario, see 'list' (repeatable)")
    depth = certifying.add_mutually_exclusive_group()
    depth.add_argument(
        "--quick",
        action="store_true",
        help="a first look: a few plans of every scenario (one, where runs go one at a time), one star",
    )
    depth.add_argument("--full", action="store_true", help="all plans, not only those that a star is owed")
    add("--time-limit", type=values.seconds, metavar="S", help="begin no run after so many seconds; all play what fits")
    add(
        "--shard",
        type=values.shard,
        metavar="I/N",
        help="only the I-th of N parts of the plans, as in 2/3: for N machines. It earns nothing alone, and exits with "
        "1 only where an invariant is broken; then: mcp-crashtest merge DIR...",
    )
    add("--fail-fast", action="store_true", help="play nothing more once an invariant is broken")
    add("--last-failed", action="store_true", help="only what failed, or proved nothing, when last played in DIR")
    add("--scenarios", metavar="DIR", help="your own folder of scenarios instead of ours")
    add("--json", action="store_true", help="print the certificate as JSON and nothing else")

    gates.add_options(add)

    _add_check(commands)
    gates.add_commands(commands)

    listing = commands.add_parser("list", help="list the scenarios")
    listing.set_defaults(run=_list)
    listing.add_argument("--profile", metavar="FILE", help="those for this subject, and what cannot be assessed of it")
    listing.add_argument("--json", action="store_true", help="as JSON")

    explaining = commands.add_parser("explain", help="what an invariant means, and how servers are usually mended")
    explaining.set_defaults(run=explain)
    explaining.add_argument("id", nargs="?", metavar="INVARIANT", help="for example records.duplicated (default: all)")
    explaining.add_argument("--profile", metavar="FILE", help="say what of it cannot be assessed with this profile")
    explaining.add_argument("--json", action="store_true", help="as JSON")

    replaying = commands.add_parser("replay", help="play a saved plan again")
    replaying.set_defaults(run=_replay)
    add = replaying.add_argument
    add("plan", metavar="PLAN", help="a run's folder in a report directory, or a plan in a file")
    add("--times", type=int, default=1, metavar="N", help="how often (default: 1)")
    add("--profile", metavar="FILE", help="another profile than the one saved with the run")
    add("--command", metavar="CMD", help="another command, for example a mended server's")
    add("--seed", type=int, default=0, metavar="N", help="noted in the history (default: 0)")
    add(
        "--report-dir", default="crashtest-replay", metavar="DIR", help="where the evidence goes (default: %(default)s)"
    )
    add("--json", action="store_true", help="print the count as JSON")

    rechecking = commands.add_parser("recheck", help="judge the histories of a report directory anew, without playing")
    rechecking.set_defaults(run=_recheck)
    rechecking.add_argument("bundle", metavar="DIR", help="a report directory")
    rechecking.add_argument("--compare", metavar="DIR", help="compare with the report in DIR")
    rechecking.add_argument("--json", action="store_true", help="as JSON")

    merge_and_campaign.add_merge(commands, _merge)
    merge_and_campaign.add_campaign(commands, _campaign)

    show_options.add_show(commands)
    return parser


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    beginning = commands.add_parser("init", help="write a profile of your server, from its tools and one observed job")
    beginning.set_defaults(run=_init)
    add = beginning.add_argument
    target = beginning.add_mutually_exclusive_group()
    target.add_argument("--command", metavar="CMD", help="how your server is started, as you start it")
    target.add_argument("--url", metavar="URL", help="the running server at this URL, which is never killed")
    target.add_argument(
        "--mcp-config", metavar="FILE", help="an entry of this mcp.json says how (default: the one that is here)"
    )
    add("--server", metavar="NAME", help="the name of that entry, where there are several")
    add(
        "--header",
        action="append",
        metavar="NAME:VALUE",
        help="goes with every request, as in 'Authorization: Bearer ${TOKEN}'",
    )
    add("--transport", choices=("http", "stdio"), help="how it is spoken to (default: what answers)")
    add("--path", default="/mcp", metavar="PATH", help="of the URL at which the command serves (default: %(default)s)")
    add("--tool", metavar="NAME", help="the tool that starts the long job")
    add(
        "--argument",
        action="append",
        metavar="NAME=VALUE",
        help="of that tool; {total_records}, {batch_size}, {client_id}",
    )
    add("--status-tool", metavar="NAME", help="the tool that tells how a job stands")
    add("--contract", choices=kinds(), metavar="KIND", help=f"one of {', '.join(kinds())}")
    add("--set", action="append", metavar="TABLE.KEY=VALUE", help='a line of the profile, as in observe.count="$.done"')
    add("--records", type=int, default=103, metavar="N", help="records of the observed job (default: %(default)s)")
    add("--batch", type=int, default=10, metavar="N", help="records of its batches (default: %(default)s)")
    add("--trial-s", type=values.seconds, default=120.0, metavar="S", help="how long that job may take (default: 120)")
    add("--output", default="crashtest.toml", metavar="FILE", help="the profile (default: %(default)s)")
    add("--force", action="store_true", help="overwrite it, and the workflow")
    add("--ci", action="store_true", help="write .github/workflows/crashtest.yml beside it")
    add("--yes", action="store_true", help="ask nothing: guess, and mark the guesses")
    add("--jobs", type=values.jobs, default=values.usual_jobs(), metavar="N|auto", help="runs at a time, for estimates")
    add("--report-dir", metavar="DIR", help="keep the evidence there (default: nowhere)")
    add("--json", action="store_true", help="as JSON; asks nothing")


def kinds() -> list[str]:
    """The contracts that there are."""
    from mcp_crashtest.model.contract_spec import ContractKind

    return [str(kind) for kind in ContractKind]


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    checking = commands.add_parser(
        "check", help="the undisturbed job alone, in words: what each line of a profile finds"
    )
    checking.set_defaults(run=_check)
    add = checking.add_argument
    add("--profile", action="append", metavar="FILE", help="TOML profile (repeatable; default: ./crashtest.toml)")
    target = checking.add_mutually_exclusive_group()
    target.add_argument("--command", metavar="CMD", help="start the server with this instead of the profile's command")
    target.add_argument("--url", metavar="URL", help="the running server at this URL")
    target.add_argument("--mcp-config", metavar="FILE", help="an entry of this mcp.json")
    add("--server", metavar="NAME", help="the name of that entry, where there are several")
    add("--jobs", type=values.jobs, default=values.usual_jobs(), metavar="N|auto", help="runs at a time, for estimates")
    add("--report-dir", metavar="DIR", help="keep the evidence there (default: nowhere)")
    add("--json", action="store_true", help="as JSON")


if __name__ == "__main__":
    main()
