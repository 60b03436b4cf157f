"""A client in a real terminal: keys go in as a person types them, and what comes out is waited for."""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from types import TracebackType
from typing import Self

from tests import warm
from tests.reference_client.conftest import DEADLINE_S, Child, Program, end, environment
from tests.warm import ROOT

_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
CTRL_C = "\x03"
_PRESSING_S = 2.0


def _start(command: list[str], terminal: str, variables: dict[str, str]) -> Child:
    return warm.start(warm.brief(command, terminal), env=variables)


def _start_cold(command: list[str], terminal: str, variables: dict[str, str]) -> Child:
    """The shell opens the terminal as the leader of a new session, so that it becomes the session's own."""
    opening = ["/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', terminal]
    return subprocess.Popen([*opening, *command], env=variables, cwd=ROOT, start_new_session=True, text=True)


class Terminal:
    """One client in one pseudo-terminal, which is its controlling one: Ctrl-C is a key. See Program for ``cold``."""

    def __init__(self, program: Program, *words: str, color: bool = False) -> None:
        self._master, slave = os.openpty()
        variables = environment(TERM="xterm-256color", LINES="40")
        if color:
            del variables["NO_COLOR"]
        command = program.command(*words)
        self._process = (_start_cold if program.cold else _start)(command, os.ttyname(slave), variables)
        os.close(slave)
        self.raw = b""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end(self._process)
        os.close(self._master)

    @property
    def text(self) -> str:
        """All that was shown so far, without the control sequences."""
        return _CONTROL.sub(b"", self.raw).decode("utf-8", "replace")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def expect(self, words: str) -> str:
        """Wait until these words are shown, behind those that were expected before."""
        end_s = time.monotonic() + DEADLINE_S
        while (place := self.text.find(words, self._seen)) < 0:
            assert self._read(end_s), f"waited in vain for {words!r}; shown was:\n{self.text[self._seen :]}"
        self._seen = place + len(words)
        return self.text[: self._seen]

    def interrupt(self, words: str) -> None:
        """Press Ctrl-C at a prompt until these words are shown: between its prompt and its read Python misses one."""
        end_s = time.monotonic() + DEADLINE_S
        while self.text.find(words, self._seen) < 0 and time.monotonic() < end_s:
            self.type(CTRL_C)
            again_s = time.monotonic() + _PRESSING_S
            while self.text.find(words, self._seen) < 0 and self._read(again_s):
                pass
        self.expect(words)

    def answer(self, question: str, words: str) -> None:
        self.expect(question)
        self.type(f"{words}\r")

    def exit(self) -> int:
        """Wait until it ends, and return its exit code."""
        end_s = time.monotonic() + DEADLINE_S
        while self._read(end_s):
            pass
        return self._process.wait(max(0.1, end_s - time.monotonic()))

    def _read(self, end_s: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, end_s - time.monotonic()))
        if not ready:
            return False
        try:
            chunk = os.read(self._master, 65536)
        except OSError:  # how Linux says that nobody is at the other side: not yet, or not any more
            time.sleep(0.002)
            return self._process.poll() is None
        self.raw += chunk
        return bool(chunk)
