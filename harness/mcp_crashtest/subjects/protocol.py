"""What the lab, the guard and the fork servers say to each other: JSON over SOCK_SEQPACKET, with file descriptors.

A request's text travels in an anonymous file, because a datagram has a bound and an environment has none. This file
must import nothing but the standard library's basics: the guard and the fork servers begin with it.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from typing import Any

BOOT_VARIABLE = "CRASHTEST_BOOT"
"""In every subject's environment: which boot it, and whoever it starts, belongs to."""

MOST_DESCRIPTORS = 32
_DATAGRAM_BYTES = 1 << 16


def send_request(control: socket.socket, request: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send a request of any length; ``descriptors`` are duplicated into the receiver."""
    if len(descriptors) >= MOST_DESCRIPTORS:
        raise ValueError(f"{len(descriptors)} descriptors are too many for one process: at most {MOST_DESCRIPTORS - 1}")
    body = os.memfd_create("request", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(body), "wb") as file:
            file.write(json.dumps(request).encode())
        control.sendmsg([b"r"], [_rights((body, *descriptors))])
    finally:
        os.close(body)


def receive_request(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next request and its descriptors; None when the other side is gone."""
    text, descriptors = _receive(control)
    if not text:
        return None
    body, *rest = descriptors
    with os.fdopen(body, "rb") as file:
        file.seek(0)
        return json.loads(file.read()), rest


def send_event(control: socket.socket, event: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send an event, which is short."""
    text = json.dumps(event, ensure_ascii=False).encode()
    assert len(text) <= _DATAGRAM_BYTES, f"an event of {len(text)} bytes does not fit into a datagram"
    control.sendmsg([text], [_rights(descriptors)] if descriptors else [])


def receive_event(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next event and its descriptors; None when the other side is gone. Raises BlockingIOError."""
    text, descriptors = _receive(control)
    return (json.loads(text), descriptors) if text else None


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    size = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize)
    try:
        text, ancillary, _, _ = control.recvmsg(_DATAGRAM_BYTES, size, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", []
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return text, list(descriptors)


def _rights(descriptors: Sequence[int]) -> tuple[int, int, bytes]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes()
