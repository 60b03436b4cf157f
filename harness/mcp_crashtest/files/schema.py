"""The JSON schema of a profile, for editors: made from the dataclasses that a profile is read into.

``python -m mcp_crashtest.files.schema`` writes it anew. It says which keys there are, of which kind and what they mean;
what belongs together is checked where a profile is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mcp_crashtest.files.atomic import write_atomically
from mcp_crashtest.files.profiles import TABLES
from mcp_crashtest.model.subject_spec import UNSAID

FILE = Path(__file__).resolve().parents[1] / "profile.schema.json"
_DRAFT = "http://json-schema.org/draft-07/schema#"  # what editors of TOML know
MEANINGS = {
    "subject.command": "How it is started; {port}, {listen_fd}, {state_dir}, {ledger}, {home}, {here} are filled in",
    "subject.url": "Where it is reached, best with {port} in it",
    "subject.protocols": "Protocol revisions to test over; by default the newest of each era that it speaks",
    "subject.headers": "What goes with every request; values may be ${NAME} or ${file:PATH}",
    "subject.environment": "Variables; values may be ${NAME} or ${file:PATH}",
    "subject.mcp_config": "A file of an MCP configuration, such as mcp.json, whose entry says how it is reached",
    "subject.server": "The name of that entry",
    "subject.cwd": "The folder in which the command runs; by default the profile's",
    "subject.home": "Whether each run has a HOME of its own; by default where nothing says {state_dir}",
    "subject.reset": "A command that is run before each run, for what is kept elsewhere",
    "subject.stop": "Whom a planned restart sends SIGTERM: the leader, or the whole group",
    "subject.kill": "Whom a kill reaches: the group, or all who belong to the server",
    "subject.cold": "Never use the fork server",
    "subject.ready_deadline_s": "How long a start may take, in seconds",
    "subject.crash_points": "The phases at which it parks itself when CRASHTEST_POINTS says so",
    "subject.preload": "Modules that the fork server imports",
    "contract.kind": "The durability pattern that it offers",
    "contract.tool": "The tool that starts the job",
    "contract.arguments": "Its arguments; {total_records}, {batch_size}, {client_id} are filled in",
    "contract.status": "The call that asks how the job stands, where that is a tool; {handle} is the id",
    "observe.handle": "The path of what names the task in the tool's answer",
    "observe.status": "The path of the status",
    "observe.progress": "The path of the progress",
    "observe.total": "The path of the total, or a number",
    "observe.count": "The path of the count of records in the result",
    "observe.records": "Where the records of the output are",
    "observe.words": "Its own words for a status, by ours",
    "claims.semantics": "How often a record may be in the output",
    "claims.resumes": "Whether it goes on where it was",
    "claims.recovery_deadline_s": "Within how many seconds it works again after a crash",
    "workload.records": "The size of the job",
    "workload.batch": "The size of a batch",
}


def schema() -> dict[str, Any]:
    """The schema of a file with one profile, or with several."""
    definitions: dict[str, Any] = {}
    tables = {name: _table(name, kind, definitions) for name, kind in TABLES.items()}
    principal = {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    own = {"name": {"type": "string"}, **tables, "principals": {"type": "array", "minItems": 2, "items": principal}}
    several = {"type": "object", "properties": own, "additionalProperties": False}
    properties = {**own, "subjects": {"type": "object", "minProperties": 1, "additionalProperties": several}}
    return {
        "$schema": _DRAFT,
        "title": "A profile of mcp-crashtest",
        "type": "object",
        "anyOf": [{"required": ["contract"]}, {"required": ["subjects"]}],
        "properties": properties,
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True) + "\n"


def _table(name: str, kind: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    found = TypeAdapter(kind).json_schema(ref_template="#/$defs/{model}")
    definitions.update({key: _plain(inner) for key, inner in found.pop("$defs", {}).items()})
    table: dict[str, Any] = _plain(found)
    table.pop("required", None)  # what several have in common need not be whole
    for key, inner in table["properties"].items():
        if (meaning := MEANINGS.get(f"{name}.{key}")) is not None:
            inner["description"] = meaning
    return table


def _plain(found: Any) -> Any:
    """Without titles and nulls, which TOML has not, and closed against keys that there are not."""
    if isinstance(found, list):
        return [_plain(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {k: v for k, v in found.items() if k not in ("title", "description") and not (k == "default" and v is None)}
    if isinstance(kept.get("anyOf"), list):
        choices = [_plain(choice) for choice in kept.pop("anyOf") if choice != {"type": "null"}]
        kept |= choices[0] if len(choices) == 1 else {"anyOf": choices}
    if isinstance(kept.get("properties"), dict):
        kept["properties"] = {k: _plain(v) for k, v in kept["properties"].items() if k not in UNSAID}
        kept["additionalProperties"] = False
        return kept
    return {k: _plain(v) for k, v in kept.items()}


if __name__ == "__main__":
    write_atomically(FILE, text())
