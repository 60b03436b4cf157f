"""``make bench``: every benchmark in a process of its own, and one table of what they found.

``python -m benchmarks.table [--only NAME ...] [--quick] [--folder docs]``

Writes benchmarks.md and benchmarks.json. With ``--only`` the others' sections stay as they are there, as far as they
were measured on such a machine. A benchmark that fails is in the table and says why; the exit code is 1 then. That a
goal is not met is no failure: the table says so, and why.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from benchmarks.figures import Figure
from benchmarks.page import text
from mcp_crashtest.files.atomic import write_atomically, write_json

ROOT = Path(__file__).resolve().parents[1]
FORMAT = 1
NAMES = ("restart", "cycle", "judging", "engine", "polls", "recovery", "postgres", "peers", "refusals", "crowd")
_PAGE, _DATA = "benchmarks.md", "benchmarks.json"
_LONGEST_S = dict.fromkeys(NAMES, 300.0) | {"peers": 900.0}  # they may have to be installed first
_ENDS_WITHIN_S = 30.0

Run = Callable[[str, bool], tuple[Mapping[str, Any], str | None]]
"""Runs a benchmark, small or not: what it printed, or why there is nothing."""


def machine() -> dict[str, Any]:
    """What this machine is, without a name."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "architecture": platform.machine(),
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
    }


def collected(names: Sequence[str], run: Run, *, quick: bool) -> list[dict[str, Any]]:
    """A section for each of these benchmarks, in their order."""
    sections = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        began, before = time.monotonic(), os.getloadavg()[0]
        found, error = run(name, quick)
        took_s = time.monotonic() - began
        said = error or f"{len(found['figures'])} figures"
        print(f"{name}: {said}, {took_s:.0f} s", file=sys.stderr, flush=True)
        sections.append(
            {
                "benchmark": name,
                "about": _about(name),
                "day": datetime.now(UTC).date().isoformat(),
                "took_s": round(took_s, 1),
                "load": [round(before, 1), round(os.getloadavg()[0], 1)],
                "figures": [] if error else found["figures"],
                "notes": [] if error else found.get("notes", []),
                "error": error,
            }
        )
    return sections


def _about(name: str) -> str:
    """What a benchmark says of itself, without its being imported."""
    source = (ROOT / "benchmarks" / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def ran(name: str, quick: bool) -> tuple[Mapping[str, Any], str | None]:
    """Run one to its end, in a session of its own, which is ended when it takes too long."""
    words = [sys.executable, "-m", f"benchmarks.{name}", "--json", *(["--quick"] if quick else [])]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        process = subprocess.Popen(words, cwd=ROOT, stdout=said, stderr=complained, start_new_session=True)
        try:
            process.wait(_LONGEST_S[name])
        except subprocess.TimeoutExpired:
            return {}, f"it did not end within {_LONGEST_S[name]:.0f} s"
        finally:
            _end(process)
        return read(_all(said), _all(complained), process.returncode)


def _end(process: subprocess.Popen[Any]) -> None:
    """Whoever began it has nothing of it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):  # the first has it take away its folders
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            continue


def _all(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def read(said: str, complained: str, code: int) -> tuple[Mapping[str, Any], str | None]:
    """What a benchmark has printed, or why that is nothing; it exits with 1 where a claim does not hold."""
    last = next((line.strip() for line in reversed(complained.splitlines()) if line.strip()), "it said nothing")
    if code not in (0, 1):
        return {}, f"exit code {code}: {last}"
    try:
        found = json.loads(said)
        for data in found["figures"]:
            Figure.from_json(data)
    except (ValueError, KeyError, TypeError):
        return {}, f"it printed no figures: {last}"
    return found, None


def merged(fresh: list[dict[str, Any]], earlier: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[Any]:
    """The fresh sections, and the earlier ones of the others where they were measured on such a machine."""
    known = {section["benchmark"]: section for section in fresh}
    if earlier and earlier["machine"] == now and not earlier["quick"]:
        known = {section["benchmark"]: section for section in earlier["sections"]} | known
    return [known[name] for name in NAMES if name in known]


def write(folder: Path, table: Mapping[str, Any]) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _DATA, dict(table))
    write_atomically(folder / _PAGE, text(table))


def _earlier(folder: Path) -> Mapping[str, Any] | None:
    path = folder / _DATA
    if not path.exists():
        return None
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found if found.get("format") == FORMAT else None


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main() -> int:
    """Measure and write."""
    signal.signal(signal.SIGTERM, _interrupted)  # what is being measured has a session of its own, and is ended
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)} (repeatable)")
    add("--quick", action="store_true", help="small sizes: shows that all of it runs, and is written to --folder alone")
    add("--folder", type=Path, help="where the page and its data go (default: docs)")
    options = parser.parse_args()
    if options.quick and options.folder is None:
        parser.error("what --quick measures is no table for docs: say with --folder where it goes")
    folder, now = options.folder or ROOT / "docs", machine()
    names = [name for name in NAMES if name in (options.only or NAMES)]
    try:
        fresh = collected(names, ran, quick=options.quick)
    except KeyboardInterrupt:
        print("interrupted: nothing is left running, and nothing was written", file=sys.stderr)
        return 130
    sections = merged(fresh, _earlier(folder) if options.only and not options.quick else None, now)
    write(folder, {"format": FORMAT, "quick": options.quick, "machine": now, "sections": sections})
    return int(any(section["error"] for section in fresh))


if __name__ == "__main__":
    sys.exit(main())
