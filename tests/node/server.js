// A small server that does it right, of nothing but node: JSON over HTTP, and a journal with a line for each batch.
//
//   node server.js PORT FOLDER
//
// A job is started by a tool, goes on in the background and is followed behind a resource. A batch is one line of the
// journal, written and flushed before anybody is told of it. After a crash the jobs go on from there.
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { randomUUID } = require("node:crypto");

const [port, folder] = [Number(process.argv[2]), process.argv[3]];
fs.mkdirSync(folder, { recursive: true });
const file = path.join(folder, "journal.jsonl");
const jobs = new Map();

const SCHEMA = {
  type: "object",
  properties: { key: { type: "string" }, total: { type: "integer" }, batch: { type: "integer" } },
  required: ["key", "total", "batch"],
};

function read() {
  if (!fs.existsSync(file)) return;
  const text = fs.readFileSync(file, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1); // a torn line was told to nobody
  if (whole.length < text.length) fs.truncateSync(file, Buffer.byteLength(whole));
  for (const line of whole.split("\n").filter(Boolean)) {
    const said = JSON.parse(line);
    if (said.total !== undefined) jobs.set(said.id, { ...said, done: 0 });
    else jobs.get(said.id).done = said.done;
  }
}

function keep(said) {
  const handle = fs.openSync(file, "a");
  fs.writeSync(handle, JSON.stringify(said) + "\n");
  fs.fsyncSync(handle);
  fs.closeSync(handle);
}

function goOn(job) {
  if (job.done >= job.total) return;
  setTimeout(() => {
    const done = Math.min(job.done + job.batch, job.total);
    keep({ id: job.id, done });
    job.done = done;
    goOn(job);
  }, 30);
}

function start({ key, total, batch }) {
  const known = [...jobs.values()].find((job) => job.key === key);
  if (known) return known;
  const job = { id: randomUUID(), key, total, batch };
  keep(job);
  jobs.set(job.id, { ...job, done: 0 });
  goOn(jobs.get(job.id));
  return job;
}

function answer(method, params) {
  if (method === "server/discover")
    return { capabilities: { tools: {}, resources: {} }, supportedVersions: ["2026-07-28"] };
  if (method === "tools/list") return { tools: [{ name: "start", inputSchema: SCHEMA }] };
  if (method === "tools/call") return { content: [{ type: "text", text: `job://${start(params.arguments).id}` }] };
  if (method === "resources/read") {
    const [id, part] = params.uri.replace("job://", "").split("/");
    const job = jobs.get(id);
    if (!job) throw { code: -32602, message: `there is no job ${id}` };
    const status = job.done === job.total ? "completed" : "running";
    const records = () => [...Array(job.done).keys()].map((n) => ({ n }));
    const said = part ? records() : { id, status, progress: job.done, total: job.total };
    return { contents: [{ uri: params.uri, text: JSON.stringify(said) }] };
  }
  throw { code: -32601, message: `there is no ${method}` };
}

read();
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const asked = JSON.parse(body);
    const said = { jsonrpc: "2.0", id: asked.id };
    try {
      said.result = answer(asked.method, asked.params);
    } catch (error) {
      said.error = { code: error.code ?? -32603, message: error.message };
    }
    const text = JSON.stringify(said);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  });
});
server.listen(port, "127.0.0.1", () => [...jobs.values()].forEach(goOn));
process.on("SIGTERM", () => process.exit(0));
