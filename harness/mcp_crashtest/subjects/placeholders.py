"""What stands for the placeholders of a profile at one site."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_crashtest.subjects.subject import Subject

_LISTEN_FD = 3


def values_at(subject: Subject) -> dict[str, Any]:
    """The places, the job and the services of a subject, by the names that a profile has for them."""
    return {
        "python": sys.executable,
        "here": subject.profile.folder,
        "port": subject.port,
        "listen_fd": _LISTEN_FD,
        "state_dir": str(subject.folder.state_dir),
        "ledger": str(subject.folder.ledger),
        "home": str(subject.folder.home),
        "total_records": subject.workload.records,
        "batch_size": subject.workload.batch,
        "client_id": f"client-{subject.run_id}",
        "run_id": subject.run_id,
        "services": dict(subject.beside.linked) if subject.beside else {},
    }
