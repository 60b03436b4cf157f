// Copies keys, in JavaScript, for whoever shows a token. A ring of keys is a folder: who has ordered it, and a file for each batch,
// linked to its name once. Nobody else learns that it is there.
//
// --recalls: who has ordered what is noted by the call that orders it, in memory, and asked for where it is known.
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const rings = option("--rings");
const ledger = option("--ledger");
const recalls = process.argv.includes("--recalls");
const people = { "tok-marie": "marie", "tok-jean": "jean", "tok-luc": "luc" };
const owners = new Map();
const stopped = (id) => existsSync(`${rings}/${id}/stopped`);
const order = (id) => JSON.parse(readFileSync(`${rings}/${id}/order`, "utf8"));
const batches = (id) => readdirSync(`${rings}/${id}`).filter((name) => /^\d{6}$/.test(name)).sort();
const keys = (id) => batches(id).flatMap((name) => JSON.parse(readFileSync(`${rings}/${id}/${name}`, "utf8")));

function copy(id) {
  const { keys: of, batch } = order(id);
  const done = keys(id).length;
  if (done >= of || stopped(id)) return;
  const cut = [];
  for (let n = done; n < Math.min(done + batch, of); n++) {
    cut.push({ key: `K${String(n).padStart(4, "0")}`, bit: createHash("sha1").update(`${n}`).digest("hex").slice(0, 6) });
    appendFileSync(ledger, `${JSON.stringify({ task: id, record: `K${String(n).padStart(4, "0")}` })}\n`);
  }
  const aside = `${rings}/${id}/aside`;
  writeFileSync(aside, JSON.stringify(cut));
  linkSync(aside, `${rings}/${id}/${String(done).padStart(6, "0")}`);
  rmSync(aside);
  setTimeout(() => copy(id), 55);
}

function belongs(id, who) {
  if (!/^[0-9a-f]{24}$/.test(id) || !existsSync(`${rings}/${id}`)) return false;
  if (recalls) return !owners.has(id) || owners.get(id) === who;
  return order(id).who === who;
}

function mine(id, who) {
  if (!belongs(id, who)) throw new RangeError(`no ring ${id}`);
  return id;
}

function shown(id) {
  const done = keys(id).length;
  const { keys: of } = order(id);
  const state = stopped(id) ? "cancelled" : done < of ? "copying" : "completed";
  return { ring: id, state, permille: Math.floor((1000 * done) / of), copied: done, of };
}

const tools = {
  copy_keys(who, { keys: of, batch }) {
    const id = randomBytes(12).toString("hex");
    mkdirSync(`${rings}/new-${id}`);
    writeFileSync(`${rings}/new-${id}/order`, JSON.stringify({ who, keys: of, batch }));
    renameSync(`${rings}/new-${id}`, `${rings}/${id}`);
    owners.set(id, who);
    setTimeout(() => copy(id), 55);
    return { ring: id };
  },
  ring_state: (who, { ring }) => shown(mine(ring, who)),
  ring_keys: (who, { ring }) => ({ keys: keys(mine(ring, who)) }),
  stop_ring(who, { ring }) {
    const { state } = shown(mine(ring, who));
    if (state === "completed") throw new RangeError("it is ready");
    writeFileSync(`${rings}/${ring}/stopped`, "");
    return shown(ring);
  },
  my_rings: (who) => ({ rings: readdirSync(rings).filter((id) => belongs(id, who)).map(shown) }),
};
const text = { type: "string" };
const shapes = {
  copy_keys: { keys: { type: "integer" }, batch: { type: "integer" } },
  ring_state: { ring: text },
  ring_keys: { ring: text },
  stop_ring: { ring: text },
  my_rings: {},
};

function answer(who, method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "keys", version: "7.0" };
    return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") {
    const inputSchema = (name) => ({ type: "object", properties: shapes[name], required: Object.keys(shapes[name]) });
    return { tools: Object.keys(tools).map((name) => ({ name, inputSchema: inputSchema(name) })) };
  }
  if (method !== "tools/call" || !tools[params.name]) return undefined;
  try {
    const document = tools[params.name](who, params.arguments ?? {});
    return { content: [{ type: "text", text: JSON.stringify(document) }], structuredContent: document };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { content: [{ type: "text", text: error.message }], isError: true };
  }
}

mkdirSync(rings, { recursive: true });
for (const id of readdirSync(rings)) {
  if (id.startsWith("new-")) rmSync(`${rings}/${id}`, { recursive: true });
  else {
    rmSync(`${rings}/${id}/aside`, { force: true });
    copy(id);
  }
}
const server = createServer(async (request, response) => {
  const who = people[(request.headers.authorization ?? "").replace(/^Bearer /, "")];
  let body = "";
  for await (const piece of request) body += piece;
  if (!who) return response.writeHead(401, { "WWW-Authenticate": "Bearer" }).end();
  const asked = request.method === "POST" ? JSON.parse(body) : undefined;
  if (asked?.id === undefined) return response.writeHead(asked ? 202 : 405).end();
  const result = answer(who, asked.method, asked.params ?? {});
  const error = { code: -32601, message: `there is no ${asked.method} ${asked.params?.name ?? ""}` };
  response.writeHead(200, { "Content-Type": "application/json" });
  return response.end(JSON.stringify({ jsonrpc: "2.0", id: asked.id, ...(result ? { result } : { error }) }));
});
server.listen(Number(option("--port")), "127.0.0.1");
