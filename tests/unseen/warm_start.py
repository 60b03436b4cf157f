"""Starts servers warm: reads a command a line, forks with the libraries imported, prints the new process's id."""

import json
import os
import runpy
import signal
import sys

import fastmcp  # noqa: F401
import uvicorn  # noqa: F401


def become(order):
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, log), (2, log)):
        os.dup2(source, target)
    os.environ.update(order["environment"])
    sys.argv = order["argv"]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are buried at once
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if not pid:
            become(json.loads(line))
            sys.exit()
        print(pid, flush=True)
