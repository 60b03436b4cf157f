"""Everything of ours that reads a stranger's bytes: what it is given, and what it may raise. Anything else is a fault.

Each door begins with a few inputs that are right, so that whoever changes them at random comes past the first check.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h11

from mcp_crashtest.files.ledger import read_effects
from mcp_crashtest.files.outputs import read_document
from mcp_crashtest.files.profile_files import read_profile
from mcp_crashtest.model.columns import Table
from mcp_crashtest.model.coordinates import Batch, Phase
from mcp_crashtest.model.errors import SubjectError, UsageError
from mcp_crashtest.model.faults import Fault, Victim
from mcp_crashtest.model.operation import History
from mcp_crashtest.model.plan import Plan
from mcp_crashtest.model.showing import bounded
from mcp_crashtest.model.text import summarise
from mcp_crashtest.wire import messages
from mcp_crashtest.wire.errors import WireError
from mcp_crashtest.wire.relay import Answer, Exchange
from mcp_crashtest.wire.sse import EventStream
from reference_client.errors import StateError
from reference_client.state import Job, State, encode
from reference_client.statefile import StateFile
from tests.harness.checkers.histories import boot, end, history, output, progress, submit
from tests.lab import ROOT, SMALL

_MOST_BYTES = 1 << 16
_PROFILES = sorted((ROOT / "scenarios" / "profiles").glob("*.toml"))
_AT = "2026-01-02T03:04:05.678Z"
_JOB = Job("j", "tool", {"a": 1}, _AT, repeatable=True)
_HTTP = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = b'data: {"jsonrpc": "2.0", "id": 7, "result": {}}\n\n'


@dataclass(frozen=True, slots=True)
class Door:
    """``enter`` reads the bytes, and raises nothing but ``refuses``."""

    enter: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...]
    examples: tuple[bytes, ...]

    def holds(self, given: bytes) -> None:
        """Give it these bytes; whatever it raises beside its refusals comes through."""
        with suppress(*self.refuses):
            self.enter(given)


def _in_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def enter(given: bytes) -> object:
        with tempfile.TemporaryDirectory(prefix="door-") as folder:
            path = Path(folder) / name
            path.write_bytes(given)
            return read(path)

    return enter


def _answers(given: bytes) -> object:
    reading = Answer(Exchange(b"POST", {"jsonrpc": "2.0", "id": 7, "method": "ping"}))
    half = len(given) // 2
    return [*reading.feed(given[:half]), *reading.feed(given[half:]), *reading.feed(b"")]


def _events(given: bytes) -> object:
    stream, half = EventStream(_MOST_BYTES), len(given) // 2
    return [*stream.feed(given[:half]), *stream.feed(given[half:])]


def _message(given: bytes) -> object:
    message = messages.decode(given)
    if "method" in message:
        return messages.encode(messages.answer_to(message)) if "id" in message else None
    return bounded(messages.result_in(message, 7, in_session=True))


def _output(path: Path) -> object:
    document = read_document(path)
    records = document if isinstance(document, list) else [document]
    return Table.of(summarise(records, "$.n"), width=2).digest


def _state(path: Path) -> object:
    held = StateFile(path, "http://127.0.0.1:1/mcp", lambda _: None)
    held.close()
    return held.state


def _json(given: bytes) -> object:
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise UsageError("no JSON") from None


def _decoded(given: bytes) -> list[str]:
    return given.decode(errors="replace").splitlines()


def _object(read: Callable[[dict[str, object]], object]) -> Callable[[bytes], object]:
    def enter(given: bytes) -> object:
        document = _json(given)
        return read(document) if isinstance(document, dict) else None

    return enter


_PLAN = Plan("s", "2026-07-28", (Fault("kill", Victim.SERVER, Batch(2, Phase.OBSERVED)),))
_HISTORY = history([boot(), submit(), progress(2), output("abcdef"), end()])

DOORS: dict[str, Door] = {
    "message": Door(
        _message, (WireError,), (b'{"jsonrpc":"2.0","id":7,"result":{"a":[1]}}', b'{"jsonrpc":"2.0","method":"x"}')
    ),
    "events": Door(_events, (WireError,), (_EVENT, b"event: a\r\ndata: b\r\ndata\r\n\r\n: c\rid: 7\r\r")),
    "relay": Door(
        _answers,
        (WireError, h11.RemoteProtocolError),
        (_HTTP + b"%x\r\n%s\r\n0\r\n\r\n" % (len(_EVENT), _EVENT), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    ),
    "profile": Door(
        _in_file("given.toml", read_profile), (UsageError,), tuple(p.read_bytes() for p in (*_PROFILES, SMALL))
    ),
    "plan": Door(_object(Plan.from_json), (UsageError,), (_PLAN.to_text().encode(),)),
    "history": Door(
        lambda given: History.from_lines(_decoded(given)), (UsageError,), ("\n".join(_HISTORY.to_lines()).encode(),)
    ),
    "columns": Door(
        lambda given: Table.from_lines(_decoded(given)), (UsageError,), (b'{"format":1,"rows":1,"columns":1}\n["a"]\n',)
    ),
    "ledger": Door(
        _in_file("given.jsonl", read_effects), (SubjectError,), (b'{"task":"t","record":"1","attempt":1}\n',)
    ),
    "output.jsonl": Door(_in_file("given.jsonl", _output), (SubjectError,), (b'{"n": 1}\n{"n": 2}\n',)),
    "output.json": Door(_in_file("given.json", _output), (SubjectError,), (b'[{"n": 1}]', b'{"n": [1, {}]}')),
    "output.csv": Door(_in_file("given.csv", _output), (SubjectError,), (b'n,m\n1,"2\n3"\n',)),
    "state file": Door(
        _in_file("state.json", _state),
        (StateError,),
        (json.dumps(encode(State("c", "http://127.0.0.1:1/mcp", _AT, jobs={"j": _JOB}), _AT)).encode(),),
    ),
}
