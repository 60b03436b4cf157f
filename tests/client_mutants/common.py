"""What every client mutant does right, so that each of them shows one flaw and nothing else.

MCP of revision 2026-07-28 over plain HTTP: each request stands for itself. A job is started by a tool that takes an
idempotency key and answers with a resource, which is asked until the job has ended. Nothing here comes from the lab or
from the reference pair.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

_PROTOCOL = "2026-07-28"
_META = "io.modelcontextprotocol/"
_TOOL = "start"
_NAMES = {"tools/call": "name", "resources/read": "uri"}
_PATIENCE_S = 20.0
_PAUSE_S = 0.02
_SILENCE_S = 10.0
_PACE_S = 0.08
_AWAY = (OSError, http.client.HTTPException)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of a client."""

    url: str
    state: Path
    items: int
    batch_size: int


def options() -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    return Options(**vars(parser.parse_args()))


class Server:
    """The server at a URL, a connection for each request."""

    def __init__(self, given: Options) -> None:
        self._given = given
        self._ids = itertools.count(1)

    def submit(self, key: str) -> str:
        """Start the job, or attach to the one under this key; its resource."""
        arguments = {
            "key": key,
            "total": self._given.items,
            "batch": self._given.batch_size,
            "pause_s": _PACE_S,
        }
        answer = self._ask("tools/call", {"name": _TOOL, "arguments": arguments})
        found = re.search(r"job://[0-9a-f]+", json.dumps(answer))
        if found is None:
            sys.exit(f"refused: {answer}")
        return found[0]

    def look(self, uri: str) -> dict[str, Any]:
        """What the server says of the job."""
        answer = self._ask("resources/read", {"uri": uri})
        document: dict[str, Any] = json.loads(answer["contents"][0]["text"])
        return document

    def _ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        meta = {
            f"{_META}protocolVersion": _PROTOCOL,
            f"{_META}clientInfo": {"name": "small-client", "version": "1"},
            f"{_META}clientCapabilities": {},
        }
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": {**params, "_meta": meta}}
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": _PROTOCOL,
            "Mcp-Method": method,
            "Mcp-Name": params[_NAMES[method]],
        }
        parts = urlsplit(self._given.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_SILENCE_S)
        try:
            connection.request("POST", parts.path, json.dumps(body), headers)
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        messages = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")] or [text]
        answer = json.loads(messages[-1])
        if "result" not in answer:
            sys.exit(f"refused: {text}")
        result: dict[str, Any] = answer["result"]
        return result


def patiently(ask: Callable[[], T]) -> T:
    """Ask until the server answers, for a bounded time."""
    end_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except _AWAY as error:
            if time.monotonic() > end_s:
                sys.exit(f"the server is away: {error}")
        time.sleep(_PAUSE_S)


def new_key() -> str:
    """An idempotency key that nobody else has."""
    return secrets.token_hex(16)


def read(path: Path) -> dict[str, Any]:
    """The state, empty where there is none that can be read."""
    try:
        state: dict[str, Any] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return state


def write(path: Path, state: dict[str, Any]) -> None:
    """Replace the state, whole and flushed."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def follow(look: Callable[[], dict[str, Any]]) -> NoReturn:
    """Ask until the job has ended; print its result, and end."""
    while (document := look())["status"] in ("pending", "running"):
        time.sleep(_PAUSE_S)
    print(json.dumps({"status": document["status"], "result": document.get("result")}), flush=True)
    sys.exit(document["status"] != "completed")
