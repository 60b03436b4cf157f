"""Trains a small classifier, with a checkpoint every so many steps: train_model, training_status, training_metrics.

A checkpoint is JSON: weights, momentum, step, and how long metrics.jsonl was. The metrics are on the disk before it is
replaced; a start cuts them to its length, and does the steps behind it again.

--queue N: the metrics' writer keeps up to N lines in memory, as some loggers do, and writes the rest when it is closed.
"""

import argparse
import fcntl
import json
import math
import os
import random
import threading
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--runs", type=Path, required=True)
parser.add_argument("--queue", type=int, default=0)
args = parser.parse_args()
args.runs.mkdir(parents=True, exist_ok=True)
gpu = (args.runs / "gpu.lock").open("w")  # one process has it, until it ends
FEATURES = 6


class Metrics:
    """One line of JSON for each step."""

    def __init__(self, path, keep_bytes):
        self.file = path.open("ab")
        if keep_bytes < self.file.tell():
            self.file.truncate(keep_bytes)
            self.file.seek(0, os.SEEK_END)
        self.waiting = []

    def log(self, entry):
        self.waiting.append(json.dumps(entry).encode() + b"\n")
        if len(self.waiting) > args.queue:
            self.write()

    def write(self):
        self.file.write(b"".join(self.waiting))
        self.file.flush()
        self.waiting.clear()

    def size(self):
        os.fsync(self.file.fileno())
        return self.file.tell() + sum(map(len, self.waiting))

    def close(self):
        self.write()
        self.file.close()


def save(path, document):
    draft = path.with_suffix(".tmp")
    with draft.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(run):
    path = args.runs / run / "checkpoint.json"
    if "/" in run or not path.exists():
        raise ToolError(f"there is no run {run}")
    return json.loads(path.read_text())


def gradient(weights, step):
    """Logistic loss on a batch of sixteen, which is made of the step alone."""
    draw = random.Random(f"data-{step}")
    slope, loss, right = [0.0] * FEATURES, 0.0, 0
    for _ in range(16):
        x = [draw.gauss(0, 1) for _ in range(FEATURES)]
        label = 1 if x[0] - 2 * x[1] + 0.5 * x[4] > 0 else 0
        p = 1 / (1 + math.exp(-sum(w * v for w, v in zip(weights, x, strict=True))))
        loss -= math.log(max(p if label else 1 - p, 1e-12)) / 16
        right += (p > 0.5) == (label == 1)
        slope = [s + (p - label) * v / 16 for s, v in zip(slope, x, strict=True)]
    return slope, loss, right / 16


def train(run):
    state = load(run)
    folder = args.runs / run
    metrics = Metrics(folder / "metrics.jsonl", state["metrics_bytes"])
    while state["step"] < state["steps"]:
        time.sleep(0.005)
        slope, loss, accuracy = gradient(state["weights"], state["step"])
        state["momentum"] = [0.9 * m + g for m, g in zip(state["momentum"], slope, strict=True)]
        state["weights"] = [w - 0.1 * m for w, m in zip(state["weights"], state["momentum"], strict=True)]
        state["step"] += 1
        metrics.log({"step": state["step"], "loss": loss, "accuracy": accuracy})
        if state["step"] % state["checkpoint_every"] == 0 or state["step"] == state["steps"]:
            state["metrics_bytes"] = metrics.size()
            save(folder / "checkpoint.json", state)
    metrics.close()
    save(folder / "checkpoint.json", {**state, "finished_at": datetime.now(UTC).isoformat()})


def launch(run):
    threading.Thread(target=train, args=(run,), daemon=True).start()


@asynccontextmanager
async def lifespan(_):
    fcntl.flock(gpu, fcntl.LOCK_EX)
    for path in args.runs.glob("*/checkpoint.json"):
        if not json.loads(path.read_text())["finished_at"]:
            launch(path.parent.name)
    yield


mcp = FastMCP("trainer", lifespan=lifespan)


@mcp.tool
def train_model(steps: int, checkpoint_every: int = 50) -> str:
    """Starts a training run and answers with its name."""
    run = f"run-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.urandom(3).hex()}"
    (args.runs / run).mkdir()
    fresh = {"step": 0, "steps": steps, "checkpoint_every": checkpoint_every, "metrics_bytes": 0, "finished_at": None}
    save(args.runs / run / "checkpoint.json", {**fresh, "weights": [0.0] * FEATURES, "momentum": [0.0] * FEATURES})
    launch(run)
    return json.dumps({"run": run, "status": "training"})


@mcp.tool
def training_status(run: str) -> str:
    state = load(run)
    status = "finished" if state["finished_at"] else "training"
    return json.dumps({"run": run, "status": status, "checkpoint": {"step": state["step"], "of": state["steps"]}})


@mcp.tool
def training_metrics(run: str) -> str:
    state = load(run)
    path = args.runs / run / "metrics.jsonl"
    text = path.read_bytes()[: state["metrics_bytes"]] if path.exists() else b""
    return json.dumps([json.loads(line) for line in text.splitlines()])


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
