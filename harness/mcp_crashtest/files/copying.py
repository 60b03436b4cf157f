"""A folder of evidence laid down once more: files are linked where they lie on the same disk, and copied elsewhere.

What a subject may have left beside files and links (sockets, pipes) is no evidence, and stays behind.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


def copy_folder(source: Path, target: Path) -> None:
    """Make ``target``, with all that lies in ``source``; raises OSError, also where it is there already."""
    target.mkdir(parents=True)
    for top, folders, files in os.walk(source):
        here = target / Path(top).relative_to(source)
        for name in (*folders, *files):
            found = Path(top, name)
            mode = found.lstat().st_mode
            if stat.S_ISLNK(mode):
                (here / name).symlink_to(found.readlink())
            elif stat.S_ISDIR(mode):
                (here / name).mkdir()
            elif stat.S_ISREG(mode):
                copy_file(found, here / name)


def free_place(path: Path) -> Path:
    """This place for a run or, where something lies there, that of another attempt."""
    name, _, attempt = path.name.partition("-")
    if not path.exists():
        return path
    return free_place(path.with_name(f"{name}-{int(attempt) + 1 if attempt.isdecimal() else 2}"))


def copy_file(source: Path, target: Path) -> None:
    """One file, linked or copied; raises OSError."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
