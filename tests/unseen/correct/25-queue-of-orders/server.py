"""Converts orders. A JSON file an order and a CSV file for what it converts, cut to the order's mark at start.

How several orders get along is told by --manner: one after the other, one refused, or turn about.
"""

import argparse
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
parser.add_argument("--pace-ms", type=float, default=40)
parser.add_argument("--manner", choices=["queue", "refuse", "turns", "beside"], default="queue")
parser.add_argument("--late-s", type=float, default=0, help="a start takes so much longer")
parser.add_argument("--names-customer", action="store_true", help="each row says whose it is")
parser.add_argument("--flaw", default="")
args = parser.parse_args()
lock = threading.RLock()
work = threading.Condition(lock)
orders = {}
shared = {"done": None}  # the flawed one counts here


def save(order):
    beside = args.dir / f"{order['id']}.{threading.get_ident()}.new"
    with beside.open("w") as file:
        json.dump(order, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(args.dir / f"{order['id']}.json")


def load(name):
    if name in orders:
        return orders[name]
    path = args.dir / f"{name}.json"
    return json.loads(path.read_text()) if name.replace("-", "").isalnum() and path.exists() else None


def output(order):
    return args.dir / f"rows-{order.get('slot', order['id'])}.csv"


def is_open(order):
    return order["done"] < order["rows"]


def convert(order):
    """One batch: the rows first, then the mark behind them."""
    numbers = range(order["done"], min(order["done"] + order["batch"], order["rows"]))
    if args.ledger:
        with open(args.ledger, "a") as ledger:
            ledger.writelines(json.dumps({"task": order["id"], "record": n}) + "\n" for n in numbers)
    of = f" of {order['customer']}" if args.names_customer else ""
    with output(order).open("ab", buffering=0) as file:
        if "slot" not in order:
            file.truncate(order["size"])
            file.seek(0, os.SEEK_END)
        file.write("".join(f"{n};row {n}{of}\n" for n in numbers).encode())
        order["size"] = file.tell()
    order["done"] = numbers.stop
    if shared["done"] is not None:
        shared["done"] += len(numbers)
    save(order)


def next_order(last):
    """Whose turn it is, in the order of their coming; turn about, the one behind the last."""
    waiting = sorted((order for order in orders.values() if is_open(order)), key=lambda order: order["came"])
    if args.manner == "turns":
        waiting = [o for o in waiting if o["came"] > last] + [o for o in waiting if o["came"] <= last]
    return waiting[0] if waiting else None


def one_worker():
    last = 0
    while True:
        with work:
            order = next_order(last)
            if order is None:
                work.wait()
                continue
        time.sleep(args.pace_ms / 1000)
        with work:
            convert(order)
            last = order["came"]


def own_worker(order):
    while is_open(order):
        time.sleep(args.pace_ms / 1000)
        with work:
            convert(order)


def begin(order):
    orders[order["id"]] = order
    if args.manner == "beside":
        threading.Thread(target=own_worker, args=(order,), daemon=True).start()
    else:
        work.notify_all()


def new_id():
    if args.flaw == "number-of-the-open":
        return f"C-{len(orders) + 1:04d}"
    return f"C-{uuid4().hex}"


def convert_order(given):
    with work:
        if args.manner == "refuse" and (busy := next_order(0)):
            return {
                "error": {"code": -32000, "message": f"one order at a time: {busy['id']} is under way, try again later"}
            }
        if args.flaw == "picks-up-the-open":
            for order in orders.values():
                if order["rows"] == given["rows"] and order.get("owner") is None and is_open(order):
                    order["owner"] = threading.get_ident()
                    return link(order)
        order = {"id": new_id(), "came": time.time(), "done": 0, "size": 0, "batch": 10} | given
        if args.flaw == "slots-anew":
            order["slot"] = next(n for n in range(99) if n not in {o["slot"] for o in orders.values() if is_open(o)})
            output(order).write_bytes(b"")
        output(order).touch()
        save(order)
        if args.flaw == "picks-up-the-open":
            order["owner"] = threading.get_ident()
        begin(order)
    return link(order)


def link(order):
    return {"result": {"content": [{"type": "resource_link", "uri": f"order://{order['id']}", "name": "your order"}]}}


def call(params):
    return convert_order(params["arguments"])


def document(order):
    done = order["done"] if shared["done"] is None else min(shared["done"], order["rows"])
    first = next_order(0)
    state = "waiting" if args.manner == "queue" and order is not first and not done else "converting"
    state = "ready" if done >= order["rows"] else state
    return {"order": {"no": {"id": order["id"]}, "state": state, "percent": 100 * done // order["rows"], "rows": done}}


def read(params):
    name, _, page = params["uri"].removeprefix("order://").partition("/rows/")
    with lock:
        order = load(name)
        if order is None:
            return {"error": {"code": -32002, "message": "there is no such order"}}
        if page:
            lines = output(order).read_bytes()
            lines = (lines if "slot" in order else lines[: order["size"]]).decode().splitlines()
            some = lines[int(page) : int(page) + 40]
            rows = [dict(zip(("row", "text"), line.split(";"), strict=True)) for line in some]
            more = int(page) + 40
            found = {"rows": rows, "next": f"order://{name}/rows/{more}" if more < len(lines) else None}
        else:
            found = document(order)
    text = json.dumps(found)
    return {"result": {"contents": [{"uri": params["uri"], "mimeType": "application/json", "text": text}]}}


TYPES = {"customer": {"type": "string"}, "rows": {"type": "integer"}, "batch": {"type": "integer"}}
TOOLS = [{"name": "convert_order", "inputSchema": {"type": "object", "properties": TYPES}}]
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}, "resources": {}},
    "serverInfo": {"name": "orders", "version": "1"},
}
METHODS = {
    "initialize": lambda params: {"result": HELLO},
    "ping": lambda params: {"result": {}},
    "tools/list": lambda params: {"result": {"tools": TOOLS}},
    "resources/list": lambda params: {"result": {"resources": []}},
    "tools/call": call,
    "resources/read": read,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(405)

    do_DELETE = do_GET

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in message:
            self.reply(202)
            return
        unknown = {"error": {"code": -32601, "message": "Method not found"}}
        method = METHODS.get(message["method"], lambda params: unknown)
        answer = {"jsonrpc": "2.0", "id": message["id"]} | method(message.get("params") or {})
        self.reply(200, json.dumps(answer).encode())


def recover():
    found = [json.loads(path.read_text()) for path in args.dir.glob("*.json")]
    for order in sorted(found, key=lambda order: order["came"]):
        if is_open(order):
            if args.flaw == "slots-anew":  # a slot is a place in memory, and a new life deals them out anew
                slot = len(orders)
                if slot != order["slot"]:
                    output(order).replace(args.dir / f"rows-{slot}.csv")
                order["slot"] = slot
            order.pop("owner", None)
            if args.flaw == "one-counter":
                shared["done"] = order["done"]
            begin(order)


if __name__ == "__main__":
    time.sleep(args.late_s)
    with work:
        recover()
    if args.manner != "beside":
        threading.Thread(target=one_worker, daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", args.port), Handler).serve_forever(poll_interval=0.05)
