"""The small server at a port of its own: ``listening.py PORT STATE EFFECTS``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.small import server

port, state, effects = sys.argv[1:]
listening = socket.socket()
listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listening.bind(("127.0.0.1", int(port)))
listening.listen(64)
os.environ.pop("CRASHTEST_POINTS", None)
sys.argv[1:] = ["--listen-fd", str(listening.detach()), "--state-dir", state, "--effects-file", effects]
server.main()
