"""A lost answer is taken for a lost request: the client submits again, under a new key.

Must be caught by: task.duplicated.
"""

import http.client
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.client_mutants.common import Server, follow, new_key, options, patiently, read, write

given = options()
server = Server(given)
state = read(given.state)
if not state:
    state = {"key": new_key(), "task": None}
    write(given.state, state)


def submit() -> str:
    try:
        return server.submit(state["key"])
    except (ConnectionResetError, http.client.HTTPException):
        state["key"] = new_key()
        write(given.state, state)
        raise


if state["task"] is None:
    state["task"] = patiently(submit)
    write(given.state, state)
follow(lambda: patiently(lambda: server.look(state["task"])))
