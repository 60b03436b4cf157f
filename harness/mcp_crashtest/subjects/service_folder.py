"""The folder of a service: made for who it runs as, copied from one that was made before, and within his reach."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from mcp_crashtest.model.errors import HarnessError


def make_folder(path: Path, user: tuple[int, int] | None) -> None:
    """One that its owner alone may enter; ``user`` is who, and his group, where that is not who makes it."""
    path.mkdir(mode=0o700)
    if user is not None:
        os.chown(path, *user)


def copy_folder(made: Path, folder: Path) -> None:
    """A folder as it is, each file with its owner."""
    shutil.copytree(made, folder, symlinks=True)
    for old in (made, *made.rglob("*")):
        owned = old.lstat()
        os.chown(folder / old.relative_to(made), owned.st_uid, owned.st_gid, follow_symlinks=False)


def refuse_unreachable(folder: Path) -> None:
    """Raise HarnessError where nobody but its owner may pass through to a folder."""
    for above in (folder, *folder.parents):
        if not above.stat().st_mode & 0o001:
            raise HarnessError(
                f"services run as somebody else than root, who may not enter {above}: set TMPDIR to a folder that all "
                f"may enter, such as /tmp"
            )
