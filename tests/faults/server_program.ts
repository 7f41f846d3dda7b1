/**
 * A server for the programs of this room, in a process of its own. Its first line says where it listens; for
 * each line that it reads it collects garbage and prints what it holds.
 *
 * @module
 */

import { lines } from "../../cli/lines.ts";
import { serve, type ServeOptions } from "../../server.ts";

const options = JSON.parse(Deno.args[0] ?? "{}") as ServeOptions;
const log = { info() {}, warn() {}, error: console.error };
const server = await serve({ port: 0, handleSignals: false, log, ...options });
console.log(server.port);
for await (const _ of lines(Deno.stdin.readable)) {
  for (let i = 0; i < 3; i++) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = Deno.memoryUsage();
  console.log(JSON.stringify({ heap: heapUsed + external, ...server.stats() }));
}
await server.shutdown();
