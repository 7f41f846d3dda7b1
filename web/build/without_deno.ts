/**
 * Leaves out `client/deno/`, the WebSocket for Deno: browsers have their own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

const STAND_IN = new URL("no_deno.ts", import.meta.url);

/** Puts `no_deno.ts` in the place of each file of `client/deno/` that another folder imports. */
export const withoutDeno: Plugin = {
  name: "without Deno",
  setup(build) {
    build.onResolve({ filter: /^\.\/deno\// }, ({ importer }) => {
      if (!importer.endsWith("/client/dial.ts")) return undefined;
      return { path: fileURLToPath(STAND_IN) };
    });
  },
};
