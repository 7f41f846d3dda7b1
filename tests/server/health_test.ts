/**
 * `/health` tells load balancers when nothing can be stored, and when it can again.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { FileFolder } from "../support/file_folder.ts";

const LOG = { info() {}, warn() {}, error() {} };

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: /health answers 503 while the file is away, with puts and without, and names no file`, async () => {
    using folder = new FileFolder();
    const store = `sqlite:${folder.path}` as const;
    await using server = await serve({ port: 0, store, transport, log: LOG });
    await using mq = await connect(server.url);
    const health = async () => {
      const response = await fetch(`${server.url.replace("ws:", "http:")}/health`);
      const text = await response.text();
      assertEquals(text.includes(folder.root), false);
      return `${response.status} ${text}`;
    };
    const put = () => mq.put("t", "x").then(() => "stored", ({ code }) => code);
    for (const failedPut of [false, true]) {
      assertEquals(await health(), "200 ok\n");
      Deno.renameSync(folder.path, `${folder.root}/away`);
      assertMatch(await health(), /^503 nothing can be stored/);
      if (failedPut) assertEquals(await put(), "unavailable");
      assertMatch(await health(), /^503 nothing can be stored/);
      Deno.renameSync(`${folder.root}/away`, folder.path);
      assertEquals(await health(), "200 ok\n");
      assertEquals(await put(), "stored");
    }
    Deno.truncateSync(`${folder.path}-wal`);
    assertEquals(await put(), "unavailable");
    assertMatch(await health(), /^503 nothing can be stored/);
  });
}
