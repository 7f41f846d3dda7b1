/**
 * Clients that leave before their handshake is answered. Deno would keep the WebSocket of such a client, and what belongs to
 * it, for as long as the process lives, which therefore could not end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect as connectSocket } from "node:net";
import { listen as builtin } from "../../transports/deno.ts";
import { openMounted } from "../support/mounted_server.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { seen, WatchedUpgrades } from "../support/watched_upgrades.ts";
import { Program, ROOT } from "../support/program.ts";
import { withTimeout } from "../support/with_timeout.ts";

const read = (part: string) =>
  Deno.readTextFileSync(new URL(`tests/fixtures/localhost_${part}.pem`, ROOT));
const certificate = { cert: read("cert"), key: read("key") };

/** Requests a WebSocket, and leaves with the returned function. */
const clients: Readonly<Record<string, (port: number) => Promise<() => Promise<void>>>> = {
  async "that closes its connection"(port) {
    const client = await RawSocket.connect(port);
    await client.send(upgradeRequest());
    return () => Promise.resolve(client.cut());
  },
  async "that resets its connection"(port) {
    const socket = connectSocket(port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    await new Promise<void>((resolve) => socket.write(upgradeRequest(), () => resolve()));
    return async () => {
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.resetAndDestroy();
      await closed;
    };
  },
};

for (const [name, arrive] of Object.entries(clients)) {
  Deno.test(`builtin: a client ${name} while it is checked gets no WebSocket, which would stay for ever`, async () => {
    using watch = new WatchedUpgrades();
    await using opened = await OpenPort.with(builtin);
    const { handler, port } = opened;
    const gate = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const { admit } = handler;
    let waiting = 0;
    handler.admit = async (request, from) => {
      if (++waiting === 20) arrived.resolve();
      await gate.promise;
      return admit(request, from);
    };
    const leave = await Promise.all(Array.from({ length: 20 }, () => arrive(port)));
    await withTimeout(arrived.promise);
    for (const one of leave) await one();
    await seen(port);
    gate.resolve();
    await withTimeout(handler.until(() => handler.peers.length === 20 && handler.present === 0));
    assertEquals(watch.sockets.length, 0);
    // The connection of one that stays opens, and it hears nothing of this.
    handler.admit = admit;
    using client = await RawSocket.open(port);
    await withTimeout(handler.until(() => handler.present === 1));
    client.cut();
    await withTimeout(handler.until(() => handler.present === 0));
    assertEquals([watch.warnings, handler.failures, handler.reasons], [[], [], []]);
  });
}

Deno.test("builtin: clients that close their connection at once leave no WebSocket, though nothing is checked", async () => {
  using watch = new WatchedUpgrades();
  await using opened = await OpenPort.with(builtin);
  const { handler, port } = opened;
  for (let i = 0; i < 100; i++) {
    using client = await RawSocket.connect(port);
    await client.send(upgradeRequest());
  }
  await seen(port);
  await withTimeout(handler.until(() => handler.peers.length === 100 && handler.present === 0));
  // Those that were opened for clients that had not left yet.
  const isClosed = ({ readyState }: WebSocket) => readyState === WebSocket.CLOSED;
  while (!watch.sockets.every(isClosed)) await seen(port);
  assertEquals([handler.reasons, handler.failures], [[], []]);
});

const signalOf = Object.getOwnPropertyDescriptor(Request.prototype, "signal")!.get!;

/** Sends a request for a WebSocket over and over, and begins something this many microtasks after a moment of its handshake. */
async function atEachMoment(begin: (opened: OpenPort) => Promise<void>, tls = false) {
  using watch = new WatchedUpgrades();
  const { upgradeWebSocket } = Deno;
  for (const moment of ["admitted", "looked at", "answered"]) {
    for (let microtasks = 0; microtasks < 12; microtasks++) {
      const opened = await OpenPort.with(builtin, {}, tls ? certificate : undefined);
      const { admit } = opened.handler;
      const reached = Promise.withResolvers<void>();
      const reach = (which: string) => {
        if (which === moment) reached.resolve();
      };
      opened.handler.admit = (request, from) => {
        reach("admitted");
        const get = () => (reach("looked at"), signalOf.call(request));
        Object.defineProperty(request, "signal", { get });
        return admit(request, from);
      };
      Deno.upgradeWebSocket = (...args) => (reach("answered"), upgradeWebSocket(...args));
      const address = { hostname: "localhost", port: opened.port };
      using client = tls
        ? await Deno.connectTls({ ...address, caCerts: [certificate.cert] })
        : await Deno.connect(address);
      await client.write(new TextEncoder().encode(upgradeRequest()));
      await withTimeout(reached.promise);
      for (let i = 0; i < microtasks; i++) await Promise.resolve();
      await withTimeout(begin(opened));
      await withTimeout(opened[Symbol.asyncDispose]());
      const waiting = watch.sockets.filter(({ readyState }) => readyState === WebSocket.CONNECTING);
      assertEquals(waiting, [], `${moment}, ${microtasks} microtasks later`);
    }
  }
  assertEquals(watch.warnings, []);
}

Deno.test("builtin: a stop in the middle of a handshake leaves no WebSocket behind", async () => {
  await atEachMoment((opened) => opened.stop());
});

Deno.test("builtin: a renewal in the middle of a handshake leaves no WebSocket behind", async () => {
  await atEachMoment((opened) => opened.renew(certificate), true);
});

Deno.test("a handler that has stopped answers no handshake that it admitted just before, on a server that goes on", async () => {
  using watch = new WatchedUpgrades();
  for (let microtasks = 0; microtasks < 12; microtasks++) {
    await using mounted = openMounted({ auth: { anonymous: {} } });
    await mounted.handler.ready;
    const reached = Promise.withResolvers<void>();
    using client = await RawSocket.connect(mounted.port);
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((...args: Parameters<typeof setImmediate>) => {
      reached.resolve();
      return setImmediate(...args);
    }) as typeof setImmediate;
    await client.send(upgradeRequest());
    await withTimeout(reached.promise);
    globalThis.setImmediate = setImmediate;
    for (let i = 0; i < microtasks; i++) await Promise.resolve();
    await withTimeout(mounted.handler.shutdown());
    const answered = watch.sockets.length;
    await withTimeout(client.head());
    assertEquals(watch.sockets.length, answered, `${microtasks} microtasks later`);
  }
});

Deno.test("builtin: a client that resets its connection at the end of its check gets no WebSocket, however busy the process is", async () => {
  using watch = new WatchedUpgrades();
  await using opened = await OpenPort.with(builtin);
  const { handler, port } = opened;
  const { admit } = handler;
  const gate = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  let waiting = 0;
  handler.admit = async (...args) => {
    if (++waiting === 20) arrived.resolve();
    await gate.promise;
    return admit(...args);
  };
  const sockets = await Promise.all(Array.from({ length: 20 }, async () => {
    const socket = connectSocket(port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    socket.write(upgradeRequest());
    return socket;
  }));
  await withTimeout(arrived.promise);
  // With so much to do the event loop polls the network on every 61st turn alone.
  let isBusy = true;
  const work = () => void (isBusy && setImmediate(work));
  work();
  try {
    for (let i = 0; i < 100; i++) await new Promise<void>((resolve) => void setImmediate(resolve));
    for (const socket of sockets) socket.resetAndDestroy();
    gate.resolve();
    await withTimeout(handler.until(() => handler.peers.length === 20 && handler.present === 0));
  } finally {
    isBusy = false;
  }
  assertEquals([watch.sockets.length, handler.reasons, handler.failures], [0, [], []]);
});

for (
  const [kind, transport] of [
    ["serve", "builtin"],
    ["serve", "hardened"],
    ["handler", "builtin"],
  ] as const
) {
  for (const way of ["verify", "token", "none"] as const) {
    Deno.test(`a program with ${kind} on ${transport} ends by itself, though clients left in the middle of their handshakes (${way})`, async () => {
      const program = ["tests/programs/departed_clients.ts", kind, transport, way];
      await using running = new Program(["-A", "--no-check", ...program]);
      const { code, stdout, stderr } = await withTimeout(running.end(), 30_000);
      const printed = stderr.split("\n").filter((line) => !line.startsWith("dsmq: ")).join("\n");
      assertEquals([code, stdout, printed], [0, "ok\n\nstopped", ""]);
    });
  }
}
