"""How a server of which nothing is known yet is started and reached: by its command's port, by variables, by stdio.

Each way is tried until one answers. What is tried is a profile's [subject], and goes into the file as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.silence import wants_to_know_who_asks
from mcp_crashtest.laboratory.sniffing import Speech
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import Stop, SubjectSpec
from mcp_crashtest.proposing.command import (
    PORT_VARIABLES,
    Command,
    from_here,
    launcher_in,
    moved_variable,
    read_command,
    with_port,
    words_from_here,
)
from mcp_crashtest.proposing.writing import Draft
from mcp_crashtest.subjects.sockets import find_free_port

_HTTP, _STDIO = "http", "stdio"
_ELSEWHERE = re.compile(r"listens on port ([0-9]{2,5})")
_UNKNOWN = "-"
_CONFIGS = ("mcp.json", ".mcp.json", ".vscode/mcp.json", ".cursor/mcp.json", "claude_desktop_config.json")
_FROM_HERE = "over what the entry says: named from this file's folder"
_SIZE = {"records": 103, "batch": 10}
_MUCH = 3
_LONGEST_START_S = 180.0
_FIRST_START_S = 60.0  # nobody knows yet how long it takes, on a machine that may have much else to do

Say = Callable[[str], None]


@dataclass(slots=True)
class Reached:
    """A way to reach it: ``draft`` holds [subject]; ``bench`` is what the probe has found, where it answers."""

    draft: Draft
    folder: Path
    workload: Mapping[str, int]
    bench: Bench | None = None

    def profile(self) -> Profile:
        """A profile that is enough to start and reach it. Raises UsageError."""
        said = self.draft.data()
        data = {
            **said,
            "subject": {"ready_deadline_s": _FIRST_START_S, **said.get("subject", {})},
            "workload": self.workload,
            "contract": {"kind": str(ContractKind.RESUMABLE_TOOL), "tool": _UNKNOWN},
        }
        return parse_profile(data, name="init", source="mcp-crashtest init", folder=self.folder)


def reached(options: argparse.Namespace, laboratory: Laboratory, folder: Path, here: Path, say: Say) -> Reached:
    """The first way that answers. Raises UsageError where nothing says how, SubjectError where none does.

    What is tried is said. ``here`` is the profile's folder, and ``folder`` that one or a copy of it.
    """
    if not options.command and not options.url and not options.mcp_config:
        options.mcp_config = _config_here()
        say(f"taking {options.mcp_config}, which is here; --command or --url says another way")
    if options.server and not options.mcp_config:
        raise UsageError("--server names an entry of --mcp-config FILE: give that too")
    refusals: list[str] = []
    ways = list(_ways(options, folder, here))
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


def _ways(options: argparse.Namespace, folder: Path, here: Path) -> Iterator[tuple[str, Reached]]:
    workload = {"records": options.records, "batch": min(options.batch, options.records)}
    if options.mcp_config:
        yield "by its entry", Reached(_by_entry(options, folder, here), folder, workload)
        return
    if options.url:
        yield "by its URL", Reached(_draft(options, None, options.url), folder, workload)
        return
    try:
        command = read_command(_placed(options.command, here), lambda word: _holds_something(folder / word))
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


def _holds_something(path: Path) -> bool:
    try:
        return any(path.iterdir()) if path.is_dir() else path.stat().st_size > 0
    except OSError:
        return False


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
    _say_own(draft, options)
    return draft


def _say_own(draft: Draft, options: argparse.Namespace) -> None:
    """What the user says of the subject itself goes over all that is found out, in the trial too."""
    for key, value in settings(options).items():
        table, _, name = key.partition(".")
        if table == "subject" and name != "environment":
            draft.say(table, name, value, "as you say")


def _by_entry(options: argparse.Namespace, folder: Path, here: Path) -> Draft:
    """A subject that an entry of somebody's MCP configuration describes: the entry itself stays where it is."""
    draft = Draft()
    path = Path(options.mcp_config).expanduser().absolute()
    draft.say("subject", "mcp_config", os.path.relpath(path, here))
    draft.say("subject", "server", options.server)
    _say_headers(draft, options)
    draft.say("subject", "environment", _own(options) or None)
    _say_own(draft, options)
    _move_store(draft, folder)
    if folder != here:
        _stay_in_copy(draft, folder, str(here))
    return draft


def _stay_in_copy(draft: Draft, folder: Path, here: str) -> None:
    """What the entry names in the profile's folder by its whole path is named in the copy of it that is tried."""
    spec, said = Reached(draft, folder, _SIZE).profile().subject, draft.get("subject", "environment") or {}
    values = {name: spec.hidden.get(f"env.{name}", value) for name, value in spec.environment.items()}
    placed = {name: from_here(value, here) for name, value in values.items() if name not in said}
    if moved := {name: value for name, value in placed.items() if value != values[name]}:
        draft.say("subject", "environment", {**moved, **said}, _FROM_HERE)
    command = spec.command or ""
    if "${" not in command and words_from_here(command, here) != command:
        draft.say("subject", "command", words_from_here(command, here), _FROM_HERE)


def _move_store(draft: Draft, folder: Path) -> None:
    """Where the entry says the place of a store, another one is said over it, so that each run has its own."""
    spec = Reached(draft, folder, _SIZE).profile().subject
    if spec.command is None:
        return
    where = folder / (spec.cwd or ".")
    command = read_command(spec.command, lambda word: _holds_something(where / word))
    if command.text != spec.command and "${" not in spec.command and draft.get("subject", "command") is None:
        draft.say("subject", "command", command.text, "; ".join(command.changes))
    draft.remarks += command.warnings
    said = draft.get("subject", "environment") or {}
    moved = {
        name: new
        for name in spec.environment
        if name not in said
        and (value := spec.hidden.get(f"env.{name}")) is not None
        and not _holds_something(where / value)
        and (new := moved_variable(name, value)) is not None
    }
    if moved:
        why = f"over what the entry says: each run has {' and '.join(moved)} of its own"
        draft.say("subject", "environment", {**moved, **said}, why)


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
