"""Whether the time of a refusal tells a stranger that a task exists: of another's task and of none, side by side.

``python -m benchmarks.refusals [--rounds 400] [--json]``

One principal has a task, another asks for it and for one that there is not, in turns and in random order, by the
resource and by the Tasks extension's method. Medians of one run are compared as a ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import statistics
import tempfile
import time
from pathlib import Path

from mcp_crashtest.wire.errors import RpcError
from mcp_crashtest.wire.messages import STATELESS
from mcp_crashtest.wire.session import Session
from tests.reference_server.conftest import Server

CLAIM = 1.15  # and its inverse
_TOKENS = {"ann": secrets.token_hex(16), "ben": secrets.token_hex(16)}
_DEADLINE_S = 30.0
_WARM_UP = 50


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


async def measure(server: Server, rounds: int) -> tuple[float, float]:
    """The medians, in seconds: of another's task, and of none."""
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
    return statistics.median(foreign), statistics.median(unknown)


def main() -> None:
    """Measure and print; exit code 1 if the claim does not hold."""
    parser = argparse.ArgumentParser(description="Refusals of another's task and of none, by their time.")
    parser.add_argument("--rounds", type=int, default=400, help="pairs of questions (default: 400)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="refusals-") as folder:
        tokens = Path(folder) / "tokens"
        tokens.write_text("".join(f"{who} {token}\n" for who, token in _TOKENS.items()))
        tokens.chmod(0o600)
        (Path(folder) / "data").mkdir()
        server = Server(Path(folder), extra=("--tokens", str(tokens)), cold=True).start()
        try:
            foreign_s, unknown_s = asyncio.run(measure(server, options.rounds))
        finally:
            server.kill()
    ratio = foreign_s / unknown_s
    found = {"foreign_ms": foreign_s * 1000, "unknown_ms": unknown_s * 1000, "ratio": ratio}
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in found.items()}))
    else:
        print(f"another's task is refused in {found['foreign_ms']:.2f} ms, one that there is not in", end=" ")
        print(f"{found['unknown_ms']:.2f} ms: {ratio:.2f} times (medians of {options.rounds})")
    raise SystemExit(0 if 1 / CLAIM <= ratio <= CLAIM else 1)


if __name__ == "__main__":
    main()
