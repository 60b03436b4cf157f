"""Where the lab runs: on Linux, and in a container everywhere else. Said once, before anything is tried."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

_NAMES = {"darwin": "macOS", "win32": "Windows", "cygwin": "Windows"}


def refusal(platform: str, arguments: Sequence[str]) -> str | None:
    """What to say where ``sys.platform`` is not Linux, with the line that runs it there; None on Linux."""
    if platform.startswith("linux"):
        return None
    given = shlex.join(arguments) or "certify --profile my.toml"
    mounted = '"${PWD}:/work"' if platform == "win32" else '"$PWD":/work'
    also = ", or under WSL" if platform == "win32" else ""
    system = _NAMES.get(platform, platform)
    return (
        f"mcp-crashtest needs Linux (process groups, pidfd, /proc), and this is {system}. It runs in a "
        f"container{also}, with your folder in it and your server's own needs installed beside it:\n\n"
        f"  docker run --rm -it -v {mounted} -w /work python:3.12 \\\n"
        f'    sh -c \'pip install -q mcp-crashtest && "$0" "$@"\' mcp-crashtest {given}\n\n'
        f"As long as it is not published, give pip the path of its wheel or checkout below /work."
    )
