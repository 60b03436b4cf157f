"""Weaves cloth. Several looms share one book, a SQLite file: who weaves a cloth has it for 0.6 s from its last row on.

A loom that finds a cloth which nobody has takes it, under a name that is new in each life. A band of rows counts where
the cloth is still the loom's.

--alone: as it was when there was one loom: a start goes on with all that is not woven, and nobody asks whose it is.
"""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--book", required=True)
parser.add_argument("--ledger")
parser.add_argument("--alone", action="store_true")
args = parser.parse_args()

ME = uuid.uuid4().hex
HOLD_S = 0.6
at_work = {}


def connect():
    return sqlite3.connect(args.book, isolation_level=None, timeout=20)


def set_up():
    db = connect()
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("""CREATE TABLE IF NOT EXISTS cloths (id TEXT PRIMARY KEY, of INT, band INT, woven INT DEFAULT 0,
        loom TEXT, held REAL DEFAULT 0, torn INT DEFAULT 0)""")
    db.execute("CREATE TABLE IF NOT EXISTS threads (cloth TEXT, thread INT, colour TEXT)")
    db.execute("CREATE INDEX IF NOT EXISTS by_cloth ON threads (cloth, thread)")
    db.close()


def mine(db, cloth):
    """Takes it, or keeps it."""
    now = time.time()
    taken = (ME, now, cloth, ME, now - HOLD_S)
    return db.execute("UPDATE cloths SET loom = ?, held = ? WHERE id = ? AND (loom = ? OR held < ?)", taken).rowcount


def weave(cloth):
    db = connect()
    while True:
        of, band, woven, torn = db.execute("SELECT of, band, woven, torn FROM cloths WHERE id = ?", (cloth,)).fetchone()
        if woven == of or torn:
            return
        time.sleep(0.07)
        numbers = range(woven, min(woven + band, of))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": cloth, "record": n}) + "\n" for n in numbers))
        db.execute("BEGIN IMMEDIATE")
        if args.alone or (
            mine(db, cloth)
            and db.execute("SELECT woven FROM cloths WHERE id = ? AND NOT torn", (cloth,)).fetchone() == (woven,)
        ):
            colours = [(cloth, n, ("madder", "woad", "weld")[n * 5 % 7 % 3]) for n in numbers]
            db.executemany("INSERT INTO threads VALUES (?, ?, ?)", colours)
            db.execute("UPDATE cloths SET woven = ? WHERE id = ?", (numbers.stop, cloth))
            db.execute("COMMIT")
        else:
            db.execute("ROLLBACK")
            return


def look_around():
    """Takes what nobody has, one thread a cloth."""
    db = connect()
    while True:
        for (cloth,) in db.execute("SELECT id FROM cloths WHERE woven < of AND NOT torn").fetchall():
            idle = cloth not in at_work or (at_work[cloth].ident and not at_work[cloth].is_alive())
            if idle and (args.alone or mine(db, cloth)):
                at_work[cloth] = threading.Thread(target=weave, args=(cloth,), daemon=True)
                at_work[cloth].start()
        if args.alone:
            return
        time.sleep(0.05)


class Refused(Exception):
    pass


def weave_cloth(threads, band):
    if min(threads, band) < 1:
        raise Refused("a cloth has a thread at least")
    db, cloth = connect(), uuid.uuid4().hex[:12]
    first = (cloth, threads, band, ME, time.time())
    at_work[cloth] = threading.Thread(target=weave, args=(cloth,), daemon=True)
    db.execute("INSERT INTO cloths (id, of, band, loom, held) VALUES (?, ?, ?, ?, ?)", first)
    at_work[cloth].start()
    return {"cloth": cloth, "loom": ME}


def shown(cloth, of, woven, torn):
    return {
        "cloth": cloth,
        "is": "torn" if torn else "woven" if woven == of else "on a loom",
        "threads": woven,
        "of": of,
    }


def cloth_state(cloth):
    row = connect().execute("SELECT id, of, woven, torn FROM cloths WHERE id = ?", (cloth,)).fetchone()
    if row is None:
        raise Refused(f"there is no cloth {cloth}")
    return shown(*row)


def tear_cloth(cloth):
    cloth_state(cloth)
    connect().execute("UPDATE cloths SET torn = 1 WHERE id = ? AND woven < of", (cloth,))
    return cloth_state(cloth)


def read_threads(cloth, after=-1):
    found = connect().execute(
        "SELECT thread, colour FROM threads WHERE cloth = ? AND thread > ? ORDER BY thread LIMIT 60",
        (cloth, int(after)),
    )
    rows = [{"thread": n, "colour": colour} for n, colour in found]
    return {"threads": rows, "after": rows[-1]["thread"] if len(rows) == 60 else None}


def all_cloths():
    return {"cloths": [shown(*row) for row in connect().execute("SELECT id, of, woven, torn FROM cloths")]}


TOOLS = {
    "weave_cloth": (weave_cloth, {"threads": "integer", "band": "integer"}),
    "cloth_state": (cloth_state, {"cloth": "string"}),
    "tear_cloth": (tear_cloth, {"cloth": "string"}),
    "read_threads": (read_threads, {"cloth": "string", "after": "integer"}),
    "all_cloths": (all_cloths, {}),
}


def answer(method, params):
    if method == "initialize":
        spoken = params.get("protocolVersion")
        spoken = spoken if spoken in ("2025-03-26", "2025-06-18", "2025-11-25") else "2025-11-25"
        me = {"name": "loom", "version": "3"}
        return {"protocolVersion": spoken, "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "ping":
        return {}
    if method == "tools/list":
        schemas = {name: {key: {"type": kind} for key, kind in keys.items()} for name, (_, keys) in TOOLS.items()}
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": s}} for n, s in schemas.items()]}
    if method == "tools/call" and params["name"] in TOOLS:
        try:
            document = TOOLS[params["name"]][0](**params.get("arguments", {}))
        except (Refused, TypeError, ValueError) as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}
    return None


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(405)

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.say(202)
        said = {"jsonrpc": "2.0", "id": asked["id"]}
        result = answer(asked["method"], asked.get("params", {}))
        if result is None:
            return self.say(200, {**said, "error": {"code": -32601, "message": f"there is no {asked['method']}"}})
        return self.say(200, {**said, "result": result})


set_up()
threading.Thread(target=look_around, daemon=True).start()
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Door).serve_forever()
