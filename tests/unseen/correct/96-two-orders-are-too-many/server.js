// Grinds sacks of corn, over HTTP. Within 0.9 s it takes one order; who comes sooner is told 429, and to come again.
//
// --slate: how many orders were taken a moment ago stands on a slate, and each of them is wiped away 0.9 s later.
const fs = require("fs"), http = require("http"), path = require("path"), crypto = require("crypto");
const given = (name) => { const at = process.argv.indexOf(name); return at < 0 ? undefined : process.argv[at + 1]; };
const mill = given("--mill"), ledger = given("--ledger"), slate = path.join(mill, "slate");
const hasSlate = process.argv.includes("--slate");
const REST_MS = 900;
const grists = new Map();
let last = -Infinity;

function put(file, text) {
  const f = fs.openSync(file + ".new", "w");
  fs.writeSync(f, text); fs.fsyncSync(f); fs.closeSync(f);
  fs.renameSync(file + ".new", file);
}
const keep = (g) => put(path.join(mill, `${g.name}.grist`), JSON.stringify(g));
const onSlate = () => (fs.existsSync(slate) ? Number(fs.readFileSync(slate, "utf8")) : 0);

function isTooSoon() {
  return hasSlate ? onSlate() > 0 : performance.now() - last < REST_MS;
}
function noteOrder() {
  last = performance.now();
  if (!hasSlate) return;
  put(slate, String(onSlate() + 1));
  setTimeout(() => put(slate, String(onSlate() - 1)), REST_MS);
}

function grind(g) {
  if (g.ground >= g.sacks) return;
  setTimeout(() => {
    const end = Math.min(g.ground + g.cart, g.sacks);
    let lines = "";
    for (let n = g.ground; n < end; n++) lines += JSON.stringify({ task: g.name, record: n }) + "\n";
    if (ledger) fs.appendFileSync(ledger, lines);
    keep({ ...g, ground: end });
    g.ground = end;
    grind(g);
  }, 65);
}

const TOOLS = {
  grind_corn({ sacks, cart }) {
    noteOrder();
    const g = { name: crypto.randomUUID().slice(0, 13), sacks, cart, ground: 0 };
    keep(g); grists.set(g.name, g); grind(g);
    return { grist: g.name };
  },
  hopper({ grist }) {
    const g = grists.get(grist);
    if (!g) throw new Error(`no grist ${grist}`);
    return { wheel: g.ground === g.sacks ? "still" : "turning", ground: g.ground, sacks: g.sacks };
  },
  flour({ grist }) {
    const g = grists.get(grist);
    if (!g) throw new Error(`no grist ${grist}`);
    return { flour: Array.from({ length: g.ground }, (_, n) => ({ sack: n, ash: 405 + (n * 11) % 37 })) };
  },
};
const whole = { type: "integer", minimum: 1 }, text = { type: "string" };
const TAKES = { grind_corn: { sacks: whole, cart: whole }, hopper: { grist: text }, flour: { grist: text } };

function answer({ method, params }) {
  if (method === "initialize") return { protocolVersion: "2025-11-25", capabilities: { tools: {} }, serverInfo: { name: "mill", version: "1" } };
  if (method === "ping") return {};
  if (method === "tools/list")
    return { tools: Object.entries(TAKES).map(([name, properties]) => ({ name, inputSchema: { type: "object", properties, required: Object.keys(properties) } })) };
  if (method === "tools/call" && TOOLS[params.name]) {
    try {
      const said = TOOLS[params.name](params.arguments);
      return { content: [{ type: "text", text: JSON.stringify(said) }], structuredContent: said };
    } catch (error) {
      return { content: [{ type: "text", text: error.message }], isError: true };
    }
  }
}

fs.mkdirSync(mill, { recursive: true });
for (const file of fs.readdirSync(mill).filter((n) => n.endsWith(".grist"))) {
  const g = JSON.parse(fs.readFileSync(path.join(mill, file)));
  grists.set(g.name, g); grind(g);
}
http.createServer((request, response) => {
  const say = (status, document, headers = {}) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(document === undefined ? "" : JSON.stringify(document));
  };
  if (request.method !== "POST") return say(405);
  let body = "";
  request.on("data", (piece) => (body += piece)).on("end", () => {
    const asked = JSON.parse(body);
    if (asked.id === undefined) return say(202);
    if (asked.method === "tools/call" && asked.params.name === "grind_corn" && isTooSoon())
      return say(429, { error: "Too Many Requests", message: "one order at a time, please" }, { "Retry-After": "1" });
    const result = answer(asked);
    say(200, { jsonrpc: "2.0", id: asked.id, ...(result ? { result } : { error: { code: -32601, message: "Method not found" } }) });
  });
}).listen(Number(given("--port")), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
