/**
 * `/status` of a server whose store fails.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { LIMITS } from "../../protocol/limits.ts";
import { FailingFile } from "../support/failing_file.ts";
import { HeldStore } from "../support/held_store.ts";
import { problemOf } from "../support/http_server.ts";
import { FORWARDED, statusOf, useOf } from "../support/server_status.ts";
import { testStores } from "../support/store_servers.ts";

testStores(
  "administrators learn that nothing can be stored or read, and why, and nobody else does",
  async (serve) => {
    await using file = new FailingFile();
    await using server = await serve(file.store, file.clock);
    await (await server.post("/topics/t", "x")).body?.cancel();
    let isBroken = false;
    file.before = (sql) => isBroken && sql === "open" || (sql === "COMMIT" && (isBroken = true));
    assertEquals((await problemOf(await server.post("/topics/t", "x"))).code, "unknown_outcome");
    const { operation, durability } = await statusOf(server);
    assertEquals([operation!.stored, durability], [null, "disk"]);
    assert(operation!.fault!.includes("disk I/O error"), operation!.fault!);
    assertEquals(useOf(operation!, "storedBytes"), [null, LIMITS.storedBytes.default]);
    assertEquals(useOf(operation!, "topics"), [null, LIMITS.topics.default]);
    const other = await statusOf(server, FORWARDED);
    assert(!JSON.stringify(other).includes("disk I/O"));
    file.repair();
    file.clock.advance(1000);
    const after = (await statusOf(server)).operation!;
    assertEquals([after.fault, after.stored!.messages], [null, 1]);
  },
);

testStores("why a queue in memory cannot be read is told, too", async (serve) => {
  const store = new HeldStore([]);
  store.usage = () => Promise.reject(new Error("out of memory"));
  await using server = await serve(store);
  const { operation } = await statusOf(server);
  assertEquals([operation!.stored, operation!.fault], [null, "out of memory"]);
});

testStores("a full disk is told before anybody puts again", async (serve) => {
  await using file = new FailingFile();
  await using server = await serve(file.store, file.clock);
  file.failure = "database or disk is full";
  file.before = (sql) => sql === "COMMIT";
  assertEquals((await problemOf(await server.post("/topics/t", "x"))).code, "full");
  const { operation } = await statusOf(server);
  assert(operation!.fault!.includes("disk is full"), operation!.fault!);
  assertEquals(operation!.stored, { messages: 0, bytes: 0, topics: 0 });
  file.repair();
  file.clock.advance(1000);
  assertEquals((await statusOf(server)).operation!.fault, null);
});
