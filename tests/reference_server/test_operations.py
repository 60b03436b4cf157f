"""Running it: health, variables, logs, standard input and output, who may connect, and how long things are kept."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.lab import environment
from tests.reference_server.conftest import DEADLINE_S, Server, token_file

PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def test_health_and_readiness_have_routes(shared: Server) -> None:
    at = shared.ready["url"].removesuffix("/mcp")
    assert httpx2.get(f"{at}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{at}/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"host": "evil.example"}, 421), ({"origin": "http://evil.example"}, 403), ({"host": "localhost:1"}, 400)],
)
def test_a_strange_host_or_origin_is_turned_away(shared: Server, headers: dict[str, str], status: int) -> None:
    """DNS rebinding: basic/transports, "Security Warning". 400: it came through, and is no request of ours."""
    accept = {"accept": "application/json, text/event-stream"}
    assert httpx2.post(shared.ready["url"], headers={**accept, **headers}, json=PING).status_code == status


def test_a_request_that_is_too_large_is_refused(shared: Server) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    answer = httpx2.post(shared.ready["url"], headers=headers, json={**PING, "params": {"x": "x" * (5 << 20)}})
    assert answer.status_code == 413


@pytest.mark.asyncio
async def test_a_client_on_standard_input_has_the_same_server(fresh: Server) -> None:
    words = ["-m", "reference_server", "--stdio", "--data-root", str(fresh.data), "--store", str(fresh.store)]
    for _ in range(2):
        async with Client(StdioTransport(sys.executable, words, env=environment(), keep_alive=False)) as client:
            asked = {"dataset_name": "orders", "total_records": 60, "client_id": "c"}
            result = (await client.call_tool("resumable_data_processing", asked)).data
            assert result["total_processed"] == 60
            stats = (await client.call_tool("get_server_stats", {})).data
            assert stats["total_tasks"] == 1


def test_a_signal_ends_it_also_while_it_waits_for_standard_input(fresh: Server) -> None:
    words = ["-m", "reference_server", "--stdio", "--data-root", str(fresh.data), "--store", str(fresh.store)]
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    with subprocess.Popen(
        [sys.executable, *words], env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps(ping).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0


def test_every_option_is_a_variable_too(fresh: Server, tmp_path: Path) -> None:
    variables = {
        "REFERENCE_SERVER_PORT": "0",
        "REFERENCE_SERVER_STORE": str(tmp_path / "elsewhere.db"),
        "REFERENCE_SERVER_DATA_ROOT": str(fresh.data),
        "REFERENCE_SERVER_LOG_FORMAT": "json",
        "REFERENCE_SERVER_LOG_LEVEL": "info",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "reference_server"],
        env={**environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["store"] == str(tmp_path / "elsewhere.db")
        process.send_signal(signal.SIGTERM)
        logged = [json.loads(line) for line in process.stderr.read().splitlines()]
        assert process.wait(DEADLINE_S) == 0
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in logged)
    assert any("Uvicorn" in line["message"] or "Started" in line["message"] for line in logged)


@pytest.mark.asyncio
async def test_what_a_client_did_wrong_is_not_logged_and_no_token_ever_is(fresh: Server, tmp_path: Path) -> None:
    tokens = token_file(tmp_path)
    command = fresh.command("--tokens", str(tokens), "--log-level", "info")
    process = await asyncio.create_subprocess_exec(
        *command, env=environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout
    try:
        url = json.loads(await process.stdout.readline())["url"]
        async with Client(url, auth="ann-has-a-long-token-here") as client:
            await client.call_tool("cancel_task", {"task_id": "x"}, raise_on_error=False)
        async with httpx2.AsyncClient() as stranger:
            await stranger.post(url, headers={"authorization": "Bearer a-secret-that-is-wrong"}, json=PING)
    finally:
        process.send_signal(signal.SIGTERM)
        logged = (await process.communicate())[1].decode()
    assert "Traceback" not in logged
    assert "long-token" not in logged
    assert "a-secret" not in logged


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "this server knows no users"),
        (["--host", "0.0.0.0", "--allow-anyone"], "give the names under which it is reached"),
        (["--tokens", "{folder}/none"], "cannot be read"),
        (["--tokens", "{folder}/open"], "can be read by others: chmod 600"),
        (["--tokens", "{folder}/short"], "a token has at least 20 characters"),
        (["--tokens", "{folder}/torn"], "expected a subject and its token"),
        (["--tokens", "{folder}/empty"], "has no tokens"),
        (["--tokens", "{folder}/tokens", "--jwt-key", "{folder}/open"], "exclude each other"),
        (["--jwt-key", "{folder}/open"], "need --issuer and --audience"),
        (["--retention-days", "0"], "must be more than 0"),
    ],
)
def test_what_would_not_be_safe_is_refused(fresh: Server, options: list[str], said: str) -> None:
    folder = fresh.folder
    token_file(folder)
    for name, text in (("open", "x"), ("short", "ann secret"), ("torn", "ann"), ("empty", "# nobody")):
        (folder / name).write_text(text)
        (folder / name).chmod(0o644 if name == "open" else 0o600)
    assert said in fresh.refuses(*(option.format(folder=folder) for option in options))


@pytest.mark.asyncio
async def test_what_has_ended_is_forgotten_after_its_time_and_nothing_else(fresh: Server) -> None:
    fresh.start()
    ended = await fresh.start_task("start_batch_processing", batch_size=1, total_items=1)
    await fresh.stopped(ended)
    paused = await fresh.start_task("start_batch_processing", batch_size=1, total_items=1000, processing_delay=1)
    assert not (await fresh.call("pause_task", task_id=paused)).is_error
    fresh.kill()
    fresh.extra = ("--retention-days", "0.0000001")
    fresh.start()
    async with asyncio.timeout(DEADLINE_S):
        while (await fresh.read("task://list"))["total"] > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [task["task_id"] for task in (await fresh.read("task://list"))["tasks"]] == [paused]
