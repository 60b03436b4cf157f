"""What a command line gives away once it was seen at work: its port's place, and a launcher before the server."""

from __future__ import annotations

import pytest

from mcp_crashtest.proposing.command import launcher_in, with_port


@pytest.mark.parametrize(
    ("command", "moved"),
    [
        ("node server.js 8123 data", "node server.js {port} data"),
        ("node server.js --listen=127.0.0.1:8123", "node server.js --listen=127.0.0.1:{port}"),
        ("sh -c 'node server.js 8123'", "sh -c 'node server.js {port}'"),
        ("node server.js 81234", None),  # another number
        ("node server.js", None),  # it stands in a file
        ("node relay.js 8123 8123", None),  # nobody knows which
    ],
)
def test_the_port_that_a_server_listens_on_is_found_in_its_command(command: str, moved: str | None) -> None:
    assert with_port(command, 8123) == moved


@pytest.mark.parametrize(
    ("command", "launcher"),
    [
        ("npx -y the-server", "npx"),
        ("/usr/bin/uv run server.py", "uv"),
        ("sh -c 'node server.js'", "sh"),
        ("env A=1 node server.js", None),  # it becomes the server
        ("node npx.js", None),
        ("node 'torn", None),
        ("", None),
    ],
)
def test_a_launcher_is_known_by_its_name(command: str, launcher: str | None) -> None:
    assert launcher_in(command) == launcher
