/**
 * How the server finds out whether a port of Node still accepts connections.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { PortProbe } from "../../transports/node_port_probe.ts";
import { turns } from "../support/bridge.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** The interval of the probe, in milliseconds. */
const EVERY = 20;

/** A port under probe; the test reports the arrivals. */
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

Deno.test("a port does not count as dead because its process was busy or asleep", () =>
  probed(async (server, died) => {
    const probed = Promise.withResolvers<void>();
    // The probe begins to wait.
    server.once("newListener", () => probed.resolve());
    await withTimeout(probed.promise);
    for (const end = performance.now() + 1100; performance.now() < end;);
    // All timers that were due meanwhile have run.
    const found = await Promise.race([died.then(() => "dead"), turns()]);
    assertEquals(found, undefined);
    server.emit("connection");
  }));

Deno.test("a port that connects and reports no arrivals is found to be dead", () =>
  probed(async (_server, died) => await withTimeout(died)));
