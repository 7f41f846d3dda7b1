/**
 * Wrong use of connect, of callbacks and of a running server: it is reported by name.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, DsmqError } from "@dsmq/server";
import { openServer } from "../support/open_server.ts";
import { ScriptedServer, WELCOME } from "../support/scripted_server.ts";
import { withTimeout } from "../support/with_timeout.ts";
import { as } from "../support/untyped.ts";

type Class = typeof TypeError | typeof RangeError;

Deno.test("invalid options of connect are refused by name, and nothing is dialled", async () => {
  const wrong: [unknown, Class, string][] = [
    [null, TypeError, "options must be an object, got null"],
    [{ timout: 5 }, TypeError, 'there is no option "timout" (there are: token, since, '],
    [{ reconnect: [] }, TypeError, "reconnect must be an object, got an array"],
    [{ reconnect: null }, TypeError, "reconnect must be true, false or options, got null"],
    [
      { reconnect: { minDelay: "100" } },
      TypeError,
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
    [{ timeout: "5" }, TypeError, 'got "5"'],
    [{ heartbeatInterval: "5" }, TypeError, 'got "5"'],
    [{ heartbeatInterval: 5 }, RangeError, "got 5"],
    [{ maxPendingBytes: 0 }, RangeError, "got 0"],
    [{ since: { ago: "1" } }, TypeError, 'since.ago must be whole milliseconds from 0, got "1"'],
    [{ since: { ago: -1 } }, RangeError, "since.ago must be whole milliseconds from 0, got -1"],
    [{ signal: new AbortController() }, TypeError, "signal must be an AbortSignal, got an object"],
    [{ signal: null }, TypeError, "signal must be an AbortSignal, got null"],
    [{ dial: "ws" }, TypeError, 'dial must be a function, got "ws"'],
    [{ onRetry: {} }, TypeError, "onRetry must be a function, got an object"],
    [
      { since: "first" },
      RangeError,
      'since must be "start", "now", a Date, { ago }, a message\'s position (EPOCH:SEQ) or a sequence number, got "first"',
    ],
    [
      { token: null },
      TypeError,
      "token must be 1 to 8192 visible characters of ASCII, or a function that returns one, got null",
    ],
    [
      { maxPending: "1" },
      TypeError,
      'maxPending must be a whole number from 1, or Infinity, got "1"',
    ],
  ];
  for (const [options, ErrorClass, reason] of wrong) {
    const script = new ScriptedServer();
    const given = options === null ? options : { dial: script.dial, ...options as object };
    await withTimeout(assertRejects(() => connect(script.url, as(given)), ErrorClass, reason));
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
        () => connect(undefined, { dial: as(dial) }),
        TypeError,
        `must return a WebSocket, got ${got}`,
      ),
    );
  }
  const { dial } = new ScriptedServer();
  // deno-lint-ignore require-await -- that is the mistake
  const promised = async () => dial();
  await withTimeout(
    assertRejects(() => connect(undefined, { dial: as(promised) }), TypeError, "got a promise"),
  );
});

/** The outcome of a subscription that is told of a gap. */
async function afterGap(onGap: unknown): Promise<unknown> {
  const script = new ScriptedServer();
  await using mq = await connect(script.url, { dial: script.dial, reconnect: false });
  await using stream = mq.subscribe("t", { since: 0, onGap: as(onGap) });
  const next = stream.next().then((next) => next.value?.body ?? "the end", (error) => error);
  const { id } = await script.next();
  const gap = { code: "trimmed", message: "gone", after: 0, floor: 4, last: 9 };
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

Deno.test("a running server reports wrong tokens and certificates by name", async () => {
  const pem = (name: string) =>
    Deno.readTextFile(new URL(`../fixtures/${name}.pem`, import.meta.url));
  const [cert, key] = [await pem("localhost_cert"), await pem("localhost_key")];
  await using server = await openServer({ cert, key, auth: "a" });
  const setTokens = (tokens: unknown[]) => server.setAuth({ tokens: as(tokens) });
  const setAnonymous = (grant: unknown) => server.setAuth({ anonymous: as(grant) });
  const wrong: [() => Promise<void>, Class, string][] = [
    [
      () => as(server).setAuth(),
      TypeError,
      "visible characters of ASCII) or an object, got undefined",
    ],
    [
      () => server.setAuth(as(null)),
      TypeError,
      "visible characters of ASCII) or an object, got null",
    ],
    [
      () => server.setAuth(as(["secret"])),
      TypeError,
      "auth must be a token (1 to 8192 visible characters of ASCII) or an object, got an array",
    ],
    [
      () => server.setAuth(""),
      RangeError,
      "auth must be 1 to 8192 visible characters of ASCII, got",
    ],
    [() => server.setAuth("a secret"), RangeError, "got one with a space in it"],
    [
      () => server.setAuth({}),
      TypeError,
      "auth must have tokens, anonymous, jwt or verify, got none of them",
    ],
    [
      () => server.setAuth(as({ tokens: undefined })),
      TypeError,
      "auth.tokens must be left out or have a value, got undefined",
    ],
    [() => server.setAuth(as({ token: "secret" })), TypeError, 'auth has no member "token"'],
    [() => setTokens(as(null)), TypeError, "auth.tokens must be a list, got null"],
    [() => setTokens(as("secret")), TypeError, "auth.tokens must be a list, got a string"],
    [() => setTokens(["secret"]), TypeError, "auth.tokens[0] must be an object, got a string"],
    [() => setTokens([{ tokn: "secret" }]), TypeError, 'auth.tokens[0] has no member "tokn"'],
    [() => setTokens([{ token: 5 }]), TypeError, "auth.tokens[0].token must be 1 to 8192"],
    [
      () => setTokens([{ token: "secret", permissions: "read" }]),
      TypeError,
      "auth.tokens[0].permissions must be",
    ],
    [() => setTokens([{ token: "b", permissions: ["reed"] }]), RangeError, 'one with "reed"'],
    [() => setAnonymous({ rihgts: [] }), TypeError, 'auth.anonymous has no member "rihgts"'],
    [() => setAnonymous(null), TypeError, "auth.anonymous must be an object, got null"],
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
