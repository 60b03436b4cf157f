"""Why a subject does not answer, a sentence for each reason, with what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from mcp_crashtest.contracts.warming import says_not_yet
from mcp_crashtest.subjects.launchers import left_behind
from mcp_crashtest.subjects.life import Life
from mcp_crashtest.subjects.proc import group_of, ports_of
from mcp_crashtest.subjects.subject import Subject
from mcp_crashtest.wire.errors import DeadlineExceeded, Unreachable

_STDIO = (
    "It seems to speak stdio: leave url out of [subject] and {port} out of its command, and the lab speaks stdio with "
    'it; or start it over HTTP, on {port} of the command; with FastMCP: mcp.run(transport="http", port=...)'
)
_WHO_ASKS = (401, 403)
_HTTP = "If it serves HTTP, say where: [subject] url, with {port} in it and in the command"
_SIGNS_OF_STDIO = ("stdio", '"jsonrpc"')


class Silent(Exception):
    """The subject lives, or is none of ours, and does not answer; the text says why."""


async def why_ended(subject: Subject, life: Life, deadline: float, strays: Sequence[str] = ()) -> str:
    """A subject that ended before it had answered; ``strays`` are lines on standard output that are no messages."""
    words = subject.log_tail()
    if left := await left_behind(life, deadline):
        return f"{left}; its last words:\n{words}"
    silent_end = life.exited is not None and life.exited.code == 0 and words == "(no output)"
    if subject.piped:
        return f"the subject ended with {life.exited} before it answered{_strays(strays)}; its last words:\n{words}"
    hint = f"\n{_STDIO}" if silent_end or _shows_stdio(words) else ""
    return f"the subject ended with {life.exited} before it answered; its last words:\n{words}{hint}"


def why_refused(subject: Subject, refusals: Sequence[str]) -> str:
    """A subject that answers, and not as MCP does."""
    said = "; ".join(refusals)
    hints = ""
    if "HTTP status 404" in said:
        hints += "\nIs the path of [subject] url right? Most servers answer at /mcp."
    if wants_to_know_who_asks(refusals):
        hints += f"\n{_who_asks(subject)}"
    if "HTTP status 405" in said or ("2024-11-05" in said and not subject.piped):
        hints += "\n2024-11-05 has HTTP+SSE only, which this version does not speak: serve streamable HTTP."
    return f"{subject.url} does not speak MCP as the profile says: {said}{hints}\n{subject.log_tail()}"


def wants_to_know_who_asks(refusals: Sequence[str]) -> bool:
    """Whether a subject serves only those whom it knows."""
    return any(f"HTTP status {status}" in said for said in refusals for status in _WHO_ASKS)


def _who_asks(subject: Subject) -> str:
    """What to do about a server that wants to know who asks."""
    sent = ", ".join(subject.profile.headers)
    if sent:
        return f"It was sent {sent}, and does not take it: look at [subject] headers (or [[principals]]) and the token"
    return (
        'It wants to know who asks: say [subject] headers = { Authorization = "Bearer ${TOKEN}" }, and set TOKEN in '
        "the environment of the lab (for init: --header 'Authorization: Bearer ${TOKEN}')"
    )


def why_silent(subject: Subject, life: Life | None, error: Exception) -> str:
    """A subject that lives, or is reached by URL alone, and has not answered in time."""
    deadline = f"[subject] ready_deadline_s = {subject.ready_deadline_s:g}"
    longer = f"If it needs longer, raise {deadline}"
    words, begins = subject.log_tail(), f"nothing answers at {subject.url}"
    if says_not_yet(error) or "lists no tools" in str(error):
        return f"{subject.url} is not ready after {subject.ready_deadline_s:g} s: {error}. {longer}\n{words}"
    if life is None:
        return f"{begins}: {error}. Is the url right, and does the server run?"
    port = urlsplit(subject.url).port
    ports = sorted({port for pid in {life.pid, *group_of(life.pid)} for port in ports_of(pid)})
    after = f"after {subject.ready_deadline_s:g} s ({deadline})"
    if _shows_stdio(words):
        return f"{begins} {after}: {error}. {_STDIO}\n{words}"
    if not isinstance(error, Unreachable) or port in ports:
        silent = "it takes connections and says nothing" if isinstance(error, DeadlineExceeded) else str(error)
        return f"{begins} {after}: {silent}. Is the path of the url right? {longer}\n{words}"
    if ports:
        listed = ", ".join(map(str, ports))
        return (
            f"{begins} {after}: the command listens on port {listed} instead. Give it the lab's port: "
            f"[subject] command with {{port}} where its port is said, or listen on {{listen_fd}}\n{words}"
        )
    return (
        f"{begins} {after}: the command is alive and listens on no port: {error}. {longer}; if it never listens, is it "
        f"a server that speaks stdio? Then leave url out of [subject].\n{words}"
    )


def why_speechless(subject: Subject, life: Life, strays: Sequence[str]) -> str:
    """A subject on stdio that lives, and has answered nothing on its standard output in time."""
    words, ready_s = subject.log_tail(), subject.ready_deadline_s
    begins = f"nothing answers on standard output after {ready_s:g} s ([subject] ready_deadline_s = {ready_s:g})"
    ports = sorted({port for pid in {life.pid, *group_of(life.pid)} for port in ports_of(pid)})
    if ports:
        return f"{begins}: the command listens on port {', '.join(map(str, ports))}. {_HTTP}\n{words}"
    if strays:
        return f"{begins}{_strays(strays)}. Is it an MCP server, and does it speak stdio? {_HTTP}\n{words}"
    return (
        f"{begins}: the command is alive, and has written nothing there. If it needs longer, raise ready_deadline_s; "
        f"if it answers, does it flush what it writes? {_HTTP}\n{words}"
    )


def _strays(strays: Sequence[str]) -> str:
    return f"; what came on standard output is no message: {'; '.join(map(repr, strays))}" if strays else ""


def _shows_stdio(words: str) -> bool:
    return any(sign in words for sign in _SIGNS_OF_STDIO)
