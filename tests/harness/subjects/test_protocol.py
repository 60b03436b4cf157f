"""Requests have no bound, events a small one, and descriptors travel with both."""

from __future__ import annotations

import os
import socket
from collections.abc import Generator

import pytest

from mcp_crashtest.subjects.protocol import receive_event, receive_request, send_event, send_request

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Generator[Pair, None, None]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def test_a_request_of_ten_megabytes_arrives_with_its_descriptors_in_order(pair: Pair) -> None:
    request = {"do": "spawn", "env": {"BIG": "ü" * 5_000_000}}
    reading, writing = os.pipe()
    try:
        send_request(pair[0], request, [reading, writing])
        received = receive_request(pair[1])
        assert received is not None
        assert received[0] == request
        os.write(received[1][1], b"through")
        assert os.read(received[1][0], 99) == b"through"
        assert [os.get_inheritable(descriptor) for descriptor in received[1]] == [False, False]
        for descriptor in received[1]:
            os.close(descriptor)
    finally:
        os.close(reading)
        os.close(writing)


def test_the_end_of_the_other_side_is_none(pair: Pair) -> None:
    pair[0].close()
    assert receive_request(pair[1]) is None
    assert receive_event(pair[1]) is None


def test_an_event_that_is_too_long_is_refused_where_it_is_made(pair: Pair) -> None:
    with pytest.raises(AssertionError, match="does not fit into a datagram"):
        send_event(pair[0], {"text": "x" * 70_000})


def test_too_many_descriptors_are_refused_where_they_are_sent(pair: Pair) -> None:
    with pytest.raises(ValueError, match="too many"):
        send_request(pair[0], {}, [0] * 32)
