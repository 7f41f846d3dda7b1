/**
 * The client: how it connects, and how it sends.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, type ConnectOptions, DsmqError, serve, type Server } from "@dsmq/server";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";
import { virtually } from "./support/virtually.ts";

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A port of this machine that nobody listens on. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** What `connect` rejects with: it must be a `DsmqError`. */
async function refusal(options: ConnectOptions): Promise<DsmqError> {
  return await assertRejects(() => soon(connect(options)), DsmqError);
}

Deno.test("requests of one turn of the event loop leave in one frame, in order", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const answers = Promise.all([
    mq.put("t", "one"),
    mq.get("t"),
    mq.getLatest("u"),
    mq.getWait("t", { timeout: 5 }),
    mq.putMany("t", ["two", "three"]),
  ]);
  const asked = [];
  for (let i = 0; i < 5; i++) asked.push(await script.next());
  assertEquals(asked.map(({ action }) => action), ["put", "get", "get_latest", "get_wait", "put"]);
  assertEquals(script.frames.length, 1);
  await script.say([
    { id: asked[0]!.id, seq: 1 },
    { id: asked[1]!.id, message: "one", seq: 1, time: 1, through: 1 },
    { id: asked[2]!.id, message: "", through: 1 },
    { id: asked[3]!.id, message: "", through: 1 },
    { id: asked[4]!.id, seqs: [2, 3] },
  ]);
  assertEquals(await answers, [1, "one", "", "", [2, 3]]);
});

Deno.test("requests of two turns leave in two frames", async () => {
  const script = new Scripted();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const first = mq.get("t");
  await script.give(await script.next());
  await first;
  const second = mq.get("t");
  await script.give(await script.next());
  await second;
  assertEquals(script.frames.length, 2);
});

Deno.test("connect says what it is: the subprotocol dsmq, and hello with protocol and position", async () => {
  const script = new Scripted();
  const dialled: unknown[] = [];
  await using mq = await connect({
    host: "::1",
    port: 5,
    since: 7,
    reconnect: false,
    dial(url, protocols) {
      dialled.push(url, protocols);
      return script.dial();
    },
  });
  assertEquals(dialled, ["ws://[::1]:5", ["dsmq"]]);
  assertEquals(script.frames, [
    '{"action":"hello","id":1,"protocol":1,"heartbeat":10000,"since":{"after":7}}',
  ]);
  assertEquals([mq.url, mq.kept], ["ws://[::1]:5", WELCOME.kept]);
  assertEquals(mq.maxMessageBytes, WELCOME.limits.messageBytes);
});

Deno.test("connect takes a URL, http: and https: included", async () => {
  for (
    const [url, dialled] of [
      // What is in a query may be a secret.
      ["ws://host:5/path?query", "ws://host:5/path?…"],
      [new URL("wss://host/"), "wss://host"],
      ["http://host:5", "ws://host:5"],
      ["https://host/path/", "wss://host/path/"],
    ] as const
  ) {
    const script = new Scripted();
    await using mq = await connect({ url, dial: script.dial });
    assertEquals(mq.url, dialled);
  }
});

Deno.test("connect retries while the server is still starting", async () => {
  const port = freePort();
  let tries = 0;
  let starting: Promise<Server> | undefined;
  const connecting = connect({
    port,
    dial(url, protocols) {
      if (++tries === 3) starting = serve({ port });
      return new WebSocket(url, protocols);
    },
  });
  const mq = await soon(connecting);
  await using _server = await starting!;
  await using _mq = mq;
  assert(tries >= 3);
  await mq.put("t", "message");
  assertEquals(await mq.get("t"), "message");
});

Deno.test("connect gives up after its time, and says where nobody answered", async () => {
  const port = freePort();
  const error = await refusal({ port, timeout: 50 });
  assertEquals(error.code, "unreachable");
  assertStringIncludes(error.message, `ws://127.0.0.1:${port}`);
});

Deno.test("connect tries for 15 seconds, after pauses that double up to a second, and says so", () =>
  virtually(async (time) => {
    const script = new Scripted();
    script.away = true;
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

Deno.test("the time to connect is that of an awake process: sleep and a wall clock that jumps end nothing", () =>
  virtually(async (time) => {
    const script = new Scripted();
    script.away = true;
    const connecting = connect({ dial: script.dial, timeout: 10_000 });
    const { now } = Date;
    await pass(3000);
    Date.now = () => now() + 660_000;
    time.now += 300_000;
    await pass(3000);
    Date.now = () => now() - 660_000;
    await pass(1000);
    script.away = false;
    await using mq = await connecting;
    assertEquals(mq.state, "connected");
    Date.now = now;
  }));

Deno.test("the time to connect is not prolonged by a wall clock that is set back", () =>
  virtually(async (time) => {
    const script = new Scripted();
    script.away = true;
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
  Deno.test(`a server that opens a WebSocket and says nothing is told as that, in a time of ${timeout} ms`, () =>
    virtually(async () => {
      const told: DsmqError[] = [];
      const stop = new AbortController();
      const connecting = connect({
        timeout,
        signal: stop.signal,
        onRetry: (error) => told.push(error),
        dial() {
          const socket = new Scripted().dial();
          socket.send = () => {};
          return socket;
        },
      });
      const settled = connecting.catch((error) => error);
      await pass(60_000);
      stop.abort(new Error("enough"));
      const error = await settled;
      if (timeout === Infinity) assertEquals([error.message, told.length], ["enough", 11]);
      const last: DsmqError = timeout === Infinity ? told.at(-1)! : error;
      assertEquals([last.code, last.reason], ["unreachable", "silent"]);
      assertStringIncludes(last.message, "hello is not answered");
    }));
}

Deno.test("a program is told of each try that failed, the first time and after a break, and by what it throws ends it", () =>
  virtually(async () => {
    const script = new Scripted();
    script.away = true;
    const told: string[] = [];
    const onRetry = ({ code, reason }: DsmqError) => {
      told.push(`${code} ${reason}`);
      if (told.length === 5) throw new Error("enough");
    };
    const connecting = connect({ dial: script.dial, onRetry });
    await pass(20);
    assertEquals(told, ["unreachable unknown", "unreachable unknown"]);
    script.away = false;
    const mq = await connecting;
    script.away = true;
    script.hangUp();
    await pass(60_000);
    assertEquals([told.length, mq.state], [5, "closed"]);
  }));

Deno.test("a program is not told of another try when one took all the time", async () => {
  const told: string[] = [];
  const onRetry = ({ message }: DsmqError) => void told.push(message);
  const connecting = Array.from({ length: 40 }, (_, i) => {
    const script = new Scripted();
    script.stuck = true;
    const { dial } = script;
    return assertRejects(() => soon(connect({ dial, timeout: 1100 + i / 7, onRetry })), DsmqError);
  });
  await Promise.all(connecting);
  assertEquals(told, []);
});

Deno.test("an abort signal ends connecting, with its own reason", async () => {
  const port = freePort();
  const controller = new AbortController();
  const reason = new Error("changed my mind");
  let tries = 0;
  const connecting = connect({
    port,
    signal: controller.signal,
    dial(url, protocols) {
      if (++tries === 2) controller.abort(reason);
      return new WebSocket(url, protocols);
    },
  });
  const error = await assertRejects(() => soon(connecting), Error);
  assert(error === reason);
  assertEquals(tries, 2);
});

Deno.test("an abort signal ends waiting for hello, and hangs up", async () => {
  const script = new Scripted();
  const controller = new AbortController();
  const connecting = connect({
    signal: controller.signal,
    dial() {
      const socket = script.dial();
      socket.send = () => controller.abort();
      return socket;
    },
  });
  assertEquals((await assertRejects(() => soon(connecting), Error)).name, "AbortError");
  assertEquals(script.goodbye, 1000);
});

Deno.test("a signal that has aborted already keeps connect from dialling", async () => {
  const script = new Scripted();
  const signal = AbortSignal.abort();
  await assertRejects(() => connect({ signal, dial: script.dial }), DOMException);
  assertEquals(script.dialled, 0);
});

Deno.test("a connection once made outlives the time that connecting was given, and its signal", async () => {
  await using server = await serve({ port: 0 });
  const controller = new AbortController();
  await using mq = await connect({ url: server.url, timeout: 500, signal: controller.signal });
  controller.abort();
  // A timer that was set later than that of connecting, and for the same time.
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
  const script = new Scripted();
  for (const [target, ErrorClass, message] of wrong) {
    const options = typeof target === "string"
      ? { url: target, dial: script.dial }
      : { ...target as ConnectOptions, dial: script.dial };
    await assertRejects(() => connect(options), ErrorClass, message);
  }
  assertEquals(script.dialled, 0);
});

Deno.test("connect may be given more time than a timer can hold", async () => {
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
