import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import deno from "../../deno.json" with { type: "json" };
import { staleFiles, writeFiles } from "../../web/build/write_files.ts";
import { graph } from "../support/module_graph.ts";
import { ROOT } from "../support/program.ts";

const client = await Deno.readTextFile(new URL("web/built/client.js", ROOT));

Deno.test("the client for browsers is one file: it imports nothing, not even later", async () => {
  const [module, ...others] = await graph("web/built/client.js");
  assertEquals([others, module?.dependencies], [[], undefined]);
});

Deno.test("the client for browsers begins with its name, version and licence, and has nothing of Deno's socket", () => {
  const [first, ...code] = client.split("\n");
  assertEquals(first, `/*! the client of dsmq, @dsmq/server ${deno.version}, MIT */`);
  // What its texts say of Deno is for people; these are names that only the socket's code has.
  assertEquals(code.join("\n").match(/globalThis\.Deno|setNoDelay|startTls/g), null);
  assert(code.join("\n").includes("new WebSocket("));
});

Deno.test("a built file that differs from its sources, is missing, or has no sources is found", async () => {
  const path = await Deno.makeTempDir();
  const folder = new URL(`file://${path}/built/`);
  const files = (text: string) => ({ "a.js": () => Promise.resolve(text) });
  try {
    await writeFiles(folder, files("1"));
    assertEquals(await staleFiles(folder, files("1")), []);
    assertEquals(await staleFiles(folder, files("2")), ["a.js"]);
    await Deno.rename(new URL("a.js", folder), new URL("b.js", folder));
    assertEquals(await staleFiles(folder, files("1")), ["a.js", "b.js"]);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

/** The size of the client for browsers with gzip -9, in bytes, and a little on top: what adds more is worth a look. */
const CLIENT_GZIP_BYTES = 40_450;

Deno.test("the client for browsers does not grow unnoticed", () => {
  const { length } = gzipSync(client, { level: 9 });
  assert(length <= CLIENT_GZIP_BYTES, `${length} bytes with gzip, at most ${CLIENT_GZIP_BYTES}`);
});

Deno.test("the client for browsers has no text that only help and documents show", () => {
  assertEquals(
    client.match(/\bdescription\b|connections in total|topics that hold messages/g),
    null,
  );
});
