"""A supervisor as somebody has one: ``supervisor.py FOLDER PORT start|stop|kill|alive``, with a file for the number.

With ``supervise`` in their place it stays, and starts the server again by itself as soon as that has died.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

folder, port, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
here = Path(__file__).resolve()
noted = folder / "pid"


def pid() -> int:
    return int(noted.read_text()) if noted.exists() else 0


def lives() -> bool:
    try:
        return Path(f"/proc/{pid()}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def start() -> subprocess.Popen[bytes]:
    log = (folder / "log").open("ab")
    words = [sys.executable, str(here.with_name("listening.py")), port, str(folder / "state"), str(folder / "effects")]
    server = subprocess.Popen(words, stdout=log, stderr=log, start_new_session=True)
    noted.write_text(str(server.pid))
    return server


if what == "supervise":  # stays, and starts it again and again
    while not (folder / "end").exists():
        start().wait()
elif what == "start":
    if not lives():
        start()
elif what in ("stop", "kill"):
    before = pid()
    os.kill(before, signal.SIGTERM if what == "stop" else signal.SIGKILL)
    deadline = time.monotonic() + 5
    while what == "stop" and pid() == before and lives() and time.monotonic() < deadline:
        time.sleep(0.01)
elif what == "alive":
    print(f"pid {pid()}")
    sys.exit(0 if lives() else 1)
