/**
 * The engine that is built into Deno: no leave, no download.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import type { Engine } from "../engine.ts";

/** `node:sqlite`; see https://docs.deno.com/api/node/sqlite/. Integers come back as numbers while they are safe. */
export const nodeSqlite: Engine = {
  name: "node:sqlite",
  open: (path) => new DatabaseSync(path),
};
