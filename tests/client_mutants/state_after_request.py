"""The state is written once the server has answered: an answer that is lost leaves a task that nobody knows.

Must be caught by: task.duplicated.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.client_mutants.common import Server, follow, new_key, options, patiently, read, write

given = options()
server = Server(given)
state = read(given.state)
if not state:
    key = new_key()
    state = {"key": key, "task": patiently(lambda: server.submit(key))}
    write(given.state, state)
follow(lambda: patiently(lambda: server.look(state["task"])))
