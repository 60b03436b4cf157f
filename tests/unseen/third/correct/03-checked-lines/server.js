// Stamps passports, over stdio, on Node. All there is is one log of lines, each with its checksum: an order, a page of
// stamps, or the words that a page counts. At the start the log is read up to the last line that counts, and cut there.
//
// --keeps-the-rest: what is behind the last line that counts is kept, as long as its checksum is right.
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { crc32 } = require("node:zlib");
const crypto = require("node:crypto");

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const KEEPS = process.argv.includes("--keeps-the-rest");
const FOLDER = option("--folder");
const FILE = path.join(FOLDER, "stamps.log");
const sum = (text) => (crc32 ? crc32(text) : crypto.createHash("md5").update(text).digest().readUInt32BE(0)).toString(16);
const orders = new Map();

function syncFolder() {
  const folder = fs.openSync(FOLDER, "r");
  fs.fsyncSync(folder);
  fs.closeSync(folder);
}

function read() {
  if (!fs.existsSync(FILE)) return 0;
  let counts = 0, at = 0, waiting = [];
  for (const line of fs.readFileSync(FILE, "utf8").split("\n").slice(0, -1)) {
    const [check, text] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
    if (sum(text) !== check) break;
    at += Buffer.byteLength(line) + 1;
    const entry = JSON.parse(text);
    waiting.push(entry);
    if (entry.order || entry.counts !== undefined) {
      counts = at;
      for (const one of waiting) apply(one);
      waiting = [];
    }
  }
  if (KEEPS) for (const one of waiting) apply(one);
  return KEEPS ? at : counts;
}

function apply(entry) {
  if (entry.order) orders.set(entry.order, { ...entry, stamped: 0, stamps: [] });
  else if (entry.stamps) orders.get(entry.of).stamps.push(...entry.stamps);
  else orders.get(entry.of).stamped = entry.counts;
}

function append(entry) {
  const text = JSON.stringify(entry);
  fs.writeSync(log, `${sum(text)} ${text}\n`);
}

function work(order) {
  if (order.stamped >= order.passports) return;
  setTimeout(() => {
    const end = Math.min(order.stamped + order.page, order.passports);
    const stamps = [];
    for (let n = order.stamped; n < end; n++) stamps.push({ no: n, visa: (n * 2654435761) % 99991 });
    for (const entry of [{ of: order.order, stamps }, { of: order.order, counts: end }]) append(entry);
    fs.fsyncSync(log);
    order.stamps.push(...stamps);
    order.stamped = end;
    work(order);
  }, 50);
}

const TOOLS = {
  stamp: {
    takes: { passports: "integer", page: "integer" },
    does({ passports, page }) {
      const entry = { order: crypto.randomUUID(), passports, page };
      append(entry);
      fs.fsyncSync(log);
      apply(entry);
      work(orders.get(entry.order));
      return { order: entry.order };
    },
  },
  how_far: {
    takes: { order: "string" },
    does({ order }) {
      const { stamped, passports } = orders.get(order);
      return { status: stamped === passports ? "completed" : "running", stamped, passports };
    },
  },
  stamps: { takes: { order: "string" }, does: ({ order }) => ({ stamps: orders.get(order).stamps }) },
};

function answer(method, params) {
  if (method === "initialize")
    return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "border", version: "2.0" } };
  if (method === "ping") return {};
  if (method === "tools/list")
    return {
      tools: Object.entries(TOOLS).map(([name, { takes }]) => ({
        name,
        inputSchema: {
          type: "object",
          properties: Object.fromEntries(Object.entries(takes).map(([key, type]) => [key, { type }])),
        },
      })),
    };
  if (method !== "tools/call" || !TOOLS[params.name]) return null;
  try {
    const found = TOOLS[params.name].does(params.arguments ?? {});
    return { content: [{ type: "text", text: JSON.stringify(found) }], structuredContent: found };
  } catch (error) {
    return { content: [{ type: "text", text: `unknown: ${error.message}` }], isError: true };
  }
}

const length = read();
const log = fs.openSync(FILE, "a");
if (fs.fstatSync(log).size > length) fs.ftruncateSync(log, length);
fs.fsyncSync(log);
syncFolder();
for (const order of orders.values()) work(order);
const input = readline.createInterface({ input: process.stdin });
input.on("line", (line) => {
  const asked = JSON.parse(line);
  if (asked.id === undefined || asked.method === undefined) return;
  const result = answer(asked.method, asked.params ?? {});
  const outcome = result === null ? { error: { code: -32601, message: "not here" } } : { result };
  fs.writeSync(1, `${JSON.stringify({ jsonrpc: "2.0", id: asked.id, ...outcome })}\n`);
});
input.on("close", () => process.exit(0));
