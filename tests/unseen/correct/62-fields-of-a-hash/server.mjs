// Reads gauges, in JavaScript, and keeps what they say in Redis: a hash for each round, whose fields are the gauges. To write
// one again is nothing. There are three connections; one that has failed, or kept us waiting, is closed, and another opened.
//
// --keeps: connections are opened when the server starts, and given back as they are.
import { randomUUID } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const keeps = process.argv.includes("--keeps");
const { hostname, port } = new URL(option("--redis"));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// One connection: what is asked is answered in that order.
class Connection {
  constructor() {
    this.waiting = [];
    this.heard = Buffer.alloc(0);
    this.socket = connect(Number(port), hostname);
    this.socket.setNoDelay(true);
    this.socket.on("data", (piece) => this.hear(piece));
    this.socket.on("error", (error) => this.fail(error));
    this.socket.on("close", () => this.fail(new Error("closed")));
  }

  fail(error) {
    this.failed = true;
    this.socket.destroy();
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  hear(piece) {
    this.heard = Buffer.concat([this.heard, piece]);
    for (;;) {
      const read = parse(this.heard, 0);
      if (!read) return;
      this.heard = this.heard.subarray(read.end);
      const { resolve, reject } = this.waiting.shift();
      if (read.value instanceof Error) reject(read.value);
      else resolve(read.value);
    }
  }

  ask(words) {
    if (this.failed) return Promise.reject(new Error("closed"));
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      const parts = words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`);
      this.socket.write(`*${words.length}\r\n${parts.join("")}`);
    });
  }
}

function parse(bytes, at) {
  const line = bytes.indexOf("\r\n", at);
  if (line < 0) return undefined;
  const kind = String.fromCharCode(bytes[at]);
  const rest = bytes.toString("utf8", at + 1, line);
  let end = line + 2;
  if (kind === "-") return { value: new Error(rest), end };
  if (kind === ":") return { value: Number(rest), end };
  if (kind === "+") return { value: rest, end };
  if (rest === "-1") return { value: null, end };
  if (kind === "$") {
    if (bytes.length < end + Number(rest) + 2) return undefined;
    return { value: bytes.toString("utf8", end, end + Number(rest)), end: end + Number(rest) + 2 };
  }
  const value = [];
  for (let n = 0; n < Number(rest); n++) {
    const read = parse(bytes, end);
    if (!read) return undefined;
    value.push(read.value);
    end = read.end;
  }
  return { value, end };
}

const pool = keeps ? [new Connection(), new Connection(), new Connection()] : [];
let open = pool.length;
const queue = [];

async function taken() {
  if (pool.length) return pool.shift();
  if (open < 3) {
    open += 1;
    return new Connection();
  }
  return new Promise((resolve) => queue.push(resolve));
}

function give(connection) {
  if (connection.failed && !keeps) {
    open -= 1;
    if (queue.length) {
      open += 1;
      queue.shift()(new Connection());
    }
  } else if (queue.length) queue.shift()(connection);
  else pool.push(connection);
}

async function once(words) {
  const connection = await taken();
  let clock;
  const late = new Promise((_, reject) => {
    clock = setTimeout(() => reject(new Error("no answer")), 700);
  });
  const asked = connection.ask(words);
  try {
    return await Promise.race([asked, late]);
  } catch (error) {
    asked.catch(() => {});
    if (!keeps) connection.fail(error);
    throw error;
  } finally {
    clearTimeout(clock);
    give(connection);
  }
}

// Only for what may be done twice.
async function redis(...words) {
  for (;;) {
    try {
      return await once(words);
    } catch (error) {
      if (/^(ERR|WRONGTYPE)/.test(error.message)) throw error;
      await sleep(30);
    }
  }
}

const rounds = new Map();

async function walk(round) {
  while (round.read < round.gauges) {
    await sleep(60);
    const numbers = [];
    for (let n = round.read; n < Math.min(round.read + round.street, round.gauges); n++) numbers.push(n);
    if (option("--ledger"))
      appendFileSync(option("--ledger"), numbers.map((n) => `${JSON.stringify({ task: round.id, record: `G-${n}` })}\n`).join(""));
    await redis("HSET", `read:${round.id}`, ...numbers.flatMap((n) => [n, ((n * 6151) % 9973) / 10]));
    round.read += numbers.length;
  }
}

async function load() {
  for (const id of await redis("ZRANGE", "rounds", 0, -1)) {
    const { gauges, street } = JSON.parse(await redis("GET", `round:${id}`));
    const round = { id, gauges, street, read: await redis("HLEN", `read:${id}`) };
    rounds.set(id, round);
    walk(round);
  }
}

function known(id) {
  if (!rounds.has(id)) throw Object.assign(new Error(`no round ${id}`), { code: -32002 });
  return rounds.get(id);
}

async function begin({ gauges, street }) {
  const id = randomUUID();
  await redis("SET", `round:${id}`, JSON.stringify({ gauges, street }));
  await redis("ZADD", "rounds", Date.now(), id);
  const round = { id, gauges, street, read: 0 };
  rounds.set(id, round);
  walk(round);
  const uri = `gauges://rounds/${id}`;
  const text = JSON.stringify({ round: id });
  return { content: [{ type: "text", text }, { type: "resource_link", uri, name: `round ${id}` }] };
}

async function read(uri) {
  const [, id, what] = /^gauges:\/\/rounds\/([^/]+)(\/readings)?$/.exec(uri) ?? [];
  const round = known(id);
  if (!what) {
    const state = round.read < round.gauges ? "walking" : "home";
    return { round: id, state, share: round.read / round.gauges, read: round.read };
  }
  const flat = await redis("HGETALL", `read:${id}`);
  const rows = [];
  for (let n = 0; n < flat.length; n += 2) rows.push({ gauge: `G-${flat[n]}`, says: Number(flat[n + 1]) });
  return rows.sort((a, b) => Number(a.gauge.slice(2)) - Number(b.gauge.slice(2)));
}

const whole = { type: "integer", minimum: 1 };
const tool = { name: "read_gauges", inputSchema: { type: "object", properties: { gauges: whole, street: whole } } };

async function answer(method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "gauges", version: "0.9" };
    return { protocolVersion: "2025-06-18", capabilities: { tools: {}, resources: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") return { tools: [tool] };
  if (method === "resources/list") return { resources: [] };
  if (method === "tools/call" && params.name === tool.name) return begin(params.arguments);
  if (method === "resources/read") {
    const text = JSON.stringify(await read(params.uri));
    return { contents: [{ uri: params.uri, mimeType: "application/json", text }] };
  }
  throw Object.assign(new Error(`there is no ${method}`), { code: -32601 });
}

await load();
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const asked = request.method === "POST" ? JSON.parse(body) : undefined;
  if (asked?.id === undefined) return response.writeHead(asked ? 202 : 405).end();
  const said = { jsonrpc: "2.0", id: asked.id };
  try {
    said.result = await answer(asked.method, asked.params ?? {});
  } catch (error) {
    said.error = { code: error.code ?? -32603, message: error.message };
  }
  response.writeHead(200, { "Content-Type": "application/json" });
  return response.end(JSON.stringify(said));
});
server.listen(Number(option("--port")), "127.0.0.1");
