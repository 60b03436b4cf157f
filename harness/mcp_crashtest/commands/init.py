"""``mcp-crashtest init``: a profile of somebody's server, from its tools and one observed job.

What the server does not tell is guessed where ``--yes`` is given or nobody can be asked, and each guess is marked in
the file. What is written is played once, as ``check`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp_crashtest.checkers.earlier import done_before
from mcp_crashtest.commands.check import checked, evidence, tell
from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.commands.reaching import pairs, reached, settings
from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.bundle import GOLDEN
from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.files.schema import FILE as SCHEMA
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.scouting import Wishes, scout
from mcp_crashtest.laboratory.tryout import Tryout
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import CrashtestError, SubjectError, UsageError
from mcp_crashtest.proposing.arguments import Arguments, arguments_for
from mcp_crashtest.proposing.choosing import FIXTURE, chosen, rated
from mcp_crashtest.proposing.drafting import draft_of
from mcp_crashtest.proposing.offer import Tool
from mcp_crashtest.proposing.sighting import NO_RECORDS, Sighting
from mcp_crashtest.proposing.writing import Draft, text_of, workflow
from mcp_crashtest.reporting.console import clean

WORKFLOW = Path(".github") / "workflows" / "crashtest.yml"
_MOST_NAMED = 12


def init(options: argparse.Namespace) -> int:
    """Write a profile, and have its golden run pass; returns the exit code."""
    output = Path(options.output)
    for path in [output, *([output.parent / WORKFLOW] if options.ci else [])]:
        if path.exists() and not options.force:
            raise UsageError(f"{path} is there already: give another --output, or --force to overwrite it")
    wishes = _wishes(options)
    options.starting()
    with evidence(options.report_dir) as bundle, Laboratory(bundle, seed=0, jobs=options.jobs) as laboratory:
        where = reached(options, laboratory, output.resolve().parent)
        assert where.bench is not None
        tryouts: list[Tryout] = []

        async def used(tryout: Tryout) -> tuple[Sighting, Arguments, Tool]:
            tryouts.append(tryout)
            return await _seen(tryout, wishes, options)

        sighting, call, tool = laboratory.try_out(where.bench, used)
        outlived = tryouts[0].outlived  # known when the life has ended
        draft = draft_of(where.draft, tool, call, sighting, batch=wishes.batch, outlived=outlived)
        for key, value in settings(options).items():
            table, _, name = key.partition(".")
            draft.say(table, name, value, "as you say")
        if draft.get("observe", "records") is not None:
            draft.remarks[:] = [said for said in draft.remarks if not said.startswith(NO_RECORDS)]
        _write(draft, output, str(where.bench.server.get("name") or "a server"))
        return _verified(draft, output, laboratory, options, took_s=sighting.took_s)


async def _seen(tryout: Tryout, wishes: Wishes, options: argparse.Namespace) -> tuple[Sighting, Arguments, Tool]:
    tool = _tool(tryout, wishes, options)
    call = arguments_for(tool, wishes.arguments, wishes.records)
    _say(options, f"trying {tool.name} {json.dumps(dict(call.template), ensure_ascii=False)[:500]}")
    return await scout(tryout, tool, call, wishes), call, tool


def _tool(tryout: Tryout, wishes: Wishes, options: argparse.Namespace) -> Tool:
    """The tool that starts the job: as told, as it is plain, or as somebody who is asked says."""
    if wishes.tool is None and _can_ask(options):
        ranking = [one.tool.name for one in rated(tryout.offer)][:_MOST_NAMED]
        usual = ranking[0] if ranking else ""
        if not (ranking and usual == FIXTURE):
            said = _ask(f"Which tool starts the long job? ({', '.join(ranking)})", usual)
            return _as_tool(chosen(tryout.offer, said).value)
    guess = chosen(tryout.offer, wishes.tool)
    tool = _as_tool(guess.value)
    if not guess.sure:
        _say(options, f"taking {tool.name} for the tool that starts the job ({guess.why}); --tool NAME says another")
    return tool


def _as_tool(value: Any) -> Tool:
    assert isinstance(value, Tool)
    return value


def _can_ask(options: argparse.Namespace) -> bool:
    return not options.yes and not options.json and sys.stdin.isatty() and sys.stderr.isatty()


def _ask(question: str, usual: str) -> str:
    print(clean(f"{question} [{usual}] "), end="", file=sys.stderr, flush=True)
    return input().strip() or usual


def _say(options: argparse.Namespace, text: str) -> None:
    print(clean(text, 2000), file=sys.stderr if options.json else sys.stdout, flush=True)


# --- what was said beforehand


def _wishes(options: argparse.Namespace) -> Wishes:
    status = settings(options).get("observe.status")
    return Wishes(
        tool=options.tool,
        arguments={name: _value(text) for name, text in pairs(options.argument, "--argument")},
        kind=ContractKind(options.contract) if options.contract else None,
        status_tool=options.status_tool,
        status=status if isinstance(status, str) else None,
        records=options.records,
        batch=min(options.batch, options.records),
        trial_s=options.trial_s,
    )


def _value(text: str) -> Any:
    """JSON where it is some, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


# --- what comes of it


def _write(draft: Draft, output: Path, named: str) -> None:
    text = text_of(draft, f"What mcp-crashtest needs to know about {named}; proposed by mcp-crashtest init.")
    text = f"#:schema {os.path.relpath(SCHEMA, output.resolve().parent)}\n{text}"  # of this installation: editors ask
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, text)


def _verified(draft: Draft, output: Path, laboratory: Laboratory, options: argparse.Namespace, *, took_s: float) -> int:
    name = os.path.relpath(output)
    _say(options, f"wrote {name}" + (f"; to be looked at: {', '.join(draft.guesses)}" if draft.guesses else ""))
    for remark in draft.remarks:
        _say(options, f"  {remark}")
    data = tomllib.loads(output.read_text(encoding="utf-8"))
    profile = parse_profile(data, name=output.stem, source=str(output), folder=output.resolve().parent)
    try:
        said = checked(profile, laboratory)
        if (why := done_before(laboratory.bundle.setting_up(profile, GOLDEN).history(), took_s)) is not None:
            raise UsageError(why)
    except CrashtestError as error:
        blamed = type(error) if isinstance(error, UsageError | SubjectError) else UsageError
        raise blamed(
            f"{name} is written, and the job does not come off with it: {error}\nchange it, and: {_check(name)}"
        ) from error
    if options.ci:
        path = output.parent / WORKFLOW
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, workflow(name, said["takes"]["certify"]["seconds"]))
        _say(options, f"wrote {os.path.relpath(path)}")
    if options.json:
        print(json.dumps(_as_json(said, draft, name), indent=2))
    else:
        tell(said)
        _say(options, f"next: mcp-crashtest certify --profile {name} --quick")
    return ExitCode.CERTIFIED


def _check(name: str) -> str:
    return f"mcp-crashtest check --profile {name}"


def _as_json(said: Mapping[str, Any], draft: Draft, name: str) -> dict[str, Any]:
    return {**said, "written": name, "guesses": draft.guesses, "remarks": draft.remarks}
