/**
 * How `connect` retries, and what ends it: its timeout, `onRetry`, and a signal.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { connect, DsmqError, serve, type Server } from "@dsmq/server";
import { ConnectError } from "../../client/connect_error.ts";
import { failingSocket } from "../support/failing_socket.ts";
import { freePort } from "../support/free_port.ts";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime, pass } from "../support/in_virtual_time.ts";

/** The error with which `connect` rejects: it must be a `DsmqError`. */
async function refusal(...connecting: Parameters<typeof connect>): Promise<DsmqError> {
  return await assertRejects(() => withTimeout(connect(...connecting)), DsmqError);
}

Deno.test("connect retries while the server is still starting", async () => {
  const port = freePort();
  let attempts = 0;
  let starting: Promise<Server> | undefined;
  const connecting = connect({ port }, {
    dial(url, protocols) {
      if (++attempts === 3) starting = openServer({ port });
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
  const error = await refusal({ port }, { timeout: 50 });
  assertEquals(error.code, "unreachable");
  assertStringIncludes(error.message, `ws://127.0.0.1:${port}`);
});

Deno.test("connect tries for 15 seconds, with delays that double up to a second and halve at the end, and reports it", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const at: number[] = [];
    const dial = () => {
      at.push(time.now);
      return script.dial();
    };
    const error = await assertRejects(() => connect(undefined, { dial }), DsmqError);
    assertEquals([error.code, Math.round(time.now)], ["unreachable", 15_000]);
    assertStringIncludes(error.message, `(${at.length} tries in 15.0 s)`);
    const pauses = at.slice(1).map((now, i) => Math.round(now - at[i]!));
    assertEquals(pauses.slice(0, 8), [10, 20, 40, 80, 160, 320, 640, 1000]);
    const end = pauses.findLastIndex((pause) => pause === 1000) + 1;
    assertEquals(new Set(pauses.slice(8, end)), new Set([1000]));
    assertEquals(pauses.slice(end), [865, 433, 216, 108, 54, 27, 14]);
    assert(at.length > 20);
  }));

for (const timeout of [30, 100, 500, 2200, 15_000]) {
  Deno.test(`a server that is there just before a timeout of ${timeout} ms is found`, () =>
    inVirtualTime(async () => {
      const script = new ScriptedServer();
      script.unreachable = true;
      setTimeout(() => script.unreachable = false, timeout - 20);
      await using mq = await connect(script.url, { dial: script.dial, timeout });
      assertEquals(mq.status, "connected");
    }));
}

Deno.test("the timeout of connect counts only while the process is awake: sleep and a wall clock that jumps end nothing", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    script.unreachable = true;
    const connecting = connect(script.url, { dial: script.dial, timeout: 10_000 });
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
      () => connect(script.url, { dial: script.dial, timeout: 5000 }),
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
      const connecting = connect(undefined, {
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
    const connecting = connect(script.url, { dial: script.dial, onRetry });
    await pass(20);
    assertEquals(errors, ["unreachable unknown", "unreachable unknown"]);
    script.unreachable = false;
    const mq = await connecting;
    script.unreachable = true;
    script.hangUp();
    await pass(60_000);
    assertEquals([errors.length, mq.status], [5, "closed"]);
  }));

for (const timeout of [5, 25, 500, 2500]) {
  Deno.test(`onRetry is not told of the last attempt, with a timeout of ${timeout} ms`, () =>
    inVirtualTime(async () => {
      const script = new ScriptedServer();
      const { dial } = script;
      let told = 0;
      const onRetry = () => void told++;
      const reconnect = { minDelay: 10, maxDelay: 100, timeout };
      await using mq = await connect(script.url, { dial, onRetry, reconnect });
      script.unreachable = true;
      script.hangUp();
      await mq.closed;
      assertEquals(script.dials - 1, told + 1);
      script.dials = told = 0;
      await assertRejects(() => connect(script.url, { dial, onRetry, timeout }), DsmqError);
      assertEquals(script.dials, told + 1);
    }));
}

Deno.test("onRetry is not told of an attempt if the server asks for more time than is left", () =>
  inVirtualTime(async () => {
    const busy = new ConnectError("busy", { reason: "http_status", status: 503, retryAfter: 500 });
    const told: DsmqError[] = [];
    let dials = 0;
    const dial = () => failingSocket((dials++, busy));
    const onRetry = (error: DsmqError) => void told.push(error);
    await assertRejects(() => connect(undefined, { dial, onRetry, timeout: 900 }), DsmqError);
    assertEquals([dials, told.length], [2, 1]);
  }));

Deno.test("an attempt that onRetry was told of is followed by another, however long it takes itself", () =>
  inVirtualTime(async (time) => {
    const script = new ScriptedServer();
    const onRetry = () => {
      time.now += 1000;
      script.unreachable = false;
    };
    const reconnect = { minDelay: 10, maxDelay: 100, timeout: 500 };
    await using mq = await connect(script.url, { dial: script.dial, onRetry, reconnect });
    script.unreachable = true;
    script.hangUp();
    await pass(2000);
    assertEquals([mq.status, script.dials], ["connected", 3]);
  }));

Deno.test("onRetry is not called if one attempt took all the time", async () => {
  const errors: string[] = [];
  const onRetry = ({ message }: DsmqError) => void errors.push(message);
  const connecting = Array.from({ length: 40 }, (_, i) => {
    const script = new ScriptedServer();
    script.stuck = true;
    const { dial } = script;
    return assertRejects(
      () => withTimeout(connect(undefined, { dial, timeout: 1100 + i / 7, onRetry })),
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
  const connecting = connect({ port }, {
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
  const connecting = connect(undefined, {
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
  await assertRejects(() => connect(script.url, { signal, dial: script.dial }), DOMException);
  assertEquals(script.dials, 0);
});

Deno.test("an established connection outlives connect's signal", async () => {
  await using server = await serve({ port: 0 });
  const controller = new AbortController();
  await using mq = await connect(server.url, { signal: controller.signal });
  controller.abort();
  await mq.put("t", "message");
  assertEquals(await mq.get("t"), "message");
});

Deno.test("an established connection outlives connect's timeout", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect(script.url, { dial: script.dial, timeout: 500 });
    await pass(5000);
    const put = mq.put("t", "message");
    await script.send({ id: (await script.next()).id, seq: 1 });
    assertEquals([await put, script.dials], [1, 1]);
    await mq.close();
  }));

Deno.test("the signal of connect ends connecting, and not the connection", async () => {
  const control = new AbortController();
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, signal: control.signal });
  control.abort();
  const put = mq.put("t", "m");
  const { id } = await script.next();
  await script.send({ id, seq: 1 });
  assertEquals([await put, mq.status], [1, "connected"]);
});
