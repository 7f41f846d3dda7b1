/**
 * Whether a port of Node still takes connections, as it is found out.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { PortProbe } from "../../transports/node_port_probe.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** How often the probe looks, in milliseconds. */
const EVERY = 20;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A port that is looked after; who comes is told by the test. */
async function probed(act: (server: EventEmitter, died: Promise<void>) => Promise<void>) {
  const listener = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => listener.listen({ host: "127.0.0.1", port: 0 }, resolve));
  const { port } = listener.address() as AddressInfo;
  const server = new EventEmitter();
  const died = Promise.withResolvers<void>();
  const probe = new PortProbe(server as Server, { host: "127.0.0.1", port }, died.resolve, EVERY);
  try {
    await act(server, died.promise);
  } finally {
    probe.stop();
    await new Promise((resolve) => listener.close(resolve));
  }
}

Deno.test("a port is not taken for dead because its process was busy or asleep, and did not look who came", () =>
  probed(async (server, died) => {
    const probed = Promise.withResolvers<void>();
    // The probe begins to wait.
    server.once("newListener", () => probed.resolve());
    await withTimeout(probed.promise);
    for (const end = performance.now() + 1100; performance.now() < end;);
    const found = await Promise.race([died.then(() => "dead"), pause(50)]);
    assertEquals(found, undefined);
    server.emit("connection");
  }));

Deno.test("a port at which nobody arrives who could connect is found to be dead", () =>
  probed(async (_server, died) => await withTimeout(died)));
