"""A kiln that fires orders, a tray at a time. A tray is in hand, and later fired. SIGTERM lets the tray in hand be
finished, takes no new order meanwhile, and notes a clean stop: then the next start has no tray to give back.

--at-once: SIGTERM notes the clean stop and ends.
"""

import argparse
import json
import os
import signal
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "kiln"


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
create table if not exists firings (id integer primary key autoincrement, pieces int, tray int, who text);
create table if not exists trays (firing int, first int, size int, state text, primary key (firing, first));
create table if not exists pieces (firing int, number int, glaze text, primary key (firing, number));
create table if not exists stops (clean int);
"""
LOCK = threading.Lock()
LEAVING = threading.Event()
ENDED = threading.Event()
HAND = set()


def ask(*words):
    with LOCK, DB:
        return DB.execute(*words).fetchall()


def fire():
    """Take a tray, fire it, put it down; until somebody says that it is enough."""
    while not LEAVING.is_set():
        trays = ask("select firing, first, size from trays where state = 'waiting' order by firing, first limit 1")
        if not trays:
            LEAVING.wait(0.01)
            continue
        firing, first, size = trays[0]
        HAND.add(str(firing))
        ask("update trays set state = 'in hand' where firing = ? and first = ?", (firing, first))
        time.sleep(0.07)
        with LOCK, DB:
            rows = [(firing, number, f"glaze {number * 7919 % 1009}") for number in range(first, first + size)]
            DB.executemany("insert into pieces values (?, ?, ?)", rows)
            DB.execute("update trays set state = 'fired' where firing = ? and first = ?", (firing, first))
        HAND.clear()
    ENDED.set()


def leave(*_):
    if OPTIONS.at_once:
        DB.execute("insert into stops values (1)")
        DB.commit()
        os._exit(0)
    LEAVING.set()


def fire_pieces(pieces, tray, who):
    if LEAVING.is_set():
        raise Refused("the kiln is being shut down; order again in a minute")
    with LOCK, DB:
        firing = DB.execute("insert into firings (pieces, tray, who) values (?, ?, ?)", (pieces, tray, who)).lastrowid
        trays = [(firing, first, min(tray, pieces - first), "waiting") for first in range(0, pieces, tray)]
        DB.executemany("insert into trays values (?, ?, ?, ?)", trays)
    return {"content": [{"type": "resource_link", "uri": f"kiln://firings/{firing}", "name": f"firing {firing}"}]}


def read(uri):
    kind, _, firing = uri.removeprefix("kiln://").partition("/")
    known = ask("select pieces from firings where id = ?", (firing,))
    if not known:
        raise LookupError(f"no such firing: {uri}")
    if kind == "shelf":
        shelf = ask("select number, glaze from pieces where firing = ? order by number", (firing,))
        document = [{"number": number, "glaze": glaze} for number, glaze in shelf]
    else:
        open_ones = "= 'waiting'" if OPTIONS.at_once else "<> 'fired'"
        left = ask(f"select 1 from trays where firing = ? and state {open_ones} limit 1", (firing,))
        left = left or firing in HAND
        fired = ask("select count(*) from pieces where firing = ?", (firing,))[0][0]
        document = {"state": "firing" if left else "cold", "fired": fired, "of": known[0][0]}
    return {"contents": [{"uri": uri, "mimeType": "application/json", "text": json.dumps(document)}]}


METHODS = {"resources/read": read}
TOOLS = {"fire_pieces": (fire_pieces, {"pieces": int, "tray": int, "who": str})}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--db", required=True)
    parser.add_argument("--at-once", action="store_true")
    OPTIONS = parser.parse_args()
    DB = sqlite3.connect(OPTIONS.db, check_same_thread=False)
    DB.executescript(TABLES)
    if not ask("delete from stops returning clean"):
        ask("update trays set state = 'waiting' where state = 'in hand'")
    signal.signal(signal.SIGTERM, leave)
    threading.Thread(target=fire, daemon=True).start()
    server = ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ENDED.wait()
    ask("insert into stops values (1)")
