"""Events cross process boundaries as text."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.model.events import EVENTS, Event, SettingUp, from_json, to_json
from tests.harness.model.strategies import tables, texts

_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": texts,
    "int": st.integers(0, 9),
    "float": st.floats(0, 9),
    "Mapping[str, Any]": tables,
}


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind = draw(st.sampled_from(list(EVENTS.values())))
    return kind(**{field.name: draw(_VALUES[str(field.type)]) for field in fields(kind)})


@given(events())
def test_an_event_comes_back_from_its_text(event: Event) -> None:
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


def test_an_event_that_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        from_json({"event": "miracle"})
    with pytest.raises(TypeError):
        from_json({**to_json(SettingUp("p")), "more": 1})
