"""What a run leaves: logs that do not grow without bound, and nobody alive."""

from __future__ import annotations

import asyncio

from mcp_crashtest.files.run_folder import RunFolder
from mcp_crashtest.subjects.life import Life

_BETWEEN_CUTS_S = 0.2


async def has_left(life: Life, *, piped: bool) -> bool:
    """End a life; whether nobody of it can be left. One on stdio (``piped``) may have gone with its client."""
    if not piped:
        return await life.leave()
    proof = await life.kill()
    return proof.confirmed or (proof.exit is not None and not proof.survivors)


async def bound_logs(folder: RunFolder) -> None:
    """Cut logs that grow too long, again and again, until it is cancelled."""
    while True:
        await asyncio.sleep(_BETWEEN_CUTS_S)
        folder.bound_logs()
