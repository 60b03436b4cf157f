"""What a crash cycle costs at the very least: a fork, a bound port, an answer, SIGKILL and the corpse.

``python -m benchmarks.floor [--rounds 60]`` prints JSON. The image that forks has imported what a fork server of a
FastMCP server has, and does nothing else: its children answer with constant bytes. Milliseconds of each round.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import resource
import signal
import socket
import time
from contextlib import closing
from typing import NoReturn

PRELOADED = ("fastmcp", "uvicorn", "reference_server.__main__")
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
_QUESTION = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
_DEADLINE_S = 30.0


def fork_and_exit() -> float:
    """Milliseconds of a fork whose child ends at once, and is reaped."""
    began = time.perf_counter()
    if not (child := os.fork()):
        os._exit(0)
    os.waitpid(child, 0)
    return _ms_since(began)


def bind() -> float:
    """Milliseconds of a listening socket."""
    began = time.perf_counter()
    with closing(_listening()):
        return _ms_since(began)


def cycle() -> tuple[float, float]:
    """Milliseconds from the fork to the first answer, and from the signal to the corpse."""
    with closing(_listening()) as door:
        began = time.perf_counter()
        if not (child := os.fork()):
            _serve(door)
        with socket.create_connection(door.getsockname(), timeout=_DEADLINE_S) as asking:
            asking.sendall(_QUESTION)
            assert asking.recv(len(_ANSWER)), "the child answers nothing"
            answered_ms = _ms_since(began)
            signalled = time.perf_counter()
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return answered_ms, _ms_since(signalled)


def _serve(door: socket.socket) -> NoReturn:
    """In the child: one answer, and no end of its own."""
    asked, _ = door.accept()
    asked.recv(len(_QUESTION))
    asked.sendall(_ANSWER)
    signal.alarm(int(_DEADLINE_S))  # whatever becomes of the parent
    while True:
        signal.pause()


def _listening() -> socket.socket:
    door = socket.socket()
    door.bind(("127.0.0.1", 0))
    door.listen()
    return door


def _ms_since(began: float) -> float:
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60, help="of each (default: %(default)s)")
    options = parser.parse_args()
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    forks = [fork_and_exit() for _ in range(options.rounds)]
    binds = [bind() for _ in range(options.rounds)]
    before = _cpu_s()
    cycles = [cycle() for _ in range(options.rounds)]
    cpu_ms = 1000 * (_cpu_s() - before) / options.rounds
    answers, deaths = zip(*cycles, strict=True)
    found = {
        "fork_exit_ms": forks,
        "bind_ms": binds,
        "answer_ms": answers,
        "death_ms": deaths,
        "cycle_cpu_ms": [cpu_ms],
    }
    print(json.dumps(found))


def _cpu_s() -> float:
    """Of this process and of all its children that were reaped."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


if __name__ == "__main__":
    main()
