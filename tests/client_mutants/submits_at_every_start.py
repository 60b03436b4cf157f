"""The client keeps its state well, and never looks at it: each start is a new submission.

Must be caught by: client.reattach.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.client_mutants.common import Server, follow, new_key, options, patiently, write

given = options()
server = Server(given)
state = {"key": new_key(), "task": ""}
write(given.state, state)
state["task"] = patiently(lambda: server.submit(state["key"]))
write(given.state, state)
follow(lambda: patiently(lambda: server.look(state["task"])))
