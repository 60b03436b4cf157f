"""``mcp-crashtest init``: a profile of somebody's server, from its tools and one observed job.

What the server does not tell is guessed where ``--yes`` is given or nobody can be asked, and each guess is marked in
the file. What is written is played once, as ``check`` does.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mcp_crashtest.checkers.earlier import done_before
from mcp_crashtest.commands.asking import ask_about, say
from mcp_crashtest.commands.check import checked, evidence, tell
from mcp_crashtest.commands.comparing import freed
from mcp_crashtest.commands.exit_codes import ExitCode
from mcp_crashtest.commands.given import pairs, settings
from mcp_crashtest.commands.places import Places, Use
from mcp_crashtest.commands.reaching import reached
from mcp_crashtest.commands.trying import Trial, tried
from mcp_crashtest.commands.way import Reached
from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.bundle import GOLDEN
from mcp_crashtest.files.mirrors import mirrored
from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.files.schema import FILE as SCHEMA
from mcp_crashtest.files.traces import Traces
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.scouting import Wishes
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import CrashtestError, SubjectError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.proposing.sighting import NO_RECORDS
from mcp_crashtest.proposing.writing import Draft, text_of, workflow

_INSTEAD = {Use.COPY: "a copy of it for each run", Use.ITSELF: "it itself, in which its jobs are then"}
WORKFLOW = Path(".github") / "workflows" / "crashtest.yml"


def init(options: argparse.Namespace) -> int:
    """Write a profile, and have its golden run pass; returns the exit code."""
    output = Path(options.output)
    for path in [output, *([output.parent / WORKFLOW] if options.ci else [])]:
        if path.exists() and not options.force:
            raise UsageError(f"{path} is there already: give another --output, or --force to overwrite it")
    wishes = _wishes(options)
    options.endings.gently()
    with (
        evidence(options.report_dir) as bundle,
        Laboratory(bundle, seed=0, jobs=options.jobs, restarts=False) as laboratory,
    ):
        here = output.resolve().parent
        ours = frozenset(here / name for name in (output.name, WORKFLOW))
        traces = Traces(here, laboratory.bundle.folder, ours, started=bool(options.command))
        try:
            found = _found_in_copy(options, wishes, laboratory, traces) or _found(options, wishes, laboratory, traces)
            return _proposed(options, wishes, laboratory, *found)
        finally:
            traces.clear()


def _found_in_copy(
    options: argparse.Namespace, wishes: Wishes, laboratory: Laboratory, traces: Traces
) -> tuple[Reached, Trial] | None:
    """What a trial in a copy of the profile's folder shows; None where that cannot be made, or is not where it writes.

    What is written beside its script goes into the copy, and not among the user's own jobs.
    """
    here = traces.folder
    if options.url or here != Path.cwd():
        return None
    with mirrored(here) as copy:
        if copy is None:
            return None
        passing = Traces(copy, laboratory.bundle.folder, started=True, passing=True)
        try:
            found = _found(options, wishes, laboratory, passing, here)
        except SubjectError:
            say(options, "it does not do so in a copy of its folder: trying it where it is")
            return None
    return None if traces.left() else found


def _found(
    options: argparse.Namespace, wishes: Wishes, laboratory: Laboratory, traces: Traces, here: Path | None = None
) -> tuple[Reached, Trial]:
    places = Places(here or traces.folder, traces.folder)
    while True:
        try:
            where = reached(options, laboratory, traces.folder, places, partial(say, options))
            return tried(where, wishes, options, laboratory, traces)
        except (SubjectError, UsageError):
            use = places.next_use()
            if use is None:
                raise
            say(options, f"it does not do so with {_named(places)} empty: trying it with {_INSTEAD[use]}")
            places = Places(places.here, places.folder, use)


def _named(places: Places) -> str:
    return " and ".join(map(str, places.elsewhere))


def _proposed(options: argparse.Namespace, wishes: Wishes, laboratory: Laboratory, where: Reached, trial: Trial) -> int:
    output = Path(options.output)
    assert where.bench is not None
    draft = trial.draft(where, wishes.batch)
    for key, value in settings(options).items():
        table, _, name = key.partition(".")
        draft.say(table, name, value, "as you say")
    if draft.get("observe", "records") is not None:
        draft.remarks[:] = [said for said in draft.remarks if not said.startswith(NO_RECORDS)]
    ask_about(draft, trial.sighting, options)
    named = str(where.bench.server.get("name") or "a server")
    _write(draft, output, named)
    return _verified(draft, output, laboratory, options, named, took_s=trial.sighting.took_s)


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
    folder = output.resolve().parent
    if SCHEMA.is_relative_to(folder):  # beside it, as in a .venv: elsewhere it is this machine's alone
        text = f"#:schema {SCHEMA.relative_to(folder)}\n{text}"  # editors ask for it
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, text)


def _verified(
    draft: Draft, output: Path, laboratory: Laboratory, options: argparse.Namespace, named: str, *, took_s: float
) -> int:
    name = os.path.relpath(output)
    say(options, f"wrote {name}" + (f"; to be looked at: {', '.join(draft.guesses)}" if draft.guesses else ""))
    for remark in draft.remarks:
        say(options, f"  {remark}")
    profile = _read(output)
    try:
        said = checked(profile, laboratory)
        if (why := done_before(laboratory.bundle.setting_up(profile, GOLDEN).history(), took_s)) is not None:
            raise UsageError(why)
        for change in (changes := freed(draft, profile, laboratory)):
            say(options, f"  {change}")
        if changes:
            _write(draft, output, named)
            said = checked(_read(output), laboratory)
    except CrashtestError as error:
        blamed = type(error) if isinstance(error, UsageError | SubjectError) else UsageError
        raise blamed(
            f"{name} is written, and the job does not come off with it: {error}\nchange it, and: {_check(name)}"
        ) from error
    if options.ci:
        path = output.parent / WORKFLOW
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, workflow(name, said["takes"]["certify"]["seconds"]))
        say(options, f"wrote {os.path.relpath(path)}")
    if options.json:
        print(json.dumps(_as_json(said, draft, name), indent=2))
    else:
        tell(said)
        say(options, f"next: mcp-crashtest certify --profile {name} --quick")
    return ExitCode.CERTIFIED


def _read(output: Path) -> Profile:
    data = tomllib.loads(output.read_text(encoding="utf-8"))
    return parse_profile(data, name=output.stem, source=str(output), folder=output.resolve().parent)


def _check(name: str) -> str:
    return f"mcp-crashtest check --profile {name}"


def _as_json(said: Mapping[str, Any], draft: Draft, name: str) -> dict[str, Any]:
    return {**said, "written": name, "guesses": draft.guesses, "remarks": draft.remarks}
