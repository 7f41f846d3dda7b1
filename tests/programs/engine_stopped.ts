/**
 * A program that is stopped while it loads the engine, and ends.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

const stop = new AbortController();
setTimeout(() => stop.abort("stopped"), 100);
const started = performance.now();
const result = await loadEngine("@db/sqlite", undefined, stop.signal).catch((error) => error);
const ms = Math.round(performance.now() - started);
console.log(JSON.stringify({ engines: [result], warnings: [], ms }));
Deno.exit();
