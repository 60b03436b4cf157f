"""``python -m tests.life - module ...``: one life of a module, warm, without taking the interpreter down at its end.

What an interpreter does at its end, with everything that was preloaded, costs more than most lives. With the name of a
terminal, ``/dev/pts/3``, in place of the ``-``, that is the controlling one, and standard input and output.
"""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from typing import NoReturn


def main() -> NoReturn:
    terminal, module, *words = sys.argv[1:]
    if terminal != "-":
        _sit_down_at(terminal)
    sys.argv[:] = [module, *words]
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # preloaded; what is to run must not have been imported
    code: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as error:
        code = error.code or 0
        if not isinstance(code, int):
            print(code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


def _sit_down_at(path: str) -> None:
    """We lead a session that has no terminal: the one that is opened becomes its own."""
    terminal = os.open(path, os.O_RDWR)
    for number in range(3):
        os.dup2(terminal, number)
    os.close(terminal)
    # As Python makes them at its start.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115


if __name__ == "__main__":
    main()
