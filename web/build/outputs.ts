/**
 * What is built: the files of `web/built/`, and how each is made.
 *
 * @module
 */

import { bundle } from "./bundle.ts";
import type { BuiltFiles } from "./write_files.ts";

/** The same sources and the same versions in `deno.lock` give the same text, to the byte. */
export const OUTPUTS: BuiltFiles = {
  "client.js": () => bundle({ entry: "client.ts", title: "the client of dsmq" }),
};
