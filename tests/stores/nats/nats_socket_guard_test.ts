/**
 * A socket that the library of NATS has given up cannot end the process.
 *
 * @module
 */

import { EventEmitter } from "node:events";
import { assertEquals, assertThrows } from "@std/assert";
import { guardSockets } from "../../../stores/replicated/nats/nats_socket_guard.ts";

/** As the library's class makes sockets, and leaves them. */
class Transport {
  dial(): Promise<EventEmitter> {
    return Promise.resolve(new EventEmitter());
  }

  tlsFirst(): Promise<EventEmitter> {
    return Promise.resolve(new EventEmitter());
  }

  startTLS(): Promise<EventEmitter> {
    return Promise.resolve(new EventEmitter());
  }
}

Deno.test("a reset that arrives after the library took its listeners away is ignored", async () => {
  const unguarded = await new Transport().dial();
  assertThrows(() => unguarded.emit("error", new Error("reset")), Error, "reset");
  guardSockets(Transport);
  guardSockets(Transport);
  const transport = new Transport();
  for (const method of ["dial", "tlsFirst", "startTLS"] as const) {
    const socket = await transport[method]();
    const seen: unknown[] = [];
    socket.on("error", (error) => seen.push(error));
    const first = new Error("first");
    socket.emit("error", first);
    assertEquals(seen, [first], "who listens still hears");
    socket.removeAllListeners();
    socket.emit("error", new Error("reset"));
    assertEquals(seen, [first]);
    assertEquals(socket.listenerCount("error"), 1);
  }
});
