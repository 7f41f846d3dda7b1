/**
 * Loads the engine, twice at once and then again, and prints which it was, what was logged, and how long it took.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

const warnings: string[] = [];
const started = performance.now();
const load = () => loadEngine("auto", (text) => warnings.push(text));
const engines = [...await Promise.all([load(), load()]), await load()].map(({ name }) => name);
const ms = Math.round(performance.now() - started);
console.log(JSON.stringify({ engines: [...new Set(engines)], warnings, ms }));
