/**
 * Leaves out what two tables say for people: the descriptions of limits and of error codes, which help texts and documents
 * show, and no browser.
 *
 * @module
 */

import type { Plugin } from "esbuild";

/** A member `description: "…"` with the comma before it: it is the last of each row. */
const DESCRIPTION = /,\s*description:\s*"(?:[^"\\]|\\.)*"/g;

/** Leaves out the descriptions; a test sees that nothing which is left asks for one. */
export const withoutDescriptions: Plugin = {
  name: "without descriptions",
  setup(build) {
    build.onLoad(
      { filter: /[/\\]protocol[/\\](client_limits|limits|error_codes)\.ts$/ },
      async ({ path }) => {
        const text = await Deno.readTextFile(path);
        return { contents: text.replaceAll(DESCRIPTION, ""), loader: "ts" };
      },
    );
  },
};
