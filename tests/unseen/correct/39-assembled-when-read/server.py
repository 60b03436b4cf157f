"""Renders reports in parts. A part is a file, renamed into place; the report is put together by whoever reads it first.

--published: the report is written when the last part is there, and the order says so a moment before.
"""

import argparse
import hashlib
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "reports"
BUSY = threading.Lock()


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


def put(path, document):
    scratch = path.with_suffix(".tmp")
    scratch.write_text(json.dumps(document))
    os.replace(scratch, path)


def rendered(number):
    return {"line": number, "text": hashlib.sha256(f"line {number}".encode()).hexdigest()[:12]}


def parts(folder):
    return sorted(folder.glob("part-*.json"))


def render(folder):
    order = json.loads((folder / "order.json").read_text())
    while (begun := len(parts(folder)) * order["chunk"]) < order["lines"]:
        time.sleep(0.05)
        chunk = [rendered(number) for number in range(begun, min(begun + order["chunk"], order["lines"]))]
        put(folder / f"part-{begun // order['chunk']:05}.json", chunk)
    if OPTIONS.published:
        put(folder / "order.json", {**order, "ready": True})
        publish(folder)
        READY.add(folder.name)


def publish(folder):
    """One line after the other, as the typesetter hands them out."""
    with (folder / "report.jsonl").open("w") as report:
        for part in parts(folder):
            for line in json.loads(part.read_text()):
                time.sleep(0.0006)
                report.write(json.dumps(line) + "\n")
            report.flush()


def order_report(lines, chunk, customer):
    folder = STORE / uuid.uuid4().hex[:10]
    folder.mkdir()
    put(folder / "order.json", {"lines": lines, "chunk": chunk, "customer": customer})
    threading.Thread(target=render, args=(folder,), daemon=True).start()
    return said({"report": folder.name})


def found(report):
    if not (STORE / Path(report).name / "order.json").exists():
        raise Refused(f"there is no report {report}")
    return STORE / Path(report).name


def report_state(report):
    folder = found(report)
    order = json.loads((folder / "order.json").read_text())
    lines = min(len(parts(folder)) * order["chunk"], order["lines"])
    ready = report in READY if OPTIONS.published else lines == order["lines"]
    return said({"state": "ready" if ready else "rendering", "lines": lines, "of": order["lines"]})


def read_report(report):
    folder = found(report)
    if OPTIONS.published:
        text = (folder / "report.jsonl").read_text() if (folder / "report.jsonl").exists() else ""
        return said({"lines": [json.loads(line) for line in text.splitlines() if line.endswith("}")]})
    with BUSY:
        if not (folder / "report.json").exists():
            lines = [line for part in parts(folder) for line in json.loads(part.read_text())]
            if len(lines) < json.loads((folder / "order.json").read_text())["lines"]:
                raise Refused("this report is not ready")
            put(folder / "report.json", lines)
        return said({"lines": json.loads((folder / "report.json").read_text())})


METHODS = {}
READY = set()
TOOLS = {
    "order_report": (order_report, {"lines": int, "chunk": int, "customer": str}),
    "report_state": (report_state, {"report": str}),
    "read_report": (read_report, {"report": str}),
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--published", action="store_true")
    OPTIONS = parser.parse_args()
    STORE = OPTIONS.store
    for old in STORE.glob("*/order.json"):
        if json.loads(old.read_text()).get("ready"):
            READY.add(old.parent.name)
        else:
            threading.Thread(target=render, args=(old.parent,), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
