"""Weighs parcels. How far a delivery is stands on a board, which is painted anew ten times a second at most.

asyncio's own streams, and SQLite that nobody else may open meanwhile.

--remembers: what has to be painted anew is remembered, and not looked up.
"""

import argparse
import asyncio
import json
import sqlite3
import time
import uuid

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--db", required=True)
parser.add_argument("--ledger")
parser.add_argument("--remembers", action="store_true")
args = parser.parse_args()

PAINT_S = 0.1
at_work, to_paint = set(), set()
db = sqlite3.connect(args.db, isolation_level=None, timeout=20)
db.execute("PRAGMA locking_mode = EXCLUSIVE")
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = OFF")
db.execute("CREATE TABLE IF NOT EXISTS deliveries (id TEXT PRIMARY KEY, of INT, lot INT, done INT DEFAULT 0)")
db.execute("CREATE TABLE IF NOT EXISTS parcels (delivery TEXT, parcel INT, grams INT, PRIMARY KEY (delivery, parcel))")
db.execute("CREATE TABLE IF NOT EXISTS board (delivery TEXT PRIMARY KEY, done INT, says TEXT, painted REAL)")


async def weigh(name):
    while True:
        of, lot, done = db.execute("SELECT of, lot, done FROM deliveries WHERE id = ?", (name,)).fetchone()
        if done == of:
            return
        await asyncio.sleep(0.025)
        numbers = range(done, min(done + lot, of))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": n}) + "\n" for n in numbers))
        db.execute("BEGIN")
        db.executemany("INSERT INTO parcels VALUES (?, ?, ?)", [(name, n, 100 + n * 577 % 4900) for n in numbers])
        db.execute("UPDATE deliveries SET done = ? WHERE id = ?", (numbers.stop, name))
        db.execute("COMMIT")
        to_paint.add(name)


def begin(name):
    task = asyncio.create_task(weigh(name))
    at_work.add(task)
    task.add_done_callback(at_work.discard)


def paint(name):
    of, done = db.execute("SELECT of, done FROM deliveries WHERE id = ?", (name,)).fetchone()
    says = {
        "delivery": name,
        "phase": "weighed" if done == of else "on the scales",
        "parcels": {"done": done, "of": of},
    }
    row = (name, done, json.dumps(says), time.time())
    db.execute("INSERT OR REPLACE INTO board VALUES (?, ?, ?, ?)", row)
    to_paint.discard(name)
    return says


class Refused(Exception):
    pass


def weigh_delivery(parcels, lot):
    if parcels < 1 or lot < 1:
        raise Refused("a delivery has parcels")
    name = str(uuid.uuid4())
    db.execute("INSERT INTO deliveries (id, of, lot) VALUES (?, ?, ?)", (name, parcels, lot))
    paint(name)
    begin(name)
    return {"accepted": {"delivery": name}}


def read_board(delivery):
    there = "SELECT b.says, b.painted, b.done = d.done FROM board b JOIN deliveries d ON id = delivery WHERE id = ?"
    row = db.execute(there, (delivery,)).fetchone()
    if row is None:
        raise Refused(f"there is no delivery {delivery}")
    says, painted, is_so = row
    stale = delivery in to_paint if args.remembers else not is_so
    if stale and not 0 <= time.time() - painted < PAINT_S:
        return paint(delivery)
    return json.loads(says)


def weights(delivery, page=1):
    found = db.execute(
        "SELECT parcel, grams FROM parcels WHERE delivery = ? ORDER BY parcel LIMIT 100 OFFSET ?",
        (delivery, (page - 1) * 100),
    )
    rows = [{"parcel": n, "grams": grams} for n, grams in found]
    return {"data": {"weights": rows}, "paging": {"page": page, "next": page + 1 if len(rows) == 100 else None}}


WHOLE, TEXT = {"type": "integer"}, {"type": "string"}
TOOLS = {
    "weigh_delivery": (weigh_delivery, {"parcels": WHOLE, "lot": WHOLE}),
    "read_board": (read_board, {"delivery": TEXT}),
    "weights": (weights, {"delivery": TEXT, "page": WHOLE}),
}


def answer(method, params):
    if method == "initialize":
        spoken = params.get("protocolVersion")
        spoken = spoken if spoken in ("2025-03-26", "2025-06-18", "2025-11-25") else "2025-11-25"
        me = {"name": "parcels", "version": "12"}
        return {"protocolVersion": spoken, "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "ping":
        return {}
    if method == "tools/list":
        schemas = {name: {"type": "object", "properties": keys} for name, (_, keys) in TOOLS.items()}
        return {"tools": [{"name": name, "inputSchema": schema} for name, schema in schemas.items()]}
    if method == "tools/call" and params["name"] in TOOLS:
        try:
            document = TOOLS[params["name"]][0](**params.get("arguments", {}))
        except (Refused, TypeError) as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}
    return None


def replied(body):
    """The status and the body of what is said to that."""
    asked = json.loads(body)
    if "id" not in asked:
        return "202 Accepted", b""
    said = {"jsonrpc": "2.0", "id": asked["id"]}
    result = answer(asked["method"], asked.get("params", {}))
    if result is None:
        said["error"] = {"code": -32601, "message": f"there is no {asked['method']}"}
    else:
        said["result"] = result
    return "200 OK", json.dumps(said).encode()


async def door(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, says = replied(body) if head[0].startswith("POST") else ("405 Method Not Allowed", b"")
            about = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(says)}\r\n\r\n"
            writer.write(about.encode() + says)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    for (name,) in db.execute("SELECT id FROM deliveries WHERE done < of").fetchall():
        begin(name)
    server = await asyncio.start_server(door, "127.0.0.1", args.port)
    await server.serve_forever()


asyncio.run(main())
