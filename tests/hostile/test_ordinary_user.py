"""Everything runs as an ordinary user, and as a root without any privilege, as in most containers.

Where the tests themselves run as an ordinary user they are the proof.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.lab import CLI, ROOT, SMALL, environment, smaller

NOBODY = 65534
CERTIFY = ("--json", "--scenario", "undisturbed", "--scenario", "server-killed-everywhere", "--quick")

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="these tests run as an ordinary user already"),
    pytest.mark.skipif(not (shutil.which("unshare") and shutil.which("setpriv")), reason="needs util-linux"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of nobody's, where nobody may pass."""
    with tempfile.TemporaryDirectory(prefix="ordinary-") as made:
        path = Path(made)
        yield path


def given_away(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)


def closed_to_others(path: Path) -> Path | None:
    """The first folder on the way to a file through which only its owner may pass."""
    return next((p for p in reversed(path.parents) if not p.stat().st_mode & 0o001), None)


def opened(path: Path) -> list[str]:
    """Commands that open the way to a folder, for the processes of one mount namespace alone."""
    closed = closed_to_others(path)
    if closed is None:
        return []
    kept = shlex.quote(str(path))
    return [
        "held=$(mktemp -d)",
        f'mount --bind {kept} "$held"',
        f"mount -t tmpfs -o mode=755 none {shlex.quote(str(closed))}",
        f"mkdir -p {kept}",
        f'mount --move "$held" {kept}',
        'rmdir "$held"',
    ]


def as_nobody(command: Sequence[str]) -> list[str]:
    """The command as a user who owns nothing."""
    drop = f"exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups {shlex.join(command)}"
    places = dict.fromkeys([Path(sys.base_prefix).resolve(), ROOT])
    return ["unshare", "--mount", "sh", "-e", "-c", "\n".join([*(c for p in places for c in opened(p)), drop])]


def as_powerless_root(command: Sequence[str]) -> list[str]:
    """The command as root without one capability, in a namespace of processes of its own."""
    alone = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return [*alone, "setpriv", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", *command]


@pytest.mark.parametrize("become", [as_nobody, pytest.param(as_powerless_root, marks=pytest.mark.soak)])
def test_a_session_is_the_same_without_privileges(folder: Path, become: Callable[[Sequence[str]], list[str]]) -> None:
    profile = smaller(SMALL, folder)
    if become is as_nobody:
        given_away(folder)
    command = [*CLI, "certify", *CERTIFY, "--profile", str(profile), "--report-dir", str(folder / "report")]
    done = subprocess.run(
        become(command),
        cwd=folder,
        env={**environment(), "HOME": str(folder), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    certificate = json.loads(done.stdout)
    assert certificate["verdict"] == "PASS"
    killed = next(s for s in certificate["scenarios"] if s["id"] == "server-killed-everywhere")
    assert killed["kills_confirmed"] >= 5
