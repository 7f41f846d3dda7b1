/**
 * The options of a server whose store is a log that several servers share: what is refused, and what is never shown.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { createHandler, DsmqError, serve, type ServeOptions } from "../../server.ts";
import { freePort } from "../support/free_port.ts";
import { quiet } from "../support/open_server.ts";

const SECRET = "sEcReT";

/** Addresses with a password, each wrong in another place, and what is said of it. */
const WRONG: Readonly<Record<string, string>> = {
  [`nats://a:${SECRET}@host`]: "where NAME is the name of its stream",
  [`nats://a:x/${SECRET}@host/orders`]: "are written %2F and %3F",
  [`nats://a:${SECRET}@host/or.ders`]: "letters, digits, - and _ only",
  [`nats://a:${SECRET}@host:x/orders`]: "PORT is a whole number",
  [`tls://a:${SECRET}@host/orders?replicas=2`]: "replicas is 1, 3 or 5",
  [`nats://a:${SECRET}@host/orders?storage=disk`]: "storage is file or memory",
  [`nats://${SECRET}@host/orders?sink=always`]: "no parameters but replicas",
  [`nat://a:${SECRET}@host/orders`]: 'got "nat://…@host/orders"',
  [`nats:a:${SECRET}@host/orders`]: 'got "nats:…@host/orders"',
  [`sqlite:nats://a:${SECRET}@host/orders`]: 'got "sqlite:…@host/orders"',
};

Deno.test("an invalid address of a log is refused with a sentence, which shows no password", async () => {
  for (const [store, reason] of Object.entries(WRONG)) {
    const options = { port: 0, store, log: quiet } as ServeOptions;
    const { message } = await assertRejects(() => serve(options), RangeError);
    assert(message.startsWith("Cannot serve: store must be "), message);
    assertMatch(message, /, got (one that is not shown, because it may contain a password|".*")$/);
    assertStringIncludes(message, reason);
    assert(!message.includes(SECRET), message);
  }
});

/** Options that a store cannot have, and what is said of them. */
const REFUSED: readonly (readonly [options: object, expected: string])[] = [
  [
    { store: "nats://host/orders", durability: "disk" },
    'durability must be left out unless store is "sqlite:PATH", because the address of a log says what they survive: storage, replicas and sync, got "disk"',
  ],
  [{ store: "sqlite:q.db", replica: "r.db" }, 'such as "nats://SERVER/NAME", got "r.db"'],
  [{ freshness: "session" }, "freshness must be left out unless store is a log"],
  [{ reconfigure: true }, "reconfigure must be left out unless store is a log"],
  [{ waitForStore: 5 }, "waitForStore must be left out unless store is a log"],
  [{ store: "nats://host/orders", waitForStore: -1 }, "waitForStore must be a whole number from 0"],
  [{ store: "nats://host/orders", replica: "" }, "replica must be the path of a file"],
  [{ store: "nats://host/orders", replica: "~/r.db" }, "~ does not stand for a folder"],
  [{ freshness: "none" }, 'freshness must be "global" or "session", got "none"'],
];

Deno.test("options that have no meaning with a store are refused with a sentence", async () => {
  for (const [options, expected] of REFUSED) {
    const { message } = await assertRejects(() => serve({ port: 0, ...options }), RangeError);
    assertStringIncludes(message, expected);
  }
  for (const options of [{ reconfigure: 1 }, { replica: 1 }, { waitForStore: "1s" }]) {
    const store = "nats://host/orders";
    await assertRejects(() => serve({ port: 0, store, ...options } as object), TypeError);
  }
});

Deno.test("a log that cannot be reached is an error in bounded time, which shows no password", async () => {
  const address = `127.0.0.1:${freePort()}`;
  const lines: string[] = [];
  const write = (...words: unknown[]) => void lines.push(words.join(" "));
  const log = { info: write, warn: write, error: write };
  const store = `nats://a:${SECRET}@${address}/orders` as const;
  const options = { store, waitForStore: 100, log };
  const error = await assertRejects(() => serve({ port: 0, ...options }), DsmqError);
  assertEquals([error.code, error.retryable], ["unavailable", true]);
  assertStringIncludes(error.message, `Cannot reach nats://${address}/orders within 0.1 s`);
  const handler = createHandler(options);
  assertEquals(handler.storeDescription, "a log");
  const failed = await assertRejects(() => handler.ready, DsmqError);
  assertEquals(failed.code, "unavailable");
  assertEquals(lines.length, 1);
  assert(![error.message, failed.message, ...lines].join().includes(SECRET));
});
