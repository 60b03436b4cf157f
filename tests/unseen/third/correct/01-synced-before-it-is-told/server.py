"""Signs certificates, over stdio. The signatures are appended to a log; a job's own file says how many count, and it is
replaced. All is synced before anybody is told of it: the log, the file, and the folder in which it has its name.

--no-folder: the folder is not synced.
--one-sync: the log's name is synced with that of the job's file, and not before.
--told-first: the client is told of a sheet before it is synced.
"""

import argparse
import fcntl
import hashlib
import json
import os
import sys
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--dir", type=Path, required=True)
parser.add_argument("--no-folder", action="store_true")
parser.add_argument("--one-sync", action="store_true")
parser.add_argument("--told-first", action="store_true")
args = parser.parse_args()
JOBS = {}


def write(path, data, flags):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)
    try:
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
    finally:
        os.close(file)


def sync_folder():
    if args.no_folder:
        return
    folder = os.open(args.dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def save(job):
    fresh = args.dir / f"{job['id']}.json.fresh"
    write(fresh, json.dumps(job).encode(), os.O_TRUNC)
    os.rename(fresh, args.dir / f"{job['id']}.json")
    sync_folder()


def sign(job):
    log = args.dir / f"{job['id']}.signed"
    if log.exists():
        os.truncate(log, min(job["bytes"], log.stat().st_size))
    elif not args.one_sync:
        write(log, b"", 0)
        sync_folder()  # its name is there before a job's file counts on it
    while job["signed"] < job["certificates"]:
        time.sleep(0.05)
        end = min(job["signed"] + job["sheet"], job["certificates"])
        rows = [{"no": n, "sig": hashlib.sha1(b"%d" % n).hexdigest()} for n in range(job["signed"], end)]
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        after = job | {"signed": end, "bytes": job["bytes"] + len(data)}
        if args.told_first:
            job.update(after)
        write(log, data, os.O_APPEND)
        save(after)
        job.update(after)


def start(job):
    JOBS[job["id"]] = job
    threading.Thread(target=sign, args=(job,), daemon=True).start()


def sign_certificates(certificates, sheet):
    job = {"id": os.urandom(8).hex(), "certificates": certificates, "sheet": sheet, "signed": 0, "bytes": 0}
    save(job)
    start(job)
    return {"job": job["id"]}


def signing(job):
    done, of = JOBS[job]["signed"], JOBS[job]["certificates"]
    return {"status": "completed" if done == of else "working", "signed": done, "certificates": of}


def signatures(job):
    data = (args.dir / f"{job}.signed").read_bytes()[: JOBS[job]["bytes"]]
    return {"signatures": [json.loads(line) for line in data.splitlines()]}


TOOLS = {
    "sign_certificates": (sign_certificates, {"certificates": "integer", "sheet": "integer"}),
    "signing": (signing, {"job": "string"}),
    "signatures": (signatures, {"job": "string"}),
}


def answer(method, params):
    if method == "initialize":
        me = {"name": "certificates", "version": "1.1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": me}
    if method == "tools/list":
        takes = {name: {key: {"type": kind} for key, kind in of.items()} for name, (_, of) in TOOLS.items()}
        return {"tools": [{"name": n, "inputSchema": {"type": "object", "properties": p}} for n, p in takes.items()]}
    if method == "ping":
        return {}
    if method != "tools/call" or params["name"] not in TOOLS:
        return None
    try:
        document = TOOLS[params["name"]][0](**params.get("arguments", {}))
    except (KeyError, TypeError) as error:
        return {"content": [{"type": "text", "text": f"unknown: {error}"}], "isError": True}
    return {"content": [{"type": "text", "text": json.dumps(document)}], "structuredContent": document}


if __name__ == "__main__":
    lock = (args.dir / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)  # waits for a life that is about to end
    for path in args.dir.glob("*.json"):
        start(json.loads(path.read_text()))
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        result = answer(asked["method"], asked.get("params") or {})
        outcome = {"error": {"code": -32601, "message": "not here"}} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **outcome}), flush=True)
    os._exit(0)
