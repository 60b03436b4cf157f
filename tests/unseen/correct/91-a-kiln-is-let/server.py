"""Fires tiles in one kiln. Whoever lives has it let to him for two seconds, and for two more with each rack.

What is fired is gone on with when the kiln of the life before is free again. Until then, and while it is hot, whoever
brings other tiles is sent away.

--note: the kiln is let by a note, until it is cold. Whose tiles these are stands on the note.
"""

import argparse
import json
import os
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--yard", type=Path, required=True)
parser.add_argument("--ledger")
parser.add_argument("--note", action="store_true")
args = parser.parse_args()
args.yard.mkdir(parents=True, exist_ok=True)

LET_FOR = 2.0
me = secrets.token_hex(4)
gate = threading.RLock()
lease, note = args.yard / "lease", args.yard / "note"
firings = {}


class Refused(Exception):
    pass


def put(path, document):
    aside = path.with_suffix(".aside")
    with aside.open("w") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def left(others_alone=False):
    """How long the kiln is let for."""
    try:
        let = json.loads(lease.read_text())
    except FileNotFoundError:
        return 0
    return 0 if others_alone and let["let_to"] == me else let["until"] - time.time()


def is_hot(firing):
    return len(firing["tiles"]) < firing["of"]


def is_taken():
    return note.exists() if args.note else left() > 0 or any(map(is_hot, firings.values()))


def take(name):
    if args.note:
        put(note, {"firing": name})
    else:
        put(lease, {"let_to": me, "until": time.time() + LET_FOR})


def give_back():
    (note if args.note else lease).unlink(missing_ok=True)


def keep(firing):
    put(args.yard / f"{firing['firing']}.json", firing)


def fire(name):
    if not args.note:
        time.sleep(max(0, left(others_alone=True)))
    firing = firings[name]
    while is_hot(firing):
        with gate:
            take(name)
        time.sleep(0.08)
        at = len(firing["tiles"])
        more = [{"tile": n, "crack": n * 13 % 29} for n in range(at, min(at + firing["rack"], firing["of"]))]
        if args.ledger:
            with open(args.ledger, "a") as ledger:
                ledger.write("".join(json.dumps({"task": name, "record": t["tile"]}) + "\n" for t in more))
        with gate:
            keep({**firing, "tiles": firing["tiles"] + more})
            firing["tiles"] += more
    with gate:
        give_back()


def heat(name):
    threading.Thread(target=fire, args=(name,), daemon=True).start()


def fire_tiles(tiles, rack):
    with gate:
        if is_taken():
            raise Refused("the kiln is let to somebody else; come again when it is cold")
        name = "k" + secrets.token_hex(5)
        take(name)
        time.sleep(0.025)  # the clay is weighed
        firing = {"firing": name, "of": tiles, "rack": rack, "tiles": []}
        keep(firing)
        firings[name] = firing
        heat(name)
    return {"firing": name}


def known(firing):
    if firing not in firings:
        raise Refused(f"nobody has fired {firing}")
    return firings[firing]


def peep(firing):
    with gate:
        it = known(firing)
        return {"kiln": "hot" if is_hot(it) else "cold", "fired": len(it["tiles"]), "of": it["of"]}


def unload(firing):
    with gate:
        return {"tiles": list(known(firing)["tiles"])}


whole, text = {"type": "integer", "minimum": 1}, {"type": "string"}
TOOLS = {
    "fire_tiles": (fire_tiles, {"tiles": whole, "rack": whole}),
    "peep": (peep, {"firing": text}),
    "unload": (unload, {"firing": text}),
}


def schema(takes):
    return {"type": "object", "properties": takes, "required": list(takes)}


def answer(method, params):
    if method == "initialize":
        server = {"name": "kiln", "version": "1"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "ping":
        return {}
    if method == "tools/list":
        return {"tools": [{"name": name, "inputSchema": schema(takes)} for name, (_, takes) in TOOLS.items()]}
    if method == "tools/call" and params["name"] in TOOLS:
        try:
            said = TOOLS[params["name"]][0](**params.get("arguments", {}))
        except Refused as error:
            return {"content": [{"type": "text", "text": str(error)}], "isError": True}
        return {"content": [{"type": "text", "text": json.dumps(said)}], "structuredContent": said}
    return None


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def say(self, status, document=None):
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.say(405)

    do_DELETE = do_GET

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "id" not in asked:
            return self.say(202)
        said = answer(asked["method"], asked.get("params") or {})
        how = {"error": {"code": -32601, "message": "Method not found"}} if said is None else {"result": said}
        return self.say(200, {"jsonrpc": "2.0", "id": asked["id"], **how})


for path in args.yard.glob("*.json"):
    firing = json.loads(path.read_text())
    firings[firing["firing"]] = firing
    if is_hot(firing):
        heat(firing["firing"])
    elif note.exists() and json.loads(note.read_text())["firing"] == firing["firing"]:
        give_back()
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", args.port), Door).serve_forever(poll_interval=0.05)
