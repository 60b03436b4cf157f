"""Upkeep: what nobody asks for any more is forgotten, and what kills have left beside the outputs is removed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reference_server import outputs

if TYPE_CHECKING:
    from reference_server.engine import Engine

EVERY_S = 3600.0
_AT_ONCE = 500


async def keep_up(engine: Engine) -> None:
    """All of it, and say which tasks are not what was written."""
    await engine.work(engine.place.name_damaged)
    await sweep(engine)
    await purge(engine)


async def sweep(engine: Engine, task_id: str | None = None) -> None:
    """Remove what kills have left beside the destinations of all tasks, or of one."""
    folders = await engine.read(lambda store: store.folders(task_id))
    left = await engine.work(outputs.left_in, folders)
    stale = await engine.read(lambda store: [one.path for one in left if outputs.is_stale(one, store.find)])
    await engine.work(outputs.remove, stale)


async def purge(engine: Engine) -> None:
    """Forget finished tasks that are older than they are kept."""
    retention = engine.settings.retention
    if retention is None:
        return
    before = (datetime.now(UTC) - retention).isoformat(timespec="microseconds")
    while await engine.write(lambda store: store.purge(before, _AT_ONCE)) == _AT_ONCE:
        pass
