/**
 * Loads the SQLite engine before the first test: a native library that is loaded is never closed, and the test
 * that was the first to need it would be said to leak it.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

await loadEngine("auto");
