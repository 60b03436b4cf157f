"""Server-sent events: the same events however the bytes are split, and never more than the bound."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_crashtest.wire.errors import ProtocolViolation
from mcp_crashtest.wire.sse import Event, EventStream

BOUND = 1 << 20
LINE_ENDS = st.sampled_from(["\r\n", "\n", "\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)
STREAMS = st.lists(
    st.one_of(
        st.sampled_from(
            ["", "", "data", "data:", "data: {}", "event: ping", "event", ": comment", "id: 7", "retry: 1"]
        ),
        TEXT,
        TEXT.map("data: {}".format),
        TEXT.map("event:{}".format),
    ),
    max_size=30,
)


def parse(raw: bytes, *cuts: int, bound: int = BOUND) -> list[Event]:
    stream, found, begin = EventStream(bound), [], 0
    for cut in [*sorted(c for c in cuts if c < len(raw)), len(raw)]:
        found += stream.feed(raw[begin:cut])
        begin = cut
    return found


def expected(lines: list[str]) -> list[Event]:
    """The algorithm as the specification words it, over whole lines."""
    events, data, type_, id_ = [], "", "", None
    for line in lines:
        if not line:
            if data or id_:  # one with an id alone is told too
                events.append(Event(type_ or "message", data.removesuffix("\n"), id_ or None))
            data, type_, id_ = "", "", None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            type_ = value
        elif name == "id" and "\0" not in value:
            id_ = value
    return events


@given(STREAMS, st.data())
def test_the_events_are_those_of_the_specification_however_the_bytes_are_split(
    lines: list[str], data: st.DataObject
) -> None:
    if lines and lines[0].startswith("\ufeff"):
        lines[0] = "x" + lines[0]
    ends = [data.draw(LINE_ENDS) for _ in lines]
    for i, line in enumerate(lines[1:]):
        if ends[i] == "\r" and not line and ends[i + 1] == "\n":
            ends[i] = "\n"  # CR and an empty line ended by LF are one line end
    raw = "".join(line + end for line, end in zip(lines, ends, strict=True)).encode()
    cuts = data.draw(st.lists(st.integers(0, max(len(raw), 1))))
    assert parse(raw, *cuts) == expected(lines)


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)), st.integers(1, 40))
def test_no_event_outgrows_the_bound_and_no_split_matters(raw: bytes, cuts: list[int], bound: int) -> None:
    def outcome(*where: int) -> list[Event] | str:
        try:
            return parse(raw, *where, bound=bound)
        except ProtocolViolation as error:
            return str(error)

    found = outcome(*cuts)
    assert found == outcome(*range(1, len(raw)))
    if isinstance(found, list):
        assert all(len(event.data.encode()) <= bound for event in found)


@given(st.lists(st.text(min_size=1).filter(lambda t: "\r" not in t), min_size=1), LINE_ENDS)
def test_what_a_server_writes_is_what_is_read(texts: list[str], end: str) -> None:
    raw = "".join(
        "event: message" + end + "".join(f"data: {line}{end}" for line in text.split("\n")) + end for text in texts
    )
    assert [event.data for event in parse(raw.encode())] == texts


def test_an_event_is_there_with_its_last_byte() -> None:
    stream = EventStream(BOUND)
    assert stream.feed(b"data: 1\r\n\r") == [Event("message", "1")]
    assert stream.feed(b"\ndata: 2\r\r") == [Event("message", "2")]
    assert stream.feed(b"data: 3\n\n") == [Event("message", "3")]


def test_an_event_without_its_empty_line_is_none() -> None:
    assert parse(b'data: {"jsonrpc": "2.0"}\r\n') == []


def test_a_byte_order_mark_is_read_over() -> None:
    assert parse(b"\xef\xbb\xbfdata: 1\n\n", 1, 2) == [Event("message", "1")]


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(ProtocolViolation, match="UTF-8"):
        parse(b"data: \xff\n\n")


@pytest.mark.parametrize("endless", [b"x", b"data\n", b"data: x\n", b": x", b"\x00"])
def test_an_endless_event_is_refused(endless: bytes) -> None:
    with pytest.raises(ProtocolViolation, match="more than 1000 bytes"):
        parse(endless * 1001, *range(len(endless) * 1001), bound=1000)


def test_comments_may_go_on_for_ever() -> None:
    stream = EventStream(100)
    assert not any(stream.feed(b": ping\r\n\r\n") for _ in range(1000))


def test_the_cost_of_a_large_event_is_linear() -> None:
    raw = b"data: " + b"x" * (16 << 20) + b"\n\n"
    stream, began, found = EventStream(1 << 26), time.process_time(), []
    for i in range(0, len(raw), 1 << 16):
        found += stream.feed(raw[i : i + (1 << 16)])
    assert len(found) == 1
    assert time.process_time() - began < 2
