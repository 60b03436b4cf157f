"""Services on real runs: a store that dies anywhere costs an honest server nothing, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from mcp_crashtest.model.operation import History, Op, Type
from mcp_crashtest.subjects.proc import command_of, numbers
from mcp_crashtest.subjects.products import _of_postgres
from tests import evidence
from tests.lab import CLI, ROOT, certify, environment, invariants, named

HERE = Path(__file__).parent
DIE, UNREACHABLE = "services-die", "services-unreachable"
COMMIT = b'{"commit": true}\n'
_PATIENCE_S = 120.0
_FOLDER = re.compile(r"\S*/mcp-crashtest-[0-9a-f]{16}")


def changed(tmp_path: Path, kind: str, *pairs: tuple[str, str]) -> Path:
    """The profile of this kind of store, with something else in it."""
    text = (HERE / f"{kind}.toml").read_text(encoding="utf-8").replace("{here}", str(HERE))
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / f"{kind}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def told(more: str) -> tuple[str, str]:
    return 'STORE = "{services.db.url}"', f'STORE = "{{services.db.url}}", {more}'


def needs(kind: str) -> None:
    """Skip where the store is not installed: the lab says so itself, which another test looks at."""
    if kind == "redis" and shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    if kind == "postgres":
        pytest.importorskip("psycopg")
        with suppress(Exception):
            _of_postgres("initdb")
            return
        pytest.skip("there is no PostgreSQL")


@pytest.mark.soak
def test_a_store_that_dies_costs_an_honest_server_nothing(tmp_path: Path) -> None:
    profile = changed(tmp_path, "broker", ("records = 50", "records = 30"))
    done = certify(tmp_path / "report", "--profile", profile, "--quick", "--scenario", DIE)
    assert done.code == 0, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert (scenario["verdict"], scenario["level"]) == ("PASS", 4)
    assert scenario["kills_confirmed"] >= 4  # alone; with the server; and behind the server, if there is still time
    assert [s["earned"] for s in done.certificate["stars"]] == [0]
    assert not list(Path(tmp_path, "report").rglob("state")), "what passed is forgotten"


def test_a_server_that_acknowledges_before_its_store_has_it_is_caught(tmp_path: Path) -> None:
    profile = changed(tmp_path, "broker", told('ACKNOWLEDGES = "early"'))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", DIE, "--fail-fast")
    assert done.code == 1, done.out + done.err
    scenario = named(done, DIE, "broker")
    assert "records.lost" in invariants(scenario)
    seen = [(finding["reproduced"], finding["seen"]) for finding in scenario["findings"]]
    assert all(0 < rate["runs"] <= rate["of"] for rates in seen for rate in rates)
    killed = [h for h in evidence.histories(tmp_path / "report") if any(service_deaths(h))]
    assert killed
    for history in killed:
        assert evidence.kills_without_times(history) == []
        [death] = service_deaths(history)
        first, again = (o.value for o in history.of(Op.SERVICE))
        assert first["started_at"] < first["ready_at"] < death["signalled_at"] < death["reaped_at"]
        assert death["reaped_at"] < again["started_at"] < again["ready_at"]
        assert {first["name"], again["name"], death["name"]} == {"db"}


def linked(tmp_path: Path, *more: str) -> Path:
    return changed(tmp_path, "broker", ('name = "db"', 'name = "db"\nlink = true'), *([told(*more)] if more else []))


def test_a_server_that_takes_an_answer_that_did_not_come_for_a_no_is_caught(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", linked(tmp_path, 'TRIES = "anew"'), "--scenario", UNREACHABLE)
    assert done.code == 1, done.out + done.err
    scenario = named(done, UNREACHABLE, "broker")
    assert invariants(scenario) == {"records.duplicated"}
    assert all("link-" in str(finding["plan"]) for finding in scenario["findings"])


def in_steps(tmp_path: Path, *more: str) -> Path:
    return linked(tmp_path, ", ".join(['WRITES = "in-steps"', *more]))


def test_a_server_that_takes_a_commit_that_was_not_answered_for_nothing_is_caught(tmp_path: Path) -> None:
    """Which message of a batch a silence begins with is a share of those that were counted: one session may miss it."""
    profile = in_steps(tmp_path, 'TRIES = "anew"')
    asked = ("--profile", profile, "--scenario", UNREACHABLE)
    sessions = (certify(tmp_path / "report", *asked, "--seed", seed) for seed in range(3))
    done = next((done for done in sessions if done.code != 0), None)
    assert done is not None, "three sessions have missed it"
    assert done.code == 1, done.out + done.err
    assert invariants(named(done, UNREACHABLE, "broker")) == {"records.duplicated"}
    proofs = [proof for history in evidence.histories(tmp_path / "report") for proof in link_proofs(history)]
    assert any(f"of {len(COMMIT)} bytes, was passed on, and its answer was held back" in proof for proof in proofs)


def test_a_server_whose_batches_have_keys_may_do_again_what_it_had_committed(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", in_steps(tmp_path), "--scenario", UNREACHABLE)
    assert done.code == 0, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert (scenario["verdict"], scenario["runs"]) == ("PASS", 20)


def link_proofs(history: History) -> list[str]:
    """What is told of how a link has failed."""
    return [str(o.value["reason"]) for o in history.of(Op.FAULT, types=[Type.OK]) if "link-" in o.value["kind"]]


@pytest.mark.soak
def test_a_link_that_fails_anywhere_costs_an_honest_server_nothing(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", linked(tmp_path), "--scenario", UNREACHABLE, "--full")
    assert done.code == 0, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert (scenario["verdict"], scenario["runs"]) == ("PASS", 60)


def test_where_the_lab_has_no_link_nothing_is_cut(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", changed(tmp_path, "broker"), "--scenario", UNREACHABLE)
    [scenario] = done.certificate["scenarios"]
    assert (scenario["runs"], scenario["level"]) == (0, 4)
    assert "link = true" in scenario["reason"]


def service_deaths(history: History) -> list[Mapping[str, Any]]:
    """What is told of a service's death."""
    return [o.value for o in history.of(Op.DEATH) if o.value["of"] == "service"]


@pytest.mark.soak
def test_a_server_that_ends_with_its_store_is_started_again(tmp_path: Path) -> None:
    profile = changed(tmp_path, "broker", told('ON_OUTAGE = "exit"'))
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", DIE)
    assert done.code == 0, done.out + done.err
    histories = list((tmp_path / "report").rglob("history*"))
    assert any('"outage"' in history.read_text(encoding="utf-8") for history in histories)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["broker", "redis", "postgres"])
def test_a_store_killed_at_twenty_random_moments_and_more_comes_out_exact(tmp_path: Path, kind: str) -> None:
    needs(kind)
    profile = changed(tmp_path, kind)
    done = certify(tmp_path / "report", "--profile", profile, "--scenario", DIE, "--full", "--seed", "random")
    assert done.code == 0, done.out + done.err
    [scenario] = done.certificate["scenarios"]
    assert (scenario["verdict"], scenario["runs"]) == ("PASS", 60)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_server_with_its_own_store_earns_its_stars(tmp_path: Path, kind: str) -> None:
    needs(kind)
    done = certify(tmp_path / "report", "--profile", changed(tmp_path, kind))
    assert done.code == 0, done.out + done.err
    [caps] = [done.certificate["caps"]]
    assert any("services-die" in cap for cap in caps)


# --- nothing is left


def members(marks: list[str]) -> dict[int, str]:
    """Living processes whose command has one of these marks."""
    found = {pid: command_of(pid) for pid in numbers("/proc") if pid != os.getpid()}
    return {pid: command for pid, command in found.items() if any(mark in command for mark in marks)}


def until(what: str, reached: Iterator[bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not next(reached):
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize("end", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "kind", ["broker", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("redis", "postgres"))]
)
def test_nothing_of_a_service_outlives_the_lab_however_that_ends(
    tmp_path: Path, kind: str, end: signal.Signals
) -> None:
    needs(kind)
    profile, report = changed(tmp_path, kind), tmp_path / "report"
    words = [*CLI, "certify", "--report-dir", str(report), "--profile", str(profile), "--scenario", DIE, "--full"]
    lab = subprocess.Popen(words, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mark = {"broker": str(HERE / "broker.py"), "redis": "redis-server", "postgres": "/postgres -D"}[kind]
    folders, ours = set[str](), dict[int, str]()

    def begun() -> Iterator[bool]:
        while True:
            assert lab.poll() is None, "the lab has ended before its service was seen"
            mine = {child.pid for child in psutil.Process(lab.pid).children(recursive=True)}  # others may have some too
            ours.update((pid, said) for pid, said in members([mark]).items() if pid in mine and said)
            if kind == "redis":  # it shows its port for its command
                folders.update(str(path.parent) for path in Path("/tmp").glob("mcp-crashtest-*/db-*"))
            folders.update(found[0] for said in ours.values() if (found := _FOLDER.search(said)))
            yield len(ours) >= 2 and bool(folders)

    try:
        until("a service is seen", begun())
        lab.send_signal(end)
        lab.wait(_PATIENCE_S)
    finally:
        lab.kill()

    def gone() -> Iterator[bool]:
        while True:
            yield not any(command_of(pid) == said for pid, said in ours.items())

    until(f"all are gone: {ours}", gone())
    if kind != "redis":
        until(f"the folders are gone: {folders}", (not any(map(os.path.exists, folders)) for _ in iter(int, 1)))
    assert all(path.lstat().st_uid == os.geteuid() for path in report.rglob("*"))
    shutil.rmtree(report)
