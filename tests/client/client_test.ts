/**
 * The client: how it connects, and how it sends.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectOptions, DsmqError, serve, type Server } from "@dsmq/server";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A port of this machine on which nothing listens. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** The error with which `connect` rejects: it must be a `DsmqError`. */
async function refusal(options: ConnectOptions): Promise<DsmqError> {
  return await assertRejects(() => withTimeout(connect(options)), DsmqError);
}

Deno.test("requests of one turn of the event loop are sent in one frame, in order", async () => {
  const script = new ScriptedServer();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const replies = Promise.all([
    mq.put("t", "one"),
    mq.get("t"),
    mq.getLatest("u"),
    mq.getWait("t", { timeout: 5 }),
    mq.putMany("t", ["two", "three"]),
  ]);
  const requests = [];
  for (let i = 0; i < 5; i++) requests.push(await script.next());
  assertEquals(requests.map(({ action }) => action), [
    "put",
    "get",
    "get_latest",
    "get_wait",
    "put",
  ]);
  assertEquals(script.frames.length, 1);
  await script.send([
    { id: requests[0]!.id, seq: 1 },
    { id: requests[1]!.id, message: "one", seq: 1, time: 1, through: 1 },
    { id: requests[2]!.id, message: "", through: 1 },
    { id: requests[3]!.id, message: "", through: 1 },
    { id: requests[4]!.id, seqs: [2, 3] },
  ]);
  assertEquals(await replies, [1, "one", "", "", [2, 3]]);
});

Deno.test("requests of two turns are sent in two frames", async () => {
  const script = new ScriptedServer();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const first = mq.get("t");
  await script.reply(await script.next());
  await first;
  const second = mq.get("t");
  await script.reply(await script.next());
  await second;
  assertEquals(script.frames.length, 2);
});

Deno.test("connect introduces itself: with the subprotocol dsmq, and with the protocol and position in hello", async () => {
  const script = new ScriptedServer();
  const dials: unknown[] = [];
  await using mq = await connect({
    host: "::1",
    port: 5,
    since: 7,
    reconnect: false,
    dial(url, protocols) {
      dials.push(url, protocols);
      return script.dial();
    },
  });
  assertEquals(dials, ["ws://[::1]:5", ["dsmq"]]);
  assertEquals(script.frames, [
    '{"action":"hello","id":1,"protocol":1,"heartbeat":10000,"since":{"after":7}}',
  ]);
  assertEquals([mq.url, mq.durability], ["ws://[::1]:5", WELCOME.durability]);
  assertEquals(mq.maxMessageBytes, WELCOME.limits.messageBytes);
});

Deno.test("connect takes a URL, http: and https: included", async () => {
  for (
    const [url, dials] of [
      // A query may hold a secret.
      ["ws://host:5/path?query", "ws://host:5/path?…"],
      [new URL("wss://host/"), "wss://host"],
      ["http://host:5", "ws://host:5"],
      ["https://host/path/", "wss://host/path/"],
    ] as const
  ) {
    const script = new ScriptedServer();
    await using mq = await connect({ url, dial: script.dial });
    assertEquals(mq.url, dials);
  }
});

Deno.test("connect retries while the server is still starting", async () => {
  const port = freePort();
  let attempts = 0;
  let starting: Promise<Server> | undefined;
  const connecting = connect({
    port,
    dial(url, protocols) {
      if (++attempts === 3) starting = serve({ port });
      return new WebSocket(url, protocols);
    },
  });
  const mq = await withTimeout(connecting);
  await using _server = await starting!;
  await using _mq = mq;
  assert(attempts >= 3);
  await mq.put("t", "message");
  assertEquals(await mq.get("t"), "message");
});

Deno.test("connect gives up after its timeout, and names the address without an answer", async () => {
  const port = freePort();
  const error = await refusal({ port, timeout: 50 });
  assertEquals(error.code, "unreachable");
  assertStringIncludes(error.message, `ws://127.0.0.1:${port}`);
});

Deno.test("connect tries for 15 seconds, with delays that double up to a second, and reports it", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const at: number[] = [];
    const dial = () => {
      at.push(time.now);
      return script.dial();
    };
    const error = await assertRejects(() => connect({ dial }), DsmqError);
    assertEquals([error.code, Math.round(time.now)], ["unreachable", 15_000]);
    assertStringIncludes(error.message, `(${at.length} tries in 15.0 s)`);
    const pauses = at.slice(1).map((now, i) => Math.round(now - at[i]!));
    assertEquals(pauses.slice(0, 8), [10, 20, 40, 80, 160, 320, 640, 1000]);
    assertEquals(new Set(pauses.slice(8)), new Set([1000]));
    assert(at.length > 20);
  }));

Deno.test("the timeout of connect counts only while the process is awake: sleep and a wall clock that jumps end nothing", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const connecting = connect({ dial: script.dial, timeout: 10_000 });
    const { now } = Date;
    await pass(3000);
    Date.now = () => now() + 660_000;
    time.now += 300_000;
    await pass(3000);
    Date.now = () => now() - 660_000;
    await pass(1000);
    script.unreachable = false;
    await using mq = await connecting;
    assertEquals(mq.status, "connected");
    Date.now = now;
  }));

Deno.test("the timeout of connect is not prolonged by a wall clock that is set back", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const connecting = assertRejects(
      () => connect({ dial: script.dial, timeout: 5000 }),
      DsmqError,
    );
    const { now } = Date;
    await pass(1000);
    Date.now = () => now() - 660_000;
    await connecting;
    assertEquals(Math.round(time.now), 5000);
    Date.now = now;
  }));

for (const timeout of [1, 4000, Infinity]) {
  Deno.test(`a server that opens a WebSocket and stays silent is reported as such, with a timeout of ${timeout} ms`, () =>
    inVirtualTime(async () => {
      const errors: DsmqError[] = [];
      const stop = new AbortController();
      const connecting = connect({
        timeout,
        signal: stop.signal,
        onRetry: (error) => errors.push(error),
        dial() {
          const socket = new ScriptedServer().dial();
          socket.send = () => {};
          return socket;
        },
      });
      const settled = connecting.catch((error) => error);
      await pass(60_000);
      stop.abort(new Error("enough"));
      const error = await settled;
      if (timeout === Infinity) assertEquals([error.message, errors.length], ["enough", 11]);
      const last: DsmqError = timeout === Infinity ? errors.at(-1)! : error;
      assertEquals([last.code, last.reason], ["unreachable", "silent"]);
      assertStringIncludes(last.message, "hello is not answered");
    }));
}

Deno.test("onRetry is called for each failed attempt, the first time and after a break, and an error thrown by it stops the attempts", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const errors: string[] = [];
    const onRetry = ({ code, reason }: DsmqError) => {
      errors.push(`${code} ${reason}`);
      if (errors.length === 5) throw new Error("enough");
    };
    const connecting = connect({ dial: script.dial, onRetry });
    await pass(20);
    assertEquals(errors, ["unreachable unknown", "unreachable unknown"]);
    script.unreachable = false;
    const mq = await connecting;
    script.unreachable = true;
    script.hangUp();
    await pass(60_000);
    assertEquals([errors.length, mq.status], [5, "closed"]);
  }));

Deno.test("onRetry is not called if one attempt took all the time", async () => {
  const errors: string[] = [];
  const onRetry = ({ message }: DsmqError) => void errors.push(message);
  const connecting = Array.from({ length: 40 }, (_, i) => {
    const script = new ScriptedServer();
    script.stuck = true;
    const { dial } = script;
    return assertRejects(
      () => withTimeout(connect({ dial, timeout: 1100 + i / 7, onRetry })),
      DsmqError,
    );
  });
  await Promise.all(connecting);
  assertEquals(errors, []);
});

Deno.test("an abort signal ends connecting, with its own reason", async () => {
  const port = freePort();
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  let attempts = 0;
  const connecting = connect({
    port,
    signal: controller.signal,
    dial(url, protocols) {
      if (++attempts === 2) controller.abort(reason);
      return new WebSocket(url, protocols);
    },
  });
  const error = await assertRejects(() => withTimeout(connecting), Error);
  assert(error === reason);
  assertEquals(attempts, 2);
});

Deno.test("an abort signal ends waiting for hello, and disconnects", async () => {
  const script = new ScriptedServer();
  const controller = new AbortController();
  const connecting = connect({
    signal: controller.signal,
    dial() {
      const socket = script.dial();
      socket.send = () => controller.abort();
      return socket;
    },
  });
  assertEquals((await assertRejects(() => withTimeout(connecting), Error)).name, "AbortError");
  assertEquals(script.closeCode, 1000);
});

Deno.test("a signal that has already aborted keeps connect from dialling", async () => {
  const script = new ScriptedServer();
  const signal = AbortSignal.abort();
  await assertRejects(() => connect({ signal, dial: script.dial }), DOMException);
  assertEquals(script.dials, 0);
});

Deno.test("an established connection outlives connect's timeout and signal", async () => {
  await using server = await serve({ port: 0 });
  const controller = new AbortController();
  await using mq = await connect({ url: server.url, timeout: 500, signal: controller.signal });
  controller.abort();
  // A timer that was set later than that of connect, and for the same time.
  await new Promise((resolve) => setTimeout(resolve, 500));
  await mq.put("t", "message");
  assertEquals(await mq.get("t"), "message");
});

Deno.test("connect refuses wrong options", async () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ hots: "x" }, TypeError, "hots"],
    [{ url: "ws://x", port: 5 }, TypeError, "not by both"],
    ["ftp://x", TypeError, "ftp://x"],
    ["localhost:30008", TypeError, "localhost:30008"],
    ["ws://x/#fragment", TypeError, "without a #"],
    [{ port: 0 }, RangeError, "got 0"],
    [{ port: 65536 }, RangeError, "got 65536"],
    [{ port: 1.5 }, RangeError, "got 1.5"],
    [{ timeout: 0 }, RangeError, "got 0"],
    [{ timeout: NaN }, RangeError, "got NaN"],
    [{ since: -1 }, RangeError, "-1"],
    [{ since: 0.5 }, RangeError, "0.5"],
    [{ since: "yesterday" }, TypeError, "yesterday"],
    [{ since: new Date(NaN) }, RangeError, "invalid"],
    [{ since: {} }, TypeError, "an object"],
  ];
  const script = new ScriptedServer();
  for (const [target, ErrorClass, message] of wrong) {
    const options = typeof target === "string"
      ? { url: target, dial: script.dial }
      : { ...target as ConnectOptions, dial: script.dial };
    await assertRejects(() => connect(options), ErrorClass, message);
  }
  assertEquals(script.dials, 0);
});

Deno.test("the timeout of connect may be longer than a timer can hold", async () => {
  await using server = await serve({ port: 0 });
  for (const timeout of [2 ** 31, Number.MAX_SAFE_INTEGER, Infinity]) {
    try {
      await using _mq = await connect({ url: server.url, timeout });
    } catch (error) {
      // Or it is refused as what it is: a wrong argument.
      assert(error instanceof RangeError, `${timeout}: ${error}`);
    }
  }
});
