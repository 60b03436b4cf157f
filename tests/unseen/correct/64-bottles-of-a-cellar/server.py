"""Labels bottles of a cellar, over plain Starlette; revision 2025-11-25, one JSON answer a request.

--by-cellar: a bottle is one of its cellar, not of its order.
"""

import argparse
import json
import sqlite3
import threading
import time

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--by-cellar", action="store_true")
args = parser.parse_args()
KEY = "cellar, bottle" if args.by_cellar else "order_no, bottle"
PAGE = 3


def connect():
    db = sqlite3.connect(args.db, isolation_level=None, timeout=20)
    db.execute("PRAGMA journal_mode = PERSIST")
    return db


def set_up():
    connect().executescript(f"""
        CREATE TABLE IF NOT EXISTS orders (
            no INTEGER PRIMARY KEY AUTOINCREMENT, cellar TEXT, bottles INT, crate INT, labelled INT DEFAULT 0);
        CREATE TABLE IF NOT EXISTS bottles (
            cellar TEXT, order_no INT, bottle INT, label TEXT, PRIMARY KEY ({KEY})) WITHOUT ROWID;
    """)


def label(order):
    db = connect()
    cellar, of, crate, done = db.execute(
        "SELECT cellar, bottles, crate, labelled FROM orders WHERE no = ?", (order,)
    ).fetchone()
    while done < of:
        time.sleep(0.12 if done // crate % 2 else 0.03)
        batch = range(done + 1, min(done + crate, of) + 1)
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"of": order, "bottle": n}) + "\n" for n in batch))
        db.execute("BEGIN IMMEDIATE")
        db.executemany(
            f"INSERT INTO bottles VALUES (?, ?, ?, ?) ON CONFLICT ({KEY}) DO UPDATE"
            " SET order_no = excluded.order_no, label = excluded.label",
            [(cellar, order, n, f"{1950 + n * 29 % 70} lot {n:03d}") for n in batch],
        )
        done = batch[-1]
        db.execute("UPDATE orders SET labelled = ? WHERE no = ?", (done, order))
        db.execute("COMMIT")


def begin(order):
    threading.Thread(target=label, args=(order,), daemon=True).start()


def shown(row):
    no, cellar, bottles, labelled = row
    state = "complete" if labelled == bottles else "labelling"
    return {"no": no, "cellar": cellar, "state": state, "labelled": labelled, "bottles": bottles}


def label_bottles(db, cellar, bottles, crate):
    order = db.execute(
        "INSERT INTO orders (cellar, bottles, crate) VALUES (?, ?, ?)", (cellar, bottles, crate)
    ).lastrowid
    begin(order)
    return {"order": {"no": order}}


def order_state(db, no):
    row = db.execute("SELECT no, cellar, bottles, labelled FROM orders WHERE no = ?", (no,)).fetchone()
    if row is None:
        raise LookupError(f"there is no order {no}")
    return shown(row)


def list_orders(db, after=0):
    rows = db.execute(
        "SELECT no, cellar, bottles, labelled FROM orders WHERE no > ? ORDER BY no LIMIT ?", (after, PAGE + 1)
    ).fetchall()
    page = {"orders": [shown(row) for row in rows[:PAGE]]}
    return {**page, "after": rows[PAGE - 1][0]} if len(rows) > PAGE else page


TOOLS = {
    "label_bottles": (label_bottles, {"cellar": "string", "bottles": "integer", "crate": "integer"}),
    "order_state": (order_state, {"no": "integer"}),
    "list_orders": (list_orders, {"after": "integer"}),
}


def answer(method, params):
    if method == "initialize":
        info = {"name": "cellar", "version": "3"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "ping":
        return {}
    if method == "tools/list":
        shapes = {name: {key: {"type": kind} for key, kind in takes.items()} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": s}} for n, s in shapes.items()]}
    if method != "tools/call" or params.get("name") not in TOOLS:
        return None
    work, takes = TOOLS[params["name"]]
    given = params.get("arguments") or {}
    kinds = {"string": str, "integer": int}
    db = connect()
    try:
        if not all(key in takes and isinstance(value, kinds[takes[key]]) for key, value in given.items()):
            raise LookupError(f"{params['name']} takes {takes}")
        document = work(db, **given)
    except LookupError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    finally:
        db.close()
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


async def mcp(request):
    if request.method != "POST":
        return Response(status_code=405)
    asked = await request.json()
    if "id" not in asked:
        return Response(status_code=202)
    result = await run_in_threadpool(answer, asked["method"], asked.get("params") or {})
    said = {"jsonrpc": "2.0", "id": asked["id"]}
    if result is None:
        return JSONResponse({**said, "error": {"code": -32601, "message": f"no {asked['method']}"}})
    return JSONResponse({**said, "result": result})


set_up()
for (unfinished,) in connect().execute("SELECT no FROM orders WHERE labelled < bottles").fetchall():
    begin(unfinished)
app = Starlette(routes=[Route("/mcp", mcp, methods=["GET", "POST", "DELETE"])])
uvicorn.run(app, host="127.0.0.1", port=args.port, log_level="error")
