"""The folder of a service: made for who it runs as, copied from one that was made before, and within his reach.

And who that is.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mcp_crashtest.model.errors import HarnessError, UsageError
from mcp_crashtest.model.service_spec import ServiceSpec


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


def runs_as(spec: ServiceSpec, users: Sequence[str]) -> tuple[int, int] | None:
    """Who a service runs as, and his group, of these ``users`` where it names nobody; None for who the lab runs as.

    Raises UsageError.
    """
    if os.geteuid() != 0:
        if spec.user is not None and spec.user != pwd.getpwuid(os.geteuid()).pw_name:
            raise UsageError(f"[[services]] {spec.name}: user = {spec.user!r} needs a lab that is root, and it is not")
        return None
    wanted = users if spec.user is None else (spec.user,)
    for name in wanted:
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    if wanted:
        raise UsageError(f"[[services]] {spec.name}: there is no user {' or '.join(wanted)} here: set user")
    return None
