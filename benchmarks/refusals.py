"""Whether the time of a refusal tells a stranger that a task exists: of another's task and of none, side by side.

``python -m benchmarks.refusals [--rounds 400] [--json] [--quick]``

One principal has a task, another asks for it and for one that there is not, in turns and in random order, by the
resource and by the Tasks extension's method. Medians of one run are compared as a ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Spread, at_most, common, tell
from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.messages import STATELESS
from mcp_crashtest.wire.session import Session
from tests.reference_server.conftest import Server

CLAIM = 1.15  # and its inverse
_TOKENS = {"ann": secrets.token_hex(16), "ben": secrets.token_hex(16)}
_DEADLINE_S = 30.0
_WARM_UP = 50
_BLOCKS = 8


async def _session(server: Server, who: str) -> Session:
    headers = {"Authorization": f"Bearer {_TOKENS[who]}"}
    return await Session.open(server.ready["url"], protocol=STATELESS, deadline_s=_DEADLINE_S, headers=headers)


async def _refused_s(session: Session, task_id: str) -> float:
    began = time.perf_counter()
    try:
        await session.read_resource(f"task://status/{task_id}", deadline_s=_DEADLINE_S)
    except RpcError:
        return time.perf_counter() - began
    raise AssertionError(f"{task_id} is another's, and was shown")


async def measure(server: Server, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each refusal: of another's task, and of none, in pairs."""
    ann, ben = await _session(server, "ann"), await _session(server, "ben")
    started = await ann.call_tool("start_batch_processing", {"total_items": 10}, deadline_s=_DEADLINE_S)
    document = started.structured or {}
    task_id = str(document["task_id"])
    foreign: list[float] = []
    unknown: list[float] = []
    for number in range(rounds + _WARM_UP):
        asked = [(foreign, task_id), (unknown, secrets.token_hex(16))]
        random.shuffle(asked)
        for taken, which in asked:
            elapsed_s = await _refused_s(ben, which)
            if number >= _WARM_UP:
                taken.append(elapsed_s)
    await ann.close()
    await ben.close()
    return foreign, unknown


def summed(foreign: list[float], unknown: list[float]) -> dict[str, Any]:
    """The medians, and the ratio that those of each eighth of the way have."""
    size = max(len(foreign) // _BLOCKS, 1)
    blocks = [slice(first, first + size) for first in range(0, len(foreign) - size + 1, size)]
    ratios = [statistics.median(foreign[block]) / statistics.median(unknown[block]) for block in blocks]
    foreign_s, unknown_s = statistics.median(foreign), statistics.median(unknown)
    return {
        "foreign_ms": round(foreign_s * 1000, 4),
        "unknown_ms": round(unknown_s * 1000, 4),
        "ratio": round(foreign_s / unknown_s, 4),
        "ratios": [round(ratio, 4) for ratio in ratios],
    }


def figures(found: dict[str, Any]) -> list[Figure]:
    """What of it stands in the table: whichever is slower tells something."""
    slower = found["ratio"] >= 1
    ratios = [ratio if slower else 1 / ratio for ratio in found["ratios"]]
    sides = (f"another's task {found['foreign_ms']:.2f} ms", f"one that there is not {found['unknown_ms']:.2f} ms")
    name = "refusals of another's task and of one that there is not: the slower against the other"
    return [Figure(name, Spread.of(ratios), goal=at_most(CLAIM), beside=", ".join(sides))]


def main() -> None:
    """Measure and print; exit code 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description="Refusals of another's task and of none, by their time.")
    parser.add_argument("--rounds", type=int, default=400, help="pairs of questions (default: 400)")
    common(parser)
    options = parser.parse_args()
    rounds = 8 if options.quick else options.rounds
    with tempfile.TemporaryDirectory(prefix="refusals-") as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text("".join(f"{who} {token}\n" for who, token in _TOKENS.items()))
        tokens.chmod(0o600)
        (Path(folder) / "data").mkdir()
        server = Server(Path(folder), extra=("--tokens", str(tokens)), cold=True).start()
        try:
            found = summed(*asyncio.run(measure(server, rounds)))
        finally:
            server.kill()
    tell(found, figures(found), as_json=options.json)
    raise SystemExit(0 if 1 / CLAIM <= found["ratio"] <= CLAIM else 1)


if __name__ == "__main__":
    main()
