"""Reading profiles: a good one is understood, and whatever is wrong is said with the file, the key and the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.files.profiles import Target
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec
from mcp_crashtest.model.coordinates import Phase
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import ObserveSpec, RecordsSpec
from mcp_crashtest.model.profile import Claims, Profile, Semantics, Workload
from mcp_crashtest.model.subject_spec import SubjectSpec
from tests.harness.files.profile_text import COMMAND, tables
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
