/**
 * A program that is stopped before it loads the engine and while it does, and ends.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

const stop = new AbortController();
setTimeout(() => stop.abort("stopped"), 100);
const started = performance.now();
const engines = [];
for (const signal of [AbortSignal.abort("stopped before"), stop.signal]) {
  engines.push(await loadEngine("@db/sqlite", undefined, signal).catch((error) => error));
}
const ms = Math.round(performance.now() - started);
console.log(JSON.stringify({ engines, warnings: [], ms }));
Deno.exit();
