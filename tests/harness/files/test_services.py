"""What a profile may say about services, and the word that mends what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_crashtest.files.profiles import parse_profile
from mcp_crashtest.model.errors import UsageError
from mcp_crashtest.model.profile import Profile
from mcp_crashtest.model.service_spec import ServiceKind

SUBJECT = {"command": "serve --port {port} --db {services.db.url}", "url": "http://127.0.0.1:{port}/mcp"}
CONTRACT = {"kind": "resumable-tool", "tool": "work"}


def parsed(*services: dict[str, Any], subject: dict[str, Any] = SUBJECT) -> Profile:
    data = {"subject": subject, "contract": CONTRACT, "services": list(services)}
    return parse_profile(data, name="one", source="one.toml", folder=Path("/"))


def test_a_database_is_said_in_two_words_and_a_broker_by_its_command() -> None:
    broker = {"name": "queue", "command": "broker --port {port} --dir {dir}", "ready": "broker-ping {port}"}
    profile = parsed({"name": "db", "kind": "postgres", "options": ["-c", "jit=off"]}, broker)
    assert [service.kind for service in profile.services] == [ServiceKind.POSTGRES, ServiceKind.COMMAND]
    assert profile.digest != parsed({"name": "db", "kind": "postgres"}).digest


def test_a_server_is_reached_through_a_service_that_there_is() -> None:
    front = {"name": "front", "command": "round-robin --port {port} {subject_port}"}
    subject = {"command": "serve --port {port}", "url": "http://127.0.0.1:{services.front.port}/mcp"}
    assert parsed(front, subject=subject).subject.fixed_port is None
    with pytest.raises(UsageError, match=r"nobody fills \{services.frnt.port\}"):
        parsed(front, subject={**subject, "url": "http://127.0.0.1:{services.frnt.port}/mcp"})


def test_a_profile_without_services_keeps_its_digest() -> None:
    assert "services" not in parsed(subject={"url": "http://127.0.0.1:8000/mcp"}).to_json()


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"name": "db"}, "give the command that starts it"),
        ({"name": "db", "kind": "mysql"}, "'mysql'"),
        ({"name": "db", "kind": "redis", "command": "redis-server"}, "command is for the kind"),
        ({"name": "db", "kind": "redis", "ready_deadline_s": 0}, "greater than 0"),
        ({"name": "my db", "kind": "redis"}, "a name is letters"),
        ({"name": "db", "command": "broker"}, "ready = COMMAND"),
        ({"name": "db", "command": "broker {port}", "options": ["-v"]}, "put them into the command"),
        ({"name": "db", "kind": "redis", "port": 6379}, "has no key 'port'"),
        ({"kind": "redis"}, "name"),
        ({"name": "db", "kind": "redis", "server": True}, 'server is for the kind "command"'),
        ({"name": "two", "command": "serve {port}", "preload": ["a"], "user": "root"}, "leave out preload, or user"),
    ],
)
def test_what_is_wrong_is_said_with_the_word_that_mends_it(service: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=r"one.toml: \[\[services\]\]") as error:
        parsed(service)
    assert said in str(error.value)


def test_each_service_has_a_name_of_its_own() -> None:
    with pytest.raises(UsageError, match="name of its own"):
        parsed({"name": "db", "kind": "redis"}, {"name": "db", "kind": "postgres"})


def test_services_are_for_a_server_that_the_lab_starts() -> None:
    with pytest.raises(UsageError, match=r"give its \[subject\] command"):
        parsed({"name": "db", "kind": "redis"}, subject={"url": "http://127.0.0.1:8000/mcp"})


@pytest.mark.parametrize(
    ("placeholder", "said"), [("services.bd.url", "there is db"), ("services.db.uri", "host, port, url")]
)
def test_a_placeholder_of_no_service_is_found_before_anything_starts(placeholder: str, said: str) -> None:
    subject = {**SUBJECT, "environment": {"STORE": f"{{{placeholder}}}"}}
    with pytest.raises(UsageError, match="nobody fills") as error:
        parsed({"name": "db", "kind": "redis"}, subject=subject)
    assert said in str(error.value)
