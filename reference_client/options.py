"""The command line: what can be said, and the help that explains it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reference_client.answers import STATUSES
from reference_client.client import DEADLINE_S, POLL_S, SILENCE_S
from reference_client.errors import MEANINGS

SERVER_VARIABLE = "MCP_CRASHTEST_CLIENT_SERVER"
TOKEN_VARIABLE = "MCP_CRASHTEST_CLIENT_TOKEN"
SERVER = "http://127.0.0.1:8001/mcp"
MODERN = "2026-07-28"

_DESCRIPTION = """A client for long tasks of MCP servers that can be killed at any moment and knows where it was.

Start a job, kill this client, kill the server, start both again, and say 'watch', or the very same command: it comes
back to the same task and ends with its result. What it knows is in a state file, one for each server."""

_EPILOG = f"""a first minute, with the reference server in another terminal (python -m reference_server):
  python -m reference_client process unicode --records 5000 --batch-size 5     start and watch; Ctrl-C detaches
  python -m reference_client watch                                             come back, after whatever happened
  python -m reference_client menu                                              all of it, by numbers

references: a job is named by its job id, its --job name, its task id, or an unambiguous beginning of one.

exit codes:
{chr(10).join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANINGS.items())}

environment: {SERVER_VARIABLE} (default of --server), {TOKEN_VARIABLE} (a bearer token),
  MCP_CRASHTEST_CLIENT_STATE (the folder of the state files), NO_COLOR."""


def parser() -> argparse.ArgumentParser:
    """The parser; options may stand before or behind the command."""
    common = _common(defaults=False)
    root = argparse.ArgumentParser(
        prog="python -m reference_client",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common(defaults=True)],
    )
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.{' ' + more if more else ''}",
            parents=[common],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    _add_jobs(add)
    _add_following(add)
    _add_questions(add)
    return root


def _common(*, defaults: bool) -> argparse.ArgumentParser:
    """Options of all commands. Behind the command they have no defaults: those would hide what stands before it."""
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("options of all commands")

    def add(flag: str, default: Any, text: str, **more: Any) -> None:
        group.add_argument(flag, default=default if defaults else argparse.SUPPRESS, help=text, **more)

    add("--server", None, f"the server's URL (default: {SERVER})", metavar="URL")
    add(
        "--state",
        None,
        "the state file (default: one for each server, in the user's state folder)",
        metavar="FILE",
        type=Path,
    )
    add("--server-moved", False, "the state file is that of the same server at another URL", action="store_true")
    add("--json", False, "one JSON document on standard output, for scripts", action="store_true")
    add("--protocol", "auto", "protocol era (default: auto)", choices=("auto", "legacy", MODERN))
    add("--no-tasks-extension", False, "do not declare io.modelcontextprotocol/tasks", action="store_true")
    add("--token-env", TOKEN_VARIABLE, f"variable with a bearer token (default: {TOKEN_VARIABLE})", metavar="NAME")
    add("--token-file", None, "file with a bearer token; read at each connection", metavar="FILE", type=Path)
    add(
        "--patience-s",
        None,
        "how long the server may be away (default: 60, for questions 10)",
        metavar="S",
        type=_seconds,
    )
    add("--deadline-s", DEADLINE_S, "how long all of it may take (default: 86400)", metavar="S", type=_seconds)
    add("--silence-s", SILENCE_S, "how long a call may be silent (default: 120)", metavar="S", type=_seconds)
    add("--poll-s", POLL_S, "how often to ask, unless the server says (default: 0.5)", metavar="S", type=_seconds)
    return common


def _add_jobs(add: Any) -> None:
    processing = add("process", "process a dataset in batches, with the resumable tool")
    processing.add_argument("dataset", nargs="?", default="unicode", help="the dataset's name (default: unicode)")
    _number(processing, "--records", 50, "how many records")
    _number(processing, "--batch-size", 5, "records in a batch")
    migrating = add("migrate", "migrate records from a file to another, in the background")
    migrating.add_argument("source", help="a .jsonl or .csv file in the server's data root")
    migrating.add_argument("destination", help="the file to make there")
    _number(migrating, "--records", None, "how many records at most")
    _number(migrating, "--batch-size", None, "records in a batch")
    migrating.add_argument("--confirm", action="store_true", help="be asked before an existing file is overwritten")
    batching = add("batch", "process items in batches, in the background")
    _number(batching, "--items", 500, "how many items")
    _number(batching, "--batch-size", 50, "items in a batch")
    batching.add_argument("--delay-s", type=_seconds, default=0.3, help="pause after a batch (default: 0.3)")
    training = add("train", "train a model, in the background")
    training.add_argument("model", nargs="?", default="demo-model", help="the model's name (default: demo-model)")
    _number(training, "--dataset-size", 5000, "how many samples")
    _number(training, "--epochs", 50, "how many epochs")
    any_tool = add("start", "start a job with any tool of any server", _ANY_TOOL)
    any_tool.add_argument("tool", help="the tool's name")
    any_tool.add_argument("arguments", nargs="?", default="{}", help="its arguments, a JSON object")
    any_tool.add_argument(
        "--repeatable", action="store_true", help="the same call made twice is one task: repeat it after a crash"
    )
    for job in (processing, migrating, batching, training, any_tool):
        job.add_argument("--detach", action="store_true", help="leave as soon as the server has the job")
        job.add_argument("--job", metavar="NAME", help="name the job: the same name is the same job, for ever")
        job.add_argument("--new", action="store_true", help="start another job although the same one is under way")


_ANY_TOOL = """How its task is followed is found out
from the answer: a result (resumable tool), a link to a task's resource, or a task of io.modelcontextprotocol/tasks."""


def _add_following(add: Any) -> None:
    watching = add("watch", "come back to jobs and follow them to their end", "Without a reference: to all of them.")
    watching.add_argument("references", nargs="*", metavar="JOB", help="a job or task")
    resuming = add("resume", "let paused tasks go on and follow them", "Without a reference: all of them.")
    resuming.add_argument("references", nargs="*", metavar="JOB", help="a job or task")
    resuming.add_argument("--detach", action="store_true", help="do not follow them")
    resuming.add_argument(
        "--again", action="store_true", help="submit an uncertain job again, though it may then run twice"
    )
    forgetting = add("forget", "take jobs out of the state; their tasks stay as they are")
    forgetting.add_argument("references", nargs="*", metavar="JOB", help="a job or task")
    forgetting.add_argument("--ended", action="store_true", help="all that have ended")


def _add_questions(add: Any) -> None:
    listing = add("list", "list the server's tasks and our jobs")
    listing.add_argument("--status", choices=STATUSES, metavar="STATUS", help=f"only these: {', '.join(STATUSES)}")
    listing.add_argument("--mine", action="store_true", help="only our jobs")
    for name, text in (
        ("status", "ask for one task"),
        ("cancel", "cancel a task, and see that it is"),
        ("pause", "pause a task, and see that it is"),
    ):
        add(name, text).add_argument("reference", metavar="JOB", help="a job or task")
    answering = add("answer", "answer what a task asks for")
    answering.add_argument("reference", metavar="JOB", help="a job or task")
    answering.add_argument("responses", help='{"KEY": {"action": "accept", "content": {...}}}, KEY as in status')
    add("stats", "what the server counts")
    add("session", "who we are to the server, and what we have under way")
    add("menu", "all of it, by numbers")


def _number(command: argparse.ArgumentParser, flag: str, default: int | None, text: str) -> None:
    shown = "the server's choice" if default is None else default
    command.add_argument(flag, type=_count, default=default, metavar="N", help=f"{text} (default: {shown})")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on is expected")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text}: a number of seconds is expected")
    return value
