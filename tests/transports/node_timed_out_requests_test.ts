import { assertEquals } from "@std/assert";
import { Socket } from "node:net";
import { TimedOutRequests } from "../../transports/node_timed_out_requests.ts";

Deno.test("a request that is found to have taken too long is ended once, however often it is found", async () => {
  const timedOut = new TimedOutRequests();
  const sockets = Array.from({ length: 20 }, () => new Socket());
  const ended: Socket[] = [];
  const last = Promise.withResolvers<void>();
  for (const socket of [...sockets, ...sockets]) {
    timedOut.add(socket, () => {
      ended.push(socket);
      if (socket === sockets.at(-1)) last.resolve();
    });
  }
  assertEquals(ended.length < sockets.length, true, "all of them at once");
  assertEquals(sockets.every((socket) => timedOut.has(socket)), true);
  await last.promise;
  assertEquals(ended, sockets);
  assertEquals(timedOut.has(new Socket()), false);
});
