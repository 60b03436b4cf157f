"""Franks letters, sack by sack, and books each sack in PostgreSQL under a key of its own: run, and number of the sack.

Nobody may wait for PostgreSQL for ever: who has had no answer for so long hangs up, and does the same thing again under
the same key, which is nothing where it has been done. A life that was replaced can book no more: runs have an epoch.

--says-so: whoever asks while PostgreSQL is away is told so, and may ask again.
--ends: whoever meets a PostgreSQL that is away ends the process, and somebody else may start it again.
--new-key: each try to book a sack has a key of its own.
--in-steps: a sack is booked in a transaction of four statements, not in one statement.
--impatient: the same, and a sack that could not be booked in 0.35 s ends its run.
"""

import argparse
import contextlib
import json
import os
import socket
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--store", required=True)
parser.add_argument("--ledger")
parser.add_argument("--says-so", action="store_true")
parser.add_argument("--ends", action="store_true")
parser.add_argument("--new-key", action="store_true")
parser.add_argument("--in-steps", action="store_true")
parser.add_argument("--impatient", action="store_true")
args = parser.parse_args()
patience_s = 0.35 if args.impatient else 0.8

SCHEMA = """
    CREATE TABLE IF NOT EXISTS runs (
        ref text PRIMARY KEY, letters int, sack int, epoch int DEFAULT 0, state text DEFAULT 'franking');
    CREATE TABLE IF NOT EXISTS sacks (key text PRIMARY KEY, run text, first int, letters int);
    CREATE TABLE IF NOT EXISTS letters (key text, run text, letter int, cents int);
"""
BOOK = """
    WITH mine AS (SELECT ref FROM runs WHERE ref = %(run)s AND epoch = %(epoch)s FOR SHARE),
         sack AS (INSERT INTO sacks SELECT %(key)s, ref, %(first)s, %(letters)s FROM mine
                  ON CONFLICT (key) DO NOTHING RETURNING key)
    INSERT INTO letters SELECT key, %(run)s, letter, cents
    FROM sack, unnest(%(numbers)s::int[], %(cents)s::int[]) AS franked (letter, cents)
"""


def book(connection, row):
    if not (args.in_steps or args.impatient):
        connection.execute(BOOK, row)
        return
    with connection.transaction():
        mine = connection.execute("SELECT 1 FROM runs WHERE ref = %(run)s AND epoch = %(epoch)s FOR SHARE", row)
        if mine.fetchone() is None:
            return
        sack = "INSERT INTO sacks VALUES (%(key)s, %(run)s, %(first)s, %(letters)s) ON CONFLICT (key) DO NOTHING"
        if connection.execute(sack, row).rowcount:
            letters = "INSERT INTO letters SELECT %(key)s, %(run)s, * FROM unnest(%(numbers)s::int[], %(cents)s::int[])"
            connection.execute(letters, row)


class Desk:
    """One connection, of one thread at a time."""

    def __init__(self, patient=True):
        self.open = None
        self.patient = patient
        self.lock = threading.Lock()

    def once(self, work):
        """Do it, or raise an error of psycopg's: it may have been done all the same."""
        if self.open is None:
            try:
                self.open = psycopg.connect(args.store, connect_timeout=2, autocommit=True)
            except psycopg.OperationalError:
                if args.ends:
                    os._exit(1)
                raise
        bell = threading.Timer(patience_s, hang_up, [os.dup(self.open.fileno())])
        bell.start()
        try:
            return work(self.open)
        except (psycopg.OperationalError, psycopg.InterfaceError):
            with contextlib.suppress(psycopg.Error):
                self.open.close()
            self.open = None
            if args.ends:
                os._exit(1)
            raise
        finally:
            bell.cancel()

    def until_done(self, work):
        """Only for what may be done twice."""
        with self.lock:
            while True:
                try:
                    return self.once(work)
                except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                    if not self.patient:
                        raise LookupError(f"PostgreSQL is away, ask again: {error}") from error
                    time.sleep(0.03)

    def ask(self, query, *values):
        return self.until_done(lambda connection: connection.execute(query, values).fetchall())

    def tell(self, query, *values):
        return self.until_done(lambda connection: connection.execute(query, values or None).rowcount)


def hang_up(number):
    with socket.socket(fileno=number) as its, contextlib.suppress(OSError):
        its.shutdown(socket.SHUT_RDWR)


def frank(run):
    desk = Desk()
    ((epoch,),) = desk.ask("UPDATE runs SET epoch = epoch + 1 WHERE ref = %s RETURNING epoch", run)
    ((of, size),) = desk.ask("SELECT letters, sack FROM runs WHERE ref = %s", run)
    ((done,),) = desk.ask("SELECT coalesce(max(first + letters), 0) FROM sacks WHERE run = %s", run)
    while done < of:
        time.sleep(0.09)
        numbers = range(done, min(done + size, of))
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": run, "record": f"L{n}"}) + "\n" for n in numbers))
        while True:
            key = f"{run}/{uuid.uuid4()}" if args.new_key else f"{run}/{done}"
            row = {"run": run, "epoch": epoch, "key": key, "first": done, "letters": len(numbers)}
            row |= {"numbers": list(numbers), "cents": [85 + n * 37 % 190 for n in numbers]}
            began = time.monotonic()
            try:
                desk.once(lambda connection, row=row: book(connection, row))
                break
            except (psycopg.OperationalError, psycopg.InterfaceError):
                if args.impatient and time.monotonic() - began >= patience_s:
                    desk.tell("UPDATE runs SET state = 'failed' WHERE ref = %s", run)
                    return
                time.sleep(0.03)
        ((now,),) = desk.ask("SELECT epoch FROM runs WHERE ref = %s", run)
        if now != epoch:
            return  # somebody else goes on with it
        done = numbers.stop
    desk.tell("UPDATE runs SET state = 'franked' WHERE ref = %s AND epoch = %s", run, epoch)


def begin(run):
    threading.Thread(target=frank, args=(run,), daemon=True).start()


counter = Desk(patient=not args.says_so)


def frank_letters(office, letters, sack):
    run = f"{office}-{uuid.uuid4().hex[:12]}"
    counter.tell("INSERT INTO runs VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", run, letters, sack)
    begin(run)
    return {"run": {"ref": run, "letters": letters}}


def run_state(ref):
    found = counter.ask("SELECT state, letters FROM runs WHERE ref = %s", ref)
    if not found:
        raise LookupError(f"no run {ref}")
    ((done,),) = counter.ask("SELECT coalesce(sum(letters), 0) FROM sacks WHERE run = %s", ref)
    return {"run": {"ref": ref, "state": found[0][0], "franked": int(done), "letters": found[0][1]}}


def run_letters(ref, after=-1):
    rows = counter.ask("SELECT letter, cents FROM letters WHERE run = %s AND letter > %s ORDER BY letter", ref, after)
    page = [{"letter": f"L{n}", "cents": cents} for n, cents in rows[:40]]
    return {"letters": page, "more": rows[39][0] if len(rows) > 40 else None}


TOOLS = {
    "frank_letters": (frank_letters, {"office": "string", "letters": "integer", "sack": "integer"}),
    "run_state": (run_state, {"ref": "string"}),
    "run_letters": (run_letters, {"ref": "string", "after": "integer"}),
}


def answer(method, params):
    if method == "initialize":
        info = {"name": "franking", "version": "2.1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "ping":
        return {}
    if method == "tools/list":
        shapes = {name: {key: {"type": kind} for key, kind in takes.items()} for name, (_, takes) in TOOLS.items()}
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": s}} for n, s in shapes.items()]}
    if method != "tools/call":
        raise NotImplementedError(method)
    try:
        said = TOOLS[params["name"]][0](**params["arguments"])
    except LookupError as error:
        return {"content": [{"type": "text", "text": str(error)}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(said)}], "structuredContent": said}


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, code, body=b""):
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(405)

    def do_DELETE(self):
        self.say(405)

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.say(202)
        said = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            said["result"] = answer(asked["method"], asked.get("params", {}))
        except NotImplementedError as error:
            said["error"] = {"code": -32601, "message": f"no {error}"}
        return self.say(200, json.dumps(said).encode())


class Hall(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


back_office = Desk()
back_office.tell(SCHEMA)
for (unfinished,) in back_office.ask("SELECT ref FROM runs WHERE state = 'franking'"):
    begin(unfinished)
with contextlib.suppress(KeyboardInterrupt):
    Hall(("127.0.0.1", args.port), Door).serve_forever()
