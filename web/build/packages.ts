/**
 * Where the packages of the page are: those that `deno.json` names, in the versions of `deno.lock`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

const NAMES = ["htm", "preact", "preact/hooks", "uplot"];

/** Finds the packages. */
export const packages: Plugin = {
  name: "packages of npm",
  async setup(build) {
    // Deno fetches a package when it is imported. By a computed name: their types are those of browsers, and not for here.
    for (const name of NAMES) await import(name);
    const files = new Map(NAMES.map((name) => [name, new URL(import.meta.resolve(name))]));
    const uplot = files.get("uplot")!;
    // What Deno finds is CommonJS.
    files.set("uplot", new URL("uPlot.esm.js", uplot));
    files.set("uplot/uPlot.css", new URL("uPlot.min.css", uplot));
    build.onResolve({ filter: /^[a-z]/ }, ({ path }) => {
      const file = files.get(path);
      return file && { path: fileURLToPath(file) };
    });
  },
};
