"""The [client] table of a profile."""

from __future__ import annotations

import pytest

from mcp_crashtest.files.profiles import Target
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import ClientSpec
from tests.harness.files.texts import SHORT, Reader

CLIENT = """
[subject]
command = "serve {port}"
url = "http://127.0.0.1:{port}/mcp"
[contract]
kind = "resource-task"
tool = "work"
[client]
command = "ask {url} --state {client_dir}/state.json"
result = ["$.count"]
state = "{client_dir}/state.json"
handle = ["$.task"]
"""


def test_a_client_under_test_has_a_table_of_its_own(read: Reader) -> None:
    client = read(CLIENT).client
    assert client == ClientSpec(
        "ask {url} --state {client_dir}/state.json", ("$.count",), "{client_dir}/state.json", ("$.task",)
    )
    assert read(SHORT).client is None


def test_another_command_is_that_of_the_client_under_test(read: Reader) -> None:
    profile = read(CLIENT, Target(command="other {url}"))
    assert profile.client
    assert (profile.client.command, profile.subject.command) == ("other {url}", "serve {port}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{url} ", "", "[client] command needs {url}"),
        ('["$.count"]', "[]", "[client] result needs a path"),
        ('"$.count"', '"count"', "[client] the path 'count' must begin with '$'"),
        ('state = "{client_dir}/state.json"\n', "", "give state too"),
        ('result = ["$.count"]\n', "", "client.result: Field required"),
        ('command = "serve {port}"\n', "", "a client is tested against a server that the lab may kill"),
        ("[contract]", 'crash_points = ["asking"]\n[contract]', "Input should be 'before-write'"),
        ("result =", "results = []\nresult =", "[client] has no key 'results'"),
    ],
)
def test_what_is_wrong_with_a_client_is_said(read: Reader, old: str, new: str, said: str) -> None:
    assert old in CLIENT
    with pytest.raises(UsageError) as raised:
        read(CLIENT.replace(old, new, 1))
    assert said in str(raised.value)


def test_a_client_is_not_tested_against_a_server_that_may_not_be_killed(read: Reader) -> None:
    with pytest.raises(UsageError, match="give no --url"):
        read(CLIENT, Target(url="http://127.0.0.1:1/mcp"))
