"""``python -m reference_client``: from the command line to a command, and from what it has come to to an exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper

from reference_client import commands, menu
from reference_client.client import PATIENCE_S, DurableClient
from reference_client.commands import Command
from reference_client.display import Display, display_for, say
from reference_client.errors import ClientError, Exit
from reference_client.options import SERVER, SERVER_VARIABLE, parser
from reference_client.text import printed
from reference_client.tokens import token_of
from reference_client.words import Outcome

_QUESTION_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """A command; ``follows``: it changes the state, and needs it for itself."""

    command: Command
    follows: bool


COMMANDS = {
    "process": _Entry(commands.process, follows=True),
    "migrate": _Entry(commands.migrate, follows=True),
    "batch": _Entry(commands.batch, follows=True),
    "train": _Entry(commands.train, follows=True),
    "start": _Entry(commands.start, follows=True),
    "watch": _Entry(commands.watch, follows=True),
    "resume": _Entry(commands.resume, follows=True),
    "forget": _Entry(commands.forget, follows=True),
    "list": _Entry(commands.list_tasks, follows=False),
    "status": _Entry(commands.status, follows=False),
    "cancel": _Entry(commands.cancel, follows=False),
    "pause": _Entry(commands.pause, follows=False),
    "answer": _Entry(commands.answer, follows=False),
    "stats": _Entry(commands.stats, follows=False),
    "session": _Entry(commands.session, follows=False),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    for noisy in ("mcp", "httpx2", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    options = parser().parse_args(arguments)
    options.server = options.server or os.environ.get(SERVER_VARIABLE) or SERVER
    if options.command == "menu":
        return menu.run(options, execute)
    return execute(options)


def execute(options: argparse.Namespace) -> int:
    """Do one command."""
    display = display_for(as_json=options.json)
    try:
        return asyncio.run(_run(options, display))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except ClientError as error:
        display.close()
        if options.json:
            print(json.dumps({"error": str(error), "exit": error.exit}), flush=True)
        say(f"{options.command}: {error}")
        return error.exit
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more: no further complaint
        return Exit.FAILED


async def _run(options: argparse.Namespace, display: Display) -> int:
    entry = COMMANDS[options.command]
    patience_s = PATIENCE_S if entry.follows else _QUESTION_PATIENCE_S
    async with DurableClient(
        options.server,
        state=options.state,
        token=token_of(options),
        protocol=options.protocol,
        patience_s=patience_s if options.patience_s is None else options.patience_s,
        deadline_s=options.deadline_s,
        silence_s=options.silence_s,
        poll_s=options.poll_s,
        tasks_extension=not options.no_tasks_extension,
        on_event=display.event,
        exclusive=entry.follows,
        moved=options.server_moved,
    ) as client:
        try:
            outcome = await entry.command(client, options)
        except asyncio.CancelledError:
            display.close()
            _detached(client, options)
            raise
        finally:
            display.close()
        _show(outcome, as_json=options.json)
        for job_id in outcome.delivers:
            client.delivered(job_id)
        return outcome.exit


def _show(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**outcome.document, "exit": outcome.exit}, indent=2), flush=True)
        return
    for line in outcome.lines:
        print(printed(line))
    sys.stdout.flush()


def _detached(client: DurableClient, options: argparse.Namespace) -> None:
    """Say how to come back, after Ctrl-C."""
    under_way = [job.job_id for job in client.state.unfinished]
    say("")
    if under_way:
        say(f"Detached. {', '.join(under_way)} goes on at the server; the state is kept in {client.path}.")
        say(commands.back(options))
    else:
        say("Interrupted. Nothing is under way.")
