"""The client keeps nothing: each life begins from nothing.

Must be caught by: client.reattach.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.client_mutants.common import Server, follow, new_key, options, patiently

server = Server(options())
key = new_key()
task = patiently(lambda: server.submit(key))
follow(lambda: patiently(lambda: server.look(task)))
