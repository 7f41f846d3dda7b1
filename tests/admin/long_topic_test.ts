/**
 * Topics that were stored while longer names were permitted than now: they can be purged, and their messages read.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, type ServeOptions } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { TempFolder } from "../support/queue_files.ts";

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`a topic with a longer name than is permitted now can be purged (${transport})`, async () => {
    using folder = new TempFolder();
    const options: ServeOptions = { transport, store: `sqlite:${folder.file}` };
    const long = "é".repeat(2048);
    {
      await using server = await openServer({ ...options, limits: { topicBytes: 4096 } });
      await using mq = await connect(server.url);
      await mq.put(long, "secret");
    }
    await using server = await openServer(options);
    await using mq = await connect(server.url, { since: "start" });
    await assertRejects(() => mq.put(long, "m"), RangeError, "4096 bytes, the limit is 256");
    assertEquals((await mq.topics()).map(({ topic }) => topic), [long]);
    await using stream = mq.subscribe({ prefix: "é" }, { since: "start" });
    assertEquals((await stream.next()).value?.body, "secret");
    assertEquals(await mq.purge(long), 1);
    assertEquals(await mq.topics(), []);
    await assertRejects(
      () => mq.purge(`${long}!`),
      RangeError,
      "Cannot purge: the topic is 4097 bytes, the limit is 4096",
    );
  });
}
