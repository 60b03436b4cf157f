// Saws planks, over stdio. A log for each job, a line for each stack, which says how many were sawn before it: a line that
// does not go on where the one before it has ended is none, so that two of us at one log do no harm.
//
// --at-once: what is less than a stack is sawn at once.
// --nearly: who has sawn all whole stacks is taken for ready when we start.
"use strict";
const { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, truncateSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { randomBytes } = require("node:crypto");
const { createInterface } = require("node:readline");

const [yard, ledger] = process.argv.slice(2);
const nearly = process.argv.includes("--nearly");
const atOnce = process.argv.includes("--at-once");
const jobs = new Map();
const path = (id) => join(yard, `${id}.log`);

function read(id) {
  const text = readFileSync(path(id), "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [head, ...lines] = whole.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  const job = { id, ...head, sawn: [], stacks: 0, torn: text !== whole && Buffer.byteLength(whole) };
  for (const { before, planks } of lines) {
    if (before !== job.sawn.length) continue;
    job.sawn.push(...planks);
    job.stacks += 1;
  }
  return job;
}

function isReady(job) {
  return job.ready || job.sawn.length >= job.of;
}

function saw(job) {
  if (isReady(job)) return;
  const planks = [];
  for (let n = job.sawn.length; n < Math.min(job.sawn.length + job.stack, job.of); n++) {
    planks.push({ plank: n, cm: 120 + ((n * 83) % 61) });
    if (ledger) appendFileSync(ledger, `${JSON.stringify({ task: job.id, record: n })}\n`);
  }
  appendFileSync(path(job.id), `${JSON.stringify({ before: job.sawn.length, planks })}\n`);
  job.sawn.push(...planks);
  job.stacks += 1;
  later(job);
}

function later(job) {
  setTimeout(() => saw(job), atOnce && job.of - job.sawn.length < job.stack ? 0 : 75);
}

const tools = {
  saw_planks({ planks, stack }) {
    const id = `y${randomBytes(7).toString("hex")}`;
    const head = { of: planks, stack };
    writeFileSync(join(yard, `.${id}`), `${JSON.stringify(head)}\n`);
    renameSync(join(yard, `.${id}`), path(id));
    const job = { id, ...head, sawn: [], stacks: 0 };
    jobs.set(id, job);
    later(job);
    return { job: id, note: `${planks} planks` };
  },
  how_far({ job: id }) {
    const job = jobs.get(id);
    if (!job) throw new RangeError(`nobody has ordered ${id}`);
    return { job: id, is: isReady(job) ? "sawn" : "sawing", stacks: job.stacks, planks: { sawn: job.sawn.length } };
  },
  planks_of({ job: id }) {
    if (!jobs.has(id)) throw new RangeError(`nobody has ordered ${id}`);
    return jobs.get(id).sawn;
  },
};
const shapes = {
  saw_planks: { planks: { type: "integer" }, stack: { type: "integer" } },
  how_far: { job: { type: "string" } },
  planks_of: { job: { type: "string" } },
};

function answer(method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "sawmill", version: "1.1" };
    return { protocolVersion: "2025-03-26", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") {
    const inputSchema = (name) => ({ type: "object", properties: shapes[name], required: Object.keys(shapes[name]) });
    return { tools: Object.keys(tools).map((name) => ({ name, inputSchema: inputSchema(name) })) };
  }
  if (method !== "tools/call" || !tools[params.name]) return undefined;
  try {
    return { content: [{ type: "text", text: JSON.stringify(tools[params.name](params.arguments ?? {})) }] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { content: [{ type: "text", text: error.message }], isError: true };
  }
}

function say(message) {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}

mkdirSync(yard, { recursive: true });
for (const name of readdirSync(yard).filter((it) => it.endsWith(".log") && !it.startsWith("."))) {
  const job = read(name.slice(0, -4));
  if (job.torn && existsSync(path(job.id))) truncateSync(path(job.id), job.torn);
  if (nearly) job.ready = job.stacks >= Math.floor(job.of / job.stack);
  jobs.set(job.id, job);
  later(job);
}
process.stdout.on("error", () => process.exit(0));
createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) return;
    const result = answer(method, params ?? {});
    say({ id, ...(result ? { result } : { error: { code: -32601, message: `there is no ${method}` } }) });
  })
  .on("close", () => process.exit(0));
