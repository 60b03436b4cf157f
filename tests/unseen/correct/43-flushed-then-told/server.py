"""Weighs shipments. All there is lives in memory; five times a second what has changed goes to the disk in one piece.
What a client is told is what is on the disk: an order is answered after the next flush, the display runs in jumps.

--answers-first: an order is answered at once.
"""

import argparse
import copy
import json
import os
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME = "scales"


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


MEMORY = {}
ON_DISK = {}
CHANGED = threading.Condition()


def flush_for_ever():
    while True:
        time.sleep(0.2)
        with CHANGED:
            state = copy.deepcopy(MEMORY)
        if state == ON_DISK:
            continue
        scratch = OPTIONS.file.with_suffix(".new")
        with scratch.open("w") as out:
            json.dump(state, out)
            out.flush()
            os.fsync(out.fileno())
        os.replace(scratch, OPTIONS.file)
        with CHANGED:
            ON_DISK.clear()
            ON_DISK.update(state)
            CHANGED.notify_all()


def weigh(shipment):
    job = MEMORY[shipment]
    while len(job["weights"]) < job["parcels"]:
        time.sleep(0.04)
        with CHANGED:
            begun = len(job["weights"])
            end = min(begun + job["pallet"], job["parcels"])
            job["weights"] += [{"parcel": n, "grams": 100 + n * 37 % 900} for n in range(begun, end)]


def weigh_shipment(parcels, pallet, sender):
    shipment = uuid.uuid4().hex
    with CHANGED:
        MEMORY[shipment] = {"parcels": parcels, "pallet": pallet, "sender": sender, "weights": []}
        threading.Thread(target=weigh, args=(shipment,), daemon=True).start()
        if not OPTIONS.answers_first and not CHANGED.wait_for(lambda: shipment in ON_DISK, 20):
            raise Refused("the disk takes too long; nothing is promised")
    return said({"shipment": {"uri": f"scale://shipments/{shipment}", "id": shipment}})


def read(uri):
    shipment, _, rows = uri.removeprefix("scale://shipments/").partition("/")
    with CHANGED:
        job = ON_DISK.get(shipment)
        if job is None and shipment in MEMORY:
            job = {**MEMORY[shipment], "weights": []}
        if job is None:
            raise LookupError(f"no such shipment: {uri}")
        done = len(job["weights"])
        state = "weighed" if done == job["parcels"] else "on the scales"
        document = {"state": state, "progress": {"weighed": done, "parcels": job["parcels"]}}
        text = json.dumps({"weights": job["weights"]} if rows else document)
    return {"contents": [{"uri": uri, "mimeType": "application/json", "text": text}]}


METHODS = {"resources/read": read}
TOOLS = {"weigh_shipment": (weigh_shipment, {"parcels": int, "pallet": int, "sender": str})}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--answers-first", action="store_true")
    OPTIONS = parser.parse_args()
    if OPTIONS.file.exists():
        ON_DISK.update(json.loads(OPTIONS.file.read_text()))
        MEMORY.update(copy.deepcopy(ON_DISK))
    for shipment in MEMORY:
        threading.Thread(target=weigh, args=(shipment,), daemon=True).start()
    threading.Thread(target=flush_for_ever, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", OPTIONS.port), Rpc).serve_forever()
