"""What one user may keep on a server that others use too. A quota that is reached is said, and nothing thrown away.

Without users there are no quotas: whoever has started the server may fill their own disk.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from reference_server import limits
from reference_server.data_root import DataRoot
from reference_server.database import Database
from reference_server.errors import Refusal
from reference_server.lifecycle import TERMINAL, among
from reference_server.task_rows import Admission

_KNOWN_TIMES = 20  # as long as it took to find out


@dataclass(slots=True)
class Quotas:
    """So much of each kind for one user."""

    finished_tasks: int = limits.FINISHED_TASKS
    stored_bytes: int = limits.STORED_BYTES
    files: int = limits.FILES
    _stored: dict[str, tuple[float, int]] = field(default_factory=dict)

    def admission(self, owner: str) -> Admission | None:
        """What is asked in the store before a new task is made; it raises Refusal. None for who has no quotas."""
        return (lambda db: self._admit(db, owner)) if owner else None

    def _admit(self, db: Database, owner: str) -> None:
        finished = db.execute(f"SELECT count(*) FROM tasks WHERE owner = ? AND {among(TERMINAL)}", (owner,)).fetchone()[
            0
        ]
        if finished >= self.finished_tasks:
            raise Refusal(
                f"you have {finished} finished tasks, and {self.finished_tasks} are kept: forget_task makes room"
            )
        stored = self._stored_by(db, owner)
        if stored >= self.stored_bytes:
            raise Refusal(
                f"your tasks have {stored} bytes of records in the store, and {self.stored_bytes} are kept: "
                f"forget_task or cancel_task makes room"
            )

    def _stored_by(self, db: Database, owner: str) -> int:
        """A look at each batch, which a flood of submissions does not take anew for each of them."""
        began = time.monotonic()
        known_until, stored = self._stored.get(owner, (began, 0))
        if began >= known_until:
            stored = int(
                db.execute(
                    f"SELECT coalesce(sum({db.octets}), 0) FROM batches WHERE task_id IN"
                    " (SELECT task_id FROM tasks WHERE owner = ?)",
                    (owner,),
                ).fetchone()[0]
            )
            ended = time.monotonic()
            self._stored[owner] = ended + _KNOWN_TIMES * (ended - began), stored
        return stored

    def forgotten(self, owner: str) -> None:
        """Something of this owner's is gone: the next look is a new one."""
        self._stored.pop(owner, None)


def check_files(quotas: Quotas, root: DataRoot, destination: Path) -> None:
    """Raise Refusal when a file more would be more than a user may have in their folder."""
    if destination.exists():
        return
    found = 0
    for _, _, names in os.walk(root.folder):
        found += len(names)
        if found >= quotas.files:
            raise Refusal(
                f"there are {found} files in your folder, and {quotas.files} are the most: overwrite one, or have some "
                f"removed"
            )
