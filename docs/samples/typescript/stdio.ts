// The fixture tool over stdio: node dist/stdio.js
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { registerFixture } from "./fixture.js";

const server = new McpServer({ name: "fixture", version: "1.0.0" });
registerFixture(server);
await server.connect(new StdioServerTransport());
