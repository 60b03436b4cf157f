"""``init`` writes a profile with which the golden run passes, of servers that nobody has described to it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.subjects.proc import ports_of
from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import CLI, ROOT, SMALL, THIRD_PARTY, Done, lab

PLAIN = Path(__file__).parent / "strangers.py"
LINKED = shutil.ignore_patterns("scenarios")


def init(folder: Path, kind: str, *arguments: object, port: str = "--port 8000") -> Done:
    """Have a profile of one of the strangers written, without a terminal."""
    command = f"python -B {PLAIN} {kind} {port} --db jobs.db"
    output = folder / "crashtest.toml"
    return lab("init", "--yes", "--command", command, "--output", output, "--records", 23, "--batch", 5, *arguments)


def written(folder: Path) -> dict[str, Any]:
    """The profile as it was written; that it is one is checked."""
    read_profile(folder / "crashtest.toml")
    return tomllib.loads((folder / "crashtest.toml").read_text(encoding="utf-8"))


def test_a_job_that_is_polled_by_a_tool_is_found_out(tmp_path: Path) -> None:
    done = init(tmp_path, "polled", "--json", "--ci")
    assert done.code == 0, done.out + done.err
    said, profile = json.loads(done.out), written(tmp_path)
    assert profile["contract"]["tool"] == "submitJob"
    assert profile["contract"]["status"] == {"tool": "jobState", "arguments": {"jobId": "{handle}"}}
    assert profile["contract"]["cancel"] == {"tool": "cancelJob", "arguments": {"jobId": "{task_id}"}}
    assert profile["observe"]["handle"] == "$.job.id"
    assert profile["observe"]["words"] == {"completed": ["fertig"]}
    assert profile["observe"]["records"]["tool"] == "jobRows"
    assert said["found"]["records"]["number"] == 23
    assert said["stars"] == 3
    assert "[observe] words" in said["guesses"]
    assert "crashtest.toml" in (tmp_path / ".github" / "workflows" / "crashtest.yml").read_text(encoding="utf-8")


def test_the_only_tool_that_starts_a_job_is_chosen_and_a_time_within_a_record_is_no_fault(tmp_path: Path) -> None:
    done = init(tmp_path, "ticketed")
    assert done.code == 0, done.out + done.err
    assert "taking reconcile for the tool that starts the job (it is the only one that can" in done.out
    profile = written(tmp_path)
    assert profile["observe"]["records"]["key"] == "$.entry"
    assert profile["claims"]["deterministic"] is False
    assert "[claims] deterministic = false: two undisturbed runs had other contents" in done.out


def test_a_call_that_answers_when_all_is_done_is_one_and_the_servers_own_tool_shows_its_records(tmp_path: Path) -> None:
    done = init(tmp_path, "telling")
    assert done.code == 0, done.out + done.err
    profile = written(tmp_path)
    assert profile["contract"]["kind"] == "resumable-tool"
    assert "the job is over when process_rows answers: resumable-tool (--contract says another)" in done.out
    assert profile["observe"]["count"] == "$.made"
    records = profile["observe"]["records"]
    assert records == {"tool": "rows", "arguments": {"client_id": "{client_id}"}, "items": "$.rows", "key": "$.n"}
    assert "deterministic" not in profile["claims"]


@pytest.mark.soak
def test_records_that_no_tool_shows_are_found_in_its_database(tmp_path: Path) -> None:
    done = init(tmp_path, "shelving", "--json")
    assert done.code == 0, done.out + done.err
    records = written(tmp_path)["observe"]["records"]
    assert records == {
        "sqlite": "{state_dir}/jobs.db",
        "query": "SELECT n FROM \"rows\" WHERE job = '{task_id}' ORDER BY n",
        "key": "$.n",
    }
    assert json.loads(done.out)["found"]["records"]["number"] == 23


@pytest.mark.soak
def test_a_resource_that_is_made_of_an_id_is_found_out(tmp_path: Path) -> None:
    done = init(tmp_path, "templated")
    assert done.code == 0, done.out + done.err
    profile = written(tmp_path)
    assert profile["contract"]["kind"] == "resource-task"
    assert profile["observe"]["handle"] == "auftrag://stand/{job.id}"
    assert profile["observe"]["records"] == {"resource": "auftrag://rows/{task_id}", "key": "$.n"}


@pytest.mark.soak
@pytest.mark.parametrize(("mutant", "kind"), [("core_tasks", "tasks-2025"), ("streamed", "sse-resume")])
def test_what_revision_2025_11_25_has_for_long_jobs_is_recognised(tmp_path: Path, mutant: str, kind: str) -> None:
    options = "--listen-fd {listen_fd} --state-dir {state_dir} --effects-file {ledger}"
    command = f"python {ROOT / 'tests' / 'mutants' / mutant}.py {options}"
    given = ("--argument", "key={client_id}", "--argument", "total={total_records}", "--argument", "batch={batch_size}")
    done = lab("init", "--yes", "--command", command, "--output", tmp_path / "crashtest.toml", *given)
    assert done.code == 0, done.out + done.err
    assert written(tmp_path)["contract"]["kind"] == kind


@pytest.mark.soak
def test_a_blocking_tool_is_found_out_and_its_port_by_a_variable(tmp_path: Path) -> None:
    done = init(tmp_path, "blocking", port="")
    assert done.code == 0, done.out + done.err
    profile = written(tmp_path)
    assert profile["contract"]["arguments"] == {
        "count": "{total_records}", "chunk": "{batch_size}", "client_id": "{client_id}",
    }  # fmt: skip
    assert profile["observe"]["records"] == {"items": "$.rows", "key": "$.n"}
    assert "#:schema" not in (tmp_path / "crashtest.toml").read_text(encoding="utf-8"), "it lies on this machine alone"
    assert profile["subject"]["environment"]["PORT"] == "{port}"


def test_a_server_that_speaks_stdio_is_heard_to(tmp_path: Path) -> None:
    """It stays when its input has ended: over HTTP it would have been waited for in vain."""
    done = init(tmp_path, "polled", "--trial-s", 20, port="--stdio")
    assert done.code == 0, done.out + done.err
    profile = written(tmp_path)
    assert "url" not in profile["subject"]
    assert "environment" not in profile["subject"]
    assert profile["contract"]["status"]["tool"] == "jobState"


def test_a_server_that_wants_a_token_gets_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGERS_TOKEN", "open-sesame")
    port = "--port 8000 --token open-sesame"
    refused = init(tmp_path, "blocking", port=port)
    assert refused.code == 2
    assert "[subject] headers" in refused.err
    done = init(tmp_path, "blocking", "--header", "Authorization: Bearer ${STRANGERS_TOKEN}", port=port)
    assert done.code == 0, done.out + done.err
    assert written(tmp_path)["subject"]["headers"] == {"Authorization": "Bearer ${STRANGERS_TOKEN}"}


@pytest.mark.soak
def test_an_entry_of_an_mcp_json_says_how_a_server_is_started(tmp_path: Path) -> None:
    entry = {"command": sys.executable, "args": ["-B", str(PLAIN), "polled", "--stdio", "--db", "jobs.db"]}
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"mine": entry, "other": {"command": "false"}}}), encoding="utf-8")
    arguments = ("init", "--yes", "--mcp-config", config, "--records", 23, "--output", tmp_path / "crashtest.toml")
    several = lab(*arguments)
    assert several.code == 2
    assert "'mine', 'other'" in several.err
    done = lab(*arguments, "--server", "mine")
    assert done.code == 0, done.out + done.err
    subject = written(tmp_path)["subject"]
    assert (subject["mcp_config"], subject["server"]) == ("mcp.json", "mine")
    assert subject["command"].endswith("polled --stdio --db {state_dir}/jobs.db")  # over the entry's own


def test_an_entry_with_a_url_is_a_running_server(tmp_path: Path) -> None:
    port = find_free_port()
    config, output = tmp_path / "mcp.json", tmp_path / "crashtest.toml"
    entry = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp"}
    config.write_text(json.dumps({"mcpServers": {"mine": entry}}), encoding="utf-8")
    command = [sys.executable, "-B", str(PLAIN), "polled", "--port", str(port), "--db", str(tmp_path / "jobs.db")]
    with subprocess.Popen(command) as server:
        try:
            while not ports_of(server.pid):
                assert server.poll() is None, "the server ends before it listens"
                time.sleep(0.02)
            done = lab("init", "--yes", "--mcp-config", config, "--records", 23, "--output", output)
        finally:
            server.kill()
    assert done.code == 0, done.out + done.err
    assert written(tmp_path)["subject"] == {"mcp_config": "mcp.json"}


def test_an_editor_is_told_of_the_schema_where_that_lies_beside_the_profile(tmp_path: Path) -> None:
    site = tmp_path / ".venv" / "site"
    shutil.copytree(ROOT / "harness" / "mcp_crashtest", site / "mcp_crashtest", ignore=LINKED)
    (site / "mcp_crashtest" / "scenarios").symlink_to(ROOT / "scenarios")
    command = f"python -B {PLAIN} polled --port 8000 --db jobs.db"
    asked = [sys.executable, "-m", "mcp_crashtest.cli", "init", "--yes", "--records", "23", "--command", command]
    done = subprocess.run(
        asked, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, _, schema = (tmp_path / "crashtest.toml").read_text(encoding="utf-8").splitlines()[0].partition(" ")
    assert said == "#:schema"
    assert json.loads((tmp_path / schema).read_text(encoding="utf-8"))["title"] == "A profile of mcp-crashtest"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "crashtest.toml").write_text("mine", encoding="utf-8")
    done = init(tmp_path, "blocking")
    assert done.code == 2
    assert "--force" in done.err
    assert (tmp_path / "crashtest.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("weather", (), "give --tool NAME; the server has get_weather"),
        ("failing", (), "the undisturbed job has ended with 'failed'"),
        ("deaf", (), "--status-tool NAME"),
        ("blocking", ("--tool", "begin_it"), "there is no such tool; the server has process_rows"),
        ("blocking", ("--argument", "cuont=3"), "--argument cuont: process_rows has no such argument"),
    ],
)
def test_what_cannot_be_found_out_is_asked_for_by_the_option_that_says_it(
    tmp_path: Path, kind: str, arguments: tuple[str, ...], said: str
) -> None:
    done = init(tmp_path, kind, *arguments)
    assert done.code == (3 if kind == "failing" else 2), done.out + done.err
    assert said in done.err
    assert not (tmp_path / "crashtest.toml").exists()


def test_a_configuration_that_lies_there_is_taken_and_who_tells_in_words_is_named(tmp_path: Path) -> None:
    entry = {"command": sys.executable, "args": ["-B", str(PLAIN), "wordy", "--stdio"], "env": {"MY_DB": "./my.db"}}
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text(json.dumps({"servers": {"mine": entry}}), encoding="utf-8")
    done = lab("init", "--yes", "--records", 23, cwd=tmp_path)
    assert done.code == 2
    assert "taking .vscode/mcp.json, which is here" in done.out
    assert re.search(r"jobState answers 'running, [0-9]+ of 23', which is no JSON", done.err)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".vscode"]


@pytest.mark.soak
def test_who_sits_at_a_terminal_is_asked_what_was_guessed(tmp_path: Path) -> None:
    command = [*CLI, "init", "--command", f"python -B {PLAIN} shelving --port 8000 --db jobs.db", "--records", "23"]
    ours, theirs = os.openpty()
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        answers = {
            "Which tool starts": "",
            "[observe] words": "",
            "[observe] count": '"$.fortschritt.gesamt"',
            "[workload] batch": "4",
        }
        heard = ""
        while (data := _heard(ours)) is not None:
            heard += data
            for question in [question for question in answers if question in heard]:
                os.write(ours, f"{answers.pop(question)}\n".encode())
    os.close(ours)
    assert process.returncode == 0, heard
    assert answers == {}
    profile = written(tmp_path)
    assert profile["observe"]["words"] == {"completed": ["fertig"]}
    assert profile["observe"]["count"] == "$.fortschritt.gesamt"
    assert profile["workload"]["batch"] == 4


def _heard(terminal: int) -> str | None:
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:
        return None


def test_a_server_that_does_not_start_is_the_servers_fault(tmp_path: Path) -> None:
    done = lab(
        "init", "--yes", "--command", "python -c 'raise SystemExit(7)' --port 1234", "--output", tmp_path / "x.toml"
    )
    assert done.code == 3
    assert "exit code 7" in done.err


def test_without_a_server_it_says_how_to_name_one(tmp_path: Path) -> None:
    done = lab("init", "--output", tmp_path / "x.toml")
    assert done.code == 2
    assert "--command" in done.err


@pytest.mark.soak
@pytest.mark.parametrize("server", ["server", "tool_server", "tasks_server"])
def test_servers_of_a_framework_are_found_out(tmp_path: Path, server: str) -> None:
    store = "" if server == "tasks_server" else "--db jobs.db"
    done = lab(
        "init", "--yes", "--json", "--output", tmp_path / "crashtest.toml",
        "--command", f"python {THIRD_PARTY / server}.py --port 8000 {store}",
    )  # fmt: skip
    assert done.code == 0, done.out + done.err
    assert json.loads(done.out)["stars"] == 3


def test_a_command_with_a_socket_of_the_labs_own_is_taken_as_it_is(tmp_path: Path) -> None:
    server = SMALL.parent / "server.py"
    command = f"python {server} --listen-fd {{listen_fd}} --state-dir {{state_dir}} --effects-file {{ledger}}"
    given = ("--argument", "key={client_id}", "--argument", "total={total_records}", "--argument", "batch={batch_size}")
    done = lab("init", "--yes", "--tool", "start", "--command", command, "--output", tmp_path / "c.toml", *given)
    assert done.code == 0, done.out + done.err
    assert "{listen_fd}" in tomllib.loads((tmp_path / "c.toml").read_text(encoding="utf-8"))["subject"]["command"]
