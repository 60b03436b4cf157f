"""What a profile says of operations and principals is read, and what makes no sense is said with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile

START = """
[subject]
command = "serve --port {port}"
url = "http://127.0.0.1:{port}/mcp"
[contract]
kind = "KIND"
tool = "start"
"""


def read(more: str, kind: str = "resource-task") -> Profile:
    data = tomllib.loads(START.replace("KIND", kind) + more)
    return parse_profile(data, name="mine", source="mine.toml", folder=Path())


def test_operations_are_what_the_profile_says_and_what_the_pattern_has_itself() -> None:
    assert read("").operations == frozenset()
    assert read("", "tasks-extension").operations == {"cancel", "answer"}
    said = read('cancel = { tool = "c", arguments = { id = "{task_id}" } }\nlist = { resource = "task://list" }')
    assert said.operations == {"cancel", "list"}


def test_principals_are_read_with_their_headers_and_the_first_one_has_the_job_done() -> None:
    two = '[[principals]]\nname = "ann"\nheaders = { x-user = "ann" }\n[[principals]]\nname = "bob"'
    profile = read(two)
    assert [principal.name for principal in profile.principals] == ["ann", "bob"]
    assert profile.headers == {"x-user": "ann"}
    assert profile.operations == {"trespass"}
    assert profile.digest != read("").digest


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('pause = { tool = "p" }', "pause and resume belong together"),
        ("list = { items = '$' }", "list needs a tool or a resource"),
        ('list = { tool = "l", resource = "task://list" }', "list needs a tool or a resource"),
        ('list = { resource = "task://list", arguments = { a = 1 } }', "arguments are those of a tool"),
        ('list = { tool = "l", handle = "id" }', "must begin with '$'"),
        ('list = { tool = "l", ids = "$" }', "has no key 'ids'"),
        ('stats = { tool = "s", counts = { over = "$.n" } }', "'over'"),
        ('cancel = { tool = "c", arguments = { id = "{nobody}" } }', "nobody fills {nobody}"),
        ('cancel = { tool = "c", arguments = { id = "{next}" } }', "nobody fills {next}"),
        ('[[principals]]\nname = "ann"', "nobody to keep him apart from"),
        ('[[principals]]\nname = "ann"\n[[principals]]\nname = "ann"', "a name of its own"),
        ('[[principals]]\nname = "ann"\ntoken = "x"', "each has a name, and headers"),
        ("principals = 3", "each has a name, and headers"),
        ('[[principals]]\nname = "ann"\nheaders = { a = 1 }', "names with text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(said: str, complaint: str) -> None:
    text = said if said != "principals = 3" else "[principals]\nname = 3"
    with pytest.raises(UsageError, match=r"mine\.toml") as refused:
        read(text)
    assert complaint in str(refused.value)


def test_a_call_that_comes_back_with_the_output_has_no_task_to_cancel() -> None:
    with pytest.raises(UsageError, match="has no task"):
        read('cancel = { tool = "c" }', "resumable-tool")
