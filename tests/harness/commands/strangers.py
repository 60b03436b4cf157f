"""Servers of nothing but Python, each with other words and another shape, for ``init`` to find out about."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("kind")
parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "0")))
parser.add_argument("--db", default=os.environ.get("MY_DB", "jobs.db"))
parser.add_argument("--keep", help="the same as --db, by a name that says nothing")
parser.add_argument("--wants", help="a table that its store has, or it does not start")
parser.add_argument("--beside", help="its name, where it lies beside this file")
parser.add_argument("--stdio", action="store_true")
parser.add_argument("--token", help="whoever does not have it is turned away")
args = parser.parse_args()

STRING, INTEGER = {"type": "string"}, {"type": "integer"}
PAUSE_S = 0.02


def tool(name: str, **arguments: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": arguments, "required": list(arguments)}
    return {"name": name, "inputSchema": schema}


POLLED = [
    tool("submitJob", recordCount=INTEGER),
    tool("jobState", jobId=STRING),
    tool("jobRows", jobId=STRING),
    tool("cancelJob", jobId=STRING),
]
TOOLS = {
    "ticketed": [
        tool("reconcile", account=STRING, entries=INTEGER),
        tool("ticket_state", ticket=STRING),
        tool("matched", ticket=STRING),
    ],
    "telling": [tool("process_rows", count=INTEGER, chunk=INTEGER, client_id=STRING), tool("rows", client_id=STRING)],
    "polled": POLLED,
    "failing": POLLED,
    "remembering": POLLED,
    "shelving": POLLED[:2],
    "wordy": POLLED[:2],
    "templated": POLLED[:1],
    "deaf": [tool("submitJob", recordCount=INTEGER), tool("echo", text=STRING)],
    "blocking": [tool("process_rows", count=INTEGER, chunk=INTEGER, client_id=STRING)],
    "weather": [tool("get_weather", city=STRING)],
}[args.kind]

beside = str(Path(__file__).resolve().parent / args.beside) if args.beside else None
db = sqlite3.connect(
    beside or os.environ.get("MY_SHELF") or args.keep or args.db, check_same_thread=False, isolation_level=None
)
db.execute("CREATE TABLE IF NOT EXISTS rows (job TEXT, n INT, PRIMARY KEY (job, n))")
db.execute("CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, total INT)")
if args.wants:
    db.execute(f"SELECT count(*) FROM {args.wants}")
lock = threading.Lock()


def ask(query: str, *values: object) -> list[Any]:
    with lock:
        return db.execute(query, values).fetchall()


def done(job: str) -> int:
    return int(ask("SELECT count(*) FROM rows WHERE job = ?", job)[0][0])


def rows(job: str) -> list[dict[str, int]]:
    return [{"n": n, "square": n * n} for (n,) in ask("SELECT n FROM rows WHERE job = ? ORDER BY n", job)]


def batch(job: str, total: int, size: int) -> None:
    first = done(job)
    time.sleep(PAUSE_S)  # the work
    with lock:
        db.execute("BEGIN")
        db.executemany(
            "INSERT OR IGNORE INTO rows VALUES (?, ?)", [(job, n) for n in range(first, min(first + size, total))]
        )
        db.execute("COMMIT")


def work(job: str, total: int) -> None:
    while done(job) < total:
        batch(job, total, 5)


def state(job: str) -> dict[str, Any]:
    [(total,)] = ask("SELECT total FROM jobs WHERE id = ?", job)
    if args.kind == "failing" and done(job) > total // 2:
        return {"zustand": "failed", "error": "no more room"}
    word = "fertig" if done(job) == total else "running"
    return {"zustand": word, "fortschritt": {"erledigt": done(job), "gesamt": total}}


def call(name: str, given: dict[str, Any]) -> Any:
    match name:
        case "submitJob":
            job = f"of-{given['recordCount']}" if args.kind == "remembering" else os.urandom(8).hex()
            ask("INSERT OR IGNORE INTO jobs VALUES (?, ?)", job, given["recordCount"])
            threading.Thread(target=work, args=(job, given["recordCount"]), daemon=True).start()
            return {"job": {"id": job}}
        case "jobState":
            return state(given["jobId"])
        case "jobRows":
            return {"rows": rows(given["jobId"])}
        case "reconcile":
            job = call("submitJob", {"recordCount": given["entries"]})["job"]["id"]
            return {"ticket": job}
        case "ticket_state":
            return state(given["ticket"])
        case "matched":
            return {
                "rows": [{"matched_at": time.time() + row["n"], "entry": row["n"]} for row in rows(given["ticket"])]
            }
        case "rows":
            return {"rows": rows(given["client_id"])}
        case "process_rows":
            while done(given["client_id"]) < given["count"]:
                batch(given["client_id"], given["count"], given["chunk"])
            if args.kind == "telling":
                return {"job_id": f"job-{given['client_id']}", "made": given["count"], "of": given["count"]}
            return {"rows": rows(given["client_id"]), "processed": given["count"]}
    raise ValueError(f"there is no tool {name}")


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "server/discover":
        return {"capabilities": {"tools": {}}, "supportedVersions": ["2026-07-28"], "serverInfo": {"name": args.kind}}
    if method == "tools/list":
        return {"tools": TOOLS}
    if method == "resources/templates/list" and args.kind == "templated":
        return {
            "resourceTemplates": [{"name": n, "uriTemplate": f"auftrag://{n}/{{jobId}}"} for n in ("rows", "stand")]
        }
    if method == "resources/read" and args.kind == "templated":
        _, _, what, job = params["uri"].split("/")
        text = json.dumps(rows(job) if what == "rows" else state(job))
        return {"contents": [{"uri": params["uri"], "text": text}]}
    if method == "tools/call":
        if args.kind == "wordy" and params["name"] == "jobState":
            stands = state(params["arguments"]["jobId"])
            text = f"{stands['zustand']}, {stands['fortschritt']['erledigt']} of {stands['fortschritt']['gesamt']}"
            return {"content": [{"type": "text", "text": text}]}
        return {"content": [{"type": "text", "text": json.dumps(call(params["name"], params["arguments"]))}]}
    raise KeyError(method)


def replied(asked: dict[str, Any]) -> dict[str, Any]:
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": asked.get("id")}
    try:
        reply["result"] = answer(asked["method"], asked.get("params", {}))
    except KeyError:
        reply["error"] = {"code": -32601, "message": "no such method"}
    except ValueError as error:
        reply["result"] = {"isError": True, "content": [{"type": "text", "text": str(error)}]}
    return reply


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = args.token is None or self.headers["authorization"] == f"Bearer {args.token}"
        body = json.dumps(replied(asked)).encode() if known else b"{}"
        self.send_response((200 if "id" in asked else 202) if known else 401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


for unfinished in ask("SELECT id, total FROM jobs"):
    threading.Thread(target=work, args=unfinished, daemon=True).start()
if args.stdio:
    for line in sys.stdin:
        if "id" in (message := json.loads(line)):
            print(json.dumps(replied(message)), flush=True)
    while True:  # as many do that have a timer or a connection of their own: the end of its input is not its end
        time.sleep(1)
ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever()
