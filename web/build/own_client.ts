/**
 * The page uses the client of its server: the same file that others import.
 *
 * @module
 */

import type { Plugin } from "esbuild";

/** Leaves the client out of the page, which loads it from `./client.js`. */
export const ownClient: Plugin = {
  name: "client of the server",
  setup(build) {
    build.onResolve({ filter: /\/client\.ts$/ }, ({ importer }) => {
      if (!importer.includes("/web/page/")) return undefined;
      return { path: "./client.js", external: true };
    });
  },
};
