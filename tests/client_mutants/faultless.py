"""The client that does it right: the intent before the request, the handle as soon as it is known, both read first.

Must pass.
"""

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
if state["task"] is None:
    state["task"] = patiently(lambda: server.submit(state["key"]))
    write(given.state, state)
follow(lambda: patiently(lambda: server.look(state["task"])))
