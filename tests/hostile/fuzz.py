"""``python -m tests.hostile.fuzz [DOOR ...] [--seconds 300]``: give the doors bytes that were found by their coverage.

Needs atheris (``pip install atheris``), which is not among what the project installs. What a door does not bear is kept
in ``found/`` beside this file, as a case for ever, and ends the run of that door with 77.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOUND = Path(__file__).resolve().parent / "found"
_LONGEST_BYTES = 8192
_NOT_BORNE = 77


def kept(door: str) -> Path:
    """Where this door's cases lie."""
    return FOUND / door.replace(" ", "-")


def fuzz(door: str, seconds: int) -> None:
    """Try one door for so long; does not return."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["mcp_crashtest", "reference_client", "h11"]):
        doors = importlib.import_module("tests.hostile.doors")
    held = doors.DOORS[door]

    def one(given: bytes) -> None:
        try:
            held.holds(given)
        except Exception:
            kept(door).mkdir(parents=True, exist_ok=True)
            (kept(door) / hashlib.sha256(given).hexdigest()[:16]).write_bytes(given)
            raise

    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, example in enumerate(held.examples):
            (Path(corpus) / str(number)).write_bytes(example)
        options = [f"-max_total_time={seconds}", f"-max_len={_LONGEST_BYTES}", "-verbosity=0", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], corpus, *options, f"-artifact_prefix={corpus}/"], one)
        atheris.Fuzz()


def main() -> None:
    """Try each door in a process of its own; exit code 1 where one did not bear what it was given."""
    parser = argparse.ArgumentParser(description="Fuzz whatever of ours reads a stranger's bytes.")
    parser.add_argument("doors", nargs="*", metavar="DOOR", help="default: all")
    parser.add_argument("--seconds", type=int, default=300, help="for each door (default: 300)")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        fuzz(options.one, options.seconds)
    from tests.hostile.doors import DOORS

    broken = []
    for door in options.doors or DOORS:
        print(f"{door}:", flush=True)
        command = [sys.executable, "-m", "tests.hostile.fuzz", "--one", door, "--seconds", str(options.seconds)]
        done = subprocess.run(command, check=False, env={**os.environ, "PYTHONHASHSEED": "0"})
        broken += [door] if done.returncode else []
    print("not borne: " + ", ".join(broken) if broken else "all doors held")
    sys.exit(int(bool(broken)))


if __name__ == "__main__":
    main()
