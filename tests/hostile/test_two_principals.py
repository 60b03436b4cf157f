"""Two principals: of what one has the other hears as much as of what there is not, whatever he asks."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client

from reference_server.app import build
from reference_server.crashpoints import CrashPoints
from reference_server.data_root import DataRoot
from reference_server.effects import Effects
from reference_server.engine import Engine, Settings
from reference_server.schema import prepare
from tests.hostile.strangers import OF_A_TASK, Question, answer, questions
from tests.reference_server.conftest import TOKENS, Server
from tests.reference_server.raw import Raw

SECRET = "what-only-ann-knows"


def principal(guarded: Server, who: str) -> Raw:
    return Raw(guarded, headers={"Authorization": f"Bearer {TOKENS[who]}"})


async def tasks_of(owner: Raw) -> list[str]:
    """A task that is over, one that goes on, and one that is paused."""
    kept: dict[str, Any] = {"batch_size": 5, "total_items": 10, "idempotency_key": SECRET}
    over = await owner.start("start_batch_processing", **kept)
    await owner.until(over)
    resting = {"batch_size": 5, "total_items": 500, "processing_delay": 60.0}
    going_on = await owner.start("start_batch_processing", **resting)
    paused = await owner.start("start_batch_processing", **{**resting, "total_items": 505})
    await owner.call("pause_task", task_id=paused)
    return [over, going_on, paused]


async def read(asked: Raw, uri: str) -> dict[str, Any]:
    """A resource's document."""
    [content] = (await asked.ask("resources/read", uri=uri))["contents"]
    document: dict[str, Any] = json.loads(content["text"])
    return document


def test_every_method_that_the_server_answers_is_asked(tmp_path: Path) -> None:
    """FastMCP has no public list of them: a method that is new here must be thought of there."""
    prepare(tmp_path / "tasks.db")
    settings = Settings(tmp_path / "tasks.db", DataRoot(tmp_path), Effects(None), CrashPoints(""))
    answered = build(Engine(settings))._mcp_server._request_handlers
    assert set(answered) == set(OF_A_TASK)


@pytest.mark.asyncio
async def test_whatever_a_stranger_asks_of_a_task_he_hears_what_is_said_of_one_that_there_is_not(
    guarded: Server, record_property: Callable[[str, object], None]
) -> None:
    ann, ben = principal(guarded, "ann"), principal(guarded, "ben")
    tried = 0
    for task_id in (await tasks_of(ann))[:2]:
        before, unknown_id = await ann.get(task_id), secrets.token_hex(16)
        asked = await questions(ben)
        for question in asked:  # some begin tasks of his own, which are to be over when it is compared
            await answer(ben, question, task_id)
            await answer(ben, question, unknown_id)
        for own in (await read(ben, "task://list"))["tasks"]:
            await ben.until(own["task_id"])
        for question in asked:
            foreign, unknown = await answer(ben, question, task_id), await answer(ben, question, unknown_id)
            assert foreign == unknown, question
            assert SECRET not in foreign, question
            tried += 1
        after = await ann.get(task_id)
        assert (after["status"], after.get("result")) == (before["status"], before.get("result"))
    record_property("tries", tried)
    record_property("held", tried)


@pytest.mark.asyncio
async def test_the_owner_is_answered_otherwise_so_that_there_was_something_to_hide(guarded: Server) -> None:
    ann, ben = principal(guarded, "ann"), principal(guarded, "ben")
    task_id = (await tasks_of(ann))[0]
    for question in (
        Question("tasks/get", {"taskId": "{id}"}),
        Question("resources/read", {"uri": "task://status/{id}"}),
        Question("tools/call", {"name": "cancel_task", "arguments": {"task_id": "{id}"}}),
    ):
        assert await answer(ann, question, task_id) != await answer(ben, question, task_id)


@pytest.mark.asyncio
@pytest.mark.parametrize("method", [name for name, given in OF_A_TASK.items() if given is None and name != "ping"])
async def test_what_is_listed_for_a_stranger_holds_nothing_of_another(guarded: Server, method: str) -> None:
    ann, ben = principal(guarded, "ann"), principal(guarded, "ben")
    task_ids = await tasks_of(ann)
    listed = repr(await ben.ask(method)) + repr(await ben.ask("resources/read", uri="task://list"))
    assert not [task_id for task_id in task_ids if task_id in listed]
    assert SECRET not in listed


@pytest.mark.asyncio
async def test_who_subscribes_to_a_strangers_task_hears_nothing(guarded: Server) -> None:
    heard: list[object] = []

    async def hear(message: object) -> None:
        heard.append(message)

    ann = principal(guarded, "ann")
    going_on = (await tasks_of(ann))[1]
    async with Client(guarded.ready["url"], auth=TOKENS["ben"], mode="legacy", message_handler=hear) as ben:
        said = []
        for task_id in (going_on, secrets.token_hex(16)):
            try:
                await ben.session.subscribe_resource(f"task://status/{task_id}")
                said.append("subscribed")
            except Exception as error:
                said.append(str(error).replace(task_id, "(the id)"))
        assert said[0] == said[1]
        await ann.cancel(going_on)
        await ann.until(going_on)
        await ben.ping()
        assert heard == []
