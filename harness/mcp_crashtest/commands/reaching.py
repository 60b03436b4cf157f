"""How a server of which nothing is known yet is started and reached: by its command's port, by variables, by stdio.

Each way is tried until one answers. What is tried is a profile's [subject], and goes into the file as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from mcp_crashtest.commands.entries import by_entry
from mcp_crashtest.commands.given import say_given, variables
from mcp_crashtest.commands.places import OF_A_COPY, Places
from mcp_crashtest.commands.way import Reached
from mcp_crashtest.files.secrets import refuse_missing
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.silence import wants_to_know_who_asks
from mcp_crashtest.laboratory.sniffing import Speech
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.subject_spec import Stop, SubjectSpec
from mcp_crashtest.proposing.command import (
    PORT_VARIABLES,
    Command,
    launcher_in,
    read_command,
    with_port,
)
from mcp_crashtest.proposing.writing import Draft
from mcp_crashtest.subjects.sockets import find_free_port

_HTTP, _STDIO = "http", "stdio"
_ELSEWHERE = re.compile(r"listens on port ([0-9]{2,5})")
_CONFIGS = ("mcp.json", ".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json", "claude_desktop_config.json")
_MUCH = 3
_LONGEST_START_S = 180.0

Say = Callable[[str], None]


def reached(options: argparse.Namespace, laboratory: Laboratory, folder: Path, places: Places, say: Say) -> Reached:
    """The first way that answers. Raises UsageError where nothing says how, SubjectError where none does.

    What is tried is said. ``folder`` is the profile's, or a copy of it.
    """
    if not options.command and not options.url and not options.mcp_config:
        options.mcp_config = _config_here()
        say(f"taking {options.mcp_config}, which is here; --command or --url says another way")
    if options.server and not options.mcp_config:
        raise UsageError("--server names an entry of --mcp-config FILE: give that too")
    refusals: list[str] = []
    ways = list(_ways(options, folder, places))
    refuse_missing(ways[0][1].profile())
    if len(ways) > 1:
        ways = _in_order(ways, options, laboratory)
    while ways:
        title, way = ways.pop(0)
        say(f"trying to reach it {title}")
        began = time.monotonic()
        try:
            way.bench = laboratory.probe(way.profile())
        except (SubjectError, UsageError) as error:
            if isinstance(error, UsageError) and not ways and not refusals:
                raise
            if wants_to_know_who_asks([str(error)]):  # it is there, and no other way is worth a try
                raise UsageError(f"{title}: {error}") from error
            refusals.append(f"{title}: {error}")
            port = _ELSEWHERE.search(str(error))
            if port and not options.url and not any("fixed port" in said for said in refusals):
                ways.insert(0, (f"over HTTP on its fixed port {port[1]}", _on_fixed_port(way, port[1], options)))
            continue
        _mind_launcher(way)
        _mind_slowness(way, time.monotonic() - began)
        return way
    raise SubjectError("the server answers in no way that was tried:\n\n" + "\n\n".join(refusals))


def _config_here() -> str:
    """The one configuration of an MCP host that lies where the user is. Raises UsageError without one."""
    found = [name for name in _CONFIGS if Path(name).is_file()]
    if len(found) != 1:
        here = f" ({', '.join(found)} are here)" if found else ""
        raise UsageError(
            'say how the server is started or reached: --command "python server.py --port 8000", --url URL, or '
            f"--mcp-config FILE{here}"
        )
    return found[0]


def _mind_slowness(way: Reached, took_s: float) -> None:
    """A start that has taken much of its time here may take all of it on a machine that has more to do."""
    if took_s > SubjectSpec().ready_deadline_s / _MUCH and way.draft.get("subject", "ready_deadline_s") is None:
        why = f"it was there after {took_s:.0f} s"
        way.draft.say("subject", "ready_deadline_s", min(float(_MUCH * round(took_s)), _LONGEST_START_S), why)


def _in_order(
    ways: list[tuple[str, Reached]], options: argparse.Namespace, laboratory: Laboratory
) -> list[tuple[str, Reached]]:
    """Two ways, HTTP and stdio, and first the one that a command makes use of where one life of it has both."""
    (_, http), (_, stdio) = ways
    told, said = find_free_port(), http.draft.get("subject", "environment") or {}
    draft = stdio.draft.copy()
    said = {name: value.replace("{port}", str(told)) for name, value in said.items()}
    draft.say("subject", "environment", said or None)
    try:
        heard = laboratory.sniff(Reached(draft, stdio.folder, stdio.workload).profile())
    except (SubjectError, UsageError):
        return ways  # they themselves say why
    if heard is None or told in heard.ports:
        return ways
    if heard.speech is Speech.STDIO:
        return ways[::-1]
    port = heard.ports[0]
    command = with_port(str(http.draft.get("subject", "command")), port)
    if command is None:
        return [(f"over HTTP on its fixed port {port}", _on_fixed_port(http, str(port), options)), *ways]
    moved = http.draft.copy()
    why = f"{port} is {{port}} now, so that each run has a port of its own"
    moved.say("subject", "command", command, why)
    moved.say("subject", "environment", stdio.draft.get("subject", "environment"))
    return [("over HTTP, its port in the command", Reached(moved, http.folder, http.workload)), *ways]


def _ways(options: argparse.Namespace, folder: Path, places: Places) -> Iterator[tuple[str, Reached]]:
    workload = {"records": options.records, "batch": min(options.batch, options.records)}
    if options.mcp_config:
        yield "by its entry", Reached(by_entry(options, folder, places), folder, workload)
        return
    if options.url:
        yield "by its URL", Reached(_draft(options, None, options.url), folder, workload)
        return
    try:
        command = read_command(_placed(options.command, places.here), lambda word: places.stay(folder / word))
    except ValueError as error:
        raise UsageError(f"--command: {error}") from error
    if options.transport != _STDIO:
        ports = {} if command.told_port else dict.fromkeys(PORT_VARIABLES, "{port}")
        title = "over HTTP, its port in the command" if command.told_port else f"over HTTP, told {PORT_VARIABLES[0]}"
        url = f"http://127.0.0.1:{{port}}{options.path}"
        yield title, Reached(_draft(options, command, url, ports, places.reset()), folder, workload)
    if options.transport != _HTTP and not command.told_port:
        yield "over stdio", Reached(_draft(options, command, None, reset=places.reset()), folder, workload)


def _draft(
    options: argparse.Namespace,
    command: Command | None,
    url: str | None,
    ports: Mapping[str, str] | None = None,
    reset: str | None = None,
) -> Draft:
    draft = Draft()
    if command is not None:
        draft.say("subject", "command", command.text, "; ".join(command.changes))
        draft.remarks += command.warnings
    draft.say("subject", "url", url)
    environment = {**(ports or {}), **(command.environment if command else {}), **variables(options)}
    draft.say("subject", "environment", environment or None, "it is told its port by one of these" if ports else "")
    draft.say("subject", "reset", reset, OF_A_COPY)
    say_given(draft, options)
    return draft


def _on_fixed_port(way: Reached, port: str, options: argparse.Namespace) -> Reached:
    draft = way.draft.copy()
    draft.say("subject", "url", f"http://127.0.0.1:{port}{options.path}", "its port is fixed: runs go one at a time")
    draft.say("subject", "environment", variables(options) or None)
    return Reached(draft, way.folder, way.workload)


def _mind_launcher(way: Reached) -> None:
    """A planned restart has to reach the server itself, whatever the launcher does with a signal."""
    if (name := launcher_in(way.profile().subject.command or "")) is not None:
        way.draft.say("subject", "stop", str(Stop.GROUP), f"{name} may keep SIGTERM to itself")


def _placed(command: str, folder: Path) -> str:
    """The command as it is started in the profile's folder: files that are named from here are found from there."""
    if folder == Path.cwd():
        return command

    def placed(match: re.Match[str]) -> str:
        word = match[0]
        if word.startswith(("-", "/", "{")) or not Path(word).exists():
            return word
        return f"{{here}}/{os.path.relpath(Path(word).resolve(), folder)}"

    return re.sub(r"[^\s\"']+", placed, command)
