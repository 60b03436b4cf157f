"""The fork server: ``python -m harness.subjects.forkserver``, with the lab's control socket as descriptor 3.

It imports what subjects import, warms it up, and forks on request; one child is forked ahead. The child is a process
of its own, in its own session, and becomes what ``python script.py ...`` or ``python -m module ...`` would have become.
Forking is only safe with a single thread: the fork server refuses to serve with more.

What stays different from a cold start: the process's title, the string hash seed, and settings read at import.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import runpy
import socket
import sys
import traceback
from typing import Any, NoReturn

from harness.subjects.parent import Parent, reset_signals, take_places
from harness.subjects.protocol import send_event

CONTROL = 3
PRELOAD_VARIABLE = "CRASHTEST_PRELOAD"


def _gone() -> NoReturn:
    os._exit(0)


def _warm() -> None:
    from harness.subjects.warmup import warm_up_fastmcp

    warm_up_fastmcp()


def prepare(modules: list[str], warm_up: bool) -> None:
    """Import and warm up; raises whatever an import raises, and RuntimeError when a thread is left."""
    for module in modules:
        importlib.import_module(module)
    if warm_up:
        _warm()
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if threads != 1:
        raise RuntimeError(f"{threads} threads are left after importing {', '.join(modules)}: forking is not safe")
    gc.collect()
    gc.freeze()


def become(request: dict[str, Any], descriptors: list[int]) -> None:
    """In the child: run the subject's command as a new interpreter would."""
    take_places(descriptors)
    reset_signals()
    signal_default_interrupt()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    random.seed()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    _reread_settings()
    _, *rest = request["argv"]
    importlib.invalidate_caches()
    if rest[0] == "-m":
        sys.argv[:] = rest[1:]
        sys.path[0] = request["cwd"]
        runpy.run_module(rest[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv[:] = rest
        sys.path[0] = os.path.dirname(os.path.abspath(rest[0]))  # noqa: PTH100, PTH120
        runpy.run_path(rest[0], run_name="__main__")


def signal_default_interrupt() -> None:
    """SIGINT raises KeyboardInterrupt, as in every new interpreter."""
    import signal

    signal.signal(signal.SIGINT, signal.default_int_handler)


def _reread_settings() -> None:
    fastmcp: Any = sys.modules.get("fastmcp")
    if fastmcp is not None and any(name.startswith("FASTMCP_") for name in os.environ):
        fastmcp.settings = type(fastmcp.settings)()


def main() -> None:
    """Serve; in a child, become the subject."""
    control = socket.socket(fileno=CONTROL)
    control.set_inheritable(False)
    wanted = json.loads(os.environ.pop(PRELOAD_VARIABLE))
    try:
        prepare(wanted["modules"], wanted["warm_up"])
    except BaseException as error:
        traceback.print_exc()
        send_event(control, {"failed": f"{type(error).__name__}: {error}"[:2000]})
        sys.exit(1)
    send_event(control, {"serving": os.getpid()})
    warm = _warm if wanted["warm_up"] else None
    request, descriptors = Parent(control, gone=_gone, warm=warm).serve()
    del control
    become(request, descriptors)


if __name__ == "__main__":
    main()
