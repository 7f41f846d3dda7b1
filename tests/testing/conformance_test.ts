/**
 * The conformance run: our servers pass it, and a server that does something wrong does not.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkServer, WIRE_CHECKS, type WireObject } from "@dsmq/server/testing";
import { openMounted } from "../support/mounted_server.ts";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

/** The checks that fail, and why. */
async function failures(...args: Parameters<typeof checkServer>): Promise<string[]> {
  const results = await checkServer(...args);
  assertEquals(results.map(({ check }) => check), Object.keys(args[1]?.checks ?? WIRE_CHECKS));
  return results.flatMap(({ check, error }) => error ? [`${check}: ${error.message}`] : []);
}

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`${transport}: a server passes every check of the wire`, async () => {
    await using server = await openServer({ transport });
    assertEquals(await failures(server.url), []);
  });
}

Deno.test("a handler passes every check of the wire, also with a token for some topics", async () => {
  const auth = { tokens: [{ token: "t+/=", permissions: ["read", "write"], prefixes: ["mine."] }] };
  await using mounted = openMounted({ path: "/mq", auth: as(auth) });
  assertEquals(await failures(mounted.url, { token: "t+/=", prefix: "mine." }), []);
});

type Change = (object: Record<string, unknown>) => unknown;

const unchanged: Change = (object) => object;

/** JSON with a change in it; undefined if nothing is left. */
function changed(data: string, change: Change): string | undefined {
  const objects = [JSON.parse(data)].flat().map(change).filter((object) => object !== undefined);
  return objects.length > 0 ? JSON.stringify(objects) : undefined;
}

/** A request as it is changed; what is no JSON passes. */
function changedRequest(data: string, change: Change): string {
  try {
    const request = JSON.parse(data);
    return Array.isArray(request) ? changed(data, change)! : JSON.stringify(change(request));
  } catch {
    return data;
  }
}

/** A server between the checks and a real one, which changes what that one sends, and what it gets. */
async function wrongServer(change: Change, changeRequest: Change) {
  const server = await openServer();
  const wrong = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const offered = request.headers.get("sec-websocket-protocol") === "dsmq";
    const { socket, response } = Deno.upgradeWebSocket(
      request,
      offered ? { protocol: "dsmq" } : {},
    );
    const real = new WebSocket(server.url, offered ? ["dsmq"] : []);
    const opened = new Promise((resolve) => real.onopen = resolve);
    socket.onmessage = ({ data }) =>
      void opened.then(() => real.send(changedRequest(data, changeRequest)));
    real.onmessage = ({ data }) => {
      const text = changed(data, change);
      if (text !== undefined) socket.send(text);
    };
    real.onclose = ({ code }) => {
      if (socket.readyState === WebSocket.OPEN) socket.close(code < 3000 ? 1000 : code);
    };
    socket.onclose = () => real.close();
    return response;
  });
  return {
    url: `ws://127.0.0.1:${wrong.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await wrong.shutdown();
    },
  };
}

/** A change of what is streamed. */
function streamed(change: (frame: WireObject) => object): Change {
  return (o) => "bodies" in o && "sub" in o ? { ...o, ...change(o) } : o;
}

/** A change of the replies to hello. */
function greeting(change: (hello: WireObject) => object): Change {
  return (o) => "protocol" in o ? { ...o, ...change(o) } : o;
}

/** A change of errors with a code. */
function told(code: string, change: (reply: WireObject) => object): Change {
  return (o) => Object(o.error).code === code ? change(o) : o;
}

/** A change of the replies that tell where a stream begins. */
const opened = (change: (reply: WireObject) => object): Change => (o) =>
  "sub" in o && "id" in o && "start" in o ? { ...o, ...change(o) } : o;

/** What a wrong server does, and the check that has to find it. */
const FAULTS: readonly (readonly [string, Change, string])[] = [
  ["errors have no codes", (o) => o.error ? { id: o.id, error: {} } : o, "what cannot be done"],
  [
    "ids are texts",
    (o) => "id" in o && o.id !== null ? { ...o, id: `${o.id}` } : o,
    "each request",
  ],
  ["bodies lose what is odd", (o) => o.body === "\0" ? { ...o, body: "" } : o, "every reader"],
  ["no through", ({ through: _, ...o }) => o, "every reader"],
  ["streams skip", (o) => "prev" in o ? { ...o, prev: Number(o.prev) + 1 } : o, "a stream brings"],
  ["repeated puts are not told", ({ dup: _, ...o }) => o, "a put that is repeated"],
  ["a messageId may come again", ({ dup: _, ...o }) => o, "a messageId that comes again"],
  ["1.x gets more", (o) => "message" in o ? { ...o, seq: 1 } : o, "a client of dsmq 1.x"],
  ["other epochs are taken", (o) => {
    const { code } = Object(o.error);
    return code === "epoch_changed" ? { id: o.id, body: "", through: 0 } : o;
  }, "a connection reads from its beginning"],
  [
    "heartbeats have no time",
    ({ time: _, ...o }) => o.heartbeat ? o : { ...o, time: _ },
    "a client that asked",
  ],
  [
    "streams lose U+0000",
    streamed(({ bodies }) => ({
      bodies: bodies.map((body: string) => body.replaceAll("\0", "")),
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams mend lone surrogates",
    streamed(({ bodies }) => ({
      bodies: bodies.map((body: string) => body.toWellFormed()),
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams tell other bytes",
    streamed(({ bytes }) => ({
      bytes: bytes + 1,
    })),
    "a stream brings each message exactly",
  ],
  [
    "streams tell other times",
    streamed(({ times }) => ({
      times: times.map((time: number) => Math.floor(time / 1000)),
    })),
    "a stream brings each message exactly",
  ],
  [
    "a session is always known",
    greeting(({ dedupComplete }) => (
      dedupComplete === undefined ? {} : { dedupComplete: true }
    )),
    "dedupComplete",
  ],
  [
    "a session is never known",
    greeting(({ dedupComplete }) => (
      dedupComplete === undefined ? {} : { dedupComplete: false }
    )),
    "dedupComplete",
  ],
  ["dedupComplete is missing", greeting(() => ({ dedupComplete: undefined })), "dedupComplete"],
  [
    "ahead is told as another epoch",
    told("ahead", ({ error, ...o }) => ({
      ...o,
      error: { ...error, code: "epoch_changed" },
    })),
    "a position beyond",
  ],
  ["ahead has no through", told("ahead", ({ through: _, ...o }) => o), "a position beyond"],
  [
    "an unknown epoch has no through",
    told("epoch_changed", ({ through: _, ...o }) => o),
    "a position of an unknown epoch is",
  ],
  ["the start is another", greeting(({ start }) => ({ start: start + 3 })), "hello tells where"],
  ["there is no last number", greeting(() => ({ last: 0 })), "hello tells where"],
  ["the floor is too high", greeting(() => ({ floor: 999 })), "hello tells where"],
  ["the cursor is not told", opened(() => ({ through: undefined })), "a stream without since"],
];

/** What a server does as if it had been asked something else, and the check that has to find it. */
const MISUNDERSTOOD: readonly (readonly [string, (o: WireObject) => WireObject, string])[] = [
  [
    "times are taken as start",
    (o) => o.since?.time === undefined ? o : { ...o, since: "start" },
    "since takes a time",
  ],
  [
    "ago is taken as start",
    (o) => o.since?.ago === undefined ? o : { ...o, since: "start" },
    "since takes a time",
  ],
  [
    "ago is taken as now",
    (o) => o.since?.ago === undefined ? o : { ...o, since: "now" },
    "since takes a time",
  ],
  [
    "what is ahead is taken as now",
    (o) => o.since?.after > 1_000_000 ? { ...o, since: "now" } : o,
    "a position beyond",
  ],
  [
    "waits are short",
    (o) => o.action === "get_wait" ? { ...o, timeout: 100 } : o,
    "get_wait that finds nothing",
  ],
  [
    "streams begin at start",
    (o) => o.action === "subscribe" && o.since === undefined ? { ...o, since: "start" } : o,
    "a stream without since",
  ],
  ["positions of cursors are lost", ({ cursor: _, ...o }) => o, "a stream without since"],
];

Deno.test("what a server does wrong is found, by the check that says so", async () => {
  const misunderstood = MISUNDERSTOOD.map(([what, change, sentence]) =>
    [what, unchanged, sentence, change as Change] as const
  );
  const faults = [...FAULTS.map((fault) => [...fault, unchanged] as const), ...misunderstood];
  for (const [what, change, sentence, changeRequest] of faults) {
    await using wrong = await wrongServer(change, changeRequest);
    const [name, prove] = Object.entries(WIRE_CHECKS).find(([name]) => name.startsWith(sentence))!;
    const found = await failures(wrong.url, { checks: { [name]: prove } });
    assertEquals(found.length, 1, `${what}: ${name}`);
  }
  // Passing everything on as it is, it is no wrong server.
  await using right = await wrongServer(unchanged, unchanged);
  assertEquals(await failures(right.url), []);
});

Deno.test("who makes a store or a server adds checks of their own", async () => {
  await using server = await openServer();
  const checks = {
    ...WIRE_CHECKS,
    async "a topic of its own"(wire: Parameters<typeof WIRE_CHECKS[string]>[0]) {
      const mq = await wire.connect();
      const reply = await mq.request({ action: "put", id: 1, topic: wire.topic("x"), body: "m" });
      assert(reply.seq > 0);
    },
  };
  assertEquals(await failures(server.url, { checks }), []);
});

Deno.test("a server that is not there is one error, and the password of its address is not shown", async () => {
  const checks = () => checkServer("ws://me:secret@127.0.0.1:1/?secret");
  const { message } = await assertRejects(checks, Error);
  assertEquals(
    message,
    "Cannot check a server: the server accepts no connection at ws://127.0.0.1:1/?…",
  );
});

Deno.test("a server that answers no request to connect is one error, and nothing of that is left open", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const accepted = listener.accept();
  const checks = () => checkServer(`ws://127.0.0.1:${listener.addr.port}`);
  const { message } = await assertRejects(checks, Error);
  assert(message.includes("opening a connection did not come within 5000 ms"), message);
  using silent = await accepted;
  const rest = new Uint8Array(4096);
  // Its request, and then the end.
  while (await silent.read(rest).catch(() => null) !== null);
});
