/**
 * Appends to a file until it is killed, several batches at a time, and prints each acknowledged message: its
 * number and its sequence number.
 *
 * @module
 */

import { apply } from "../../testing/store/support.ts";
import { nodeSqlite } from "../../stores/engines/node_sqlite.ts";
import { FileStore } from "../../stores/file_store.ts";
import { StoreError } from "../../stores/store.ts";

const [path, sessionId, durability] = Deno.args as [string, string, "disk" | "process"];
const clock = { now: () => Date.now() };
const store = new FileStore({ path, durability, engine: nodeSqlite, retention: 600_000, clock });

let last = 0;
async function append(): Promise<void> {
  for (let count = 1;; count = count % 9 + 1) {
    const batch = Array.from({ length: count }, () => {
      const n = ++last;
      const body = JSON.stringify(`${sessionId} ${n}`);
      return {
        type: "put" as const,
        topic: `t${n % 3}`,
        body,
        bytes: body.length,
        session: sessionId,
        n,
      };
    });
    const results = await apply(store, batch);
    const lines = results.map((result, i) => {
      if (result instanceof StoreError) throw result;
      return `${batch[i]!.n} ${result.seq}\n`;
    });
    Deno.stdout.writeSync(new TextEncoder().encode(lines.join("")));
  }
}
await Promise.all([append(), append(), append()]);
