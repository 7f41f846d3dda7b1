/**
 * Wrong use of the library: an invalid option is reported by name, before anything is sent.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { connect, type Connection, DsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { inVirtualTime } from "../support/in_virtual_time.ts";

/** A value that no typed program would pass. */
// deno-lint-ignore no-explicit-any -- that is the point
const as = (value: unknown): any => value;

type Class = typeof TypeError | typeof RangeError;
type Call = (mq: Connection) => unknown;

/** A call, and its error. */
const WRONG: readonly [Call, Class, string][] = [
  [
    (mq) => mq.getWait("t", as({ timout: 5 })),
    TypeError,
    'no option "timout" (there are: timeout, signal)',
  ],
  [(mq) => mq.getWait("t", as({ mode: "wait" })), TypeError, 'no option "mode"'],
  [
    (mq) => mq.read("t", as({ timout: 5 })),
    TypeError,
    'no option "timout" (there are: mode, timeout, signal)',
  ],
  [(mq) => mq.read("t", as({ Mode: "wait" })), TypeError, 'no option "Mode"'],
  [(mq) => mq.read("t", as({ since: 5 })), TypeError, 'no option "since"'],
  [
    (mq) => mq.subscribe("t", as({ sinse: "start" })),
    TypeError,
    '"sinse" (there are: since, onGap, signal)',
  ],
  [(mq) => mq.subscribe("t", as({ timeout: 5 })), TypeError, 'no option "timeout"'],
  [(mq) => mq.subscribe("t", as({ "a\x1b[2J": 5 })), TypeError, '"a\\u001b[2J"'],
  ...[null, [], 5000, "5", true, () => {}].flatMap((options): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", as(options)),
      TypeError,
      "Cannot wait: options must be an object, got ",
    ],
    [(mq) => mq.read("t", as(options)), TypeError, "Cannot read: options must be an object, got "],
    [
      (mq) => mq.subscribe("t", as(options)),
      TypeError,
      "Cannot subscribe: options must be an object, got ",
    ],
  ]),
  [
    (mq) => mq.getWait("t", as(new AbortController().signal)),
    TypeError,
    "must be an object, got an AbortSignal",
  ],
  ...[-1, NaN, -Infinity].flatMap((timeout): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", { timeout }),
      RangeError,
      `milliseconds from 0, or Infinity, got ${timeout}`,
    ],
    [(mq) => mq.read("t", { mode: "wait", timeout }), RangeError, `got ${timeout}`],
    [(mq) => mq.read("t", { mode: "newest", timeout }), RangeError, `got ${timeout}`],
  ]),
  ...["5", null, {}, 5n].flatMap((timeout): [Call, Class, string][] => [
    [(mq) => mq.getWait("t", { timeout: as(timeout) }), TypeError, "Cannot wait: timeout must be "],
    [
      (mq) => mq.read("t", { mode: "wait", timeout: as(timeout) }),
      TypeError,
      "Cannot read: timeout must be ",
    ],
  ]),
  ...[null, {}, 5, "now", new AbortController(), new EventTarget()].flatMap((
    signal,
  ): [Call, Class, string][] => [
    [
      (mq) => mq.getWait("t", { signal: as(signal) }),
      TypeError,
      "Cannot wait: signal must be an AbortSignal, got ",
    ],
    [
      (mq) => mq.read("t", { mode: "wait", signal: as(signal) }),
      TypeError,
      "Cannot read: signal must be",
    ],
    [
      (mq) => mq.read("t", { mode: "newest", signal: as(signal) }),
      TypeError,
      "Cannot read: signal must be",
    ],
    [
      (mq) => mq.subscribe("t", { signal: as(signal) }),
      TypeError,
      "Cannot subscribe: signal must be",
    ],
  ]),
  ...["latest", "Wait", "", null, 1].map((mode): [Call, Class, string] => [
    (mq) => mq.read("t", { mode: as(mode) }),
    RangeError,
    'mode must be "oldest", "newest" or "wait", got ',
  ]),
  [
    (mq) => mq.read("t", { timeout: 5000 }),
    TypeError,
    'timeout is for a read that waits (mode: "wait")',
  ],
  [
    (mq) => mq.read("t", { signal: AbortSignal.timeout(1) }),
    TypeError,
    "signal is for a read that waits",
  ],
  ...["newest", "", null, 5, {}, ["now"]].map((onGap): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { onGap: as(onGap) }),
    typeof onGap === "string" ? RangeError : TypeError,
    'onGap must be "oldest", "now" or a function, got ',
  ]),
  ...["first", "", null, {}, [], "5", true].map((since): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { since: as(since) }),
    TypeError,
    'since must be "start", "now", a Date, { ago } or a sequence number, got ',
  ]),
  ...[-1, 1.5, NaN, Infinity, new Date(NaN)].map((since): [Call, Class, string] => [
    (mq) => mq.subscribe("t", { since }),
    RangeError,
    "since must be a ",
  ]),
  ...[null, 5, {}, ["a"], true].map((prefix): [Call, Class, string] => [
    (mq) => mq.topics(as(prefix)),
    TypeError,
    "prefix must be a string, got ",
  ]),
  [(mq) => mq.topics("\ud800"), RangeError, "prefix must have no lone surrogates"],
  ...[5, null, undefined, {}, ["m"], new Uint8Array(1)].map((message): [Call, Class, string] => [
    (mq) => mq.put("t", as(message)),
    TypeError,
    "Cannot put message: it must be a string, got ",
  ]),
  ...["m", null, undefined, new Set(["m"]), { length: 1 }].map((
    messages,
  ): [Call, Class, string] => [
    (mq) => mq.putMany("t", as(messages)),
    TypeError,
    "Cannot put messages: they must be an array, got ",
  ]),
  [
    (mq) => as(mq).topics("t", { timeout: 5 }),
    TypeError,
    "topics takes a prefix alone, got an object",
  ],
  [(mq) => as(mq).shutdownServer({ timeout: 5 }), TypeError, "shutdownServer takes no options"],
  [(mq) => mq.subscribe("t", { since: as({ ago: 5, unit: "s" }) }), TypeError, "since.unit"],
  [(mq) => as(mq).put("t", "m", { key: "k" }), TypeError, "Cannot put: put takes no options"],
  [(mq) => as(mq).putMany("t", ["m"], {}), TypeError, "Cannot putMany: putMany takes no options"],
  [(mq) => as(mq).get("t", { timeout: 5 }), TypeError, "Cannot get: get takes no options"],
  [
    (mq) => as(mq).getLatest("t", { timeout: 5 }),
    TypeError,
    "Cannot getLatest: getLatest takes no options",
  ],
];

Deno.test("misspelt and ill-typed options of every call are refused by name, and nothing is sent", async () => {
  const script = new ScriptedServer();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  script.frames.length = 0;
  for (const [call, ErrorClass, reason] of WRONG) {
    const sync = /subscribe/.test(String(call));
    const error = sync
      ? assertThrows(() => call(mq), ErrorClass, reason, String(call))
      : await withTimeout(
        assertRejects(async () => await call(mq), ErrorClass, reason, String(call)),
      );
    assert(error.message.startsWith("Cannot "), error.message);
  }
  assertEquals(script.frames, []);
});

Deno.test("invalid options of connect are refused by name, and nothing is dialled", async () => {
  const wrong: [unknown, Class, string][] = [
    [null, TypeError, "the target must be an address or options, got null"],
    [5, TypeError, "got 5"],
    [["ws://a", "ws://b"], TypeError, "got an array (several addresses: { url: [...] })"],
    [{ timout: 5 }, TypeError, 'there is no option "timout" (there are: url, host, '],
    [{ reconnect: [] }, TypeError, "reconnect must be an object, got an array"],
    [{ reconnect: null }, TypeError, "reconnect must be true, false or options, got null"],
    [
      { reconnect: { minDelay: "100" } },
      RangeError,
      'reconnect.minDelay must be milliseconds from 0, got "100"',
    ],
    [{ reconnect: { timeout: NaN } }, RangeError, "reconnect.timeout must be"],
    [
      { reconnect: { pause: 1 } },
      TypeError,
      'no option "reconnect.pause" (there are: minDelay, ',
    ],
    [
      { reconnect: { minDelay: 500, maxDelay: 100 } },
      RangeError,
      "maxDelay must be at least minDelay, got 100 and 500",
    ],
    [{ timeout: 0 }, RangeError, "timeout must be milliseconds above 0, or Infinity, got 0"],
    [{ timeout: "5" }, RangeError, 'got "5"'],
    [{ port: "80" }, RangeError, 'port must be a whole number from 1 to 65535, got "80"'],
    [{ signal: new AbortController() }, TypeError, "signal must be an AbortSignal, got an object"],
    [{ signal: null }, TypeError, "signal must be an AbortSignal, got null"],
    [{ dial: "ws" }, TypeError, 'dial must be a function, got "ws"'],
    [{ onRetry: {} }, TypeError, "onRetry must be a function, got an object"],
    [
      { since: "first" },
      TypeError,
      'since must be "start", "now", a Date, { ago } or a sequence number, got "first"',
    ],
    [{ token: null }, TypeError, "token must be 1 to 1024 visible characters of ASCII, got null"],
    [
      { maxPending: "1" },
      RangeError,
      'maxPending must be a whole number from 1, or Infinity, got "1"',
    ],
  ];
  for (const [target, ErrorClass, reason] of wrong) {
    const script = new ScriptedServer();
    const options = typeof target === "object" && target !== null && !Array.isArray(target);
    const given = options ? { dial: script.dial, ...target } : target;
    await withTimeout(assertRejects(() => connect(as(given)), ErrorClass, reason));
    assertEquals(script.dials, 0);
  }
});

Deno.test("a result of dial that is not a socket is reported, at once", async () => {
  for (
    const [dial, got] of [[() => {}, "nothing"], [() => null, "null"], [
      () => ({}),
      "an object",
    ]] as const
  ) {
    await withTimeout(
      assertRejects(
        () => connect({ dial: as(dial) }),
        TypeError,
        `must return a WebSocket, got ${got}`,
      ),
    );
  }
  const { dial } = new ScriptedServer();
  // deno-lint-ignore require-await -- that is the mistake
  const promised = async () => dial();
  await withTimeout(
    assertRejects(() => connect({ dial: as(promised) }), TypeError, "got a promise"),
  );
});

/** The outcome of a subscription that is told of a gap. */
async function afterGap(onGap: unknown): Promise<unknown> {
  const script = new ScriptedServer();
  await using mq = await connect({ dial: script.dial, reconnect: false });
  await using stream = mq.subscribe("t", { since: 0, onGap: as(onGap) });
  const next = stream.next().then((next) => next.value?.body ?? "the end", (error) => error);
  const { id } = await script.next();
  const gap = { code: "trimmed", message: "gone", position: 0, floor: 4, last: 9 };
  await script.send({ id, error: gap, through: 4 });
  const request = await Promise.race([script.next(), next.then(() => undefined)]);
  return request ? request.since ?? request : await next;
}

Deno.test("onGap must return a choice: a promise is refused", async () => {
  const unhandled: unknown[] = [];
  const record = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", record);
  assertEquals(await afterGap(() => "oldest"), { after: 4, epoch: WELCOME.epoch });
  const gap = await afterGap(() => undefined);
  assert(gap instanceof DsmqError && gap.code === "trimmed");
  const expected: [unknown, string][] = [
    [() => Promise.resolve("now"), "got a promise"],
    [() => Promise.reject(new Error("mine")), "got a promise"],
    [() => "newest", 'got "newest"'],
    [() => null, "got null"],
    [() => true, "got true"],
  ];
  for (const [onGap, got] of expected) {
    const error = await afterGap(onGap);
    assert(error instanceof TypeError, String(error));
    assertEquals(
      error.message,
      `Cannot read on: onGap must return "oldest", "now" or undefined at once, ${got}`,
    );
    assert(error.cause instanceof DsmqError && error.cause.code === "trimmed");
  }
  const own = new Error("mine");
  const throws = (error: unknown) => () => {
    throw error;
  };
  assert(await afterGap(throws(own)) === own);
  assert((await afterGap(throws(undefined))) instanceof TypeError);
  globalThis.removeEventListener("unhandledrejection", record);
  assertEquals(unhandled, []);
});

Deno.test("a wait of any length continues beyond the longest that a server can be asked for", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect({ dial: script.dial, reconnect: false });
    for (const timeout of [Infinity, 1e12]) {
      const wait = mq.getWait("t", { timeout });
      for (let i = 0; i < 3; i++) {
        const request = await script.next();
        assertEquals(request.timeout, 2 ** 31 - 1);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        if (i < 2) await script.reply(request);
        else await script.reply(request, { seq: timeout === Infinity ? 1 : 2, body: "there" });
      }
      assertEquals(await wait, "there");
    }
    await mq.close();
  }));

Deno.test("delays grow, also from a first one of 0", () =>
  inVirtualTime(async () => {
    for (const reconnect of [{ minDelay: 0 }, { minDelay: 0, maxDelay: 64 }]) {
      const script = new ScriptedServer();
      const mq = await connect({ dial: script.dial, reconnect });
      script.unreachable = true;
      script.hangUp();
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      const { maxDelay = 5000 } = reconnect as { maxDelay?: number };
      // Delays are random up to their length: about twice as many as of the longest, and those on the way there.
      const max = 4 * 60_000 / maxDelay + 2 * Math.log2(maxDelay);
      assert(script.dials > 5 && script.dials < max, `${script.dials} of ${max}`);
      await mq.close();
    }
  }));

Deno.test("even without delays a server that is away is not retried in a busy loop", () =>
  inVirtualTime(async () => {
    const script = new ScriptedServer();
    const mq = await connect({ dial: script.dial, reconnect: { minDelay: 0, maxDelay: 0 } });
    script.unreachable = true;
    script.hangUp();
    await new Promise((resolve) => setTimeout(resolve, 5000));
    assert(script.dials > 16 && script.dials <= 520, `${script.dials}`);
    await mq.close();
  }));

Deno.test("the signal of connect ends connecting, and not the connection", async () => {
  const control = new AbortController();
  const script = new ScriptedServer();
  await using mq = await connect({ dial: script.dial, signal: control.signal });
  control.abort();
  const put = mq.put("t", "m");
  const { id } = await script.next();
  await script.send({ id, seq: 1 });
  assertEquals([await put, mq.status], [1, "connected"]);
});

Deno.test("each call of a closed connection states what it cannot do", async () => {
  const script = new ScriptedServer();
  const mq = await connect({ dial: script.dial, reconnect: false });
  await mq.close();
  const calls: [() => Promise<unknown>, string][] = [
    [() => mq.put("t", "m"), "put"],
    [() => mq.putMany("t", []), "put"],
    [() => mq.get("t"), "get"],
    [() => mq.getWait("t"), "wait"],
    [() => mq.topics(), "list topics"],
    [() => mq.shutdownServer(), "shut down"],
    [() => mq.subscribe("t").next(), "subscribe"],
  ];
  for (const [call, what] of calls) {
    const { code, message } = await assertRejects(call, DsmqError);
    assertEquals(code, "closed");
    assert(message.startsWith(`Cannot ${what}: no connection to `), message);
  }
});

Deno.test("a running server reports wrong tokens and certificates by name", async () => {
  const pem = (name: string) =>
    Deno.readTextFile(new URL(`../fixtures/${name}.pem`, import.meta.url));
  const [cert, key] = [await pem("localhost_cert"), await pem("localhost_key")];
  await using server = await openServer({ cert, key, tokens: [{ token: "a" }] });
  const wrong: [() => Promise<void>, Class, string][] = [
    [() => server.setTokens(as(null)), TypeError, "tokens: tokens must be a list, got null"],
    [
      () => server.setTokens(as("secret")),
      TypeError,
      "tokens: tokens must be a list, got a string",
    ],
    [
      () => server.setTokens(as(["secret"])),
      TypeError,
      "tokens[0] must be an object, got a string",
    ],
    [() => server.setTokens([as({ tokn: "secret" })]), TypeError, 'tokens[0] has no member "tokn"'],
    [() => server.setTokens([{ token: as(5) }]), TypeError, "tokens[0].token must be 1 to 1024"],
    [
      () => server.setTokens([{ token: "secret", permissions: as("read") }]),
      TypeError,
      "permissions must be",
    ],
    [
      () => server.setTokens([{ token: "b", permissions: [as("reed")] }]),
      RangeError,
      'one with "reed"',
    ],
    [() => server.setTokens([], as({ rihgts: [] })), TypeError, 'anonymous has no member "rihgts"'],
    [() => server.setTokens([], as(null)), TypeError, "anonymous must be an object, got null"],
    [() => server.setCertificate(as(5), key), TypeError, "cert must be text in PEM, got a number"],
    [() => server.setCertificate(as({ cert, key }), as(undefined)), TypeError, "got an object"],
    [() => server.setCertificate(cert, as(undefined)), TypeError, "there is no key"],
    [() => server.setCertificate(key, cert), RangeError, "Cannot use cert: "],
  ];
  for (const [call, ErrorClass, reason] of wrong) {
    const { message } = await assertRejects(call, ErrorClass, reason);
    assert(/^Cannot (set |use )/.test(message) && !/secret/.test(message), message);
  }
});
