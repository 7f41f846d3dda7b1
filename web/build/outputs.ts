/**
 * What is built: the files of `web/built/`, and how each is made.
 *
 * @module
 */

import { bundle } from "./bundle.ts";
import { declarations } from "./declarations.ts";
import type { BuiltFiles } from "./write_files.ts";

const CLIENT = { entry: "client.ts", title: "the client of dsmq" };

/** The same sources and the same versions in `deno.lock` give the same text, to the byte. */
export const OUTPUTS: BuiltFiles = {
  "page.js": () =>
    bundle({
      ...{ entry: "web/page/main.ts", title: "the page of dsmq" },
      external: ["./client.js"],
    }),
  "page.css": () => bundle({ entry: "web/page/page.css", title: "the page of dsmq" }),
  "index.html": () => Deno.readTextFile(new URL("../page/index.html", import.meta.url)),
  "icon.svg": () => Deno.readTextFile(new URL("../page/icon.svg", import.meta.url)),
  "client.js": async () => bundle({ ...CLIENT, publicTypes: await declarations(CLIENT) }),
  "client.d.ts": () => declarations(CLIENT),
};
