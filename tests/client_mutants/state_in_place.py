"""The state file is kept open, and written over in place: what is not flushed is not there when the client is killed.

Must be caught by: client.state.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import json

from tests.client_mutants.common import Server, follow, new_key, options, patiently, read

given = options()
server = Server(given)
state = read(given.state) or {"key": new_key(), "task": None}
file = given.state.open("w")


def save() -> None:
    file.seek(0)
    file.truncate()
    json.dump(state, file)


save()
state["task"] = state["task"] or patiently(lambda: server.submit(state["key"]))
save()
follow(lambda: patiently(lambda: server.look(state["task"])))
