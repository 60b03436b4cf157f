"""What an answer to a submission means: the lab's client and the witness of a client ask the same contract."""

from __future__ import annotations

from typing import Any, cast

import pytest

from mcp_crashtest.contracts.catalogue import CONTRACTS
from mcp_crashtest.contracts.contract import INVALID_PARAMS, RESOURCE_NOT_FOUND, Refused, Vanished
from mcp_crashtest.contracts.job import Job
from mcp_crashtest.contracts.resource_task import seen_in
from mcp_crashtest.model.contract_spec import ContractKind, ContractSpec, StatusSpec
from mcp_crashtest.model.observe_spec import ObserveSpec
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.subject_spec import SubjectSpec
from mcp_crashtest.stage.witness import Witness
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.relay import Exchange
from mcp_crashtest.wire.session import ToolReply

BLOCKING, RESOURCE, TASKS = ContractKind.RESUMABLE_TOOL, ContractKind.RESOURCE_TASK, ContractKind.TASKS_EXTENSION
TOOL, CORE = ContractKind.TOOL_TASK, ContractKind.TASKS_2025
TASK = {"resultType": "task", "taskId": "t-1", "status": "working"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], **more}


# kind, result, why it is refused (None: it is not), the task that it names
ANSWERS = [
    (BLOCKING, text("{}", structuredContent={"count": 3}), None, None),
    (BLOCKING, text("no", isError=True), "no", None),
    (BLOCKING, text('{"error": "disk full"}'), '{"error": "disk full"}', None),
    (BLOCKING, text("full", structuredContent={"error": "disk full"}), "full", None),
    (BLOCKING, text("done"), None, None),  # a sentence: its records are what is judged
    (BLOCKING, text("x", structuredContent={"result": '{"error": "disk full"}'}), "x", None),
    (ContractKind.SSE_RESUME, text("{}", structuredContent={"count": 3}), None, None),
    (ContractKind.SSE_RESUME, text("no", isError=True), "no", None),
    (RESOURCE, text("follow task://status/7."), None, "task://status/7"),
    (RESOURCE, text("no", isError=True), "no", None),
    (RESOURCE, text("done"), None, None),
    (RESOURCE, {"content": [{"type": "resource_link", "uri": "job://9"}]}, None, "job://9"),
    (TOOL, text("{}", structuredContent={"id": 1}), None, None),  # the profile has to say where in it
    (TOOL, text("job-7"), None, "job-7"),
    (TOOL, text("7"), None, "7"),
    (TOOL, text("job 7 has been started"), None, None),
    (TOOL, text("no", isError=True), "no", None),
    (TASKS, TASK, None, "t-1"),
    (TASKS, text("done"), None, None),
    (TASKS, text("no", isError=True), "no", None),
    (TASKS, {**TASK, "taskId": 7}, None, None),
    (CORE, {"task": {"taskId": "t-1", "status": "working"}}, None, "t-1"),
    (CORE, text("done"), None, None),
    (CORE, text("no", isError=True), "no", None),
]


def test_every_contract_has_its_row() -> None:
    assert set(CONTRACTS) == set(ContractKind)


@pytest.mark.parametrize(("kind", "result", "refused", "task"), ANSWERS)
def test_a_contract_tells_a_refusal_and_a_handle(
    kind: ContractKind, result: dict[str, Any], refused: str | None, task: str | None
) -> None:
    assert CONTRACTS[kind].refusal(result) == refused
    assert CONTRACTS[kind].handle_in(result, ObserveSpec()) == task


@pytest.mark.asyncio
@pytest.mark.parametrize(("kind", "result", "refused", "task"), ANSWERS)
async def test_the_witness_sees_in_it_what_the_labs_own_client_would(
    kind: ContractKind, result: dict[str, Any], refused: str | None, task: str | None
) -> None:
    written: list[tuple[Type, Op, str | None]] = []
    profile = Profile("p", SubjectSpec("serve {port}", "u"), ContractSpec(kind, "start"))
    witness = Witness(profile, lambda type_, op, _value, about: written.append((type_, op, about)), lambda: None)
    exchange = Exchange(b"POST", {"id": 1, "method": "tools/call", "params": {"name": "start", "arguments": {}}})
    await witness.asked(exchange)
    await witness.answering(exchange, {"id": 1, "result": result})
    await witness.answered(exchange, {"id": 1, "result": result})
    answered = Type.OK if refused is None else Type.FAIL
    assert written == [(Type.INVOKE, Op.SUBMIT, None), (answered, Op.SUBMIT, task)]


def test_a_profile_says_where_the_handle_is() -> None:
    observe = ObserveSpec(handle="$.uri")
    assert CONTRACTS[RESOURCE].handle_in(text("x://y", structuredContent={"uri": "a://b"}), observe) == "a://b"
    assert CONTRACTS[RESOURCE].handle_in(text("x://y", structuredContent={}), observe) is None


@pytest.mark.parametrize(
    ("document", "task"), [({"id": "a"}, "a"), ({"id": 7}, "7"), ({"id": ""}, None), ({"id": None}, None), ([], None)]
)
def test_an_id_is_where_the_profile_says_and_a_number_is_one_too(document: Any, task: str | None) -> None:
    observe = ObserveSpec(handle="$.id")
    assert CONTRACTS[TOOL].handle_in(text("x", structuredContent=document), observe) == task
    assert CONTRACTS[TOOL].handle_in(text("no JSON"), observe) is None


@pytest.mark.parametrize("kind", [RESOURCE, TOOL])
@pytest.mark.parametrize(
    ("handle", "answer", "task"),
    [
        ("task://status/{task_id}", {"task_id": "7f"}, "task://status/7f"),
        ("task://status/{job.id}", {"job": {"id": 17}}, "task://status/17"),
        ("task://status/{$.job.id}", {"job": {"id": 17}}, "task://status/17"),
        ("task://{id}", "7f", "task://7f"),  # the answer is one word
        ("task://status/{task_id}", {"task": "7f"}, None),
        ("task://status/{job}", {"job": {"id": 17}}, None),
        ("task://status/{ok}", {"ok": True}, None),
        ("task://{id}", "the job 7f has begun", None),
        ("$.job.id", {"job": {"id": 17}}, "17"),
        ("$.ok", {"ok": True}, None),
    ],
)
def test_a_handle_is_made_of_what_the_answer_says(
    kind: ContractKind, handle: str, answer: Any, task: str | None
) -> None:
    said = text(answer) if isinstance(answer, str) else text("", structuredContent=answer)
    assert CONTRACTS[kind].handle_in(said, ObserveSpec(handle=handle)) == task


@pytest.mark.parametrize("word", ["not_found", "Not Found", "job not found", "TASK_NOT_FOUND", "no such job"])
def test_a_status_that_says_that_there_is_no_such_task_is_none(word: str) -> None:
    with pytest.raises(Vanished):
        seen_in({"status": word}, Job("u", "p", TOOL, "t", {}, ObserveSpec(), 3, 1.0))


@pytest.mark.parametrize(
    ("said", "raised"),
    [
        ("there is no job 7", Vanished),
        ("job 7 is not available", Vanished),
        ("job 7 is not available yet", Refused),
        ("still loading its jobs", Refused),
        ("reading the journal, come back in a second", Refused),
    ],
)
@pytest.mark.asyncio
async def test_who_is_not_ready_has_said_nothing_of_the_job(said: str, raised: type[Exception]) -> None:
    class Session:
        async def call_tool(self, *_: Any, **__: Any) -> ToolReply:
            return ToolReply(True, said, None, ())

        async def read_resource(self, *_: Any, **__: Any) -> Any:
            raise RpcError(RESOURCE_NOT_FOUND, said)

        async def ask_task(self, *_: Any, **__: Any) -> Any:
            raise RpcError(INVALID_PARAMS, said)

    job = Job("u", "p", TOOL, "t", {}, ObserveSpec(), 3, 1.0, status=StatusSpec("status"))
    for kind in (TOOL, RESOURCE, TASKS, CORE):
        with pytest.raises(raised):
            await CONTRACTS[kind].look(cast("Any", Session()), job, "7", 1.0)
    with pytest.raises(raised):
        seen_in({"ok": False, "error": said}, job)


def test_a_word_that_speaks_of_something_else_is_a_status() -> None:
    job = Job("u", "p", TOOL, "t", {}, ObserveSpec(), 3, 1.0)
    assert seen_in({"status": "cache not found, computing"}, job).status == "cache not found, computing"
