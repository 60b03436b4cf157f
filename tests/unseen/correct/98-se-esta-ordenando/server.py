"""Pesa cajas de un almacén. Weighs the boxes of a warehouse, one at a time; a pallet is a line of its order's file.

A start puts the warehouse in order, a pallet at a time, and says so in one sentence to whoever asks: two seconds at
most. The line of a pallet grows while its boxes are weighed, so a start may find half a line: that pallet is weighed
again.

--se-fia: a start trusts that every line is whole. Nobody looks at what becomes of the task that puts things in order.
"""

import argparse
import asyncio
import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.exceptions import ToolError

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--almacen", type=Path, required=True)
parser.add_argument("--registro", help="a line for each box that is weighed")
parser.add_argument("--se-fia", action="store_true")
args = parser.parse_args()
args.almacen.mkdir(parents=True, exist_ok=True)

pedidos, trabajos = {}, set()
orden = {"hecho": False}
UN_MOMENTO = "Se está ordenando el almacén. Pregunte otra vez dentro de un momentito, por favor."


def fichero(pedido):
    return args.almacen / f"{pedido}.txt"


async def pesar(pedido):
    este = pedidos[pedido]
    with fichero(pedido).open("a") as hoja:
        while len(este["pesos"]) < este["cajas"]:
            palet = []
            for caja in range(len(este["pesos"]), min(len(este["pesos"]) + este["por_palet"], este["cajas"])):
                await asyncio.sleep(0.0045)
                palet.append(f"{caja}:{2000 + caja * 37 % 911}")
                if args.registro:
                    with open(args.registro, "a") as registro:
                        registro.write(json.dumps({"task": pedido, "record": caja}) + "\n")
                hoja.write(palet[-1] + ";")
                hoja.flush()
            hoja.write("\n")
            hoja.flush()
            os.fsync(hoja.fileno())
            este["pesos"] += palet


def lanzar(pedido):
    trabajo = asyncio.create_task(pesar(pedido))
    trabajos.add(trabajo)
    trabajo.add_done_callback(trabajos.discard)


async def ordenar():
    hojas = {hoja.stem: hoja for hoja in sorted(args.almacen.glob("P-*.txt"))}
    cuantas = sum(hoja.read_bytes().count(b"\n") for hoja in hojas.values())
    for pedido, hoja in hojas.items():
        escrito = hoja.read_bytes()
        enteras = escrito if args.se_fia else escrito[: escrito.rfind(b"\n") + 1]
        cabecera, *palets = enteras.decode().splitlines()
        este = {**json.loads(cabecera), "pesos": []}
        for palet in palets:
            await asyncio.sleep(min(0.06, 2 / cuantas))
            if not palet.endswith(";"):
                raise ValueError(f"{hoja}: {palet}")
            cajas = palet[:-1].split(";")
            falta = este["cajas"] - len(este["pesos"])
            if len(cajas) != min(este["por_palet"], falta):
                raise ValueError(f"{hoja}: {len(cajas)} cajas, {min(este['por_palet'], falta)} son un palet")
            este["pesos"] += cajas
        os.truncate(hoja, len(enteras))
        pedidos[pedido] = este
    for pedido, este in pedidos.items():
        if len(este["pesos"]) < este["cajas"]:
            lanzar(pedido)
    orden["hecho"] = True


@asynccontextmanager
async def lifespan(_):
    trabajos.add(asyncio.create_task(ordenar()))
    await asyncio.sleep(0)
    yield


mcp = FastMCP("almacen", lifespan=lifespan)


def conocido(pedido):
    if pedido not in pedidos:
        raise ToolError(f"No existe el pedido {pedido}.")
    return pedidos[pedido]


@mcp.tool
async def abrir_pedido(cajas: int, por_palet: int) -> str:
    """Pesa tantas cajas, un palet a la vez."""
    if not orden["hecho"]:
        return UN_MOMENTO
    pedido = f"P-{len(pedidos) + 1:04}"
    cabecera = {"cajas": cajas, "por_palet": por_palet}
    aparte = args.almacen / f"{pedido}.nuevo"
    with aparte.open("w") as hoja:
        hoja.write(json.dumps(cabecera) + "\n")
        hoja.flush()
        os.fsync(hoja.fileno())
    aparte.rename(fichero(pedido))
    pedidos[pedido] = {**cabecera, "pesos": []}
    lanzar(pedido)
    return json.dumps({"pedido": pedido})


@mcp.tool
async def como_va(pedido: str) -> str:
    """Cómo va un pedido."""
    if not orden["hecho"]:
        return UN_MOMENTO
    este = conocido(pedido)
    estado = "pesado" if len(este["pesos"]) == este["cajas"] else "en la balanza"
    return json.dumps({"pedido": pedido, "estado": estado, "pesadas": len(este["pesos"]), "cajas": este["cajas"]})


@mcp.tool
async def leer_pesos(pedido: str) -> str:
    """Lo que pesan las cajas de un pedido."""
    if not orden["hecho"]:
        return UN_MOMENTO
    pesos = (peso.split(":") for peso in conocido(pedido)["pesos"])
    return json.dumps({"pesos": [{"caja": int(caja), "gramos": int(gramos)} for caja, gramos in pesos]})


if __name__ == "__main__":
    mcp.run(transport="http", port=args.port, show_banner=False, log_level="error")
