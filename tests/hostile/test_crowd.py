"""One user brings a crowd: resting tasks, silent connections, thousands of submissions. Another has a small job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from benchmarks import crowd
from tests.reference_server.conftest import TOKENS, Server, token_file

Recorded = Callable[[str, object], None]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("resting", "silent", "submissions", "at_once", "options"),
    [
        pytest.param(40, 300, 300, 100, ("--connections-per-peer", "200", "--requests-per-owner", "40"), id="small"),
        pytest.param(256, 1100, 10_000, 300, (), id="large", marks=pytest.mark.soak),
    ],
)
async def test_another_users_job_is_completed_among_them(
    fresh: Server,
    resting: int,
    silent: int,
    submissions: int,
    at_once: int,
    options: tuple[str, ...],
    record_property: Recorded,
) -> None:
    """Most submissions are told to come again; each is answered, and none of them is lost without a word."""
    fresh.extra, fresh.log = ("--tokens", str(token_file(fresh.folder)), *options), fresh.folder / "log"
    fresh.start()
    port, url = fresh.ready["port"], fresh.ready["url"]
    began = await crowd.submit(port, resting, 8, TOKENS["ann"])
    assert began == {"200": resting}
    jobs = 0
    with crowd.silent(port, silent), crowd.submitting(port, submissions, at_once, TOKENS["ann"]) as process:
        while process.poll() is None or not jobs:
            await crowd.job(url, TOKENS["ben"])
            jobs += 1
        answers = json.loads((await asyncio.to_thread(process.communicate))[0])
    record_property("tries", submissions)
    record_property("held", sum(answers.get(status, 0) for status in ("200", "429", "503", "refused")))
    assert sum(answers.values()) == submissions
    assert set(answers) <= {"200", "429", "503", "refused"}, answers
    assert len(fresh.log.read_text().splitlines()) <= 5
