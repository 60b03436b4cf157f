"""Which contract a server's answer belongs to, where the profile has named another: an id is not a resource's URI.

The commonest shape of a long job answers with an id, and has a tool that tells how it stands. Which tool that is
nobody says; its name and its schema do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mcp_crashtest.contracts.words import RUNNING, meaning
from mcp_crashtest.model.contract_spec import ContractKind
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.showing import paths_in
from mcp_crashtest.model.text import excerpt

Tools = Mapping[str, Mapping[str, Any]]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_STATUS = re.compile(r"status|state|progress|poll|check|inspect|describe|^(get|show|query)_?(job|task|run|operation)")
_RESULT = re.compile(r"result|output|rows|records|items|download|fetch")
_NAMES_A_JOB = re.compile(r"^(.*[_.]|.*[a-z](?=I))?(id|Id|ID|handle|token|uuid)$|^(job|task|run)$")
_MOST = 5


def is_uri(handle: str) -> bool:
    """Whether it could be the URI of a resource: those begin with a scheme."""
    return _URI.fullmatch(handle) is not None


def status_tools(tools: Tools) -> list[str]:
    """The tools that may tell how a job stands, by their names, the likeliest first."""
    named = [name for name in tools if _STATUS.search(name.lower())]
    return sorted(named, key=lambda name: (_RESULT.search(name.lower()) is not None, "status" not in name.lower()))


def argument_for(schema: Mapping[str, Any], path: str | None) -> str:
    """The argument by which a tool is told which job is meant: called as the id in the answer is, or like one."""
    properties, required = schema.get("properties"), schema.get("required")
    names = [str(name) for name in properties] if isinstance(properties, Mapping) else []
    last = path.rsplit(".", 1)[-1] if path else ""
    if last in names:
        return last
    likely = [name for name in names if _NAMES_A_JOB.match(name)]
    first = [name for name in names if isinstance(required, list) and name in required]
    return next(iter([*likely, *first]), last or "job_id")


def id_path(answer: Any) -> str | None:
    """Where in an answer a job is named."""
    found = [
        path
        for path, value in paths_in(answer)
        if isinstance(value, str | int) and not isinstance(value, bool) and _NAMES_A_JOB.match(path.rsplit(".", 1)[-1])
    ]
    return found[0] if found else None


def on_handle(profile: Profile, tools: Tools, answer: Any, handle: str | None) -> str | None:
    """What to say where a resource's URI was wanted and an id came; None where it is none.

    ``answer`` is the document of the tool's answer, as far as it is known; ``handle`` what was found in it.
    """
    path = profile.observe.handle or id_path(answer)
    if profile.contract.kind is not ContractKind.RESOURCE_TASK or (handle is None and path is None):
        return None
    shown = excerpt(handle) if handle is not None else excerpt(answer)
    kind, tool = profile.contract.kind, profile.contract.tool
    return (
        f'[contract] kind = "{kind}" wants the URI of a resource, and {tool} answered with an id: {shown}.\n\n'
        f"{_as_tool_task(tools, path)}\n\nWhere a resource tells how the job stands, its URI is made "
        f'from the answer:\n\n  [observe]\n  handle = "job://{{{(path or "$.id").removeprefix("$.")}}}"'
    )


def on_pending(profile: Profile, tools: Tools, document: Any) -> Iterator[str]:
    """What to say where the output was wanted, and the answer says that the work has only begun."""
    word = document.get("status") or document.get("state") if isinstance(document, Mapping) else None
    if profile.contract.kind.blocking and isinstance(word, str) and meaning(word, {}) == RUNNING:
        yield (
            f'[contract] kind = "{profile.contract.kind}" wants the output itself, and {profile.contract.tool} '
            f"answered that the work is {word!r}: {excerpt(document)}.\n\n{_as_tool_task(tools, id_path(document))}"
        )


def status_line(tools: Tools, path: str | None) -> str:
    """The line of a profile that names the status tool."""
    named = status_tools(tools)
    tool = named[0] if named else "..."
    argument = argument_for(tools.get(tool, {}), path)
    return f'status = {{ tool = "{tool}", arguments = {{ {argument} = "{{handle}}" }} }}'


def _as_tool_task(tools: Tools, path: str | None) -> str:
    named = status_tools(tools)
    found = (
        f"by their names: {', '.join(named[:_MOST])}" if named else f"it has {', '.join(list(tools)[:20]) or 'none'}"
    )
    lines = [
        "[contract]",
        f'kind = "{ContractKind.TOOL_TASK}"',
        status_line(tools, path),
        "",
        "[observe]",
        f'handle = "{path or "$.…"}"',
    ]
    shown = "\n".join(f"  {line}" if line else "" for line in lines)
    return f"Where a tool tells how the job stands ({found}), say\n\n{shown}"
