// A server of the TypeScript SDK with the SDK's own stores: tasks of revision 2025-11-25 and resumable streams.
import { appendFileSync } from "node:fs";
import { pbkdf2Sync, randomUUID } from "node:crypto";
import express from "express";
import { z } from "zod";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { InMemoryTaskMessageQueue, InMemoryTaskStore } from "@modelcontextprotocol/sdk/experimental/tasks";
import { InMemoryEventStore } from "@modelcontextprotocol/sdk/examples/shared/inMemoryEventStore.js";

const [port, ledger] = process.argv.slice(2);
const taskStore = new InMemoryTaskStore(); // one for all sessions
const eventStore = new InMemoryEventStore();
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function stretch(job, n) {
  if (ledger) appendFileSync(ledger, JSON.stringify({ task: job, record: n }) + "\n");
  return { n, key: pbkdf2Sync(String(n), "salt", 5000, 32, "sha256").toString("hex") };
}

async function work(store, taskId, { job, total, batch }) {
  const keys = [];
  for (let first = 0; first < total; first += batch) {
    for (let n = first; n < Math.min(first + batch, total); n++) keys.push(stretch(job, n));
    await store.updateTaskStatus(taskId, "working", `${keys.length}/${total}`);
    await pause(50);
  }
  const result = { count: keys.length, keys };
  await store.storeTaskResult(taskId, "completed", { content: [{ type: "text", text: JSON.stringify(result) }] });
}

function server() {
  const mcp = new McpServer(
    { name: "key-stretcher", version: "1.0.0" },
    {
      capabilities: { tasks: { list: {}, cancel: {}, requests: { tools: { call: {} } } } },
      taskStore,
      taskMessageQueue: new InMemoryTaskMessageQueue(),
    },
  );
  mcp.experimental.tasks.registerToolTask(
    "stretch-keys",
    {
      description: "Stretch the keys 0 to total - 1",
      inputSchema: { job: z.string(), total: z.number().int(), batch: z.number().int() },
      execution: { taskSupport: "required" },
    },
    {
      async createTask(args, extra) {
        const task = await extra.taskStore.createTask({ ttl: extra.taskRequestedTtl, pollInterval: 100 });
        work(extra.taskStore, task.taskId, args).catch(() => {}); // cancelled: the store takes nothing any more
        return { task };
      },
      getTask: (_args, extra) => extra.taskStore.getTask(extra.taskId),
      getTaskResult: (_args, extra) => extra.taskStore.getTaskResult(extra.taskId),
    },
  );
  return mcp;
}

const app = express();
app.use(express.json());
const transports = new Map();

app.post("/mcp", async (request, response) => {
  const known = request.headers["mcp-session-id"];
  if (known && !transports.has(known)) {
    response.status(404).json({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null });
    return;
  }
  let transport = transports.get(known);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      eventStore,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    transport.onclose = () => transports.delete(transport.sessionId);
    await server().connect(transport);
  }
  await transport.handleRequest(request, response, request.body);
});

for (const method of ["get", "delete"]) {
  app[method]("/mcp", async (request, response) => {
    const transport = transports.get(request.headers["mcp-session-id"]);
    if (transport) await transport.handleRequest(request, response);
    else response.status(404).end();
  });
}

app.listen(Number(port), "127.0.0.1");
