"""Streams that are joined again: what comes behind the event that was named, once, and nothing of another's.

An event that had been seen before a client named an earlier one has to come again, in its place: that shows what is
left out. What nobody had seen yet is compared with the undisturbed run, where that told of every batch. An event that
the end of a life has kept from being made is not lost: what lies between two lives is left out of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mcp_crashtest.model.operation import History, Op, Operation, Type, batches_of
from mcp_crashtest.model.verdict import Finding


@dataclass(slots=True)
class _Seen:
    """One stream: the events with messages in their order, and how far the present connection has come in it.

    ``told``: each place that it told of, with the life that told of it first.
    """

    begun: Operation
    order: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    told: dict[float, int] = field(default_factory=dict)
    cursor: int = 0
    joined: Operation | None = None
    over: bool = False


def check(history: History) -> Iterator[Finding]:
    """Judge each stream; one finding a kind is enough."""
    found: dict[str, Finding] = {}
    for finding in _findings(history):
        found.setdefault(finding.invariant, finding)
    yield from found.values()


def broken_off(history: History) -> bool:
    """Whether a run has stalled because a stream that was joined again came to no answer."""
    return any("silent_s" in finding.evidence for finding in _findings(history))


def _broken_off(history: History, streams: Iterable[_Seen]) -> Iterator[Finding]:
    """A stream that was joined and said nothing more up to the end of a run in which nothing moved.

    Where its server has died meanwhile the job may stand still: then all that it told undisturbed must have been told.
    """
    end = next((o for o in history.of(Op.END) if o.value.get("reason") == "stalled"), None)
    golden = next((o.value.get("stream") for o in history.of(Op.EXPECT)), None) or []
    seen = max(streams, key=lambda one: one.begun.i, default=None)
    if end is None or seen is None or seen.joined is None or seen.over or not _must_go_on(history, seen, end):
        return
    if end.life != seen.begun.life and not (golden and golden[-1] in seen.told):
        return
    yield Finding(
        "stream.lost",
        f"the stream was joined again behind {seen.joined.value['behind']!r}, and never came to its answer: nothing "
        f"has come for {end.value['silent_s']:.1f} s",
        (seen.joined.i, end.i),
        {"silent_s": end.value["silent_s"]},
    )


def _findings(history: History) -> Iterator[Finding]:
    streams: dict[str, _Seen] = {}
    for event in history.of(Op.SUBMIT, Op.STREAM):
        if event.op is Op.SUBMIT:
            if event.type is Type.INVOKE and "resumes" not in event.value:
                streams[event.process] = _Seen(event)
            continue
        seen = streams.get(event.process)
        if seen is None:
            continue
        if event.type is Type.OK:
            yield from _came(history, seen, event)
        elif event.type is Type.INVOKE:
            seen.joined, seen.cursor = event, seen.places.get(str(event.value["behind"]), len(seen.order))
        elif _must_go_on(history, seen, event):
            yield Finding(
                "stream.lost",
                f"the stream of life {seen.begun.life} cannot be joined in life {event.life} behind "
                f"{event.value.get('behind')!r}: {event.value.get('error')}",
                (seen.begun.i, event.i),
            )
    yield from _broken_off(history, streams.values())


def _must_go_on(history: History, seen: _Seen, event: Operation) -> bool:
    """Whether it is promised: within a life always, over a restart where events are claimed to be durable."""
    return event.life == seen.begun.life or bool(history.header.claims.get("durable_events"))


def _came(history: History, seen: _Seen, event: Operation) -> Iterator[Finding]:
    id_, part = event.value.get("event"), event.value.get("part")
    where = (seen.begun.i, event.i)
    if part == "foreign":
        yield Finding("stream.foreign", f"the event {id_!r} is of another request's stream", where)
        return
    if part == "empty":
        seen.places.setdefault(str(id_), len(seen.order))
        return
    if id_ is not None:
        yield from _in_its_place(seen, str(id_), event)
    if isinstance(at := event.value.get("at"), int | float):
        seen.told.setdefault(at, event.life)
    if part == "result" and not seen.over:
        seen.over = True
        yield from _left_out(history, seen, event)


def _in_its_place(seen: _Seen, id_: str, event: Operation) -> Iterator[Finding]:
    place = seen.places[id_] - 1 if id_ in seen.places and id_ in seen.order else None
    where = (seen.joined.i if seen.joined else seen.begun.i, event.i)
    if place is not None and place < seen.cursor:
        behind = f" behind {seen.joined.value['behind']!r}" if seen.joined else ""
        yield Finding(
            "stream.duplicated", f"the event {id_!r} comes once more on the connection that was joined{behind}", where
        )
        return
    missing = seen.order[seen.cursor : len(seen.order) if place is None else place]
    if missing:
        yield Finding(
            "stream.lost", f"the stream goes on with {id_!r}, and {missing[0]!r} was to come before it", where
        )
    if place is None:
        seen.order.append(id_)
        place = len(seen.order) - 1
        seen.places[id_] = place + 1
    seen.cursor = place + 1


def _between_lives(seen: _Seen, at: float, last: int) -> bool:
    """Whether the life that told of what was before this place is another than the one that told of what is behind."""
    before = [life for told, life in sorted(seen.told.items()) if told < at]
    behind = [life for told, life in sorted(seen.told.items()) if told > at]
    return (before[-1] if before else seen.begun.life) != (behind[0] if behind else last)


def _left_out(history: History, seen: _Seen, event: Operation) -> Iterator[Finding]:
    """What the undisturbed run told, batch by batch, and this stream from the beginning to its answer has not."""
    if seen.joined is None or not _must_go_on(history, seen, event):
        return
    golden = next((o.value.get("stream") for o in history.of(Op.EXPECT)), None) or []
    whole = len(golden) >= batches_of(history.header.workload)
    missing = [at for at in golden if at not in seen.told and not _between_lives(seen, at, event.life)]
    if whole and missing and seen.told and min(seen.told) <= golden[0]:
        yield Finding(
            "stream.lost", f"the stream was joined again, and never told of {missing[0]:g}", (seen.joined.i, event.i)
        )
