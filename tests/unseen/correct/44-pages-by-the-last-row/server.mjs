// Translates books, in JavaScript. The lines are appended to a file and count when the job's file says so; they are read
// page by page. A cursor is the last line that its page has shown, so that it means the same in every life.
//
// --marks: while it works it notes the byte at which each page of 25 lines begins; which page that is, it counts itself.
import { createHash, randomUUID } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, readdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const option = (name) => process.argv[process.argv.indexOf(name) + 1];
const dir = option("--dir");
const ledger = option("--ledger");
const marks = process.argv.includes("--marks");
const PAGE = 25;
const jobs = new Map();

class Refused extends Error {}

function save(job) {
  const path = `${dir}/${job.id}.json`;
  writeFileSync(`${path}.part`, JSON.stringify(job));
  renameSync(`${path}.part`, path);
}

function translate(job) {
  const path = `${dir}/${job.id}.lines`;
  if (!existsSync(path)) writeFileSync(path, "");
  truncateSync(path, job.bytes);
  let page = 0;
  const step = () => {
    const next = { ...job, pages: [...job.pages] };
    let lines = "";
    const end = Math.min(job.done + job.batch, job.total);
    for (let n = job.done; n < end; n++) {
      if (n % PAGE === 0) next.pages[page++] = job.bytes + Buffer.byteLength(lines);
      lines += `${JSON.stringify({ no: n, text: createHash("sha1").update(`line ${n}`).digest("base64") })}\n`;
      appendFileSync(ledger, `${JSON.stringify({ task: job.id, record: n })}\n`);
    }
    appendFileSync(path, lines);
    Object.assign(next, { done: end, bytes: job.bytes + Buffer.byteLength(lines) });
    save(next);
    Object.assign(job, next);
    if (job.done < job.total) setTimeout(step, 55);
  };
  if (job.done < job.total) setTimeout(step, 55);
}

function known(id) {
  if (!jobs.has(id)) throw new Refused(`no book ${id}`);
  return jobs.get(id);
}

const tools = {
  translate_book({ lines, batch, reader }) {
    const job = { id: randomUUID(), total: lines, batch, reader, done: 0, bytes: 0, pages: [] };
    save(job);
    jobs.set(job.id, job);
    translate(job);
    return { book: job.id };
  },
  book_status({ book }) {
    const { done, total } = known(book);
    return { status: done === total ? "succeeded" : "working", percent: Math.floor((100 * done) / total), lines: done };
  },
  book_lines({ book, cursor }) {
    const job = known(book);
    const text = readFileSync(`${dir}/${job.id}.lines`).subarray(0, job.bytes);
    if (marks) {
      const page = Number(cursor || 0);
      const lines = text.subarray(job.pages[page] ?? 0, job.pages[page + 1]).toString().split("\n").slice(0, -1);
      const more = page + 1 < job.pages.length ? { nextCursor: String(page + 1) } : {};
      return { lines: lines.map((line) => JSON.parse(line)), ...more };
    }
    const seen = cursor ? Number(Buffer.from(cursor, "base64url").toString().replace("line:", "")) : -1;
    if (Number.isNaN(seen)) throw new Refused(`what is the cursor ${cursor}?`);
    const rows = text.toString().split("\n").slice(0, -1).map((line) => JSON.parse(line));
    const lines = rows.filter((row) => row.no > seen).slice(0, PAGE);
    const last = lines.at(-1)?.no;
    const more = last < job.done - 1 ? { nextCursor: Buffer.from(`line:${last}`).toString("base64url") } : {};
    return { lines, ...more };
  },
};

const text = { type: "string" };
const whole = { type: "integer" };
const shapes = {
  translate_book: { lines: whole, batch: whole, reader: text },
  book_status: { book: text },
  book_lines: { book: text, cursor: text },
};

function answer(method, params) {
  if (method === "initialize") {
    const serverInfo = { name: "books", version: "2.3.1" };
    return { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo };
  }
  if (method === "ping") return {};
  if (method === "tools/list") {
    const inputSchema = (name) => ({ type: "object", properties: shapes[name] });
    return { tools: Object.keys(tools).map((name) => ({ name, inputSchema: inputSchema(name) })) };
  }
  if (method !== "tools/call" || !tools[params.name]) return undefined;
  try {
    const document = tools[params.name](params.arguments ?? {});
    return { content: [{ type: "text", text: JSON.stringify(document) }], structuredContent: document };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { content: [{ type: "text", text: error.message }], isError: true };
  }
}

for (const file of readdirSync(dir).filter((name) => name.endsWith(".json"))) {
  const job = JSON.parse(readFileSync(`${dir}/${file}`, "utf8"));
  jobs.set(job.id, job);
  translate(job);
}
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
