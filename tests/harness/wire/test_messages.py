"""Messages and headers: literal in both eras; whatever a subject sends is a message or a violation."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_crashtest import __version__
from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import ProtocolViolation, RpcError, shown

MODERN, LEGACY = "2026-07-28", "2025-11-25"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


def test_a_stateless_request_says_who_asks_and_in_which_revision() -> None:
    params = {"name": "t", "arguments": {}, "_meta": {"progressToken": "p", **messages.log_level("info")}}
    assert messages.request(MODERN, 3, "tools/call", params) == {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/call",
        "params": {
            "name": "t",
            "arguments": {},
            "_meta": {
                "progressToken": "p",
                "io.modelcontextprotocol/logLevel": "info",
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "mcp-crashtest", "version": __version__},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }


def test_a_request_within_a_session_carries_only_what_it_asks() -> None:
    assert messages.request(LEGACY, 3, "resources/read", {"uri": "x://y"}) == {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "resources/read",
        "params": {"uri": "x://y"},
    }


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "t"}, "t"),
        ("resources/read", {"uri": "x://y"}, "x://y"),
        ("tools/call", {"name": "zählen"}, "=?base64?esOkaGxlbg==?="),
        ("tools/list", {}, None),
    ],
)
def test_headers_of_a_stateless_request_repeat_method_and_name(
    method: str, params: dict[str, Any], name: str | None
) -> None:
    found = messages.headers(MODERN, messages.request(MODERN, 1, method, params), None)
    assert found == {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": method,
        **({"Mcp-Name": name} if name else {}),
    }


def test_headers_within_a_session_name_it() -> None:
    found = messages.headers(LEGACY, messages.request(LEGACY, 1, "tools/call", {"name": "t"}), "s-1")
    assert found["Mcp-Session-Id"] == "s-1"
    assert found["MCP-Protocol-Version"] == LEGACY
    assert not {"Mcp-Method", "Mcp-Name"} & found.keys()


def test_a_handshake_names_its_revision_in_the_body_alone() -> None:
    found = messages.headers(LEGACY, messages.request(LEGACY, 1, "initialize", {}), None)
    assert found.keys() == {"Accept", "Content-Type"}


@given(st.text())
@example("=?base64?eA==?=")
@example(" edge ")
@example("a\r\nX-Injected: b")
def test_every_name_survives_in_a_header(name: str) -> None:
    value = messages.header_value(name)
    assert value.isascii()
    assert value.isprintable()
    if value.startswith("=?base64?"):
        decoded = base64.b64decode(value.removeprefix("=?base64?").removesuffix("?="), validate=True).decode()
        assert decoded == name
    else:
        assert value == name


@given(JSON)
def test_what_we_send_is_json_and_means_what_we_said(value: Any) -> None:
    message = messages.request(LEGACY, 1, "m", {"value": value})
    assert messages.decode(messages.encode(message)) == message


def test_a_lone_surrogate_is_sent_as_its_escape() -> None:
    assert json.loads(messages.encode({"method": "\ud800"}).decode()) == {"method": "\ud800"}


def test_we_do_not_send_what_is_not_json() -> None:
    with pytest.raises(ValueError, match="JSON"):
        messages.encode({"x": float("nan")})


@given(st.one_of(st.binary(), st.text(), JSON.map(json.dumps)))
@example(b"[" * 100_000)
@example("9" * 5000)
@example('{"jsonrpc":"2.0","id":1,"result":{"x":NaN}}')
@example('{"jsonrpc":"2.0","id":1}')
@example('{"jsonrpc":"2.0","method":7}')
@example('[{"jsonrpc":"2.0","id":1,"result":{}}]')
@example('{"jsonrpc":"2.0","id":1,"result":{}}'.encode("utf-16"))
def test_whatever_comes_is_a_violation_if_it_is_not_a_message(raw: bytes | str) -> None:
    with pytest.raises(ProtocolViolation):
        messages.decode(raw)


@pytest.mark.parametrize(
    ("id_", "ours"), [(1, True), (2, False), ("1", False), (True, False), (1.0, False), (None, False)]
)
def test_only_our_own_id_is_ours(id_: object, ours: bool) -> None:
    assert messages.answers({"jsonrpc": "2.0", "id": id_, "result": {}}, 1) is ours


def test_a_ping_is_answered_and_everything_else_refused() -> None:
    assert messages.answer_to({"id": 7, "method": "ping"}) == {"jsonrpc": "2.0", "id": 7, "result": {}}
    refusal = messages.answer_to({"id": "x", "method": "sampling/createMessage"})
    assert (refusal["id"], refusal["error"]["code"]) == ("x", -32601)


@given(st.one_of(st.text(), st.binary()))
@example("\x1b[2J\x1b]0;owned\x07")
@example("\u202egnp.exe")
@example("x" * 10_000)
def test_what_is_shown_of_a_subjects_text_is_short_and_harmless(text: str | bytes) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) < 3100
    assert str(RpcError(1, str(text))).isprintable()
