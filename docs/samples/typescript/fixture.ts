// crashtest_process_records for a server of the TypeScript SDK: registerFixture(server) adds it, with a store of its own.
import { createHash, pbkdf2 } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

type Stored = { id: number; value: string };

const folder = process.env.FIXTURE_DIR ?? ".";
const ledger = process.env.CRASHTEST_LEDGER;
const derive = promisify(pbkdf2);
const working = new Map<string, Promise<unknown>>();

const storeOf = (job: string) => join(folder, `${createHash("sha256").update(job).digest("hex").slice(0, 32)}.jsonl`);

// A line is a whole batch: one that was cut off by a crash does not count.
function stored(job: string): Stored[] {
  if (!existsSync(storeOf(job))) return [];
  return readFileSync(storeOf(job), "utf8").split("\n").slice(0, -1).filter(Boolean).flatMap((line) => {
    try {
      return JSON.parse(line) as Stored[];
    } catch {
      return [];
    }
  });
}

async function workOn(job: string, n: number): Promise<Stored> {
  if (ledger) appendFileSync(ledger, JSON.stringify({ task: job, record: String(n) }) + "\n");
  const key = await derive(String(n), "salt", 20_000, 8, "sha256");
  return { id: n, value: key.toString("hex") };
}

async function nextBatch(job: string, total: number, size: number): Promise<number> {
  const done = stored(job).length;
  if (done >= total) return done;
  const batch: Stored[] = [];
  for (let n = done; n < Math.min(done + size, total); n++) batch.push(await workOn(job, n));
  appendFileSync(storeOf(job), "\n" + JSON.stringify(batch) + "\n");
  return done + batch.length;
}

// One batch of a job at a time: an earlier call may still be at work, its client gone.
function inTurn<T>(job: string, work: () => Promise<T>): Promise<T> {
  const turn = (working.get(job) ?? Promise.resolve()).then(work, work);
  working.set(job, turn.catch(() => undefined));
  return turn;
}

export function registerFixture(server: McpServer): void {
  server.registerTool(
    "crashtest_process_records",
    {
      description: "Process records in batches; called again with the same client_id, it goes on where it was.",
      inputSchema: { total_records: z.number().int(), batch_size: z.number().int(), client_id: z.string() },
    },
    async ({ total_records, batch_size, client_id }, extra) => {
      const job = `${client_id}/${total_records}`;
      for (let done = 0; done < total_records; ) {
        done = await inTurn(job, () => nextBatch(job, total_records, batch_size));
        const progressToken = extra._meta?.progressToken;
        if (progressToken !== undefined) {
          const params = { progressToken, progress: done, total: total_records };
          await extra.sendNotification({ method: "notifications/progress", params }).catch(() => undefined);
        }
      }
      const records = stored(job);
      const result = { status: "completed", processed: records.length, records };
      return { content: [{ type: "text" as const, text: JSON.stringify(result) }] };
    },
  );
}
