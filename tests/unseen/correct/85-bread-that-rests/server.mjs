// Bakes rolls, in JavaScript, four trays quickly and then the oven has to be heated. A baking is a JSON file, written anew
// beside it and renamed. It can rest, go on, and be thrown away.
//
// --later: that a baking goes on is written with its next tray.
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const given = Object.fromEntries(process.argv.slice(2).filter((a) => a.includes("=")).map((a) => a.split("=")));
const later = process.argv.includes("--later");
const bakings = new Map();
const timers = new Map();
mkdirSync(given.store, { recursive: true });

class Refused extends Error {}

function save(baking) {
  const path = `${given.store}/${baking.id}`;
  writeFileSync(`${path}.tmp`, JSON.stringify(baking));
  renameSync(`${path}.tmp`, `${path}.json`);
}

const isReady = (baking) => baking.rolls.length === baking.of;
const word = (baking) => (isReady(baking) ? "baked" : baking.thrown ? "thrown away" : baking.rests ? "rests" : "in the oven");

function tray(baking) {
  const first = baking.rolls.length;
  const last = Math.min(first + baking.tray, baking.of);
  const rolls = [];
  for (let n = first; n < last; n++) {
    if (given.ledger) appendFileSync(given.ledger, `${JSON.stringify({ task: baking.id, record: n })}\n`);
    rolls.push({ roll: n, grams: 50 + ((n * 13) % 7) / 2 });
  }
  const next = { ...baking, rolls: [...baking.rolls, ...rolls], trays: baking.trays + 1 };
  save(next);
  Object.assign(baking, next);
  heat(baking);
}

function heat(baking) {
  clearTimeout(timers.get(baking.id));
  timers.delete(baking.id);
  if (word(baking) !== "in the oven") return;
  timers.set(baking.id, setTimeout(tray, baking.trays % 5 === 4 ? 220 : 12, baking));
}

function known(id) {
  const baking = bakings.get(id);
  if (!baking) throw new Refused(`nobody bakes ${id}`);
  return baking;
}

function shown(baking) {
  return {
    baking: { id: baking.id, uri: `bread://oven/${baking.id}` },
    state: word(baking),
    percent: ((100 * baking.rolls.length) / baking.of).toFixed(1),
    baked: baking.rolls.length,
  };
}

function turn(id, change) {
  const baking = known(id);
  if (isReady(baking) || baking.thrown) throw new Refused(`${id} is ${word(baking)}`);
  Object.assign(baking, change);
  if (!(later && change.rests === false)) save(baking);
  heat(baking);
  return shown(baking);
}

const tools = {
  bake({ rolls, tray: size }) {
    if (!(Number.isInteger(rolls) && rolls > 0 && Number.isInteger(size) && size > 0)) throw new Refused("how many?");
    const baking = { id: randomBytes(6).toString("hex"), of: rolls, tray: size, trays: 0, rests: false, rolls: [] };
    save(baking);
    bakings.set(baking.id, baking);
    heat(baking);
    return shown(baking);
  },
  rest: ({ id }) => turn(id, { rests: true }),
  go_on: ({ id }) => turn(id, { rests: false }),
  throw_away: ({ id }) => turn(id, { thrown: true }),
};

function read(uri) {
  if (uri === "bread://all") return { bakings: [...bakings.values()].map(shown) };
  const [, id, page] = /^bread:\/\/oven\/([0-9a-f]+)(?:\/rolls\/(\d+))?$/.exec(uri) ?? [];
  const baking = known(id);
  if (page === undefined) return shown(baking);
  const to = Number(page) + 36;
  return {
    rolls: baking.rolls.slice(Number(page), to),
    next: to < baking.rolls.length ? `bread://oven/${id}/rolls/${to}` : null,
  };
}

const whole = { type: "integer" };
const schemas = { bake: { rolls: whole, tray: whole } };

function answer(method, params) {
  if (method === "initialize") {
    const wanted = params.protocolVersion;
    const protocolVersion = ["2025-03-26", "2025-06-18", "2025-11-25"].includes(wanted) ? wanted : "2025-11-25";
    return { protocolVersion, capabilities: { tools: {}, resources: {} }, serverInfo: { name: "oven", version: "0.9" } };
  }
  if (method === "ping") return {};
  if (method === "tools/list") {
    const about = (name) => ({ type: "object", properties: schemas[name] ?? { id: { type: "string" } } });
    return { tools: Object.keys(tools).map((name) => ({ name, inputSchema: about(name) })) };
  }
  if (method === "tools/call" && Object.hasOwn(tools, params.name)) {
    try {
      const document = tools[params.name](params.arguments ?? {});
      const content = [{ type: "text", text: JSON.stringify(document) }];
      if (params.name === "bake") content.push({ type: "resource_link", uri: document.baking.uri, name: "the baking" });
      return { content };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { content: [{ type: "text", text: error.message }], isError: true };
    }
  }
  if (method === "resources/list") return { resources: [{ uri: "bread://all", name: "all bakings" }] };
  if (method === "resources/read") {
    return { contents: [{ uri: params.uri, mimeType: "application/json", text: JSON.stringify(read(params.uri)) }] };
  }
  return undefined;
}

function replied(asked) {
  const head = { jsonrpc: "2.0", id: asked.id };
  try {
    const result = answer(asked.method, asked.params ?? {});
    if (result === undefined) return { ...head, error: { code: -32601, message: `there is no ${asked.method}` } };
    return { ...head, result };
  } catch (error) {
    return { ...head, error: { code: error instanceof Refused ? -32002 : -32603, message: error.message } };
  }
}

for (const name of readdirSync(given.store)) {
  if (!name.endsWith(".json")) continue;
  const baking = JSON.parse(readFileSync(`${given.store}/${name}`, "utf8"));
  bakings.set(baking.id, baking);
  heat(baking);
}

createServer(async (request, response) => {
  if (request.method !== "POST") return response.writeHead(405).end();
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  const asked = JSON.parse(body);
  if (asked.id === undefined) return response.writeHead(202).end();
  return response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(replied(asked)));
}).listen(Number(given.port), "127.0.0.1");
