/**
 * Loads the SQLite engine before the first test: a native library, once loaded, is never closed, and the test
 * that needs it first would be reported as leaking it.
 *
 * @module
 */

import { loadEngine } from "../../stores/engines/load_engine.ts";

await loadEngine("auto");
