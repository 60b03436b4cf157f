"""The service that the mutant ``double_run`` has its work done by: nobody of the lab has started it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_crashtest.subjects.sockets import find_free_port

_PORT = "SERVICE_PORT"
_PROGRAM = Path(__file__).with_name("double_run.py")


@contextmanager
def serving() -> Iterator[None]:
    """It serves, and whoever is started from here finds it."""
    port = str(find_free_port())
    started = subprocess.Popen([sys.executable, str(_PROGRAM), "service", port], stdout=subprocess.PIPE)
    try:
        assert started.stdout
        assert started.stdout.readline() == b"ready\n"
        os.environ[_PORT] = port
        yield
    finally:
        os.environ.pop(_PORT, None)
        started.kill()
        started.communicate()
