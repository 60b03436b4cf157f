"""A service at its first start, where somebody else has taken its port since that was chosen."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from mcp_crashtest.model.service_spec import ServiceSpec
from mcp_crashtest.subjects.services import Service, Services
from mcp_crashtest.subjects.sockets import accepts, find_free_port
from mcp_crashtest.subjects.spawner import Spawner

BROKER = Path(__file__).resolve().parents[2] / "services" / "broker.py"
COMMAND = f"{sys.executable} {BROKER} --port {{port}} --dir {{dir}}"


def listening(port: int) -> socket.socket:
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen(8)
    return taken


@pytest.mark.asyncio
async def test_a_port_that_was_taken_meanwhile_is_changed_and_told(spawner: Spawner, tmp_path: Path) -> None:
    port = find_free_port()
    services = Services((Service(ServiceSpec("db", command=COMMAND), spawner, tmp_path / "log", str(tmp_path), port),))
    with listening(port):
        await services.begin({})
        [service] = services.all
        assert service.port != port
        assert services.told["db"]["url"] == f"tcp://127.0.0.1:{service.port}"
        assert await accepts(f"http://127.0.0.1:{service.port}")
    assert await services.end()
