"""Prüft Rechnungen: deutsche Wörter, Prozent mit einer Stelle, und Stapel, die 2 bis 120 ms dauern."""

import argparse
import asyncio
import json
import random
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from fastmcp import FastMCP
from mcp.shared.exceptions import MCPError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8000)
parser.add_argument("--dir", type=Path, default=Path())
parser.add_argument("--ledger")
args = parser.parse_args()

db = sqlite3.connect(args.dir / "rechnungen.db", timeout=20)
db.execute("CREATE TABLE IF NOT EXISTS laeufe (id TEXT PRIMARY KEY, auftrag TEXT)")
db.execute("CREATE TABLE IF NOT EXISTS stapel (lauf TEXT, nr INT, posten TEXT, PRIMARY KEY (lauf, nr))")
aufgaben = set()


def geprueft(lauf):
    """Each batch is one row: that it is there is the checkpoint."""
    stapel = db.execute("SELECT posten FROM stapel WHERE lauf = ? ORDER BY nr", (lauf,))
    return [posten for (text,) in stapel for posten in json.loads(text)]


async def pruefe(lauf, anzahl, groesse):
    while (fertig := len(geprueft(lauf))) < anzahl:
        await asyncio.sleep(random.choice([0.002, 0.03, 0.06, 0.12]))
        posten = []
        for n in range(fertig, min(fertig + groesse, anzahl)):
            if args.ledger:
                with open(args.ledger, "a") as ledger:
                    ledger.write(json.dumps({"task": lauf, "record": f"RE-{n:04}"}) + "\n")
            posten.append({"beleg": f"RE-{n:04}", "betrag": f"{n * 7 % 90},50 €"})
        with db:
            db.execute("INSERT OR IGNORE INTO stapel VALUES (?, ?, ?)", (lauf, fertig // groesse, json.dumps(posten)))


@asynccontextmanager
async def lifespan(_):
    for lauf, auftrag in db.execute("SELECT id, auftrag FROM laeufe").fetchall():
        aufgaben.add(asyncio.create_task(pruefe(lauf, **json.loads(auftrag))))
    yield


mcp = FastMCP("rechnungspruefung", lifespan=lifespan)


@mcp.tool
async def pruefe_rechnungen(anzahl: int, stapel: int) -> dict:
    lauf = uuid4().hex
    auftrag = {"anzahl": anzahl, "groesse": stapel}
    with db:
        db.execute("INSERT INTO laeufe VALUES (?, ?)", (lauf, json.dumps(auftrag)))
    aufgaben.add(asyncio.create_task(pruefe(lauf, **auftrag)))
    return {"lauf": lauf, "verweis": f"lauf://{lauf}"}


@mcp.resource("lauf://{lauf}")
async def zustand(lauf: str) -> str:
    for (auftrag,) in db.execute("SELECT auftrag FROM laeufe WHERE id = ?", (lauf,)):
        fertig, anzahl = len(geprueft(lauf)), json.loads(auftrag)["anzahl"]
        wort = "fertig" if fertig == anzahl else "läuft" if fertig else "wartet"
        prozent = 1000 * fertig // anzahl / 10  # rounded down: 100 only when all is done
        return json.dumps({"lauf": lauf, "zustand": wort, "prozent": prozent}, ensure_ascii=False)
    raise MCPError(code=-32602, message=f"Lauf {lauf} ist unbekannt")


@mcp.resource("lauf://{lauf}/belege")
async def belege(lauf: str) -> str:
    return json.dumps({"belege": geprueft(lauf)}, ensure_ascii=False)


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="warning")
