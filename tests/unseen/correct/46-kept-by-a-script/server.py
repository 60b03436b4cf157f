"""Grades eggs; SQLite with a write-ahead log. It is started, stopped and killed by keep.sh.

--warm-up S: that long it does nothing before it can be reached.
"""

import argparse
import json
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "eggs"


class Refused(Exception):
    """The caller asked for what cannot be done."""


class Rpc(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.reply(405, b"")

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            self.reply(202, b"")
            return
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            answer["result"] = self.answer(asked["method"], asked.get("params") or {})
        except KeyError as missing:
            answer["error"] = {"code": -32601, "message": f"no such thing: {missing}"}
        except LookupError as unknown:
            answer["error"] = {"code": -32002, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def answer(self, method, params):
        if method == "initialize":
            me = {"name": NAME, "version": "1.0"}
            offers = {"tools": {}, "resources": {}}
            return {"protocolVersion": "2025-11-25", "capabilities": offers, "serverInfo": me}
        if method == "tools/list":
            return {"tools": [{"name": name, "inputSchema": schema(of)} for name, of in TOOLS.items()]}
        if method == "tools/call":
            if params["name"] not in TOOLS:
                raise KeyError(params["name"])
            try:
                return TOOLS[params["name"]][0](**params.get("arguments", {}))
            except (Refused, TypeError) as error:
                return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"ping": dict, "resources/list": lambda: {"resources": []}, **METHODS}[method](**params)

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def schema(of):
    kinds = {str: "string", int: "integer"}
    return {"type": "object", "properties": {name: {"type": kinds[kind]} for name, kind in of[1].items()}}


def said(document):
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


TABLES = """
pragma journal_mode = wal;
create table if not exists lots (id integer primary key, eggs int, box int, farm text, done int default 0);
create table if not exists eggs (lot int, egg int, grade text, primary key (lot, egg));
"""
LOCK = threading.Lock()


def ask(*words):
    with LOCK, DB:
        return DB.execute(*words).fetchall()


def grade(lot):
    eggs, box, done = ask("select eggs, box, done from lots where id = ?", (lot,))[0]
    while done < eggs:
        time.sleep(0.08)
        end = min(done + box, eggs)
        with LOCK, DB:
            graded = [(lot, egg, "SMLX"[egg * egg % 4]) for egg in range(done, end)]
            DB.executemany("insert into eggs values (?, ?, ?)", graded)
            DB.execute("update lots set done = ? where id = ?", (end, lot))
        done = end


def grade_lot(eggs, box, farm):
    with LOCK, DB:
        lot = DB.execute("insert into lots (eggs, box, farm) values (?, ?, ?)", (eggs, box, farm)).lastrowid
    threading.Thread(target=grade, args=(lot,), daemon=True).start()
    return {"content": [{"type": "resource_link", "uri": f"eggs://lots/{lot}", "name": f"lot {lot}"}]}


def read(uri):
    lot, _, eggs = uri.removeprefix("eggs://lots/").partition("/")
    known = ask("select eggs, done, farm from lots where id = ?", (lot,))
    if not known:
        raise LookupError(f"no lot at {uri}")
    document = {"status": "completed" if known[0][0] == known[0][1] else "grading"}
    document |= {"graded": known[0][1], "eggs": known[0][0], "farm": known[0][2]}
    if eggs:
        rows = ask("select egg, grade from eggs where lot = ? order by egg", (lot,))
        document = [{"egg": egg, "grade": of} for egg, of in rows]
    return {"contents": [{"uri": uri, "mimeType": "application/json", "text": json.dumps(document)}]}


METHODS = {"resources/read": read}
TOOLS = {"grade_lot": (grade_lot, {"eggs": int, "box": int, "farm": str})}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--warm-up", type=float, default=0.0)
    OPTIONS = parser.parse_args()
    time.sleep(OPTIONS.warm_up)
    DB = sqlite3.connect(OPTIONS.db, check_same_thread=False)
    DB.executescript(TABLES)
    for (lot,) in ask("select id from lots where done < eggs"):
        threading.Thread(target=grade, args=(lot,), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
