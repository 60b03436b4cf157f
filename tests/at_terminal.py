"""``python -m tests.at_terminal /dev/pts/3 module ...``: run a module with this terminal as its controlling one.

For a process that was forked, leads its session, and had no terminal when its interpreter started.
"""

from __future__ import annotations

import os
import runpy
import sys


def main() -> None:
    path, module, *words = sys.argv[1:]
    terminal = os.open(path, os.O_RDWR)  # the leader of a session without one: it becomes the session's own
    for number in range(3):
        os.dup2(terminal, number)
    os.close(terminal)
    # As Python makes them at its start.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv[:] = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
