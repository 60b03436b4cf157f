"""Imports a catalogue over stdio. A key stands for one order: the same again is the import that there is, and another
one under the same key is refused.

--by-key-alone: whoever comes with a known key gets what the key stands for.
"""

import argparse
import json
import os
import sqlite3
import sys
import threading
import time

TABLES = """
pragma journal_mode = wal;
create table if not exists imports (key text primary key, articles int, chunk int, done int default 0);
create table if not exists articles (key text, sku int, price text, primary key (key, sku));
"""
LOCK = threading.Lock()


class Refused(Exception):
    """The caller asked for what cannot be done."""


def ask(*words):
    with LOCK, DB:
        return DB.execute(*words).fetchall()


def bring_in(key):
    """A chunk is there with its place or not at all; somebody else at the same import has the one or the other."""
    while True:
        articles, chunk, done = ask("select articles, chunk, done from imports where key = ?", (key,))[0]
        if done == articles:
            return
        time.sleep(0.06)
        end = min(done + chunk, articles)
        rows = [(key, sku, f"{sku * 131 % 9973 / 100:.2f}") for sku in range(done, end)]
        with LOCK, DB:
            DB.execute("begin immediate")
            moved = DB.execute("update imports set done = ? where key = ? and done = ?", (end, key, done))
            if moved.rowcount:
                DB.executemany("insert into articles values (?, ?, ?)", rows)


def start(key):
    threading.Thread(target=bring_in, args=(key,), daemon=True).start()


def import_catalogue(key, articles, chunk):
    known = ask("select articles, chunk from imports where key = ?", (key,))
    if known and known[0] != (articles, chunk) and not OPTIONS.by_key_alone:
        raise Refused(f"{key} is the key of an import of {known[0][0]} articles; choose another one for {articles}")
    if not known:
        ask("insert into imports (key, articles, chunk) values (?, ?, ?)", (key, articles, chunk))
        start(key)
    return {"import": key, "accepted": True}


def import_state(key):
    known = ask("select articles, done from imports where key = ?", (key,))
    if not known:
        raise Refused(f"there is no import {key}")
    articles, done = known[0]
    return {"status": "done" if done == articles else "in progress", "imported": done, "articles": articles}


def import_articles(key):
    rows = ask("select sku, price from articles where key = ? order by sku", (key,))
    return {"articles": [{"sku": sku, "price": price} for sku, price in rows]}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
TOOLS = {
    "import_catalogue": (import_catalogue, {"key": TEXT, "articles": WHOLE, "chunk": WHOLE}),
    "import_state": (import_state, {"key": TEXT}),
    "import_articles": (import_articles, {"key": TEXT}),
}


def answer(method, params):
    if method == "initialize":
        me = {"name": "catalogue", "version": "0.9"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "tools/list":
        shapes = {name: {"type": "object", "properties": takes} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": name, "inputSchema": shape} for name, shape in shapes.items()]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        return None
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (Refused, TypeError) as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--db", required=True)
    parser.add_argument("--by-key-alone", action="store_true")
    OPTIONS = parser.parse_args()
    DB = sqlite3.connect(OPTIONS.db, check_same_thread=False, timeout=20)
    DB.executescript(TABLES)
    for (key,) in ask("select key from imports where done < articles"):
        start(key)
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        outcome = {"result": result} if result is not None else {"error": {"code": -32601, "message": "not here"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **outcome}), flush=True)
    os._exit(0)
