"""What another user's crowd costs: a job of ten records among it, and beside it the same job on an idle server.

``python -m benchmarks.crowd [--silent 1100] [--submissions 10000] [--at-once 300] [--jobs 9] [--json] [--quick]``

The crowd is one user's: tasks that rest, connections that say nothing, and submissions, most of which are refused.
Both servers, the crowd and both jobs share one machine, so that what it does beside this slows both jobs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Spread, at_most, common, tell
from mcp_crashtest.wire import messages
from mcp_crashtest.wire.messages import STATELESS
from mcp_crashtest.wire.session import Session

CROWD, OTHER = "crowd-has-a-long-token-here", "other-has-another-long-token"
RESTING = 256
CLAIM = 2.0
_DEADLINE_S = 120.0
_POLL_S = 0.05
_HOUR_S = 3600.0


@contextmanager
def silent(port: int, many: int) -> Iterator[None]:
    """So many connections that say nothing."""
    with ExitStack() as opened:
        for _ in range(many):
            opened.enter_context(socket.create_connection(("127.0.0.1", port), timeout=_DEADLINE_S))
        yield


async def submit(port: int, many: int, at_once: int, token: str) -> Counter[str]:
    """So many submissions of tasks that rest, each on a connection of its own; what became of them."""
    answers: Counter[str] = Counter()
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with places:
            try:
                reading, writing = await asyncio.open_connection("127.0.0.1", port)
                writing.write(_submission(number, token))
                answer = await reading.read()
                writing.close()
            except OSError as error:
                answers[type(error).__name__] += 1
            else:
                answers["refused" if b'"isError":true' in answer else answer[9:12].decode() or "closed"] += 1

    await asyncio.gather(*(one(number) for number in range(many)))
    return answers


def _submission(number: int, token: str) -> bytes:
    arguments = {"batch_size": 1, "total_items": 2, "processing_delay": _HOUR_S, "idempotency_key": f"{number}"}
    params = {"name": "start_batch_processing", "arguments": arguments}
    message = messages.request(STATELESS, number, "tools/call", params)
    body = messages.encode(message)
    headers = {
        **messages.headers(STATELESS, message, None),
        "Host": "127.0.0.1",
        "Authorization": f"Bearer {token}",
        "Connection": "close",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body


async def job(url: str, token: str) -> float:
    """Seconds from the first word to the completion of a job of ten records."""
    began = time.perf_counter()
    given = {"authorization": f"Bearer {token}"}
    session = await Session.open(url, protocol=STATELESS, deadline_s=_DEADLINE_S, headers=given)
    try:
        asked = {"batch_size": 1, "total_items": 10}
        reply = await session.call_tool("start_batch_processing", asked, deadline_s=_DEADLINE_S)
        assert reply.structured, reply.text
        uri = str(reply.structured["resource_uri"])
        while True:
            task = json.loads(await session.read_resource(uri, deadline_s=_DEADLINE_S))
            if task["status"] not in ("pending", "running"):
                assert (task["status"], task["progress"]) == ("completed", 10), task
                return time.perf_counter() - began
            await asyncio.sleep(_POLL_S)
    finally:
        await session.close()


@contextmanager
def submitting(port: int, many: int, at_once: int, token: str) -> Iterator[subprocess.Popen[str]]:
    """The same as ``submit``, by a process of its own, which prints what became of them."""
    words = (sys.executable, "-m", "benchmarks.crowd", "--submit-to", str(port), "--token", token)
    numbers = ("--submissions", str(many), "--at-once", str(at_once))
    top = Path(__file__).resolve().parents[1]
    with subprocess.Popen([*words, *numbers], stdout=subprocess.PIPE, text=True, cwd=top) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _server() -> Iterator[dict[str, Any]]:
    """A server with both users, and what it said when it was ready."""
    with tempfile.TemporaryDirectory(prefix="crowd-") as name:
        folder = Path(name)
        (folder / "tokens").write_text(f"crowd {CROWD}\nother {OTHER}\n")
        (folder / "tokens").chmod(0o600)
        storage = ("--data-root", str(folder / "data"), "--store", str(folder / "tasks.db"))
        words = [sys.executable, "-m", "reference_server", "--port", "0", *storage, "--tokens", str(folder / "tokens")]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                assert process.stdout
                yield json.loads(process.stdout.readline())
            finally:
                process.kill()


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The times of jobs among the crowd, each beside one on the idle server."""
    with _server() as busy, _server() as idle:
        for server in (busy, idle):
            await job(server["url"], OTHER)
        port = busy["port"]
        await submit(port, RESTING, 8, CROWD)
        with (
            silent(port, options.silent),
            submitting(port, options.submissions, options.at_once, CROWD) as crowd,
        ):
            await asyncio.sleep(1)  # by then it is there
            pairs: list[tuple[float, float]] = []
            while len(pairs) < options.jobs and crowd.poll() is None:
                one, other = await asyncio.gather(job(busy["url"], OTHER), job(idle["url"], OTHER))
                pairs.append((one, other))
    among, beside = zip(*pairs, strict=True)
    return {
        "among_s": round(statistics.median(among), 3),
        "beside_s": round(statistics.median(beside), 3),
        "ratio": round(statistics.median(one / other for one, other in pairs), 2),
        "ratios": [round(one / other, 3) for one, other in pairs],
        "jobs": len(pairs),
    }


def figures(found: dict[str, Any]) -> list[Figure]:
    """What of it stands in the table."""
    return [
        Figure(
            "a job of ten records among another user's crowd against one on an idle server",
            Spread.of(found["ratios"]),
            goal=at_most(CLAIM),
            beside=f"{found['among_s']} s and {found['beside_s']} s",
        )
    ]


def main() -> None:
    """Measure and print; exit code 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description="A job among another user's crowd, against one on an idle server.")
    add = parser.add_argument
    add("--silent", type=int, default=1100, help="connections that say nothing (default: %(default)s)")
    add("--submissions", type=int, default=10_000, help="of the crowd (default: %(default)s)")
    add("--at-once", type=int, default=300, help="of them at a time (default: %(default)s)")
    add("--jobs", type=int, default=9, help="one after the other, while the crowd lasts (default: %(default)s)")
    common(parser)
    add("--submit-to", type=int, metavar="PORT", help="be the crowd, and nothing else")
    add("--token", default=CROWD, help="the crowd's")
    options = parser.parse_args()
    if options.submit_to:
        print(json.dumps(asyncio.run(submit(options.submit_to, options.submissions, options.at_once, options.token))))
        return
    if options.quick:
        options.silent, options.submissions, options.at_once, options.jobs = 100, 600, 50, 2
    found = asyncio.run(measure(options))
    tell(found, figures(found), as_json=options.json)
    raise SystemExit(0 if found["ratio"] <= CLAIM else 1)


if __name__ == "__main__":
    main()
