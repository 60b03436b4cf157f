"""Of hundreds of questions a history has those that changed something, and those around what was in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.contracts.job import Journal
from mcp_crashtest.contracts.questions import Questions, latest_note
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.wire.errors import Broken


class Pipe:
    """A journal, and what was written into it."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe2(os.O_NONBLOCK)
        self.journal = Journal(self.writing)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in os.read(self.reading, 1 << 16).splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    os.close(made.reading)
    os.close(made.writing)


def ask(questions: Questions, *numbers: int) -> None:
    for number in numbers:
        questions.asks()
        with questions.answered(number):
            pass


def numbers(told: list[dict[str, Any]]) -> list[int]:
    return [event["value"]["request"] for event in told]


def test_the_first_three_of_a_connection_are_told_and_of_the_others_the_last_is_noted(
    pipe: Pipe, tmp_path: Path
) -> None:
    questions = Questions(pipe.journal, str(tmp_path / "notes"))
    assert latest_note(questions.notes) is None
    ask(questions, *range(1, 40))
    assert numbers(pipe.told) == [1, 2, 3]
    note = latest_note(questions.notes)
    assert note is not None
    assert note["request"] == 39
    assert note["asked_at"] <= note["answered_at"]
    questions.connected()
    ask(questions, *range(1, 9))
    assert numbers(pipe.told) == [1, 2, 3]
    again = latest_note(questions.notes)
    assert again is not None
    assert again["request"] == 8


def test_one_that_changed_something_is_told_by_what_it_changed_alone(pipe: Pipe) -> None:
    questions = Questions(pipe.journal)
    ask(questions, 1, 2, 3, 4)
    questions.asks()
    with questions.answered(5):
        pipe.journal.once(Op.PROGRESS, done=3, total=9)
    ask(questions, 6)
    pipe.journal.write(Type.OK, Op.CONNECT)  # belongs to none
    *_, progress, connect = pipe.told
    assert (progress["op"], progress["value"]["request"], progress["value"]["done"]) == ("progress", 5, 3)
    assert connect["value"] == {}


def test_what_a_question_shows_is_news_whatever_its_number(pipe: Pipe) -> None:
    questions = Questions(pipe.journal)
    for number in (1, 2, 3, 4, 5):
        questions.asks()
        with questions.answered(number):
            pipe.journal.once(Op.PROGRESS, done=3, total=9)
    assert [(e["op"], e["value"]["request"]) for e in pipe.told] == [
        ("progress", 1),
        ("poll", 2),
        ("poll", 3),
        ("poll", 4),
    ]


def test_one_that_got_lost_is_told_with_the_one_before_it_and_no_more_than_three_in_a_row(pipe: Pipe) -> None:
    questions = Questions(pipe.journal)
    ask(questions, *range(1, 10))
    assert numbers(pipe.told) == [1, 2, 3]
    for number in range(10, 20):
        questions.asks()
        questions.lost(number, Broken("reset"))
    told = pipe.told
    assert numbers(told) == [9, 10, 11, 12]
    assert [event["type"] for event in told] == ["ok", "info", "info", "info"]
    assert "answered_at" not in told[1]["value"]
    ask(questions, 20)
    questions.asks()
    questions.lost(21, Broken("reset"))
    assert numbers(pipe.told) == [20, 21]


def test_what_no_request_shows_belongs_to_none(pipe: Pipe) -> None:
    with pipe.journal.about({"request": 4}):
        pipe.journal.write(Type.INVOKE, Op.SUBMIT, tool="work")
        pipe.journal.write(Type.OK, Op.WIRE, stray="a line that is no message")
    assert [event["value"].get("request") for event in pipe.told] == [4, None]


def test_a_torn_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text('{"request": 3, "asked_at"')
    assert latest_note(str(tmp_path / "notes")) is None
