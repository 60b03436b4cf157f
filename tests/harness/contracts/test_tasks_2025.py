"""The contract ``tasks-2025``: core tasks of revision 2025-11-25, on the wire and from both sides."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from mcp_crashtest.contracts import operations, tasks_2025
from mcp_crashtest.contracts.contract import Refused, Vanished
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.tasks_2025 import handle_in, look, undeclared, unoffered
from mcp_crashtest.files.bundle import Bundle
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, ToolSpec
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.wire.messages import HANDSHAKE
from mcp_crashtest.wire.session import Session
from tests.harness.wire.scripted import AMPLE_S, Scripted, error, result
from tests.lab import MUTANTS, certify

SAMPLE = MUTANTS / "core_tasks.toml"
DECLARED: dict[str, Any] = {"tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}}
TASK = {"taskId": "t-1", "status": "working", "createdAt": "2026-01-01T00:00:00Z", "ttl": 60000, "statusMessage": "2/4"}
JOB = Job("u", HANDSHAKE, ContractKind.TASKS_2025, "t", {}, ObserveSpec(), 4, 5.0)


async def opened(peer: Scripted) -> Session:
    return await Session.over(peer, protocol=HANDSHAKE, deadline_s=AMPLE_S)


# --- what is offered


@pytest.mark.parametrize(
    ("capabilities", "tool", "why"),
    [
        (DECLARED, {"execution": {"taskSupport": "optional"}}, None),
        (DECLARED, {"execution": {"taskSupport": "required"}}, None),
        (DECLARED, None, None),  # it lists no tools
        (DECLARED, {"execution": {"taskSupport": "forbidden"}}, "'forbidden'"),
        (DECLARED, {}, "'forbidden'"),
        ({"tools": {}}, {"execution": {"taskSupport": "optional"}}, "have no tasks.requests.tools.call"),
        ({"tasks": {"requests": {"sampling": {}}}}, None, "have no tasks.requests.tools.call"),
    ],
)
def test_a_call_may_be_a_task_where_server_and_tool_declare_it(
    capabilities: dict[str, Any], tool: dict[str, Any] | None, why: str | None
) -> None:
    found = undeclared(capabilities, tool)
    assert (found is None) == (why is None)
    assert why is None or why in str(found)


def test_what_is_not_declared_is_not_asked_for() -> None:
    assert unoffered(DECLARED) == frozenset()
    assert unoffered({"tasks": {"list": {}}}) == {"cancel"}
    assert unoffered({}) == {"cancel", "list"}


def test_its_own_cancel_is_binding_and_the_extensions_is_not() -> None:
    own = ContractSpec(ContractKind.TASKS_2025, "start")
    assert own.offers("cancel")
    assert own.offers("list")
    assert not operations.is_advisory(own, "cancel")
    assert not operations.is_advisory(ContractSpec(ContractKind.TASKS_2025, "start", cancel=ToolSpec("x")), "cancel")


# --- what the lab says, and makes of what it hears


@pytest.mark.parametrize(
    ("answer", "handle"),
    [({"task": TASK}, "t-1"), (TASK, None), ({"task": {"taskId": 7}}, None), ({"task": {"taskId": ""}}, None)],
)
def test_the_answer_names_a_task(answer: dict[str, Any], handle: str | None) -> None:
    assert handle_in(answer, ObserveSpec()) == handle


@pytest.mark.asyncio
async def test_a_task_is_got_until_it_has_ended_and_only_then_asked_for_its_result() -> None:
    answer = {"content": [{"type": "text", "text": '{"count": 4}'}], "isError": False}
    peer = Scripted({"tasks/get": result(**TASK), "tasks/result": result(**answer)})
    session = await opened(peer)
    seen = await look(session, JOB, "t-1", AMPLE_S)
    assert (seen.status, seen.progress, seen.document) == ("working", (2, 4), None)
    assert [asked["method"] for asked in peer.asked[1:]] == ["tasks/get"]
    peer.script = {**peer.script, "tasks/get": result(**{**TASK, "status": "completed"})}
    seen = await look(session, JOB, "t-1", AMPLE_S)
    assert (seen.status, seen.document, seen.failure) == ("completed", {"task_id": "t-1", "count": 4}, None)
    assert peer.asked[-1]["params"] == {"taskId": "t-1"}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "script", "why"),
    [
        ("completed", {"tasks/result": error(-32602, "no result")}, "tasks/result: no result (-32602)"),
        ("failed", {"tasks/result": error(-32603, "out of cheese")}, "tasks/result: out of cheese (-32603)"),
        ("failed", {"tasks/result": result(content=[{"type": "text", "text": "no disk"}], isError=True)}, "no disk"),
        ("completed", {"tasks/result": result(content=[{"type": "text", "text": "bad"}], isError=True)}, "bad"),
        ("cancelled", {}, "2/4"),
    ],
)
async def test_a_task_without_a_result_says_why(status: str, script: dict[str, Any], why: str) -> None:
    session = await opened(Scripted({"tasks/get": result(**{**TASK, "status": status}), **script}))
    seen = await look(session, JOB, "t-1", AMPLE_S)
    assert (seen.status, seen.document, seen.failure) == (status, None, why)


@pytest.mark.asyncio
async def test_a_task_that_nobody_knows_is_gone() -> None:
    session = await opened(Scripted({"tasks/get": error(-32602, "Failed to retrieve task: Task not found")}))
    with pytest.raises(Vanished, match="Task not found"):
        await look(session, JOB, "t-1", AMPLE_S)


@pytest.mark.asyncio
async def test_a_cancel_that_is_answered_with_a_task_at_work_is_none() -> None:
    session = await opened(Scripted({"tasks/cancel": result(**TASK)}))
    with pytest.raises(Refused, match="not cancelled"):
        await tasks_2025.cancel(session, "t-1", AMPLE_S)


@pytest.mark.asyncio
async def test_a_list_is_read_to_its_last_page() -> None:
    def pages(asked: Any) -> Any:
        last = asked["params"].get("cursor") == "2"
        more: dict[str, Any] = {} if last else {"nextCursor": "2"}
        return result(tasks=[{"taskId": "t-2" if last else "t-1", "status": "completed"}], **more)(asked)

    session = await opened(Scripted({"tasks/list": pages}))
    found = await operations.listed(session, ContractSpec(ContractKind.TASKS_2025, "t"), {}, "t-1", {}, AMPLE_S)
    assert (found.tasks, found.complete) == ([["t-1", "completed"], ["t-2", "completed"]], True)


# --- the other side: our own sample of a server, asked by hand


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[str]:
    """The sample as its author runs it, on a socket that it inherits."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        words = [sys.executable, MUTANTS / "core_tasks.py", "--listen-fd", held.fileno()]
        words += ["--state-dir", tmp_path / "state", "--effects-file", tmp_path / "ledger"]
        with subprocess.Popen([str(word) for word in words], pass_fds=[held.fileno()]) as server:
            yield f"http://127.0.0.1:{held.getsockname()[1]}/mcp"
            server.kill()


def said(url: str, method: str, **params: Any) -> dict[str, Any]:
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    with urlopen(Request(url, asked, {"content-type": "application/json"}), timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_the_sample_says_what_the_specification_wants(sample: str) -> None:
    hello = said(sample, "initialize", protocolVersion=HANDSHAKE, capabilities={}, clientInfo={"name": "x"})["result"]
    assert undeclared(hello["capabilities"], said(sample, "tools/list")["result"]["tools"][0]) is None
    called = {"name": "stretch", "arguments": {"key": "k", "total": 20, "batch": 5}, "task": {"ttl": 9000}}
    task = said(sample, "tools/call", **called)["result"]["task"]
    assert (task["status"], task["ttl"]) == ("working", 9000)
    began = time.monotonic()
    output = said(sample, "tasks/result", taskId=task["taskId"])["result"]  # waits for the end
    assert json.loads(output["content"][0]["text"])["count"] == 20, time.monotonic() - began
    assert output["_meta"] == {"io.modelcontextprotocol/related-task": {"taskId": task["taskId"]}}
    after = said(sample, "tasks/get", taskId=task["taskId"])["result"]
    assert (after["status"], after["createdAt"]) == ("completed", task["createdAt"])
    assert said(sample, "tasks/cancel", taskId=task["taskId"])["error"]["code"] == -32602
    assert said(sample, "tasks/get", taskId="nobody")["error"]["code"] == -32602
    assert [one["taskId"] for one in said(sample, "tasks/list")["result"]["tasks"]] == [task["taskId"]]


# --- whole


def test_a_server_without_core_tasks_does_not_offer_them(tmp_path: Path) -> None:
    profile = tmp_path / "plain.toml"
    text = SAMPLE.read_text(encoding="utf-8").replace("{here}", str(MUTANTS))
    profile.write_text(text.replace("core_tasks.py", "core_untold.py"), encoding="utf-8")
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory, pytest.raises(UsageError) as caught:
        laboratory.bench(read_profile(profile))
    assert 'not offered: plain has no [contract] kind = "tasks-2025": its capabilities have no' in str(caught.value)
    assert "resumable-tool" in str(caught.value)


def test_a_revision_that_has_no_core_tasks_is_refused_beforehand(tmp_path: Path) -> None:
    profile = tmp_path / "newer.toml"
    text = SAMPLE.read_text(encoding="utf-8").replace("{here}", str(MUTANTS))
    profile.write_text(text.replace("[subject]", '[subject]\nprotocols = ["2026-07-28"]'), encoding="utf-8")
    with Laboratory(Bundle(tmp_path / "report"), seed=0, jobs=1) as laboratory, pytest.raises(UsageError) as caught:
        laboratory.bench(read_profile(profile))
    assert "2026-07-28 does not have [contract] kind = tasks-2025, which 2025-11-25 has" in str(caught.value)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_core_tasks_that_are_done_right_earn_two_stars(tmp_path: Path) -> None:
    done = certify(tmp_path, "--profile", SAMPLE)
    assert (done.code, done.certificate["level"]) == (0, 2), done.out + done.err
