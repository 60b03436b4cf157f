"""What each key of a profile means: said once, for the schema that editors read and for docs/profile.md.

Keys are called by their place: ``subject.command``, ``observe.records.file``, ``services.kind``. Markdown, one sentence
or two, without what the default is: that is the dataclass's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, ToolSpec
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.offers import Principal
from mcp_crashtest.model.profile import Claims, ClientSpec, Workload
from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.model.subject_spec import UNSAID, LifeSpec, SubjectSpec

TABLES: Mapping[str, type[Any]] = {
    "subject": SubjectSpec,
    "contract": ContractSpec,
    "observe": ObserveSpec,
    "claims": Claims,
    "workload": Workload,
    "client": ClientSpec,
}
"""The tables of a profile."""

ARRAYS: Mapping[str, type[Any]] = {"principals": Principal, "services": ServiceSpec, "lives": LifeSpec}
"""Of these there may be several: ``[[principals]]``."""

_KINDS: Mapping[ContractKind, str] = {
    ContractKind.RESUMABLE_TOOL: "a blocking call that is made again after a crash",
    ContractKind.RESOURCE_TASK: "a start tool that answers with a resource URI",
    ContractKind.TOOL_TASK: "a start tool that answers with an id, for a status tool",
    ContractKind.TASKS_EXTENSION: "`io.modelcontextprotocol/tasks`, a call that is answered with a task",
    ContractKind.TASKS_2025: "core tasks of revision 2025-11-25, which it must declare; cancel and list are its own",
    ContractKind.SSE_RESUME: "a blocking call whose stream of events is joined again by Last-Event-ID (2025-03-26 to "
    "2025-11-25)",
}

MEANINGS: Mapping[str, str] = {
    "subject.command": "how your server is started. Each run has a `{state_dir}` and a `{port}` of its own, kept over "
    "restarts. There is no shell; a command without a `url` speaks stdio",
    "subject.url": "where it is reached, with `{port}` in it. With a port that is always the same, runs go one at a "
    "time",
    "subject.environment": "variables; values may be `${NAME}` or `${file:PATH}`",
    "subject.headers": 'go with every request: `{ Authorization = "Bearer ${TOKEN}" }`',
    "subject.cwd": "the folder in which the command runs; `{state_dir}` where a server keeps its store beside itself",
    "subject.ready_deadline_s": "how many seconds a start may take",
    "subject.mcp_config": "an `mcp.json`, as by `--mcp-config FILE`",
    "subject.server": "which of its entries, as by `--server NAME`",
    "subject.home": "whether each run has its own HOME (`{home}`), XDG folders and TMPDIR; caches of npm, uv, pip and "
    "others stay the user's. By default where nothing says `{state_dir}`",
    "subject.reset": "a command that is run in `cwd` before each run, for what is kept elsewhere, or to copy a "
    "script that keeps its store beside itself; runs go one at a time then, unless it or `cwd` has `{state_dir}`",
    "subject.stop": '`"group"`: a planned restart sends SIGTERM to the whole process group, for launchers that keep it '
    "to themselves",
    "subject.kill": '`"all"`: a kill reaches everybody who belongs to the server, also workers in sessions of their '
    "own that are meant to outlive it",
    "subject.protocols": "protocol revisions to test over. By default the newest that it speaks of each era: "
    "2026-07-28, and 2025-11-25, 2025-06-18 or 2025-03-26, over stdio also 2024-11-05",
    "subject.cold": "never start it from the fork server",
    "subject.crash_points": "the phases at which it parks itself when `CRASHTEST_POINTS` says so: see below",
    "subject.preload": "modules that the fork server imports",
    "subject.start_command": "at a `url` without a command: how its owner starts it; see [services.md](services.md)",
    "subject.stop_command": "how its owner stops it",
    "subject.kill_command": "how its owner kills it",
    "subject.alive_command": "ends with 0 while it lives; what it prints tells its lives apart",
    "subject.hook_deadline_s": "how many seconds each of these four may take (30)",
    "contract.kind": "; ".join(f"`{kind}`: {meaning}" for kind, meaning in _KINDS.items()),
    "contract.tool": "the tool that starts the job",
    "contract.arguments": "what it is called with; `{total_records}`, `{batch_size}`, `{client_id}` and others are "
    "filled in",
    "contract.status": f"with `{ContractKind.TOOL_TASK}`: "
    "`{ tool, arguments }` of the call that asks how it stands; `{handle}` is the "
    "id. With a call that comes back with the output: what shows its progress meanwhile, `{ tool, arguments }` or "
    "`{ resource }`",
    "contract.cancel": "`{ tool, arguments }`; `{handle}` and `{task_id}`, its last part, are filled in. What was "
    f"acknowledged holds over a kill. `{ContractKind.TASKS_EXTENSION}` and `{ContractKind.TASKS_2025}` have their own",
    "contract.pause": "the same; it needs `resume`",
    "contract.resume": "the same; a paused job goes on, and comes to its end",
    "contract.answer": "the same, for a task that asks for something (`input_required`): it is killed while it waits, "
    f"and right after the answer. `{ContractKind.TASKS_EXTENSION}` has its own, with what the form takes",
    "contract.poison": "`{ tool, arguments }`, a call for a job that raises, ends its process, or never returns: "
    "others go on beside it (`poison-job`); `{client_id}` and `{run_id}` are another's",
    "contract.list": "where it lists its jobs: they agree with the tasks, after a restart too",
    "contract.list.tool": "a tool",
    "contract.list.resource": "or a resource",
    "contract.list.arguments": "of the tool; `{next}` is the next page",
    "contract.list.items": "the path of the list",
    "contract.list.handle": "the path of what a task is called, within an item",
    "contract.list.status": "the path of its status",
    "contract.list.next": "the path of what leads to the next page",
    "contract.stats": "where it counts its jobs",
    "contract.stats.tool": "a tool",
    "contract.stats.resource": "or a resource",
    "contract.stats.arguments": "of the tool",
    "contract.stats.counts": "`{ completed = PATH, ... }`",
    "contract.stats.total": "the path of how many there are",
    "observe.handle": "the path of the job's id in the answer of the tool; or made of it, as in "
    '`"task://status/{job.id}"`',
    "observe.status": "the path of the status: a word, or a flag that is true at the end",
    "observe.words": 'its own words for a status: `{ failed = ["interrupted"] }`, and so `completed`, `cancelled`, '
    "`running`; usual ones, also as `TASK_STATE_COMPLETED`, are understood",
    "observe.progress": 'the path of how far it is; `"{ledger}"` is the ledger\'s growth, for calls that tell nothing',
    "observe.total": "the path of the total, or a number for one that is always the same",
    "observe.unit": "what progress is counted in where no total stands beside it: `percent` (also by a name such as "
    "`$.percent`), `fraction`, `records`, `batches`",
    "observe.count": "the path of how many records were done",
    "observe.records": "where the records of the output are. Without, one star at most",
    "observe.records.items": "the path of the list, in the answer or in what one of the following shows",
    "observe.records.key": "the path of a record's identity within the record",
    "observe.records.next": "the path of what leads to the next page; `{next}` for a tool",
    "observe.records.tool": "a tool",
    "observe.records.arguments": "of the tool. Here and in the following `{task_id}` is the job's id, `{handle}` what "
    "it is followed by (an id, or a URI whose last part is `{task_id}`), and any other name a path in the answer that "
    "tells the output: `{id}` is its `$.id`, `{job.id}` its `$.job.id`",
    "observe.records.resource": "or a resource",
    "observe.records.file": "or a file: JSON, JSON lines, CSV, TSV",
    "observe.records.sqlite": "or a SQLite database, with a `query`",
    "observe.records.postgres": "or how psql reaches PostgreSQL, with a `query`",
    "observe.records.query": "what is asked of the database; `'{task_id}'` and others are its parameters",
    "observe.records.command": "or a command, whose output is JSON or lines of it",
    "observe.ledger": "where a line of the ledger says what it is of",
    "observe.ledger.record": "the path of the record",
    "observe.ledger.task": "the path of the task",
    "claims.semantics": '`"exactly-once"` or `"at-least-once"`',
    "claims.resumes": "a job goes on where it was; `false` for a server that fails honestly, for one star",
    "claims.ordered": "records come in the order of the input",
    "claims.deterministic": "a record is the same in every run",
    "claims.recovery_deadline_s": "after a restart it works again within so many seconds. Held against what was "
    "measured; without it something has to move within 10 s. What the server waits for a processor is not counted",
    "claims.durable_events": f"streams (`{ContractKind.SSE_RESUME}`) go on behind a restart",
    "claims.shared_store": "two servers may work on one store at once; otherwise the second one may refuse to start",
    "claims.lease_s": "a server that stands still keeps its jobs for so many seconds; then another one on the store "
    "takes them over",
    "workload.records": "the size of the job; jobs of other sizes are tried where the arguments tell the size",
    "workload.batch": "how many records are done at a time",
    "workload.input_file": "a file of JSON lines that the lab writes before the first start",
    "client.command": "a client under test; `{url}`, `{client_dir}` and `{job}` are filled in",
    "client.result": "paths in the JSON that it prints: what is the same in every run",
    "client.state": "its state file",
    "client.handle": "paths in that file of what its task is called",
    "client.environment": "variables",
    "client.preload": "modules that the fork server imports",
    "principals.name": "two or more: the first has the job done, the others try to see, list and cancel it",
    "principals.headers": "what goes with each of its requests",
    "services.name": "a database or broker for each run: `{services.NAME.url}`, `.host`, `.port` and `.dir`",
    "services.kind": '`"redis"`, `"postgres"`, or `"command"`',
    "services.command": "what starts it, with `{port}` and `{dir}`; `{subject_port}` is the subject's",
    "services.ready": "a command that ends with 0 once it is ready",
    "services.url": "what `{services.NAME.url}` is, of a command",
    "services.options": "further words for Redis or PostgreSQL",
    "services.environment": "variables",
    "services.user": "who it runs as where the lab is root",
    "services.ready_deadline_s": "how many seconds a start may take",
    "services.link": "true: the subject reaches it through a port of the lab's, which `services-unreachable` has fail",
    "services.server": "it is another server like the subject: a planned restart stops it too",
    "services.preload": "modules that its fork server has imported, as in `[subject]`",
    "lives.number": "another version of the server on the same store, from that life on (2 or more); without numbers "
    "they take turns",
    "lives.command": "its command",
    "lives.environment": "its variables, beside those of [subject]",
}


def keys_of(kind: type[Any], place: str) -> Iterator[tuple[str, Field[Any]]]:
    """The keys that a profile can say in a table, by their places, each before those within it.

    Of a call (``ToolSpec``, ``StatusSpec``) the meaning says what is in it.
    """
    hints = get_type_hints(kind)
    for field in fields(kind):
        if field.name in UNSAID:
            continue
        yield f"{place}.{field.name}", field
        inner = next((one for one in get_args(hints[field.name]) if is_dataclass(one)), None)
        if isinstance(inner, type) and not issubclass(inner, ToolSpec) and field.name != "status":
            yield from keys_of(inner, f"{place}.{field.name}")


def usual(field: Field[Any]) -> Any:
    """A key's default; None where it has none, or nothing to say of it."""
    return None if field.default is MISSING or field.default == () else field.default
