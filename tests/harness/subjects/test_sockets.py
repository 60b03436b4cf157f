"""Ports that stay ours."""

from __future__ import annotations

import socket

from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port, listen_socket


def test_a_free_port_can_be_bound_and_is_given_out_once() -> None:
    ports = [find_free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.socket() as bound:
        bound.bind((LOOPBACK, ports[0]))


def test_a_listening_socket_takes_connections_before_anybody_accepts_and_is_not_inherited() -> None:
    with listen_socket() as held, socket.create_connection(held.getsockname(), timeout=5) as connection:
        assert not held.get_inheritable()
        assert connection.getpeername() == held.getsockname()
