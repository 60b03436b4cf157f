"""Sends letters through an outbox: SQLite says what is to be sent, a courier appends it to the post's file and then
notes that it is gone. What went twice is shown once to who reads the post.

--remembers: the courier remembers what it has sent and sends nothing twice; the post is shown as it is.
"""

import argparse
import json
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "post"
TABLES = """
pragma journal_mode = wal;
create table if not exists mailings (id text primary key, letters int, bundle int);
create table if not exists outbox (mailing text, letter int, gone int default 0, primary key (mailing, letter));
create index if not exists waiting on outbox (mailing, gone, letter);
"""
LOCK = threading.Lock()
SENT = set()
NEXT = "select letter from outbox where mailing = ? and not gone order by letter limit ?"


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
            answer["result"] = respond(asked["method"], asked.get("params") or {})
        except LookupError as unknown:
            answer["error"] = {"code": -32602, "message": str(unknown)}
        self.reply(200, json.dumps(answer).encode())

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def ask(*words):
    with LOCK, DB:
        return DB.execute(*words).fetchall()


def courier(mailing):
    """At least once: a bundle that was on its way is sent again."""
    ((bundle,),) = ask("select bundle from mailings where id = ?", (mailing,))
    while letters := [letter for (letter,) in ask(NEXT, (mailing, bundle))]:
        for letter in letters:
            time.sleep(0.006)
            if (mailing, letter) in SENT:
                continue
            now = datetime.now(UTC).isoformat()
            with (POST / f"{mailing}.post").open("ab", buffering=0) as post:
                post.write(
                    json.dumps({"message_id": f"{mailing}-{letter}", "letter": letter, "at": now}).encode() + b"\n"
                )
            if OPTIONS.remembers:
                SENT.add((mailing, letter))
        last = letters[-1]
        ask("update outbox set gone = 1 where mailing = ? and letter <= ? and not gone", (mailing, last))


def begin(mailing):
    threading.Thread(target=courier, args=(mailing,), daemon=True).start()


def send_mailing(letters, bundle):
    mailing = str(uuid.uuid4())
    (POST / f"{mailing}.post").touch()
    with LOCK, DB:
        DB.execute("insert into mailings values (?, ?, ?)", (mailing, letters, bundle))
        DB.executemany("insert into outbox (mailing, letter) values (?, ?)", [(mailing, n) for n in range(letters)])
    begin(mailing)
    return {"mailing": mailing, "state": "queued"}


def mailing_state(mailing):
    ((letters, gone),) = ask("select count(*), sum(gone) from outbox where mailing = ?", (mailing,))
    if not letters:
        raise LookupError(f"no mailing {mailing}")
    return {"state": "sent" if gone == letters else "sending", "fraction": gone / letters, "letters": gone}


def delivered(mailing, offset=0):
    lines = (POST / f"{mailing}.post").read_bytes().splitlines(keepends=True)
    letters = [json.loads(line) for line in lines if line.endswith(b"\n")]
    if not OPTIONS.remembers:
        letters = list({letter["message_id"]: letter for letter in reversed(letters)}.values())[::-1]
    page = letters[offset : offset + 50]
    return {"letters": page, "more": offset + 50} if offset + 50 < len(letters) else {"letters": page}


def respond(method, params):
    if method == "initialize":
        me = {"name": NAME, "version": "1.0"}
        offers = {"tools": {}, "resources": {}}
        return {"protocolVersion": "2025-06-18", "capabilities": offers, "serverInfo": me}
    if method == "tools/list":
        shapes = {name: {"type": "object", "properties": takes} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": name, "inputSchema": shape} for name, shape in shapes.items()]}
    if method == "resources/list":
        return {"resources": []}
    if method == "resources/read":
        text = json.dumps(read(params["uri"]))
        return {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        raise LookupError(f"there is no {method} {params.get('name', '')}")
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (LookupError, TypeError) as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
TOOLS = {
    "send_mailing": (send_mailing, {"letters": WHOLE, "bundle": WHOLE}),
    "mailing_state": (mailing_state, {"mailing": TEXT}),
    "delivered": (delivered, {"mailing": TEXT, "offset": WHOLE}),
}


def read(uri):
    raise LookupError(f"there is no {uri}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--remembers", action="store_true")
    OPTIONS = parser.parse_args()
    POST = OPTIONS.dir
    DB = sqlite3.connect(POST / "outbox.db", check_same_thread=False)
    DB.executescript(TABLES)
    for (left,) in ask("select distinct mailing from outbox where not gone"):
        begin(left)
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
