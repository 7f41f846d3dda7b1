/**
 * Loads the engine in several workers at once, and prints which it was, and what was logged.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

const WORKERS = 4;

/** What a worker is, and what it reports. */
interface Loader {
  readonly name?: string;
  postMessage(results: unknown): void;
  close(): void;
}

const me = globalThis as unknown as Loader;
if (me.name === "loader") {
  const warnings: string[] = [];
  const { name } = await loadEngine("auto", (text) => warnings.push(text));
  me.postMessage({ name, warnings });
  me.close();
} else {
  const variable = () => JSON.stringify(Deno.env.get("DENO_SQLITE_PATH"));
  const before = variable();
  const results = await Promise.all(Array.from({ length: WORKERS }, fromWorker));
  const warnings = results.flatMap(({ warnings }) => warnings);
  if (variable() !== before) warnings.push(`DENO_SQLITE_PATH was ${before}, is ${variable()}`);
  console.log(JSON.stringify({ engines: [...new Set(results.map(({ name }) => name))], warnings }));
}

function fromWorker(): Promise<{ readonly name: string; readonly warnings: string[] }> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(import.meta.url, { type: "module", name: "loader" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}
