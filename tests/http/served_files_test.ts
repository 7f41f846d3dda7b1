/**
 * Files for browsers, made ready to be sent.
 *
 * @module
 */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { serveFiles } from "../../http/served_files.ts";

const FILES = {
  "/": { type: "text/html", text: '<meta content="BUILD"><script src="page.js"></script>' },
  "/page.js": { type: "text/javascript", text: "hello();" },
};

const POLICY = { "content-security-policy": "default-src 'none'" };

Deno.test("the page has another version if it, one of its files or what its headers permit is another", async () => {
  const version = async (files: typeof FILES, headers: Record<string, string>) => {
    const page = (await serveFiles(files, headers)).get("/")!;
    assertEquals(new TextDecoder().decode(page.bytes).includes(page.digest), true);
    return page.digest;
  };
  const first = await version(FILES, POLICY);
  assertEquals(await version({ ...FILES }, { ...POLICY }), first);
  const others = [
    await version({ ...FILES, "/": { ...FILES["/"], text: `${FILES["/"].text} ` } }, POLICY),
    await version({ ...FILES, "/page.js": { ...FILES["/page.js"], text: "bye();" } }, POLICY),
    await version(FILES, { "content-security-policy": "default-src 'self'" }),
    await version(FILES, { ...POLICY, "referrer-policy": "no-referrer" }),
  ];
  for (const other of others) assertNotEquals(other, first);
});

Deno.test("a file that could not be compressed once is compressed when it is asked for again", async () => {
  const { CompressionStream } = globalThis;
  const file = (await serveFiles(FILES, POLICY)).get("/page.js")!;
  try {
    globalThis.CompressionStream = class {
      constructor() {
        throw new Error("No memory");
      }
    } as unknown as typeof CompressionStream;
    await assertRejects(() => file.gzipped(), Error, "No memory");
  } finally {
    globalThis.CompressionStream = CompressionStream;
  }
  const gzipped = await file.gzipped();
  assertEquals(await file.gzipped() === gzipped, true);
  const stream = new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  assertEquals(await new Response(stream).text(), "hello();");
});
