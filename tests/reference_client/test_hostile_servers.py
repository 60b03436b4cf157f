"""A server that answers somebody else, for ever, or with more than anybody can hold binds the client to nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

from tests import warm
from tests.reference_client.conftest import Life, Program, Said, Server, begin, wait_until
from tests.reference_client.hostile_server import HABITS

ProgramFor = Callable[[Server], Program]
DEADLINE_S = 2.0
LEAVING_S = 6.0  # a connection whose server does not let go may be left within a few seconds
LARGE = [how for how in HABITS if how.startswith("large")]
ENDLESS = [how for how in HABITS if how not in LARGE]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hostile")
    words = warm.module("tests.reference_client.hostile_server")
    server = Server(folder, life=begin(words, folder / "server.out", folder / "server.err"))
    server.url = json.loads(wait_until((folder / "server.out").read_text, "the hostile server is ready"))["url"]
    yield server
    server.kill()


def submission(tool: str, how: str) -> tuple[str, ...]:
    return "--protocol", "legacy", "start", tool, json.dumps({"how": how})


def ended_in_time(life: Life, began_s: float) -> Said:
    """What it has said, if it has ended at its deadline by itself."""
    said = life.said()
    assert time.monotonic() - began_s < DEADLINE_S + LEAVING_S, said
    return said


@pytest.mark.parametrize("how", ENDLESS)
def test_the_deadline_ends_a_call_that_the_server_never_ends(
    hostile: Server, program_for: ProgramFor, how: str
) -> None:
    """Three ways to be kept waiting, at once: by a call that may be repeated, by one that may not, by a task."""
    began_s = time.monotonic()
    programs = {tool: program_for(hostile) for tool in ("keyed", "plain", "linked")}
    bound = ("--deadline-s", str(DEADLINE_S))
    lives = {tool: program.begin(*bound, *submission(tool, how)) for tool, program in programs.items()}
    ends = {tool: ended_in_time(life, began_s) for tool, life in lives.items()}
    assert {tool: said.exit for tool, said in ends.items()} == dict.fromkeys(programs, 6), ends
    jobs = {tool: program.state["active"][0] for tool, program in programs.items()}
    submitted = "active" if how == "progress" else "submitting"
    assert {tool: job["phase"] for tool, job in jobs.items()} == {
        "keyed": submitted,
        "plain": "uncertain",
        "linked": "active",
    }
    for tool, said in ends.items():
        comeback = "resume {} --again" if tool == "plain" else "watch {}"
        assert "the deadline is over" in said.out + said.err
        assert comeback.format(jobs[tool]["job_id"]) in said.out + said.err


def test_the_deadline_ends_a_greeting_and_a_long_pause_between_two_looks(
    hostile: Server, program_for: ProgramFor
) -> None:
    began_s = time.monotonic()
    greeted, looking = program_for(hostile), program_for(hostile)
    bound = ("--deadline-s", str(DEADLINE_S))
    silent = hostile.url.replace("/mcp", "/silent")
    greeting = greeted.begin(*bound, "--server", silent, *submission("keyed", "comments"))
    pausing = looking.begin(*bound, *submission("linked", "slow"))
    assert ended_in_time(greeting, began_s).exit == 6
    assert greeted.state["active"] == [], "nothing was submitted"
    said = ended_in_time(pausing, began_s)
    assert said.exit == 6
    assert "goes on at the server: 'watch" in said.out
