"""``python -m tests.unseen.run [NAME ...] [--load N] [--times N]``: the lab on servers that it has never seen.

Each server is certified as its author would do it, by a default run; where its row names a scenario, because a
default run has no such fault, that one is played. A flawed one must be caught by an invariant that its row names,
a correct one must earn its stars. Prints a table, and exits with 1 where a bar is missed: 95 % of the
flawed caught, no correct one accused or without a verdict. ``--load`` keeps so many busy loops beside the lab.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
_INVARIANT = re.compile(r"[a-z]+\.[a-z-]+")
_SCENARIO = re.compile(r"`--scenario ([a-z-]+)`")
_BUSY = "while True: pass"
_DEADLINE_S = 900
_BAR = 0.95


@dataclass(frozen=True, slots=True)
class Server:
    """One server and what a right verdict says. ``invariants`` is empty for a correct one, which earns ``stars``.

    ``scenario`` is the one that has its fault, empty where every default run has it.
    """

    folder: Path
    invariants: frozenset[str]
    beside: frozenset[str] = frozenset()
    stars: int = 0
    scenario: str = ""

    @property
    def name(self) -> str:
        """Its folder's."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run of the lab came to."""

    code: int
    level: int
    verdict: str
    invariants: frozenset[str]
    elapsed_s: float
    said: str

    def is_right(self, server: Server) -> bool:
        """Whether that is what the row says."""
        if server.invariants:
            return self.code == 1 and bool(self.invariants & server.invariants)
        return self.code == 0 and self.level >= server.stars


def rows(kind: str) -> Iterator[list[str]]:
    """The rows of a README's table whose first cell is a server's name."""
    for line in (HERE / kind / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if (HERE / kind / cells[0] / "profile.toml").exists():
            yield cells


def servers() -> list[Server]:
    """All that there are, the flawed ones first."""
    flawed = [
        Server(
            HERE / "flawed" / c[0],
            frozenset(_INVARIANT.findall(c[4])),
            frozenset(_INVARIANT.findall(c[5])),
            scenario="".join(_SCENARIO.findall(c[3])),
        )
        for c in rows("flawed")
    ]
    return flawed + [Server(HERE / "correct" / c[0], frozenset(), stars=int(c[3])) for c in rows("correct")]


def certify(server: Server, report: Path, more: Sequence[str] = ()) -> Seen:
    """A default run, with these options more."""
    began = time.monotonic()
    command = [sys.executable, "-m", "mcp_crashtest.cli", "certify", "--json", "--report-dir", str(report)]
    done = subprocess.run(
        [*command, *more, "--profile", str(server.folder / "profile.toml")],
        capture_output=True,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    elapsed_s = time.monotonic() - began
    try:
        certificate = json.loads(done.stdout)
    except ValueError:
        return Seen(done.returncode, 0, "NONE", frozenset(), elapsed_s, (done.stderr or done.stdout).strip()[-2000:])
    found = frozenset(finding["invariant"] for finding in certificate["findings"])
    said = "; ".join(
        f"{s['id']}: {s['reason']}" for s in certificate["scenarios"] if s["verdict"] in ("INVALID", "FAIL")
    )
    return Seen(done.returncode, certificate["level"], certificate["verdict"], found, elapsed_s, said)


@contextmanager
def load(loops: int) -> Iterator[None]:
    """So many busy loops beside us, which end with us."""
    busy = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(loops)]
    try:
        yield
    finally:
        for loop in busy:
            loop.kill()
            loop.wait()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run those that are named, or all; print a row each, and what it came to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="part of a server's folder (default: all)")
    parser.add_argument("--load", type=int, default=0, metavar="N", help="busy loops beside the lab")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="how often each (default: 1)")
    parser.add_argument("--fail-fast", action="store_true", help="a session ends with its first violation")
    options = parser.parse_args(arguments)
    chosen = [s for s in servers() if not options.names or any(n in str(s.folder) for n in options.names)]
    wrong: list[Server] = []
    with load(options.load), tempfile.TemporaryDirectory(prefix="unseen-") as reports:
        for server in [server for server in chosen for _ in range(options.times)]:
            more = ["--fail-fast"] * options.fail_fast + (["--scenario", server.scenario] if server.scenario else [])
            seen = certify(server, Path(reports) / server.name, more)
            right = seen.is_right(server)
            wrong += [] if right else [server]
            found = ", ".join(sorted(seen.invariants)) or "-"
            word = "ok" if right else "WRONG"
            print(
                f"{word:<6}{server.name:<26}{seen.verdict:<8}{seen.level} {seen.elapsed_s:6.1f} s  {found}", flush=True
            )
            if not right:
                print(f"      {seen.code}: {seen.said}", flush=True)
    flawed = [s for s in chosen if s.invariants] * options.times
    by_default, named = ([s for s in flawed if bool(s.scenario) is by_name] for by_name in (False, True))
    missed = sum(bool(s.invariants) and not s.scenario for s in wrong)
    missed_named = sum(bool(s.scenario) for s in wrong)
    accused = len(wrong) - missed - missed_named
    print(
        f"flawed: {len(by_default) - missed} of {len(by_default)} caught by a default run, "
        f"{len(named) - missed_named} of {len(named)} by the scenario that has their fault; correct: {accused} wrong"
    )
    return int(accused > 0 or missed > (1 - _BAR) * len(by_default) or missed_named > (1 - _BAR) * len(named))


if __name__ == "__main__":
    sys.exit(main())
