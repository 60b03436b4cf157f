"""Profiles that are wrong: what is said of each names the file, the key and what is expected there."""

from __future__ import annotations

import pytest

from mcp_crashtest.model.errors import UsageError
from tests.harness.files.profile_text import COMMAND, tables
from tests.harness.files.texts import SHORT, Reader

WRONG = {
    "an unknown table": (tables(subjekt=""), "unknown table [subjekt]; a profile has subject, contract, observe"),
    "a key outside of tables": ("port = 3" + SHORT, "unknown table [port]; a profile has"),
    "a value in the place of a table": ("subject = 3\n[contract]\n", "[subject] must be a table"),
    "no contract": ("[subject]\nurl = 'u'", "a profile needs a [contract] table with kind and tool"),
    "no kind": (tables(contract='tool = "t"'), "contract.kind: Field required"),
    "no tool": (tables(contract='kind = "resource-task"'), "contract.tool: Field required"),
    "an unsupported contract": (
        tables(contract='kind = "carrier-pigeon"\ntool = "t"'),
        "contract.kind: Input should be 'resumable-tool', 'resource-task', 'tool-task', 'tasks-extension'",
    ),
    "an unknown key": (
        tables(claims="durable = true"),
        "[claims] has no key 'durable'; it knows deterministic, durable_events, lease_s, ordered, recovery_d",
    ),
    "an unknown key of records": (
        tables(observe='records = { key = "$.id", path = "x" }'),
        "[observe] records has no key 'path'; it knows arguments, command, file, items, key, next, postgres, query",
    ),
    "records without a key": (tables(observe='records = { file = "x" }'), "observe.records.key: Field required"),
    "records that are nowhere": (
        tables(observe='records = { key = "$.id" }'),
        "[observe] records needs a file, a resource, or items in the result",
    ),
    "records that are in two places": (
        tables(observe='records = { key = "$.id", file = "f", tool = "t" }'),
        "or items in the result; or a tool, sqlite, postgres or a command (found",
    ),
    "a database without a query": (
        tables(observe='records = { key = "$.id", sqlite = "f" }'),
        "sqlite is the database's file (postgres: how to reach it), and query what is asked of it: give both",
    ),
    "arguments of nobody": (
        tables(observe='records = { key = "$.id", file = "f", arguments = { a = 1 } }'),
        "[observe] records: arguments are those of a tool: give tool too",
    ),
    "a word that means nothing of ours": (
        tables(observe='words = { ended = ["x"] }'),
        "[observe] words: 'ended' is none of completed, failed, cancelled, running",
    ),
    "an empty word": (tables(observe='words = { failed = [" "] }'), "[observe] words: failed has an empty word"),
    "a total of nothing": (tables(observe="total = 0"), "[observe] total: a total is greater than 0, found 0"),
    "a total that is text": (
        tables(observe='total = "100"'),
        "must begin with '$', as in '$.result.count'; a total that is always the same is a number, as in total = 100",
    ),
    "an unknown unit": (tables(observe='unit = "parsecs"'), "observe.unit: Input should be 'records', 'batches'"),
    "an argument that nobody fills": (
        tables(contract='kind = "resumable-tool"\ntool = "work"\narguments = { total = "{total_record}" }'),
        "[contract] arguments: nobody fills {total_record}; did you mean {total_records}? there are batch_size",
    ),
    "a handle where there is none yet": (
        tables(contract='kind = "resumable-tool"\ntool = "work"\narguments = { id = "{handle}" }'),
        "Braces that are meant as such are doubled: {{handle}}",
    ),
    "records that are no table": (tables(observe="records = 3"), "observe.records: Input should be a dictionary"),
    "a number in the place of text": (
        tables(contract='kind = "resource-task"\ntool = 3'),
        "contract.tool: Input should be a valid string (found 3)",
    ),
    "text in the place of a number": (
        tables(workload='records = "many"'),
        "workload.records: Input should be a valid integer",
    ),
    "text in the place of a flag": (tables(claims='resumes = "perhaps"'), "claims.resumes: Input should be a valid"),
    "an unknown claim": (
        tables(claims='semantics = "at-most-once"'),
        "claims.semantics: Input should be 'exactly-once' or 'at-least-once' (found 'at-most-once')",
    ),
    "an unknown phase": (
        tables(subject='url = "u"\ncrash_points = ["nowhere"]'),
        "subject.crash_points.0: Input should be 'before-write'",
    ),
    "neither command nor url": (tables(subject=""), "[subject] needs a command, or a url (or give --command or --url)"),
    "a command with a port and without a url": (
        tables(subject='command = "server --port {port}"'),
        "[subject] needs the url at which the command serves, with {port} in it; a command that speaks stdio has no",
    ),
    "a port in the environment and no url": (
        tables(subject=f'{COMMAND}\nenvironment = {{ PORT = "{{port}}" }}'),
        "leave {port} and {listen_fd} out of it",
    ),
    "principals over stdio": (
        tables(subject=COMMAND) + '\n[[principals]]\nname = "a"\n[[principals]]\nname = "b"\n',
        "[[principals]] are told apart by headers, and stdio has none",
    ),
    "a client of a server on stdio": (
        tables(subject=COMMAND) + '\n[client]\ncommand = "c {url}"\nresult = ["$.r"]\n',
        "a client is tested against a server over HTTP: give [subject] url",
    ),
    "a command and a url that is none": (
        tables(subject=f'{COMMAND}\nurl = "localhost:8000"'),
        "[subject] url 'localhost:8000' is no http:// or https:// URL with a port",
    ),
    "no records": (tables(workload="records = 0"), "[workload] wants 1 <= batch <= records <= 1000000, found batch"),
    "no batch": (tables(workload="batch = 0"), "found batch = 0, records = 103"),
    "a batch greater than the workload": (tables(workload="records = 5\nbatch = 6"), "found batch = 6, records = 5"),
    "too many records": (tables(workload="records = 1_000_001"), "records = 1000001"),
    "a job in which nothing can land": (
        tables(workload="records = 10\nbatch = 10"),
        "[workload] needs two batches or more: without crash points a fault can land only between two",
    ),
    "a deadline of zero": (tables(claims="recovery_deadline_s = 0"), "[claims] recovery_deadline_s: deadlines are"),
    "a lease of zero": (tables(claims="lease_s = 0"), "[claims] lease_s: deadlines are seconds greater than 0"),
    "a deadline that is no number": (tables(claims="recovery_deadline_s = nan"), "greater than 0, found nan"),
    "a deadline that never comes": (
        tables(subject='url = "u"\nready_deadline_s = inf'),
        "[subject] ready_deadline_s: deadlines are seconds greater than 0, found inf",
    ),
    "a path that does not begin at the root": (
        tables(observe='count = "result.count"'),
        "[observe] count: the path 'result.count' must begin with '$'",
    ),
    "a path with a wildcard": (
        tables(observe='records = { key = "$.id", items = "$.pages[*]" }'),
        "[observe] records.items: the path '$.pages[*]' has '[*]' where an index such as [0] is expected",
    ),
    "a name that is no file name": ('name = "../mine"' + SHORT, "the name '../mine' must be letters, digits"),
    "no name": ('name = ""' + SHORT, "the name '' must be letters, digits"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_the_file_the_key_and_what_is_expected(read: Reader, case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(UsageError) as raised:
        read(text)
    said = str(raised.value)
    assert "mine.toml: " in said
    assert message in said
