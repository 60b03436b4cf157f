"""Faults on the link between a server and its service: cut, slow, or half open; then it is whole again.

The service itself lives on, and so do those who reach it directly. While the link fails, and for a while behind that,
errors are nobody's fault, as with a service that is dead.

A cut or a silence may begin with a message that the server says to the service: that one is passed on, and its answer
is not. Which one is a share of those that a batch has. They are counted first, while the lab's own client stands still,
so that they are those of the job, whatever connections it uses: those up to a silence of a third of a batch's time, as
between a COMMIT and the next BEGIN; or of a batch's time, where there is no such silence. Where nothing is said at all,
because the server works only when it is asked, the client goes on, and all messages count.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext

from mcp_crashtest.model.faults import CUT, LINKS, SLOW, Fault
from mcp_crashtest.model.proof import Proof
from mcp_crashtest.stage.stage import Stage
from mcp_crashtest.subjects.link import Link, Message
from mcp_crashtest.subjects.process import Process

_DELAY_MS = 50.0
_THOUSAND = 1000
_BATCHES_WAITED, _PAUSE_BATCHES = 3.0, 1 / 3
_SHORTEST_PAUSE_S = 0.03  # a machine that has much to do takes shorter ones in the middle of a batch
_SHORTEST_S, _LONGEST_S = 0.02, 3.0  # of what a batch is taken to take
_ANSWERED_S = 0.5
_MOST_ROWS = 4


@asynccontextmanager
async def failing(stage: Stage, fault: Fault) -> AsyncIterator[Proof | None]:
    """Have the link fail as the fault's kind says, until it is healed. The proof: so many connections were on it.

    One that begins with a message has the message for a proof; none, where the run is over before that was said.
    """
    assert fault.service
    link, began = stage.site.services[fault.service - 1].link, time.monotonic()
    assert link, "a plan without a link is refused beforehand"
    told = ""
    if fault.message is not None:
        found = await _passed_on(stage, link, fault.message)
        if found is None:
            yield None
            return
        told = f"{found}; "
    delay_s = fault.settings.get("delay_ms", _DELAY_MS) / 1000
    how = link.cut() if fault.kind == CUT else link.slow(delay_s) if fault.kind == SLOW else link.silent()
    stage.outage.begin()
    try:
        async with how as connections:
            said = f"{connections} connections: {LINKS[fault.kind]}" if connections else "nobody was connected"
            yield Proof(bool(connections or told), told + said, 0, time.monotonic() - began)
    finally:
        stage.outage.end()
        stage.stir()


async def _passed_on(stage: Stage, link: Link, thousandths: int) -> str | None:
    """Which message was passed on, in words; from it on no answer comes through. None where none came any more."""
    batch_s = min(max(stage.pace.batch_s, _SHORTEST_S), _LONGEST_S)
    link.tell = stage.stir
    for quiet, wait_s in ((_quiet(stage), _BATCHES_WAITED * batch_s), (nullcontext(), math.inf)):
        with quiet:
            a_batch = await _said_a_batch(stage, link, batch_s)
            number = math.ceil(thousandths * a_batch / _THOUSAND)
            if number and (message := await _held(stage, link, number, wait_s)):
                return _told(message, number, a_batch)
    return None


async def _said_a_batch(stage: Stage, link: Link, batch_s: float) -> int:
    """How many messages the server says in a row, or in the time of a batch; 0 where it says nothing for long.

    A silence that a busy machine makes longer or shorter cuts a row in two, or makes one of two: so many are they as
    two rows one behind the other had.
    """
    await _silence(stage, link, batch_s)  # what is under way is the end of a row
    before, said = -1, await _said_in_a_row(stage, link, batch_s)
    for _ in range(_MOST_ROWS - 1):
        if said in (0, before):
            break
        before, said = said, await _said_in_a_row(stage, link, batch_s)
    return said


async def _said_in_a_row(stage: Stage, link: Link, batch_s: float) -> int:
    before = link.messages
    await _until(stage, lambda: link.messages > before, _BATCHES_WAITED * batch_s)
    await _silence(stage, link, batch_s)
    return link.messages - before


async def _silence(stage: Stage, link: Link, batch_s: float) -> None:
    """Wait until the server has said nothing for a third of a batch's time; no longer than a batch takes."""
    began, pause_s = time.monotonic(), max(_PAUSE_BATCHES * batch_s, _SHORTEST_PAUSE_S)
    while (now := time.monotonic()) < began + batch_s:
        silent_at = max(link.spoke_at, began) + pause_s
        if now >= silent_at or not await stage.until_time(silent_at):
            return


async def _held(stage: Stage, link: Link, number: int, wait_s: float) -> Message | None:
    """The n-th message from now on, passed on and, where that takes no time, answered; None if it has not come."""
    link.hold_behind(number)
    try:
        await _until(stage, lambda: link.held is not None, wait_s)
    finally:
        held = link.held
        if held is None:
            link.release()
    if held:
        await _until(stage, lambda: held.answered, _ANSWERED_S)
    return held


async def _until(stage: Stage, reached: Callable[[], bool], wait_s: float) -> None:
    """Wait until that, or for so long, or until the run is over."""
    at = time.monotonic() + wait_s
    await stage.until(lambda: reached() or time.monotonic() >= at, at)


def _told(message: Message, number: int, a_batch: int) -> str:
    answer = "its answer was held back" if message.answered else "it was not answered yet"
    said = f"message {number} from there on, of {message.said_bytes} bytes, was passed on, and {answer}"
    return f"{said} (of a batch it had said {a_batch} before)"


@contextmanager
def _quiet(stage: Stage) -> Iterator[None]:
    """The lab's own client stands still, and asks nothing."""
    client = stage.client.living
    process = client if isinstance(client, Process) and client.signal(signal.SIGSTOP) else None
    try:
        yield
    finally:
        if process:
            process.signal(signal.SIGCONT)
