// Prices shares, in JavaScript. What happens goes into a journal, a line each; now and then all that is known is put into a
// snapshot, and a little later the journal is made shorter. A line that the snapshot has already is passed over.
//
// --replays-all: each line of the journal is played over the snapshot.
import { randomBytes } from "node:crypto";
import { existsSync, openSync, readFileSync, renameSync, writeFileSync, writeSync, closeSync, appendFileSync } from "node:fs";
import { createServer } from "node:http";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const dir = option("--dir");
const ledger = option("--ledger");
const replaysAll = process.argv.includes("--replays-all");
const journal = `${dir}/journal`;
const snapshot = `${dir}/snapshot.json`;
let known = { seq: 0, jobs: {} };
let file;

const events = {
  ordered(jobs, { id, shares, lot }) {
    jobs[id] ??= { id, shares, lot, prices: [] };
  },
  priced(jobs, { id, prices }) {
    jobs[id].prices.push(...prices);
  },
};

function note(event) {
  event.seq = known.seq + 1;
  writeSync(file, `${JSON.stringify(event)}\n`);
  events[event.kind](known.jobs, event);
  known.seq = event.seq;
}

function replace(path, text) {
  writeFileSync(`${path}.next`, text);
  renameSync(`${path}.next`, path);
}

function lines() {
  if (!existsSync(journal)) return [];
  return readFileSync(journal, "utf8").split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

function load() {
  if (existsSync(snapshot)) known = JSON.parse(readFileSync(snapshot, "utf8"));
  for (const event of lines()) {
    if (event.seq <= known.seq && !replaysAll) continue;
    events[event.kind](known.jobs, event);
    known.seq = Math.max(known.seq, event.seq);
  }
  file = openSync(journal, "a");
}

function shorten(upTo) {
  const left = lines().filter((event) => event.seq > upTo);
  replace(journal, left.map((event) => `${JSON.stringify(event)}\n`).join(""));
  closeSync(file);
  file = openSync(journal, "a");
}

function save() {
  const upTo = known.seq;
  replace(snapshot, JSON.stringify(known));
  setTimeout(() => shorten(upTo), 60); // not while somebody waits
}

function price(id) {
  const job = known.jobs[id];
  const first = job.prices.length;
  if (first >= job.shares) return;
  const prices = [];
  for (let n = first; n < Math.min(first + job.lot, job.shares); n++) {
    prices.push({ share: n, price: ((n * 7907) % 10007) / 100 });
    appendFileSync(ledger, `${JSON.stringify({ task: id, record: n })}\n`);
  }
  note({ kind: "priced", id, prices });
  if (known.seq % 3 === 0) save();
  setTimeout(() => price(id), 35);
}

function found(id) {
  if (!known.jobs[id]) throw new RangeError(`no such job: ${id}`);
  return known.jobs[id];
}

const text = { type: "string" };
const whole = { type: "integer" };
const tools = {
  price_portfolio({ portfolio, shares, lot }) {
    const id = `${portfolio}.${randomBytes(6).toString("hex")}`;
    note({ kind: "ordered", id, shares, lot });
    setTimeout(() => price(id), 35);
    return { accepted: { job: id } };
  },
  portfolio_state({ job }) {
    const { prices, shares } = found(job);
    return { state: prices.length >= shares ? "ok" : "pricing", priced: prices.length, shares };
  },
  portfolio_prices: ({ job }) => ({ prices: found(job).prices }),
};
const shapes = {
  price_portfolio: { portfolio: text, shares: whole, lot: whole },
  portfolio_state: { job: text },
  portfolio_prices: { job: text },
};

function answer(method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "prices", version: "4.0.0" };
    return { protocolVersion: "2025-03-26", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") {
    const inputSchema = (name) => ({ type: "object", properties: shapes[name] });
    return { tools: Object.keys(tools).map((name) => ({ name, inputSchema: inputSchema(name) })) };
  }
  if (method !== "tools/call" || !tools[params.name]) return undefined;
  try {
    const document = tools[params.name](params.arguments ?? {});
    return { content: [{ type: "text", text: JSON.stringify(document) }] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { content: [{ type: "text", text: error.message }], isError: true };
  }
}

load();
for (const id of Object.keys(known.jobs)) price(id);
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const asked = request.method === "POST" ? JSON.parse(body) : undefined;
  if (asked?.id === undefined) return response.writeHead(asked ? 202 : 405).end();
  const result = answer(asked.method, asked.params ?? {});
  const error = { code: -32601, message: `there is no ${asked.method} ${asked.params?.name ?? ""}` };
  response.writeHead(200, { "Content-Type": "application/json" });
  return response.end(JSON.stringify({ jsonrpc: "2.0", id: asked.id, ...(result ? { result } : { error }) }));
});
server.listen(Number(option("--port")), "127.0.0.1");
