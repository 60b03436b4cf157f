"""Reading profiles: a good one is understood, and whatever is wrong is said with the file, the key and the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_crashtest.files.profiles import Target, read_profile
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec
from mcp_crashtest.model.coordinates import Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.profile import Claims, Profile, Semantics, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from tests.harness.files.texts import GOOD, SHORT, Reader


def test_the_profile_of_the_manual_is_understood(read: Reader, tmp_path: Path) -> None:
    assert read(GOOD) == Profile(
        name="mine",
        subject=SubjectSpec(
            command="python server.py --port {port} --db {state_dir}/tasks.db", url="http://127.0.0.1:{port}/mcp"
        ),
        contract=ContractSpec(
            ContractKind.RESOURCE_TASK,
            "start_data_migration",
            {"source_path": "in.jsonl", "destination_path": "out.jsonl", "record_count": "{total_records}"},
        ),
        observe=ObserveSpec(
            count="$.result_data.migrated_records", records=RecordsSpec(key="$.id", file="{state_dir}/out.jsonl")
        ),
        claims=Claims(Semantics.EXACTLY_ONCE, resumes=True, recovery_deadline_s=10.0),
        workload=Workload(),
        folder=str(tmp_path),
    )


def test_a_url_and_a_tool_are_enough(read: Reader) -> None:
    profile = read(SHORT)
    assert (profile.subject.command, profile.subject.url) == (None, "http://127.0.0.1:8000/mcp")
    assert (profile.claims, profile.workload) == (Claims(), Workload())


STATUS = 'status = { tool = "ask", arguments = { id = "{handle}" } }'


def test_a_contract_may_name_the_tool_that_is_asked_how_the_job_stands(read: Reader) -> None:
    contract = read(SHORT.replace("resumable-tool", "tool-task") + STATUS).contract
    assert contract.status == StatusSpec("ask", {"id": "{handle}"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SHORT.replace("resumable-tool", "tool-task"), "kind tool-task needs a status"),
        (SHORT.replace("resumable-tool", "resource-task") + STATUS, "kind resource-task has no status"),
        (
            SHORT + 'status = { tool = "ask", resource = "job://7" }',
            "status needs a tool or a resource, one of",
        ),
        (SHORT + STATUS, "[contract] status: nobody fills {handle}"),
        (SHORT.replace("resumable-tool", "tool-task") + 'status = { tol = "ask" }', "status has no key 'tol'"),
        (SHORT.replace("resumable-tool", "tool-task") + 'status = "ask"', "contract.status"),
    ],
)
def test_a_status_tool_that_is_missing_or_out_of_place_is_said(read: Reader, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[observe]\nstatus_tool = 'ask'", 'status = { tool = "ask", arguments = { job_id = "{handle}" } }'),
        ("[observe]\nrecords_uri = 'job://{id}'", 'records = { resource = "job://{id}", key = "$.id" }'),
        ("[observe]\ntool = 'ask'", "tool belongs to [contract]"),
        ("[observe]\nhandle = 'job_id'", 'handle = "task://status/{job_id}"'),
        ("[claims]\nhandle = '$.id'", "handle belongs to [observe]"),
    ],
)
def test_a_key_out_of_its_place_is_told_where_it_belongs(read: Reader, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read(f"{SHORT}\n{text}")


@pytest.mark.parametrize(
    ("observe", "said"),
    [
        ("progress = '{ledger}'", "the ledger's growth shows nothing where nobody writes it"),
        ("records = { command = 'show \"', key = '$.n' }", "cannot be split into words"),
        ("records = { postgres = 'dsn', key = '$.n' }", "postgres: how to reach it"),
        ("records = { command = 'x', file = 'y', key = '$.n' }", "(found file and command)"),
        ("ledger = { task = 'job' }", "the path 'job' must begin with '$'"),
        ("ledger = { tsk = '$.job' }", "[observe] ledger has no key 'tsk'"),
        ("unit = 'parsecs'", "observe.unit"),
    ],
)
def test_what_is_said_of_looking_is_checked(read: Reader, observe: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read(f"{SHORT}\n[observe]\n{observe}")


def test_a_handle_may_be_made_of_an_id(read: Reader) -> None:
    template = "task://status/{job.id}"
    assert read(f"{SHORT}\n[observe]\nhandle = '{template}'").observe.handle == template


def test_a_profile_is_called_as_it_says_or_as_its_file(read: Reader) -> None:
    assert read(SHORT).name == "mine"
    assert read('name = "yours"' + SHORT).name == "yours"


def test_crash_points_are_phases(read: Reader) -> None:
    profile = read(GOOD.replace("[subject]", '[subject]\ncrash_points = ["acknowledged", "before-write"]'))
    assert profile.subject.crash_points == (Phase.ACKNOWLEDGED, Phase.BEFORE_WRITE)


def test_a_saved_profile_reads_as_the_one_that_was_saved(read: Reader) -> None:
    from mcp_crashtest.files.profiles import parse_profile

    profile = read(GOOD)
    data = profile.to_json()
    folder = Path(data.pop("folder"))
    assert parse_profile(data, name="x", source="saved", folder=folder) == profile


# --- what the command line says over it


def test_a_command_that_is_given_replaces_the_profiles_and_runs_where_the_user_is(read: Reader) -> None:
    profile = read(GOOD, Target(command="other --port {port}"))
    assert profile.subject.command == "other --port {port}"
    assert profile.folder == str(Path.cwd())


def test_a_url_that_is_given_takes_the_right_to_kill(read: Reader) -> None:
    text = GOOD.replace("[subject]", '[subject]\ncrash_points = ["acknowledged"]')
    profile = read(text, Target(url="http://far/mcp"))
    assert (profile.subject.command, profile.subject.url) == (None, "http://far/mcp")
    assert profile.subject.crash_points == ()


def test_a_profile_without_a_command_may_get_one(read: Reader) -> None:
    text = SHORT.replace("8000", "{port}")
    assert read(text, Target(command="serve {port}")).subject.command == "serve {port}"


# --- what is wrong with it


def test_a_file_that_is_not_there_is_named_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml cannot be read: .*give a TOML file to --profile"):
        read_profile(tmp_path / "none.toml")


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read: .*give a TOML file"):
        read_profile(tmp_path)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"mine\.toml cannot be read: .*utf-8"):
        read_profile(tmp_path / "mine.toml")


@pytest.mark.parametrize("text", ["[subject", "command = server", "a = 1\na = 2", "{}", "x = " + "[" * 10_000])
def test_a_file_that_is_not_toml_is_named_with_the_place(read: Reader, text: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml is not TOML: "):
        read(text)


def tables(**tables: str) -> str:
    """The short profile with some of its tables put in other words."""
    words = {
        "subject": 'url = "http://127.0.0.1:8000/mcp"',
        "contract": 'kind = "resumable-tool"\ntool = "work"',
        **tables,
    }
    return "\n".join(f"[{name}]\n{text}" for name, text in words.items())


COMMAND = 'command = "serve"'
WRONG = {
    "an unknown table": (tables(subjects=""), "unknown table [subjects]; a profile has subject, contract, observe"),
    "a key outside of tables": ("port = 3" + SHORT, "unknown table [port]; a profile has"),
    "a value in the place of a table": ("subject = 3\n[contract]\n", "[subject] must be a table"),
    "no contract": ("[subject]\nurl = 'u'", "a profile needs a [contract] table with kind and tool"),
    "no kind": (tables(contract='tool = "t"'), "contract.kind: Field required"),
    "no tool": (tables(contract='kind = "resource-task"'), "contract.tool: Field required"),
    "an unsupported contract": (
        tables(contract='kind = "sse-resume"\ntool = "t"'),
        "contract.kind: Input should be 'resumable-tool', 'resource-task', 'tool-task', 'tasks-extension'",
    ),
    "an unknown key": (
        tables(claims="durable = true"),
        "[claims] has no key 'durable'; it knows deterministic, ordered, recovery_deadline_s, resumes, semantics",
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


def test_a_command_without_a_url_speaks_stdio(read: Reader) -> None:
    piped = read(tables(subject=COMMAND)).subject
    assert piped.piped
    assert not piped.inherits_socket
    assert not read(tables(subject='url = "u"')).subject.piped


def test_a_short_job_is_welcome_where_the_subject_has_crash_points(read: Reader) -> None:
    text = tables(subject='url = "u"\ncrash_points = ["acknowledged"]', workload="records = 1\nbatch = 1")
    assert read(text).workload.batches == 1


def test_the_largest_workload_is_a_million_records(read: Reader) -> None:
    assert read(tables(workload="records = 1_000_000")).workload.records == 1_000_000


def test_braces_that_are_no_placeholder_survive(read: Reader) -> None:
    text = tables(subject="""command = 'serve --json {"a": 1} {port}'\nurl = "http://127.0.0.1:{port}/"\n""")
    assert read(text).subject.command == 'serve --json {"a": 1} {port}'


def test_what_a_profile_says_about_looking_is_read(read: Reader) -> None:
    observed = read(
        tables(
            contract='kind = "resumable-tool"\ntool = "work"\narguments = { mail = "Dear {{name}}, {client_id}" }',
            observe='total = 100\nunit = "percent"\nwords = { failed = ["interrupted"] }\n'
            'records = { tool = "rows", arguments = { id = "{job.id}", cursor = "{next}" }, key = "$.n" }',
        )
    ).observe
    assert (observed.total, observed.unit, observed.words) == (100, "percent", {"failed": ("interrupted",)})
    assert observed.records is not None
    assert observed.records.sources == {"tool": "rows"}
    assert observed.written == {}
    assert observed.path("status") == "$.status"
