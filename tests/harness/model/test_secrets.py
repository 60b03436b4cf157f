"""Secrets: how they are referred to, and that nothing of them is left in a text."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_crashtest.model.errors import SubjectError, Unproven, Violation
from mcp_crashtest.model.secrets import (
    Reference,
    forget_secrets,
    keep_secret,
    masked,
    pieces,
    references,
    without_secrets,
)
from mcp_crashtest.model.showing import bounded
from mcp_crashtest.model.text import excerpt
from mcp_crashtest.wire.errors import HttpError, shown

SECRET = "gh0_abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _kept() -> Iterator[None]:
    forget_secrets()
    yield
    forget_secrets()


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("Bearer ${TOKEN}", [("env", "TOKEN")]),
        ("${env:TOKEN}${file:a/b c.txt}", [("env", "TOKEN"), ("file", "a/b c.txt")]),
        ("$${TOKEN} and $TOKEN and {TOKEN} and ${}", []),
        ("${TOKEN:-none} ${a b}", []),  # a shell's, and no variable of ours
    ],
)
def test_a_reference_is_a_name_in_braces_behind_a_dollar(template: str, found: list[tuple[str, str]]) -> None:
    assert [(one.kind, one.name) for one in references(template)] == found


def test_two_dollars_stand_for_one() -> None:
    assert "".join(pieces("a$${TOKEN}b")) == "a${TOKEN}b"


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("${}ab:filenv "), max_size=40))
def test_what_is_no_reference_is_left_as_it_is(template: str) -> None:
    whole = "".join(pieces(template))
    assert whole == template or "$${" in template
    assert all(isinstance(piece, str | Reference) for piece in pieces(template))


def test_without_a_secret_nothing_is_changed() -> None:
    value = {"a": ["b", 1, None]}
    assert without_secrets(value) is value
    assert masked(SECRET) == SECRET


@settings(max_examples=50, deadline=None)
@given(st.text(min_size=4, max_size=60).filter(lambda text: text.strip("* ") and len(text.strip()) >= 4), st.text())
def test_a_secret_is_found_in_its_usual_clothes(secret: str, around: str) -> None:
    forget_secrets()
    if any("\ud800" <= c <= "\udfff" for c in secret):
        return
    keep_secret(secret)
    for clothed in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert secret not in masked(f"{around}{clothed}")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_is_found_in_base64_wherever_it_begins(before: str) -> None:
    keep_secret(SECRET)
    encoded = base64.b64encode(f"{before}{SECRET} and more".encode()).decode()
    assert "***" in masked(encoded)
    hidden = masked(encoded).replace("***", "")
    assert len(encoded) - len(hidden) >= len(SECRET)  # all but the ends


def test_what_is_too_short_is_not_told_from_other_text() -> None:
    keep_secret("on")
    assert masked("on and on") == "on and on"


def test_names_lists_and_tables_are_looked_through() -> None:
    keep_secret(SECRET)
    found = without_secrets({f"a{SECRET}": [SECRET, {"b": (f"{SECRET}c", 1)}], "n": None})
    assert found == {"a***": ["***", {"b": ["***c", 1]}], "n": None}


@pytest.mark.parametrize("cut", [excerpt, shown, bounded, lambda text: shown(text.encode())])
@pytest.mark.parametrize("before", [70, 155, 290, 495, 1195])
def test_no_half_of_a_secret_is_left_where_a_text_is_cut(cut: object, before: int) -> None:
    keep_secret(SECRET)
    text = "x" * before + SECRET + "y" * 600
    assert SECRET[:3] not in str(cut(text))  # type: ignore[operator]


@pytest.mark.parametrize("kind", [SubjectError, Violation, Unproven])
def test_errors_say_no_secret(kind: type[Exception]) -> None:
    keep_secret(SECRET)
    assert str(kind(f"it said {SECRET}")) == "it said ***"
    assert str(HttpError(500, SECRET)) == "HTTP status 500: ***"
