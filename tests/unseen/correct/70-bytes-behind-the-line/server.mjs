// Translates the lines of a file, in JavaScript. What is known of a job is one file, replaced at once: how many bytes of the
// input lie behind it, and how long its output is.
//
// --as-text: how many lines are done is said as a text, as protobuf does.
// --by-stream: how many bytes lie behind it is asked of the stream.
import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, createReadStream, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const desk = option("--desk");
const ledger = option("--ledger");
const asText = process.argv.includes("--as-text");
const byStream = process.argv.includes("--by-stream");
const jobs = new Map();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function save(job) {
  writeFileSync(`${desk}/${job.id}.next`, JSON.stringify(job));
  renameSync(`${desk}/${job.id}.next`, `${desk}/${job.id}.json`);
}

function translate(job, line) {
  const { id, text } = JSON.parse(line);
  appendFileSync(ledger, `${JSON.stringify({ task: job.id, record: id })}\n`);
  return { line: id, translated: createHash("sha256").update(text).digest("base64").slice(0, 16) };
}

async function work(job) {
  const input = createReadStream(job.source, { start: job.bytes });
  const lines = createInterface({ input, crlfDelay: Infinity });
  let page = [];
  let bytes = job.bytes;
  for await (const line of lines) {
    page.push(line);
    bytes += Buffer.byteLength(line) + 1;
    if (page.length < job.page && job.lines + page.length < job.of) continue;
    await sleep(60);
    const out = page.map((it) => `${JSON.stringify(translate(job, it))}\n`).join("");
    appendFileSync(`${desk}/${job.id}.jsonl`, out);
    job.lines += page.length;
    job.bytes = byStream ? job.begun + input.bytesRead : bytes;
    job.size += Buffer.byteLength(out);
    save(job);
    page = [];
    if (job.lines === job.of) break;
  }
  input.destroy();
  job.state = "translated";
  save(job);
}

function start(job) {
  if (!existsSync(`${desk}/${job.id}.jsonl`)) writeFileSync(`${desk}/${job.id}.jsonl`, "");
  if (statSync(`${desk}/${job.id}.jsonl`).size > job.size) truncateSync(`${desk}/${job.id}.jsonl`, job.size);
  job.begun = job.bytes;
  jobs.set(job.id, job);
  if (job.state !== "translated") work(job);
}

function known(uri) {
  const job = jobs.get(uri.replace("translations://", ""));
  if (!job) throw Object.assign(new Error(`no such translation: ${uri}`), { code: -32602 });
  return job;
}

const properties = { file: { type: "string" }, lines: { type: "integer" }, page: { type: "integer" } };
const tool = { name: "translate_file", inputSchema: { type: "object", properties } };

function answer(method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "translations", version: "12" };
    return { protocolVersion: "2025-11-25", capabilities: { tools: {}, resources: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") return { tools: [tool] };
  if (method === "resources/list") return { resources: [] };
  if (method === "tools/call" && params.name === tool.name) {
    const { file, lines, page } = params.arguments;
    const job = { id: randomUUID(), source: file, of: lines, page, bytes: 0, lines: 0, size: 0, state: "translating" };
    save(job);
    start(job);
    const text = `Follow translations://${job.id}`;
    const link = { type: "resource_link", uri: `translations://${job.id}`, name: "the translation" };
    return { content: [{ type: "text", text }, link] };
  }
  if (method === "resources/read") {
    const { id, state, lines, of } = known(params.uri);
    const text = JSON.stringify({ id, state, percentage: Math.round((1000 * lines) / of) / 10, lines: asText ? String(lines) : lines });
    return { contents: [{ uri: params.uri, mimeType: "application/json", text }] };
  }
  throw Object.assign(new Error(`there is no ${method}`), { code: -32601 });
}

mkdirSync(desk, { recursive: true });
for (const name of readdirSync(desk).filter((it) => it.endsWith(".json"))) start(JSON.parse(readFileSync(`${desk}/${name}`, "utf8")));
const server = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  const asked = request.method === "POST" ? JSON.parse(body) : undefined;
  if (asked?.id === undefined) return response.writeHead(asked ? 202 : 405).end();
  const said = { jsonrpc: "2.0", id: asked.id };
  try {
    said.result = answer(asked.method, asked.params ?? {});
  } catch (error) {
    said.error = { code: error.code ?? -32603, message: error.message };
  }
  response.writeHead(200, { "Content-Type": "application/json" });
  return response.end(JSON.stringify(said));
});
server.listen(Number(option("--port")), "127.0.0.1");
