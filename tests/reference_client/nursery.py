"""A process that has the client imported and forks a life of it whenever it is asked to: a start costs milliseconds.

It does the same for somebody else's server. The reference server is started for real, each time.

A line of JSON in, a line of JSON out: ``{"program": "client", "run": [words], "environment": {...}, "out": path,
"err": path}`` is answered with the life's ``pid``; ``{"wait": pid, "seconds": n}`` with its ``exit``, null while it
runs. The life is not reaped before it is waited for, so its pid stays its own for whoever kills it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from reference_client.cli import main
from tests.reference_client import other_server

PROGRAMS: dict[str, Callable[[Sequence[str]], int]] = {"client": main, "other": other_server.main}


def live(asked: dict[str, Any]) -> NoReturn:
    """The life of one client, from here to its exit code."""
    code = 99
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, path in ((1, asked["out"]), (2, asked["err"])):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(descriptor, number)
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.environ.update(asked["environment"])
        code = PROGRAMS[asked["program"]](asked["run"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(pid: int, seconds: float) -> int | None:
    """The exit code of a life, negative for the signal that ended it; None when it goes on."""
    end_s = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end_s:
            return None
        time.sleep(0.002)


def serve() -> None:
    """Answer until nobody asks any more."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            answer = {"exit": wait(asked["wait"], asked["seconds"])}
        else:
            pid = os.fork()
            if pid == 0:
                live(asked)
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve()
