"""Exports invoices to a table with a header. A start cuts the table to as many lines as the job's file says.

--header-counts: as many lines as there are invoices, the header being one.
--since-start: what the job's file says is counted from where this life began.
"""

import argparse
import csv
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "invoices"
EXPORTS = {}


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


def put(export):
    fresh = OPTIONS.dir / f"{export['id']}.json.fresh"
    fresh.write_text(json.dumps(export))
    fresh.replace(OPTIONS.dir / f"{export['id']}.json")


def cut(path, lines):
    """Keeps so many lines from the top."""
    with path.open("r+b") as file:
        for _ in range(lines):
            file.readline()
        file.truncate(file.tell())


def run(export):
    table = OPTIONS.dir / f"{export['id']}.csv"
    if not table.exists() or not export["done"]:
        with table.open("w") as file:
            file.write("invoice,net,gross\n")
    else:
        cut(table, export["done"] + (0 if OPTIONS.header_counts else 1))
    began_at = export["done"] if OPTIONS.since_start else 0
    done = export["done"]
    while done < export["invoices"]:
        time.sleep(0.055)
        end = min(done + export["page"], export["invoices"])
        with open(OPTIONS.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": export["id"], "record": n}) + "\n" for n in range(done, end))
        with table.open("a", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([n, n * 3, f"{n * 3.57:.2f}"] for n in range(done, end))
        done = end
        put({**export, "done": done - began_at})
        EXPORTS[export["id"]] = {**export, "done": done}


def begin(export):
    EXPORTS[export["id"]] = export
    threading.Thread(target=run, args=(export,), daemon=True).start()


def export_invoices(invoices, page, customer):
    export = {"id": uuid.uuid4().hex[:16], "invoices": invoices, "page": page, "customer": customer, "done": 0}
    put(export)
    begin(export)
    return {"export": export["id"]}


def export_status(export):
    if export not in EXPORTS:
        raise LookupError(f"there is no export {export}")
    done, of = EXPORTS[export]["done"], EXPORTS[export]["invoices"]
    return {"export": export, "status": "ready" if done == of else "exporting", "invoices": done, "of": of}


def read(uri):
    raise LookupError(f"there is no {uri}")


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
    "export_invoices": (export_invoices, {"invoices": WHOLE, "page": WHOLE, "customer": TEXT}),
    "export_status": (export_status, {"export": TEXT}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--ledger", default=os.devnull)
    parser.add_argument("--header-counts", action="store_true")
    parser.add_argument("--since-start", action="store_true")
    OPTIONS = parser.parse_args()
    for path in OPTIONS.dir.glob("*.json"):
        begin(json.loads(path.read_text()))
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
