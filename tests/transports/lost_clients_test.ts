/**
 * Clients of `builtin` that reset their connection before their request is read, or at the moment of its answer, and healthy
 * ones that must not be taken for them.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { afterNetworkPoll } from "../../budgets/after_network_poll.ts";
import { createHandler } from "../../server.ts";
import { listen as builtin } from "../../transports/deno.ts";
import { openMounted } from "../support/mounted_server.ts";
import { openServer, quiet } from "../support/open_server.ts";
import { Program } from "../support/program.ts";
import { RawSocket, upgradeRequest } from "../support/raw_socket.ts";
import { OpenPort } from "../support/recording_handler.ts";
import { as } from "../support/untyped.ts";
import { seen, WatchedUpgrades } from "../support/watched_upgrades.ts";
import { withTimeout } from "../support/with_timeout.ts";

/** Clients that have reset their connection before this process, which stands still until then, has read their request. */
function resetUnseen(port: number, requests: readonly string[]): void {
  const clients = `
    import { connect } from "node:net";
    for (const request of ${JSON.stringify(requests)}) {
      const socket = connect(${port}, "127.0.0.1");
      socket.on("connect", () => socket.write(request, () => socket.resetAndDestroy()));
      await new Promise((resolve) => socket.on("close", resolve));
    }`;
  const { success } = new Deno.Command(Deno.execPath(), { args: ["eval", clients] }).outputSync();
  assert(success);
}

const unseen = [upgradeRequest(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"];

Deno.test("builtin: of clients that have reset their connection before their request is read nothing is judged, and nothing stays", async () => {
  using watch = new WatchedUpgrades();
  await using opened = await OpenPort.with(builtin);
  const { handler, port } = opened;
  const asked: string[] = [];
  const { admit, http } = handler;
  handler.admit = (request, from) => (asked.push(from), admit(request, from));
  handler.http = (request, from) => (asked.push(from), http(request, from));
  resetUnseen(port, Array.from({ length: 20 }, () => unseen).flat());
  await seen(port);
  // Deno tells no address of theirs: this is the one that stays.
  assertEquals(asked, ["127.0.0.1"]);
  assertEquals([watch.sockets, watch.warnings, handler.failures], [[], [], []]);
});

for (const kind of ["serve", "handler"] as const) {
  for (const auth of [undefined, "abc"]) {
    Deno.test(`${kind}: clients that have reset their connection before their request is read are not taken for others than of this machine (auth: ${auth})`, async () => {
      const lines: string[] = [];
      const note = (...args: unknown[]) => void lines.push(args.join(" "));
      const options = { ...auth && { auth }, log: { ...quiet, warn: note, error: note } };
      await using server = kind === "serve" ? await openServer(options) : openMounted(options);
      if ("handler" in server) await server.handler.ready;
      resetUnseen(server.port, Array.from({ length: 20 }, () => unseen).flat());
      await seen(server.port);
      assertEquals([lines, server.stats().refused], [[], 0]);
      if (!auth) return;
      // One that does come from elsewhere is told: no other has used up the one warning.
      using client = await RawSocket.connect(server.port);
      await client.send(upgradeRequest("Authorization: Bearer abc", "Forwarded: for=192.0.2.1"));
      await withTimeout(client.head());
      assertEquals(lines.length, 1);
      assertStringIncludes(lines[0]!, "Forwarded");
    });
  }
}

Deno.test("builtin: a client whose WebSocket opens late, because the process stood still, stays connected", async () => {
  const { upgradeWebSocket } = Deno;
  const { now } = performance;
  let later = 0;
  const answered = Promise.withResolvers<void>();
  const handler = createHandler({ log: quiet });
  await handler.ready;
  let requests = 0;
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request, info) => {
      // The next request is handled in the turn of the answer.
      if (++requests > 1) await answered.promise;
      return handler.fetch(request, info);
    },
  );
  performance.now = () => now.call(performance) + later;
  Deno.upgradeWebSocket = (...args) => {
    Deno.upgradeWebSocket = upgradeWebSocket;
    const upgraded = upgradeWebSocket(...args);
    queueMicrotask(() => {
      later = 3000;
      answered.resolve();
    });
    return upgraded;
  };
  try {
    const { port } = server.addr;
    using first = await RawSocket.connect(port);
    using second = await RawSocket.connect(port);
    await first.send(upgradeRequest());
    await second.send(upgradeRequest());
    await withTimeout(Promise.all([first.head(), second.head()]));
    await seen(port);
    assertEquals([handler.stats().connections, handler.stats().dropped], [2, 0]);
  } finally {
    performance.now = now;
    Deno.upgradeWebSocket = upgradeWebSocket;
    await handler.shutdown();
  }
});

/** A socket that never opens, as Deno has it for a client that resets its connection just before it is answered. */
function lost(): Deno.WebSocketUpgrade {
  const socket = Object.assign(new EventTarget(), { readyState: 0, bufferedAmount: 0, close() {} });
  return { socket: as(socket), response: new Response(null, { status: 503 }) };
}

Deno.test("builtin: clients that are lost as they are answered are counted and told, at a stop as well, and shut out nobody", async () => {
  using _watch = new WatchedUpgrades(lost);
  const { now } = performance;
  let time = 1000;
  try {
    await using opened = await OpenPort.with(builtin);
    const { handler, port } = opened;
    performance.now = () => time;
    using client = await RawSocket.connect(port);
    const ask = async (times: number) => {
      await client.send(upgradeRequest().repeat(times));
      for (let i = 0; i < times; i++) {
        const head = await withTimeout(client.head());
        assertEquals(/^content-length: (\d+)\r$/im.exec(head)?.[1] ?? "0", "0");
      }
    };
    await ask(200);
    assertEquals([handler.peers.length, handler.reasons.length], [0, 0]);
    time += 2001;
    await ask(2);
    assertEquals([handler.peers.length, handler.present, handler.reasons.length], [200, 0, 200]);
    assertStringIncludes(handler.reasons[0]!, "Deno keeps its socket until this process ends");
    performance.now = now;
    await withTimeout(opened.stop());
    assertEquals([handler.peers.length, handler.present, handler.reasons.length], [202, 0, 202]);
    assertEquals(handler.refusals, []);
  } finally {
    performance.now = now;
  }
});

Deno.test("builtin: a client that was given up and is connected after all is told to connect again", async () => {
  const sockets: WebSocket[] = [];
  const closed: unknown[][] = [];
  using _watch = new WatchedUpgrades(() => {
    const upgraded = lost();
    upgraded.socket.close = (...args) => void closed.push(args);
    sockets.push(upgraded.socket);
    return upgraded;
  });
  const { now } = performance;
  let time = 1000;
  try {
    await using opened = await OpenPort.with(builtin);
    performance.now = () => time;
    using client = await RawSocket.connect(opened.port);
    for (let i = 0; i < 2; i++) {
      await client.send(upgradeRequest());
      await withTimeout(client.head());
      time += 2001;
    }
    const [socket] = sockets as [WebSocket];
    socket.addEventListener("open", (event) => socket.onopen!(event));
    socket.dispatchEvent(new Event("open"));
    assertEquals(closed, [[4408, "given up"]]);
    assertEquals([opened.handler.peers.length, opened.handler.present], [1, 0]);
    performance.now = now;
  } finally {
    performance.now = now;
  }
});

Deno.test("builtin: a stop waits until the WebSocket of a client that was answered is open", async () => {
  const answered = Promise.withResolvers<WebSocket>();
  using _watch = new WatchedUpgrades(() => {
    const upgraded = lost();
    answered.resolve(upgraded.socket);
    return upgraded;
  });
  await using opened = await OpenPort.with(builtin);
  const { handler, port } = opened;
  using client = await RawSocket.connect(port);
  await client.send(upgradeRequest());
  const socket = await withTimeout(answered.promise);
  let polls = 0;
  const open = () => ++polls < 3 ? afterNetworkPoll(open) : socket.onopen!(new Event("open"));
  open();
  await withTimeout(opened.stop());
  assertEquals([handler.present, handler.reasons], [1, []]);
  socket.onclose!(new CloseEvent("close"));
});

for (const why of ["closing", "failing"] as const) {
  Deno.test(`builtin: a handshake that is refused at the last moment prints no warning of Deno's (${why})`, async () => {
    const program = ["-A", "--no-check", "tests/programs/refused_handshakes.ts", why];
    await using running = new Program(program);
    const { code, stdout, stderr } = await withTimeout(running.end(), 30_000);
    const refused = why === "closing"
      ? "503 The port is being closed"
      : "400 Cannot upgrade: it failed";
    assertEquals([code, stdout, stderr], [0, `${refused}\n${refused}\n101`, ""]);
  });
}
