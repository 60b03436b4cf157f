"""A server that its owner's commands start and kill: proven kills count, and a command that lies proves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mcp_crashtest.files.profiles import Target, parse_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.subject_spec import HOOKS
from mcp_crashtest.subjects.sockets import find_free_port
from tests.lab import Done, certify

SUPERVISOR = Path(__file__).with_name("supervisor.py")
KILLS = "server-killed-everywhere"
PROFILE = """
[subject]
protocols = ["2026-07-28"]
hook_deadline_s = 5

[contract]
kind = "resource-task"
tool = "start"
arguments = { key = "{client_id}", total = "{total_records}", batch = "{batch_size}", pause_s = 0.2 }

[observe]
count = "$.progress"
records = { resource = "job://{id}/records", key = "$.n" }

[workload]
records = 30
batch = 5
"""


class Owner:
    """Somebody who has a server, and commands for it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, find_free_port()

    def command(self, what: str) -> str:
        return f"{sys.executable} {SUPERVISOR} {self.folder} {self.port} {what}"

    def do(self, what: str) -> int:
        return subprocess.run(self.command(what).split(), check=False, stdout=subprocess.DEVNULL).returncode

    def certify(
        self, *scenarios: str, more: Sequence[str] = ("--quick",), profile_text: str = PROFILE, **other: str
    ) -> Done:
        profile = self.folder / "hooked.toml"
        profile.write_text(profile_text, encoding="utf-8")
        words = ["--profile", str(profile), "--url", f"http://127.0.0.1:{self.port}/mcp", *more]
        for name in ("start", "stop", "kill", "alive"):
            words += [f"--{name}-command", other.get(name, self.command(name))]
        for scenario in scenarios:
            words += ["--scenario", scenario]
        return certify(self.folder / "report", *words)


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    one = Owner(tmp_path)
    assert one.do("start") == 0
    yield one
    (tmp_path / "end").touch()
    one.do("kill")


@pytest.mark.soak
def test_a_server_behind_its_owners_commands_is_killed_with_proof_and_left_alive(owner: Owner) -> None:
    first = (owner.folder / "pid").read_text()
    done = owner.certify(KILLS)
    assert done.code == 0, done.out + done.err
    [kills] = done.certificate["scenarios"]
    assert kills["verdict"] == "PASS"
    assert kills["kills_confirmed"] >= 1
    assert owner.do("alive") == 0
    assert (owner.folder / "pid").read_text() != first


@pytest.mark.soak
@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("true", "the same server lives"),
        ("sleep 60", "has not ended within 5 s"),
        ("sh -c 'echo nobody may; exit 4'", "exit code 4: nobody may"),
        ("sh -c 'no-such-program'", "could not run: exit code 127"),
    ],
)
def test_a_kill_command_that_kills_nobody_proves_nothing_and_is_named(owner: Owner, hook: str, said: str) -> None:
    done = owner.certify(KILLS, kill=hook)
    [scenario] = done.certificate["scenarios"]
    assert (done.code, scenario["verdict"]) == (4, "INVALID")
    assert said in scenario["reason"]
    assert scenario["faults_confirmed"] == 0
    tried = sorted(path.name for path in (owner.folder / "report").rglob("0001*"))
    assert tried == ["0001", "0001-2"], "a command that does nothing is not asked again and again"


@pytest.mark.soak
def test_an_alive_command_that_lies_is_refuted_by_the_connection(owner: Owner) -> None:
    asked = owner.folder / "asked"  # alive before, dead behind, and nothing was done
    alive = f"sh -c 'test -e {asked} && exit 1; exit 0'"
    done = owner.certify(KILLS, kill=f"touch {asked}", alive=alive, start=f"rm {asked}")
    [scenario] = done.certificate["scenarios"]
    assert (done.code, scenario["verdict"]) == (4, "INVALID")
    assert "has not ended" in scenario["reason"]


@pytest.mark.soak
def test_a_server_that_somebody_else_starts_again_at_once_is_seen_to_be_another(owner: Owner) -> None:
    owner.do("kill")
    watching = subprocess.Popen(owner.command("supervise").split())
    try:
        done = owner.certify(KILLS, start="false")
        assert done.code == 0, done.out + done.err
    finally:
        watching.send_signal(signal.SIGKILL)
        watching.wait()
    assert done.certificate["scenarios"][0]["kills_confirmed"] >= 1


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_kills_by_its_owners_commands_earn_the_stars_of_kills(owner: Owner) -> None:
    """All plans of two stars, one at a time, each with commands of its owner's before and behind its kill."""
    done = owner.certify(more=(), profile_text=PROFILE.replace("records = 30", "records = 20"))
    assert done.code == 0, done.out + done.err
    assert [s["earned"] for s in done.certificate["stars"]] == [2]
    assert any("cannot freeze it" in cap for cap in done.certificate["caps"])


def parsed(subject: dict[str, str], records: dict[str, str] | None = None, target: Target | None = None) -> None:
    data = {"subject": subject, "contract": {"kind": "resumable-tool", "tool": "work"}}
    observe = {"observe": {"records": {"key": "$.n", **records}}} if records else {}
    parse_profile({**data, **observe}, name="one", source="one.toml", folder=Path(os.sep), target=target)


URL = {"url": "http://127.0.0.1:8000/mcp"}
ALL = dict.fromkeys(HOOKS, "true")


def test_a_command_that_is_missing_is_named() -> None:
    with pytest.raises(UsageError, match="Add start_command, stop_command, alive_command") as error:
        parsed({**URL, "kill_command": "docker kill it"})
    assert "--alive-command" in str(error.value)


def test_records_of_all_jobs_in_one_place_are_refused_where_the_state_is_kept() -> None:
    with pytest.raises(UsageError, match="in one place for all jobs"):
        parsed({**URL, **ALL}, {"file": "/var/lib/it/out.jsonl"})
    parsed({**URL, **ALL}, {"file": "/var/lib/it/{client_id}.jsonl"})
    parsed({**URL, **ALL}, {"items": "$.rows"})
