"""Ports that stay ours."""

from __future__ import annotations

import socket
import subprocess
import sys

from mcp_crashtest.subjects.sockets import LOOPBACK, find_free_port, listen_socket


def test_a_free_port_can_be_bound_and_is_given_out_once() -> None:
    ports = [find_free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.socket() as bound:
        bound.bind((LOOPBACK, ports[0]))


def test_two_labs_on_one_machine_give_out_no_port_twice() -> None:
    more = "from mcp_crashtest.subjects.sockets import find_free_port as find; print(*[find() for _ in range(300)])"
    program = [sys.executable, "-c", f"{more}; input()"]
    others = [subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    found = [[find_free_port() for _ in range(300)]]
    try:
        for other in others:
            assert other.stdout
            found.append([int(port) for port in other.stdout.readline().split()])
    finally:
        for other in others:
            other.communicate("\n", timeout=30)
    assert len({port for ports in found for port in ports}) == 4 * 300


def test_a_listening_socket_takes_connections_before_anybody_accepts_and_is_not_inherited() -> None:
    with listen_socket() as held, socket.create_connection(held.getsockname(), timeout=5) as connection:
        assert not held.get_inheritable()
        assert connection.getpeername() == held.getsockname()
