"""Programs as processes of their own that start in milliseconds: one interpreter has imported them, and forks.

``python -m tests.hostile.nursery`` reads a JSON line for each process that is wanted, and answers with its number. It
is a plain parent: whoever wants one kills it by that number, and has it reaped. They die with it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SERVER, CLIENT = "reference_server.__main__:main", "reference_client.entry:main"
_PRELOADED = (
    *("fastmcp", "uvicorn", "reference_server.__main__", "reference_server.training", "anyio._backends._asyncio"),
    *("reference_client.cli", "reference_client.entry", "h11", "jsonschema", "rich.progress"),
)
_DIE_WITH_PARENT = 1


@dataclass(frozen=True, slots=True)
class Life:
    """One process, and where its output goes."""

    nursery: Nursery
    pid: int
    out: Path
    err: Path

    def said(self) -> dict[str, Any] | None:
        """The JSON object that it has printed; None before that is whole."""
        try:
            said: dict[str, Any] = json.loads(self.out.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # it may not have opened its output yet
            return None
        return said

    def kill(self) -> int:
        """Kill it, if it lives, and reap it: its exit code, negative for the signal."""
        os.kill(self.pid, signal.SIGKILL)  # not reaped yet: the number is its own
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and reap it."""
        return int(self.nursery.ask(reap=self.pid)["code"])

    def ended(self) -> bool:
        """Whether it has ended by itself, and is to be reaped."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


class Nursery:
    """The parent of all lives; ``close`` ends it, and them."""

    def __init__(self) -> None:
        variables = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.nursery"],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def start(self, main: str, *words: object, out: Path) -> Life:
        """Begin a life: a program with these arguments, its output and its errors in files."""
        err = out.with_suffix(".err")
        out.unlink(missing_ok=True)
        said = self.ask(main=main, words=[str(word) for word in words], out=str(out), err=str(err))
        return Life(self, int(said["pid"]), out, err)

    def ask(self, **wanted: Any) -> dict[str, Any]:
        """Have it do something; what it answers."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it, and all lives."""
        self._process.communicate(timeout=30)


def _become(main: str, words: list[str], out: str, err: str) -> None:
    """In the forked child: be that program."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.setsid()
    for number, path in enumerate((os.devnull, out, err)):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    module, _, function = main.partition(":")
    sys.argv = [module, *words]
    try:
        code = getattr(importlib.import_module(module), function)() or 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve() -> None:
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        wanted = json.loads(line)
        if "reap" in wanted:
            _, status = os.waitpid(wanted["reap"], 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
        elif pid := os.fork():
            print(json.dumps({"pid": pid}), flush=True)
        else:
            _become(**wanted)


if __name__ == "__main__":
    _serve()
