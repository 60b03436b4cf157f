"""Is each flaw real, and does each server work undisturbed? Start, drive, kill, restart, count: no lab in it.

python tests/unseen/by_hand.py             every flawed server, undisturbed and with the fault that shows its flaw
python tests/unseen/by_hand.py 06 14 -n 8  two of them, eight times
"""

import argparse
import asyncio
import json
import logging
import os
import random
import shutil
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from by_hand_trial import FORK, WARM, Trial, found

HERE = Path(__file__).parent / "flawed"
# What shows each flaw: the fault, and when, in shares of the undisturbed job; None: anywhere.
SHOWS = {
    "01": [{"fault": "leave", "absence": 0.0}],
    "02": [{"fault": "leave", "absence": 0.0, "records": 400}],
    "03": [{"fault": "kill", "cold": True}, {"fault": "kill"}],
    "04": [{"fault": "after"}],
    "05": [{"fault": "kill"}],
    "06": [{"fault": "kill", "at": (0.0, 0.5)}],
    "07": [{"fault": "kill"}, {"fault": "kill", "records": 253}, {"fault": "kill", "batch": 1, "records": 30}],
    "08": [{"fault": "kill", "records": 400}],
    "09": [{"fault": "term"}, {"fault": "kill"}],
    "10": [{"fault": "kill"}],
    "11": [{"fault": "kill"}],
    "12": [{"fault": "kill"}],
    "13": [{"fault": "kill", "at": (0.0, 0.2)}, {"fault": "kill", "at": (0.4, 0.9)}],
    "14": [{"fault": "after"}],
    "15": [{"fault": "kill", "records": 300}],
    "16": [{"fault": "kill"}],
    "17": [{"fault": "kill"}],
    "18": [{"fault": "kill"}],
    "19": [{"fault": "kill"}, {"fault": "leave", "absence": 0.0}],
    "20": [{"fault": "kill"}],
}


def told(played, rows, golden):
    """What is wrong in this trial, in words."""
    key = played.profile["observe"]["records"]["key"]
    keys, expected = [str(found(key, row)) for row in rows], [str(found(key, row)) for row in golden]
    words = []
    if lost := set(expected) - set(keys):
        words.append(f"{len(lost)} lost")
    if twice := sum(1 for count in Counter(keys).values() if count > 1):
        words.append(f"{twice} twice")
    if strange := set(keys) - set(expected):
        words.append(f"unexpected {sorted(strange)[:3]}")
    if not (lost or twice or strange):
        if keys != expected:
            words.append("reordered")
        elif rows != golden:
            words.append(f"{sum(a != b for a, b in zip(rows, golden, strict=True))} changed")
    if "count" in (observe := played.profile["observe"]):
        count = found(observe["count"], played.answer)
        if count != len(golden):
            words.append(f"count {count}")
    if isinstance(played.answer, dict) and played.answer.get("error"):
        words.append(f"error inside: {played.answer['error']}")
    statuses = [look[2] for look in played.looks]
    short = [word for n, word in enumerate(statuses) if n == 0 or word != statuses[n - 1]]
    ends = {"completed", "finished", "succeeded"}
    if any(str(word).lower() in ends for word in short[:-1]):
        words.append("status " + " > ".join(map(str, short)))
    elif short and short[-1] != "call" and str(short[-1]).lower() not in ends:
        words.append(f"stands at {short[-1]}")
    numbers = [(look[1], look[3]) for look in played.looks if look[3] is not None]
    back = [f"{b} -> {a}" for (_, b), (_, a) in pairwise(numbers) if a < b]
    if back:
        words.append(f"progress back {back[0]}")
    if len({look[4] for look in played.looks}) > 1:
        words.append("createdAt changed")
    if played.ledger.exists():
        effects = Counter(json.loads(line)["record"] for line in played.ledger.read_text().splitlines())
        tasks = {json.loads(line)["task"] for line in played.ledger.read_text().splitlines()}
        if again := sum(effects.values()) - len(effects):
            words.append(f"{again} executed again")
        if len(tasks) > 1:
            words.append(f"{len(tasks)} tasks in the ledger")
    reached = max((n for life, n in numbers if life == 1), default=0)
    forward = [look[0] for look in played.looks if look[1] == 2 and (look[3] or 0) > reached]
    if forward and forward[0] - played.struck > 2:
        words.append(f"first progress {forward[0] - played.struck:.1f} s after the restart")
    return ", ".join(words) or "right"


async def trial(folder, golden, took, fault, at=None, records=None, batch=None, cold=False, absence=0.0):
    played = Trial(folder, records, batch, cold)
    moment = random.uniform(*(at or (0.02, 0.98))) * took
    try:
        rows = await asyncio.wait_for(played.play(moment, fault, absence), 90)
        return told(played, rows, golden or rows), rows, played
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:90]}; {len(played.looks)} looks", [], played
    finally:
        with suppress(ProcessLookupError):
            if not played.ended():
                played.end()
        if os.environ.get("KEEP"):
            print("   kept", played.dir)
        else:
            await asyncio.sleep(0)
            shutil.rmtree(played.dir, ignore_errors=True)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("-n", type=int, default=4)
    args = parser.parse_args()
    FORK.set_forkserver_preload(WARM)
    logging.disable()
    for folder in sorted(HERE.iterdir()):
        number = folder.name[:2]
        if not folder.is_dir() or (args.names and number not in args.names):
            continue
        goldens = {}
        for shows in SHOWS[number]:
            size = {name: shows[name] for name in ("records", "batch") if name in shows}
            if str(size) not in goldens:
                said, rows, played = await trial(folder, None, 0, None, **size)
                took = getattr(played, "took", 0)
                goldens[str(size)] = rows, took
                said = f"{said}; {len(rows)} records in {took:.2f} s"
                print(f"{folder.name} undisturbed {size or ''}: {said}", flush=True)
            golden, took = goldens[str(size)]
            for _ in range(args.n):
                said, _, played = await trial(folder, golden, took, **shows)
                landed = " (too late)" if played.done else ""
                print(f"{folder.name} {shows}{landed}: {said}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
