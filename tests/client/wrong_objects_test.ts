/**
 * Objects that cannot be meant as options: if they counted as empty options, a promise that nobody awaited would connect
 * to the wrong server, and an empty list of permissions would permit everything.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type Auth, connect, serve } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer } from "../support/scripted_server.ts";
import { as } from "../support/untyped.ts";

/** What is not an options object, and its error. */
const OTHERS: readonly [unknown, string][] = [
  [Promise.resolve({ timeout: 5 }), "a promise"],
  [{ then() {} }, "a promise"],
  [[], "an array"],
  [new Date(0), "a Date"],
  [new Map([["timeout", 5]]), "a Map"],
  [new Set(["read"]), "a Set"],
  [new Uint8Array(0), "a Uint8Array"],
  [new Error("no"), "an Error"],
  [new Number(5), "a Number"],
  [/read/, "a RegExp"],
  [(() => {}) as unknown, "a function"],
];

/** Options as programs make them: their own class, frozen, inherited, without a prototype. */
const OPTIONS: readonly object[] = [
  {},
  Object.freeze({ timeout: 0 }),
  Object.create(null),
  Object.create({ timeout: 0 }),
  new (class Empty {})(),
  new (class Options {
    timeout = 0;
    get [Symbol.toStringTag]() {
      return "Options";
    }
  })(),
];

Deno.test("an object of another kind is refused as options of any call, and nothing is sent or dialled", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  script.frames.length = 0;
  const { dial, dials } = script;
  for (const [other, got] of OTHERS) {
    const wrong = as(other);
    const expected = `must be an object, got ${got}`;
    await assertRejects(() => mq.getWait("t", wrong), TypeError, expected);
    await assertRejects(() => mq.read("t", wrong), TypeError, expected);
    assertThrows(() => mq.subscribe("t", wrong), TypeError, expected);
    await assertRejects(
      () => connect(wrong),
      got === "an array" ? RangeError : TypeError,
      got === "an array"
        ? "at least one address, got an empty list"
        : `the address must be a string, a URL or { host, port }, got ${got}`,
    );
    await assertRejects(() => connect("x", wrong), TypeError, `options ${expected}`);
    const reconnect = connect(undefined, { dial, reconnect: wrong });
    await assertRejects(() => reconnect, TypeError, `got ${got}`);
  }
  assertEquals([script.frames, script.dials], [[], dials]);
});

Deno.test("options may be of a class, frozen, inherited or without a prototype", async () => {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  for (const options of OPTIONS) {
    const wait = mq.getWait("t", options);
    const request = await script.next();
    await script.reply(request, { seq: request.id, body: "there" });
    assertEquals(await wait, "there");
  }
});

Deno.test("what is not a grant permits nothing, and no token is shown", async () => {
  await using server = await openServer({ auth: "secret" });
  for (const [other, got] of OTHERS) {
    const wrong = as(other);
    const expected = `must be an object, got ${got}`;
    const either = `visible characters of ASCII) or an object, got ${got}`;
    if (typeof other !== "string") {
      await assertRejects(() => server.setAuth(wrong), TypeError, either);
      await assertRejects(() => openServer({ auth: wrong }), TypeError, either);
    }
    for (const set of [server.setAuth.bind(server), (auth: Auth) => openServer({ auth })]) {
      const anonymous = { anonymous: wrong };
      await assertRejects(() => set(anonymous), TypeError, `auth.anonymous ${expected}`);
      const tokens = { tokens: [wrong] };
      await assertRejects(() => set(tokens), TypeError, `auth.tokens[0] ${expected}`);
    }
    await assertRejects(() => openServer({ limits: wrong }), TypeError, `limits ${expected}`);
    await assertRejects(() => serve(wrong), TypeError, `options ${expected}`);
  }
  await assertRejects(
    () => server.setAuth({ tokens: as([,]) }),
    TypeError,
    "tokens[0] must be an object",
  );
  await assertRejects(
    () => server.setAuth({ tokens: [Object.create({ token: "a", rihgts: [] })] }),
    TypeError,
    'tokens[0] has no member "rihgts"',
  );
  await using mq = await connect(server.url, { token: "secret" });
  assertEquals(await mq.get("t"), "");
});

Deno.test("serve accepts any object that works as a signal, as connect does", async () => {
  const control = new AbortController();
  const { signal } = control;
  const other = as({
    get aborted() {
      return signal.aborted;
    },
    get reason() {
      return signal.reason;
    },
    addEventListener: signal.addEventListener.bind(signal),
    removeEventListener: signal.removeEventListener.bind(signal),
    throwIfAborted: signal.throwIfAborted.bind(signal),
  });
  const { reason: _, ...without } = Object.getOwnPropertyDescriptors(other);
  const silent = as(Object.create(Object.prototype, without));
  await assertRejects(() => openServer({ signal: silent }), TypeError, "must be an AbortSignal");
  await using server = await openServer({ signal: other });
  await using mq = await connect(server.url, { signal: other });
  control.abort();
  await server.finished;
  await mq.close();
});
