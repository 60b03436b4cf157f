"""A server's absence, from its proven death to its next life: nobody may work meanwhile, in its store or elsewhere.

Two looks at the ledger and at the folder of its state, at what the file system says alone: no file is opened, least of
all a database that somebody may have open. What is in shared memory only, beside a database, says nothing. Of several
servers on one store those that live work on, as they should: then nothing is looked at.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from mcp_crashtest.files.run_folder import Written
from mcp_crashtest.model.operation import Op, Type
from mcp_crashtest.stage.stage import LAB, Stage
from mcp_crashtest.subjects.client import FOLDER

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class ServerAway:
    """The absence that the fault with this number (from 1) has begun, and what was there then."""

    fault: int
    began_at: float
    files: Mapping[str, Written]

    @classmethod
    def begun(cls, stage: Stage, fault: int) -> ServerAway:
        """The server is dead, and nobody else is to be at work."""
        return cls(fault, time.monotonic(), _files(stage))

    def ended(self, stage: Stage) -> None:
        """It is about to be started again: what has changed meanwhile goes into the history, unless others may work."""
        if stage.server is not None or any(one.spec.server and one.exited is None for one in stage.site.services):
            return
        now = _files(stage)
        changed = sorted(path for path in {*now, *self.files} if now.get(path) != self.files.get(path))
        away_s = round(time.monotonic() - self.began_at, 6)
        value = {"fault": self.fault, "away_s": away_s, "grew": changed[:_MOST_SHOWN], "changed": len(changed)}
        stage.write(LAB, Type.OK, Op.AWAY, value)


def _files(stage: Stage) -> Mapping[str, Written]:
    """What there is. A client on trial lives on, and writes."""
    return stage.site.folder.written(apart=FOLDER if stage.door is not None else None)
