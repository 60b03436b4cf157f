"""A server that answers somebody else, for ever, or with more than anybody can hold binds the client to nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from mcp.shared._httpx_utils import stream_within_origin

from reference_client.http import Http
from tests import warm
from tests.reference_client.conftest import Life, Program, Said, Server, begin, wait_until
from tests.reference_client.hostile_server import FITS, HABITS

ProgramFor = Callable[[Server], Program]
DEADLINE_S = 2.0
LEAVING_S = 6.0  # a connection whose server does not let go may be left within a few seconds
LARGE = [how for how in HABITS if how.startswith("large")]
ENDLESS = [how for how in HABITS if how not in (*LARGE, "fitting")]
MOST_MEMORY_KIB = 900 * 1024


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


def first_ones(ways: Sequence[str], count: int) -> list[ParameterSet]:
    """All of them; those behind the first are for `make soak`."""
    return [pytest.param(way, marks=() if n < count else pytest.mark.soak) for n, way in enumerate(ways)]


@pytest.mark.parametrize("how", first_ones(ENDLESS, 2))
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


# --- bounded answers


def limited(program: Program, *words: str, folder: Path) -> Said:
    """A new interpreter that may not have more memory than this, and so cannot hold what is sent."""
    shell = ["sh", "-c", f'ulimit -v {MOST_MEMORY_KIB}; exec "$@"', "sh", *program.command(*words)]
    program.lives.append(begin(shell, folder / "limited.out", folder / "limited.err", cold=True))
    return program.lives[-1].said()


@pytest.mark.parametrize("how", first_ones(LARGE, 1))
def test_an_answer_larger_than_anybody_can_hold_is_given_up_in_bounded_memory(
    hostile: Server, program_for: ProgramFor, tmp_path: Path, how: str
) -> None:
    program = program_for(hostile)
    said = limited(program, *submission("keyed", how), folder=tmp_path)
    assert said.exit == 1, said
    assert "larger than 16 MiB" in said.out + said.err
    [job] = program.state["active"]
    assert job["phase"] == "submitting", "it may be asked for again"


def test_what_may_not_be_repeated_is_uncertain_when_its_answer_is_too_large(
    hostile: Server, program_for: ProgramFor
) -> None:
    program = program_for(hostile)
    said = program.run(*submission("plain", "large-body"))
    assert said.exit == 1
    assert "larger than 16 MiB" in said.err
    [job] = program.state["active"]
    assert job["phase"] == "uncertain"
    assert f"resume {job['job_id']} --again" in said.err


def test_an_answer_within_the_bound_arrives(hostile: Server, program_for: ProgramFor) -> None:
    [job] = program_for(hostile).json(*submission("plain", "fitting"))["jobs"]
    assert (job["phase"], job["result"]) == ("completed", FITS)


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("DELETE", "/farewell", 502, "larger than 16 MiB"),
        ("POST", "/moved", 502, "larger than 16 MiB"),
        ("POST", "/broken", 502, "HTTP status 500"),
        ("POST", "/accepted", 202, None),
    ],
)
def test_what_nobody_wants_to_read_is_not_read_to_its_end_either(
    hostile: Server, method: str, path: str, status: int, said: str | None
) -> None:
    """A farewell, a redirect, a failure, and what was merely accepted: read as the SDK reads them."""

    async def asked() -> tuple[int, str | None]:
        url = hostile.url.replace("/mcp", path)
        async with (
            Http(url, None, 10.0, lambda _: None) as http,
            stream_within_origin(http, method, url, json={"id": 1}) as response,
        ):
            return response.status_code, (await response.aread()).decode() if said else None

    found, body = asyncio.run(asked())
    assert found == status
    assert said is None or said in (body or "")
