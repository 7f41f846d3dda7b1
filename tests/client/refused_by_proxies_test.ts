/**
 * A proxy that refuses what is too large, over real sockets.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { reconnect, settled } from "../support/bridge.ts";
import { nextBody } from "../support/connected_pair.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

// Over real sockets.

for (const transport of ["builtin", "hardened"] as const) {
  for (
    const [code, only] of [[1009, "up"], [1009, "down"], [undefined, "up"], [4000, "down"]] as const
  ) {
    Deno.test(`behind a proxy that closes with ${code ?? "no status"} what is too large on the way ${only}, only that fails (${transport})`, async () => {
      await using server = await openServer({ transport });
      await using near = await connect(server.url);
      await using proxy = closingProxy(server.url, only, code);
      await using mq = await connect(proxy.url, { reconnect, since: "start" });
      const big = "x".repeat(100_000);
      if (only === "up") {
        const calls = [mq.put("t", big), mq.put("u", "m")].map((work) => settled(work));
        assertEquals(await Promise.all(calls), ["error unknown_outcome", 1]);
        const list = await assertRejects(
          () => withTimeout(mq.putMany("t", ["1", big, "2"])),
          DsmqError,
        );
        assertEquals(list.outcomes!.map((one) => typeof one), ["number", "object", "number"]);
      } else {
        await near.putMany("t", ["1", big, "2"]);
        const gets = Array.from({ length: 3 }, () => settled(mq.get("t")));
        assertEquals(await Promise.all(gets), ["1", "error refused", "2"]);
        const stream = mq.subscribe("t", { since: "start", onGap: "oldest" });
        assertEquals([await nextBody(stream), await nextBody(stream)], ["1", "2"]);
      }
    });
  }
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`behind a proxy that closes for every request of one topic, those fail, and all else goes on (${transport})`, async () => {
    await using server = await openServer({ transport });
    await using proxy = closingProxy(server.url, "up", 1011, (data) => data.includes('"bad"'));
    await using mq = await connect(proxy.url, { reconnect });
    const stream = mq.subscribe("good");
    const first = nextBody(stream);
    const calls = [
      mq.getWait("bad", { timeout: 60_000 }),
      mq.subscribe("bad").next(),
      mq.get("bad"),
      mq.getWait("bad", { timeout: 60_000 }),
      mq.put("good", "m"),
    ].map((work) => settled<unknown>(work, 20_000));
    assertEquals(await Promise.all(calls), [...Array(4).fill("error refused"), 1]);
    assertEquals(await first, "m");
  });
}

/** A proxy for WebSockets that closes a connection instead of passing on something, such as more than 64 KiB. */
function closingProxy(
  target: string,
  only: "up" | "down",
  code: number | undefined,
  refused = ({ length }: string) => length > 65_536,
) {
  const refuse = (socket: WebSocket) => code === undefined ? socket.close() : socket.close(code);
  const proxy = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: "dsmq" });
    const server = new WebSocket(target, "dsmq");
    const early: string[] = [];
    const refuses = (direction: string, data: string) => direction === only && refused(data);
    socket.onmessage = ({ data }) => {
      if (refuses("up", data)) refuse(socket);
      else if (server.readyState === WebSocket.OPEN) server.send(data);
      else early.push(data);
    };
    server.onopen = () => early.forEach((data) => server.send(data));
    server.onmessage = ({ data }) => {
      if (refuses("down", data)) refuse(socket);
      else if (socket.readyState === WebSocket.OPEN) socket.send(data);
    };
    socket.onclose = () => server.close();
    server.onclose = () => socket.readyState === WebSocket.OPEN && socket.close(1001);
    return response;
  });
  return {
    url: `ws://127.0.0.1:${proxy.addr.port}`,
    [Symbol.asyncDispose]: () => proxy.shutdown(),
  };
}
