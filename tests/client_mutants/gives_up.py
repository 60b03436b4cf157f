"""A connection that is refused is the end: the client leaves a server alone that is back a moment later.

Must be caught by: client.result.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from typing import Any

from tests.client_mutants.common import Server, follow, new_key, options, patiently, read, write

given = options()
server = Server(given)
state = read(given.state)
if not state:
    state = {"key": new_key(), "task": None}
    write(given.state, state)


def refused_is_the_end(ask: Any) -> Any:
    try:
        return ask()
    except ConnectionRefusedError as error:
        sys.exit(f"cannot connect: {error}")


if state["task"] is None:
    state["task"] = patiently(lambda: refused_is_the_end(lambda: server.submit(state["key"])))
    write(given.state, state)
follow(lambda: patiently(lambda: refused_is_the_end(lambda: server.look(state["task"]))))
