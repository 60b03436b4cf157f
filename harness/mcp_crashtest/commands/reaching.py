"""How a server of which nothing is known yet is started and reached: by its command's port, by variables, by stdio.

Each way is tried until one answers. What is tried is a profile's [subject], and goes into the file as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.sniffing import Speech
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import Stop
from mcp_crashtest.proposing.command import PORT_VARIABLES, Command, launcher_in, read_command, with_port
from mcp_crashtest.proposing.writing import Draft
from mcp_crashtest.subjects.sockets import find_free_port

_HTTP, _STDIO = "http", "stdio"
_ELSEWHERE = re.compile(r"listens on port ([0-9]{2,5})")
_UNKNOWN = "-"


@dataclass(slots=True)
class Reached:
    """A way to reach it: ``draft`` holds [subject]; ``bench`` is what the probe has found, where it answers."""

    draft: Draft
    folder: Path
    workload: Mapping[str, int]
    bench: Bench | None = None

    def profile(self) -> Profile:
        """A profile that is enough to start and reach it. Raises UsageError."""
        data = {
            **self.draft.data(),
            "workload": self.workload,
            "contract": {"kind": str(ContractKind.RESUMABLE_TOOL), "tool": _UNKNOWN},
        }
        return parse_profile(data, name="init", source="mcp-crashtest init", folder=self.folder)


def reached(options: argparse.Namespace, laboratory: Laboratory, folder: Path) -> Reached:
    """The first way that answers. Raises UsageError where nothing says how, SubjectError where none does."""
    if not options.command and not options.url and not options.mcp_config:
        raise UsageError(
            'say how the server is started or reached: --command "python server.py --port 8000", --url URL, or '
            "--mcp-config FILE"
        )
    if options.server and not options.mcp_config:
        raise UsageError("--server names an entry of --mcp-config FILE: give that too")
    refusals: list[str] = []
    ways = list(_ways(options, folder))
    if len(ways) > 1:
        ways = _in_order(ways, options, laboratory)
    while ways:
        title, way = ways.pop(0)
        try:
            way.bench = laboratory.probe(way.profile())
        except (SubjectError, UsageError) as error:
            if isinstance(error, UsageError) and not ways and not refusals:
                raise
            refusals.append(f"{title}: {error}")
            port = _ELSEWHERE.search(str(error))
            if port and not options.url and not any("fixed port" in said for said in refusals):
                ways.insert(0, (f"over HTTP on its fixed port {port[1]}", _on_fixed_port(way, port[1], options)))
            continue
        _mind_launcher(way)
        return way
    raise SubjectError("the server answers in no way that was tried:\n\n" + "\n\n".join(refusals))


def _in_order(
    ways: list[tuple[str, Reached]], options: argparse.Namespace, laboratory: Laboratory
) -> list[tuple[str, Reached]]:
    """Two ways, HTTP and stdio, and first the one that a command makes use of where one life of it has both."""
    (_, http), (_, stdio) = ways
    told, variables = find_free_port(), http.draft.get("subject", "environment") or {}
    draft = stdio.draft.copy()
    variables = {name: value.replace("{port}", str(told)) for name, value in variables.items()}
    draft.say("subject", "environment", variables or None)
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


def _ways(options: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Reached]]:
    workload = {"records": options.records, "batch": min(options.batch, options.records)}
    if options.mcp_config:
        yield "by its entry", Reached(_by_entry(options, folder), folder, workload)
        return
    if options.url:
        yield "by its URL", Reached(_draft(options, None, options.url), folder, workload)
        return
    try:
        command = read_command(_placed(options.command, folder))
    except ValueError as error:
        raise UsageError(f"--command: {error}") from error
    if options.transport != _STDIO:
        variables = {} if command.told_port else dict.fromkeys(PORT_VARIABLES, "{port}")
        title = "over HTTP, its port in the command" if command.told_port else f"over HTTP, told {PORT_VARIABLES[0]}"
        yield (
            title,
            Reached(_draft(options, command, f"http://127.0.0.1:{{port}}{options.path}", variables), folder, workload),
        )
    if options.transport != _HTTP and not command.told_port:
        yield "over stdio", Reached(_draft(options, command, None), folder, workload)


def _draft(
    options: argparse.Namespace, command: Command | None, url: str | None, variables: Mapping[str, str] | None = None
) -> Draft:
    draft = Draft()
    if command is not None:
        draft.say("subject", "command", command.text, "; ".join(command.changes))
        draft.remarks += command.warnings
    draft.say("subject", "url", url)
    environment = {**(variables or {}), **(command.environment if command else {}), **_own(options)}
    draft.say("subject", "environment", environment or None, "it is told its port by one of these" if variables else "")
    _say_headers(draft, options)
    return draft


def _by_entry(options: argparse.Namespace, folder: Path) -> Draft:
    """A subject that an entry of somebody's MCP configuration describes: the entry itself stays where it is."""
    draft = Draft()
    path = Path(options.mcp_config).expanduser().absolute()
    draft.say("subject", "mcp_config", os.path.relpath(path, folder))
    draft.say("subject", "server", options.server)
    _say_headers(draft, options)
    return draft


def _say_headers(draft: Draft, options: argparse.Namespace) -> None:
    headers = dict(_header(text) for text in options.header or ())
    draft.say("subject", "headers", headers or None)


def _own(options: argparse.Namespace) -> dict[str, str]:
    """The variables that the user gives it: also its trial is to keep its store where he says."""
    said = settings(options).get("subject.environment", {})
    if not isinstance(said, dict):
        raise UsageError('--set subject.environment: expected a table, as in { DATA_DIR = "{state_dir}/data" }')
    return {str(name): str(value) for name, value in said.items()}


def _on_fixed_port(way: Reached, port: str, options: argparse.Namespace) -> Reached:
    draft = way.draft.copy()
    draft.say("subject", "url", f"http://127.0.0.1:{port}{options.path}", "its port is fixed: runs go one at a time")
    draft.say("subject", "environment", _own(options) or None)
    return Reached(draft, way.folder, way.workload)


def _mind_launcher(way: Reached) -> None:
    """A planned restart has to reach the server itself, whatever the launcher does with a signal."""
    if (name := launcher_in(way.profile().subject.command or "")) is not None:
        way.draft.say("subject", "stop", str(Stop.GROUP), f"{name} may keep SIGTERM to itself")


def _header(text: str) -> tuple[str, str]:
    match = re.match(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*[:=]\s*(.*)$", text, re.DOTALL)
    if match is None:
        raise UsageError(f"--header {text!r}: expected 'NAME: VALUE', as in 'Authorization: Bearer ${{TOKEN}}'")
    return match[1], match[2]


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


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """What the user says of certain keys, by ``TABLE.KEY``. Raises UsageError."""
    found: dict[str, Any] = {}
    for key, text in pairs(options.set, "--set"):
        if key.count(".") != 1:
            raise UsageError(f'--set {key}: expected TABLE.KEY=VALUE, as in observe.count="$.done"')
        try:
            found[key] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[key] = text
    return found


def pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """An option's ``NAME=VALUE``, each in two. Raises UsageError."""
    found = []
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text}: expected NAME=VALUE")
        found.append((name, value))
    return found
