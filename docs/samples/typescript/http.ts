// The fixture tool over streamable HTTP, a session a client: PORT=8000 node dist/http.js
import { randomUUID } from "node:crypto";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";
import { registerFixture } from "./fixture.js";

const sessions = new Map<string, StreamableHTTPServerTransport>();
const app = express();
app.use(express.json());

app.all("/mcp", async (request, response) => {
  const id = request.header("mcp-session-id");
  const known = id === undefined ? undefined : sessions.get(id);
  if (id !== undefined && known === undefined) {
    response.status(404).json({ jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null });
    return;
  }
  if (known !== undefined) {
    await known.handleRequest(request, response, request.body);
    return;
  }
  const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (session) => void sessions.set(session, transport),
  });
  transport.onclose = () => void (transport.sessionId && sessions.delete(transport.sessionId));
  const server = new McpServer({ name: "fixture", version: "1.0.0" });
  registerFixture(server);
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});

app.listen(Number(process.env.PORT ?? 8000), "127.0.0.1");
