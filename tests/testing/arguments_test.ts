/**
 * What a caller of `./testing` gets wrong is a sentence, and never a fault of a server or a store.
 *
 * @module
 */

import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  checkServer,
  ManualClock,
  testServer,
  testStore,
  WIRE_CHECKS,
  WireConnection,
} from "@dsmq/server/testing";
import { openServer } from "../support/open_server.ts";
import { as } from "../support/untyped.ts";

type Class = typeof TypeError | typeof RangeError;

const TOKEN = "1 to 8192 visible characters of ASCII";

/** Wrong options of a run, and what is said of them. */
const WRONG: readonly (readonly [unknown, Class, string])[] = [
  [null, TypeError, "options must be an object, got null"],
  ["token", TypeError, 'options must be an object, got "token"'],
  [{ tokn: "x" }, TypeError, 'there is no option "tokn" (there are: token, prefix, checks)'],
  [{ token: 5 }, TypeError, `token must be ${TOKEN}, got a number`],
  [{ token: () => "x" }, TypeError, `token must be ${TOKEN}, got a function`],
  [{ token: "" }, RangeError, `token must be ${TOKEN}, got an empty text`],
  [{ token: "x y" }, RangeError, `token must be ${TOKEN}, got one with a space in it`],
  [{ token: "x\n" }, RangeError, `token must be ${TOKEN}, got one that ends with a newline`],
  [{ prefix: 5 }, TypeError, "prefix must be a text that topics can begin with, got 5"],
  [{ prefix: null }, TypeError, "prefix must be a text that topics can begin with, got null"],
  [
    { prefix: "a\n" },
    RangeError,
    'prefix must be a text that topics can begin with, got "a\\n": a prefix has no control characters',
  ],
  [{ prefix: "\ud800" }, RangeError, "a prefix has no lone surrogates"],
  [
    { prefix: "x".repeat(4033) },
    RangeError,
    "the prefix is 4033 bytes, the limit is 4032",
  ],
  [{ checks: 5 }, TypeError, "checks must be an object of functions by their sentences, got 5"],
  [{ checks: null }, TypeError, "checks must be an object of functions by their sentences, got"],
  [{ checks: [] }, TypeError, "by their sentences, got an array"],
  [{ checks: new Map() }, TypeError, "by their sentences, got a Map"],
  [{ checks: {} }, RangeError, "checks must have at least one, got none"],
  [{ checks: { "it works": true } }, TypeError, 'checks["it works"] must be a function, got true'],
];

/** Wrong addresses, and what is said of them. */
const WRONG_ADDRESSES: readonly (readonly [unknown, Class, string])[] = [
  [undefined, TypeError, "the address must be a string, a URL or { host, port }, got nothing"],
  [5, TypeError, "a port alone is { port: 5 }"],
  [["ws://a.test"], TypeError, "the address must be a string, a URL or { host, port }, got an arr"],
  [
    "",
    RangeError,
    "the address must be a host, a host and port, or a ws:// or wss:// address, got",
  ],
  ["ftp://a.test", RangeError, "or a ws:// or wss:// address, got"],
  ["ws://a.test#b", RangeError, "without a #"],
  [{ port: "1" }, TypeError, 'port must be a whole number from 1 to 65535, got "1"'],
  [{ port: 0 }, RangeError, "port must be a whole number from 1 to 65535, got 0"],
  [{ prt: 1 }, TypeError, 'there is no option "address.prt"'],
];

Deno.test("a wrong address or option of a conformance run is a sentence, before anything is sent or registered", async () => {
  const address = "ws://127.0.0.1:1";
  const wrong = [
    ...WRONG.map(([options, Class, sentence]) => [address, options, Class, sentence] as const),
    ...WRONG_ADDRESSES.map(([given, Class, sentence]) => [given, {}, Class, sentence] as const),
  ];
  for (const [given, options, Class, sentence] of wrong) {
    const begin = "Cannot check a server: ";
    const run = () => checkServer(as(given), as(options));
    assertStringIncludes((await assertRejects(run, Class, begin)).message, sentence);
    const register = () => testServer(as(given), as(options));
    assertStringIncludes((assertThrows(register, Class, begin) as Error).message, sentence);
  }
});

Deno.test("checkServer takes what connect takes for an address", async () => {
  await using server = await openServer();
  const { host, port } = server;
  const checks = Object.fromEntries(Object.entries(WIRE_CHECKS).slice(0, 3));
  for (
    const address of [
      `${host}:${port}`,
      `ws://${host}:${port}/`,
      `http://${host}:${port}`,
      new URL(server.url),
      new URL(`http://${host}:${port}/any/path`),
      { port },
      { host, port },
    ]
  ) {
    const results = await checkServer(address, { checks });
    assertEquals(results.flatMap(({ error }) => error?.message ?? []), []);
  }
});

for (const transport of ["builtin", "hardened"] as const) {
  Deno.test(`what only a server can tell of the options is no failure of the server (${transport})`, async () => {
    const tokens = [
      { token: "all" },
      { token: "reads", permissions: ["read"] },
      { token: "writes", permissions: ["write"] },
      { token: "mine", prefixes: ["mine."] },
    ];
    await using server = await openServer({ transport, auth: as({ tokens }) });
    await using short = await openServer({ transport, limits: { topicBytes: 70 } });
    const reads = 'token must be one that may read topics that begin with "conformance.", got';
    const writes = 'token must be one that may write topics that begin with "conformance.", got';
    const cases: [string, object, string][] = [
      [server.url, {}, "token must be one that the server accepts, got none"],
      [
        server.url,
        { token: "other" },
        "token must be one that the server accepts, got one that it refuses",
      ],
      [server.url, { token: "reads" }, `${writes} one that may not`],
      [server.url, { token: "writes" }, `${reads} one that may not`],
      [server.url, { token: "mine" }, `${writes} one that may not`],
      [
        server.url,
        { token: "all", prefix: "é".repeat(100) },
        "prefix must leave 64 bytes of a topic, which has at most 256 at this server, got one of 200 bytes",
      ],
      [
        short.url,
        {},
        "prefix must leave 64 bytes of a topic, which has at most 70 at this server, got one of 12 bytes",
      ],
    ];
    for (const [url, options, sentence] of cases) {
      const { message } = await assertRejects(() => checkServer(url, options), RangeError);
      assertEquals(message, `Cannot check a server: ${sentence}`);
    }
    for (
      const [url, options] of [
        [server.url, { token: "all", prefix: "é".repeat(96) }],
        [server.url, { token: "mine", prefix: "mine." }],
        [short.url, { prefix: "p" }],
      ] as const
    ) {
      const results = await checkServer(url, options);
      assertEquals(results.flatMap(({ error }) => error?.message ?? []), []);
    }
    const anonymous = { tokens: [], anonymous: { permissions: ["read"] } };
    await using open = await openServer({ transport, auth: as(anonymous) });
    await assertRejects(() => checkServer(open.url), RangeError, `${writes} none`);
  });
}

Deno.test("testServer registers a test for each check, all of which fail where an option is wrong for the server", async () => {
  const auth = { tokens: [{ token: "secret" }] };
  await using server = await openServer({ auth });
  const checks = Object.fromEntries(Object.entries(WIRE_CHECKS).slice(0, 2));
  const { test } = Deno;
  for (const token of ["secret", "other"]) {
    const tests: [string, () => Promise<void>][] = [];
    as(Deno).test = (name: string, fn: () => Promise<void>) => void tests.push([name, fn]);
    try {
      testServer(`ws://me:password@${server.host}:${server.port}/?password`, { token, checks });
    } finally {
      as(Deno).test = test;
    }
    const shown = `${server.url}/?…`;
    assertEquals(
      tests.map(([name]) => name),
      Object.keys(checks).map((name) => `${shown}: ${name}`),
    );
    const outcomes = await Promise.allSettled(tests.map(([, fn]) => fn()));
    for (const outcome of outcomes) {
      if (token === "secret") assertEquals(outcome.status, "fulfilled");
      else {assertStringIncludes(
          `${as(outcome).reason}`,
          "RangeError: Cannot check a server: token",
        );}
    }
    // One connection for all of them tells that the token is refused.
    if (token === "other") assertEquals(server.stats().refused, 1);
  }
});

Deno.test("a wrong option of WireConnection.open is a sentence", async () => {
  const url = "ws://127.0.0.1:1";
  const cases: [unknown, Class, string][] = [
    [undefined, TypeError, "options must be an object, got nothing"],
    [url, TypeError, "options must be an object, got"],
    [{}, TypeError, "the address must be a string, a URL or { host, port }, got nothing"],
    [{ url: "ftp://a.test" }, RangeError, "or a ws:// or wss:// address, got"],
    [{ url, tokn: "" }, TypeError, 'there is no option "tokn" (there are: url, token, offers)'],
    [{ url, token: "é" }, RangeError, `token must be ${TOKEN}, got one with other characters`],
    [{ url, token: 5 }, TypeError, `token must be ${TOKEN}, got a number`],
    [{ url, offers: "no" }, TypeError, 'offers must be true or false, got "no"'],
  ];
  for (const [options, Class, sentence] of cases) {
    const { message } = await assertRejects(() => WireConnection.open(as(options)), Class);
    assertStringIncludes(message, sentence);
    assertStringIncludes(message, "Cannot open a connection: ");
  }
});

Deno.test("a wrong argument of testStore is a sentence, before any test is registered", () => {
  const open = () => Promise.reject(new Error("not opened"));
  const cases: [unknown[], string][] = [
    [[5, open], "name must be a text, got 5"],
    [["mine"], "open must be a function, got nothing"],
    [["mine", {}], "open must be a function, got an object"],
    [["mine", open, null], "options must be an object, got null"],
    [["mine", open, { restart: true }], 'there is no option "restart" (there are: ignore, restart'],
    [
      ["mine", open, { restarts: "yes" }],
      'restarts must be true, false or "nothing begins", got "yes"',
    ],
    [["mine", open, { ignore: true }], "ignore must be a text, the reason, got true"],
  ];
  for (const [args, sentence] of cases) {
    const { message } = assertThrows(() => as(testStore)(...args), TypeError) as Error;
    assertStringIncludes(message, `Cannot test a store: ${sentence}`);
  }
});

Deno.test("a wrong time is a sentence, and moves no clock", () => {
  const clock = new ManualClock(1000);
  let called = 0;
  clock.after(5, () => called++);
  const cases: [() => unknown, Class, string][] = [
    [() => new ManualClock(NaN), RangeError, "Cannot start a clock: now must be a finite number"],
    [() => new ManualClock(as("1")), TypeError, 'now must be a finite number, got "1"'],
    [() => new ManualClock(as(null)), TypeError, "now must be a finite number, got null"],
    [
      () => clock.advance(-1),
      RangeError,
      "Cannot advance a clock: ms must be a finite number from 0, got -1",
    ],
    [() => clock.advance(Infinity), RangeError, "a finite number from 0, got Infinity"],
    [() => clock.advance(as("5")), TypeError, 'a finite number from 0, got "5"'],
    [() => clock.advance(as(undefined)), TypeError, "a finite number from 0, got nothing"],
    [() => clock.set(NaN), RangeError, "Cannot set a clock: now must be a finite number, got NaN"],
    [() => clock.set(as(new Date())), TypeError, "now must be a finite number, got an object"],
    [() => clock.jump(-Infinity), RangeError, "ms must be a finite number, got -Infinity"],
    [() => clock.jump(as({})), TypeError, "ms must be a finite number, got an object"],
    [() => clock.after(NaN, () => {}), RangeError, "Cannot wait: ms must be a number, got NaN"],
    [() => clock.after(as("1"), () => {}), TypeError, 'Cannot wait: ms must be a number, got "1"'],
    [() => clock.after(1, as("f")), TypeError, 'Cannot wait: callback must be a function, got "f"'],
  ];
  for (const [move, Class, sentence] of cases) {
    assertStringIncludes((assertThrows(move, Class) as Error).message, sentence);
  }
  assertEquals([clock.now(), clock.monotonic(), called], [1000, 1000, 0]);
  clock.advance(5);
  assertEquals([clock.now(), called], [1005, 1]);
});
