"""Beside what people would pick instead: batches a second, bytes written, recovery, and what a kill costs.

``python -m benchmarks.peers [--rounds 2] [--only PROGRAM ...] [--json] [--quick]``

Each peer is a program in ``benchmarks/programs`` that has the same job done: tasks of batches of records that are made
from nothing, so that what is measured is how each keeps them. They take turns, on one disk, each with a state of its
own and, where it needs one, a service of its own. A ledger outside of that says when which batch was executed. Peers
have environments of their own, as the recipes do; one that cannot be had is named.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.figures import Figure, Spread, common, tell
from benchmarks.peer_runs import PATIENCE_S, Killed, Peer, Size, Undisturbed, killed, undisturbed
from mcp_crashtest.model.errors import CrashtestError
from mcp_crashtest.model.service_spec import ServiceKind
from recipes.environment import NotInstalled

REFERENCE = Peer("the reference server's engine, SQLite", "reference.py")
PEERS = (
    REFERENCE,
    Peer("a checkpoint file written anew", "checkpoint_file.py", note="nothing is flushed, and a write may be torn"),
    Peer(
        "FastMCP's tasks (pydocket), Redis",
        "docket_tasks.py",
        "fastmcp-redis",
        ServiceKind.REDIS,
        note="redelivered after 2 s here, 300 s as it comes; a batch keeps how far it is, and not its records",
    ),
    Peer("DBOS, SQLite", "dbos_workflows.py", "dbos-sqlite"),
    Peer("DBOS, PostgreSQL", "dbos_workflows.py", "dbos-postgres", ServiceKind.POSTGRES, ("-c", "fsync=on")),
)


ONE, HUNDRED, KILLED = Size(1, 500), Size(100, 10), Size(10, 50)


@dataclass(slots=True)
class Found:
    """What was found of one peer; ``why`` says why there is nothing, or no more."""

    one: list[Undisturbed]
    hundred: list[Undisturbed]
    killed: list[Killed]
    why: str = ""


async def measure(peers: Sequence[Peer], rounds: int, sizes: Sequence[Size]) -> dict[Peer, Found]:
    """All peers in turns; whoever fails once is out."""
    found = {peer: Found([], [], []) for peer in peers}
    pythons: dict[Peer, str] = {}
    for peer in peers:
        try:
            pythons[peer] = peer.python()
        except NotInstalled as error:
            found[peer].why = str(error)
    one, hundred, half = sizes
    for _ in range(rounds):
        for peer, python in pythons.items():
            if found[peer].why:
                continue
            print(f"  {peer.name}", file=sys.stderr, flush=True)
            try:
                found[peer].one.append(await undisturbed(peer, python, one))
                found[peer].hundred.append(await undisturbed(peer, python, hundred))
                found[peer].killed.append(await killed(peer, python, half))
            except (RuntimeError, CrashtestError) as error:
                found[peer].why = str(error)
    return found


def figures(found: Mapping[Peer, Found]) -> list[Figure]:
    """What of it stands in the table: the reference server's engine against each, where both were measured."""
    rows: list[Figure] = []
    ours = found[REFERENCE]
    for peer, theirs in found.items():
        if peer is REFERENCE:
            continue
        for what, tasks in (("one", "one task"), ("hundred", "a hundred tasks")):
            rows += _rate(peer, tasks, getattr(ours, what), getattr(theirs, what))
    for peer, it in found.items():
        if it.one:
            written = Spread.of([run.written_per_byte for run in it.one])
            rows.append(Figure(f"bytes written for a byte of a record, {peer.name}", written))
    for peer, it in found.items():
        rows += _recovery(peer, it.killed)
    return rows


def _rate(peer: Peer, tasks: str, ours: Sequence[Undisturbed], theirs: Sequence[Undisturbed]) -> list[Figure]:
    pairs = list(zip(ours, theirs, strict=False))
    if not pairs:
        return []
    ratios = Spread.of([one.per_s / other.per_s for one, other in pairs])
    sides = (statistics.median(run.per_s for run in runs) for runs in zip(*pairs, strict=True))
    beside = " and ".join(f"{per_s:,.0f}" for per_s in sides) + " batches a second"
    return [Figure(f"{tasks}: the reference server's engine against {peer.name}", ratios, beside=beside)]


def _recovery(peer: Peer, kills: Sequence[Killed]) -> list[Figure]:
    if not kills:
        return []
    back = [kill.recovery_s for kill in kills if kill.recovery_s is not None]
    cost = " to ".join(str(n) for n in sorted({min(k.again for k in kills), max(k.again for k in kills)}))
    beside = f"{cost} of {kills[0].batches} batches were done again"
    if missing := [kill.missing for kill in kills if kill.missing]:
        beside += f"; in {len(missing)} of {len(kills)} runs up to {max(missing)} were not done in time"
    if not back:
        return []
    return [Figure(f"from SIGKILL to something new, {peer.name}", Spread.of(back), "s", beside=beside)]


def notes(found: Mapping[Peer, Found]) -> list[str]:
    """Who could not be measured and why, and what is to be known of the others."""
    told = [f"{peer.name}: {peer.note}" for peer in found if peer.note]
    told += [
        f"{peer.name} could not be measured {'further' if it.one else 'here'}: {it.why}"
        for peer, it in found.items()
        if it.why
    ]
    never = [peer.name for peer, it in found.items() if it.killed and all(k.recovery_s is None for k in it.killed)]
    return [*told, *(f"{name}: nothing new was done within {PATIENCE_S:.0f} s of a kill" for name in never)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, help="in turns (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=[p.program for p in PEERS], help="beside the reference")
    common(parser)
    options = parser.parse_args()
    chosen = [peer for peer in PEERS if peer is REFERENCE or not options.only or peer.program in options.only]
    sizes, rounds = (ONE, HUNDRED, KILLED), options.rounds
    if options.quick:
        sizes, rounds = (replace(ONE, batches=10), Size(5, 4), Size(2, 200)), 1
    found = asyncio.run(measure(chosen, rounds, sizes))
    tell({"notes": notes(found)}, figures(found), as_json=options.json)
    if not options.json:
        print("\n".join(notes(found)))


if __name__ == "__main__":
    main()
