/**
 * A client repeats puts whose answers were lost, and that repeat a `messageId`: they have the answers of the first time.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";

const folder = Deno.makeTempDirSync();
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const STORES = {
  "in memory": {},
  "in a file": { store: `sqlite:${folder}/queue.db`, durability: "process" },
} as const;

for (const [where, options] of Object.entries(STORES)) {
  Deno.test(`an answer to a repeated messageId that is lost comes again, though the message is purged meanwhile (${where})`, async () => {
    await using server = await openServer(options);
    await using other = await connect(server.url, { since: "start" });
    assertEquals(await other.put("t", "m", { messageId: "m" }), 1);
    let lost: PromiseWithResolvers<WebSocket> | undefined;
    const dial = (url: string) => {
      const socket = new WebSocket(url);
      // The first listener: the client does not hear what stops here.
      socket.addEventListener("message", (event) => {
        if (!lost) return;
        event.stopImmediatePropagation();
        if (String(event.data).includes('"seq')) lost.resolve(socket);
      });
      return socket;
    };
    await using mq = await connect(server.url, { dial, reconnect: { minDelay: 1, maxDelay: 1 } });
    lost = Promise.withResolvers();
    const message = { body: "again", messageId: "m" };
    const put = mq.putMany("t", [message, { body: "new" }, { ...message, body: "twice" }]);
    const socket = await lost.promise;
    assertEquals(await other.purge("t"), 2);
    lost = undefined;
    socket.close();
    assertEquals(await put, [1, 2, 1]);
    assertEquals((await other.read("t"))?.body, undefined, "nothing is stored anew");
    assertEquals(await mq.put("t", "m", { messageId: "m" }), 3);
  });
}
