/**
 * The log of a server: whatever happens to it, the server continues.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { RateLimitedLog } from "../../server/rate_limited_log.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { quiet } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

const failing = {
  "throws": () => {
    throw new Error("no space left");
  },
  "rejects": () => Promise.reject(new Error("no space left")),
};

for (const [what, logFailure] of Object.entries(failing)) {
  Deno.test(`a log that ${what} blocks nothing, and does not end the process`, async () => {
    let count = 0;
    const fail = () => (count++, logFailure());
    const log = { info: fail, warn: fail, error: fail };
    await using server = await openServer({ log: log as typeof quiet });
    await using client = await RawClient.open(server.url);
    client.send("{");
    assertEquals(
      (await client.request({ action: "get", id: 1, topic: "" })).error.code,
      "bad_topic",
    );
    client.send({ action: "put", topic: "t", message: "m" });
    assertEquals(await client.request({ action: "get", topic: "t" }), { message: "m" });
    assert(count > 0, "the log was used");
  });
}

Deno.test("refusals are logged at most once a second, and the last when the server stops", () => {
  const clock = new ManualClock();
  const logged: string[] = [];
  const rateLimited = new RateLimitedLog(
    clock,
    { ...quiet, warn: (text: string) => logged.push(text) },
    "refused a request",
  );
  const record = (message: string) => rateLimited.record(message);
  for (const message of ["1", "2", "3"]) record(message);
  assertEquals(logged.splice(0), ["dsmq: refused a request: 1"]);
  clock.advance(1000);
  assertEquals(logged.splice(0), ["dsmq: refused a request: 3 (and 1 more in the last second)"]);
  record("4");
  rateLimited.stop();
  assertEquals(logged.splice(0), ["dsmq: refused a request: 4"]);
  clock.advance(10_000);
  assertEquals([logged, rateLimited.count], [[], 4]);
});

Deno.test("each kind of refusal has its line, even during a flood of another kind", () => {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = { ...quiet, warn: (text: string) => logged.push(text) };
  const rateLimited = new RateLimitedLog(clock, log, "refused a request");
  const flood = (second: number) => {
    for (let i = 0; i < 100; i++) {
      rateLimited.record(`host "${second}.${i}" is not allowed`, `10.0.0.${i}`);
    }
  };
  flood(0);
  rateLimited.record("a token is needed", "192.0.2.1", "--token");
  rateLimited.record('origin "https://a" is not allowed', "192.0.2.2");
  for (let second = 1; second < 4; second++) {
    clock.advance(1000);
    flood(second);
  }
  assertEquals(logged, [
    'dsmq: refused a request from 10.0.0.0: host "0.0" is not allowed',
    'dsmq: refused a request from 10.0.0.99: host "0.99" is not allowed (and 98 more in the last second)',
    "dsmq: refused a request from 192.0.2.1: a token is needed; --token",
    'dsmq: refused a request from 192.0.2.2: origin "https://a" is not allowed',
  ]);
  // Of any number of kinds, only a few wait.
  for (let i = 0; i < 100; i++) rateLimited.record("x".repeat(i));
  logged.length = 0;
  rateLimited.stop();
  assertEquals([logged.length, rateLimited.count], [9, 502]);
});

Deno.test("refusals that continue for hours are logged less and less often, and none is forgotten", () => {
  const clock = new ManualClock();
  const logged: string[] = [];
  const log = { ...quiet, warn: (text: string) => logged.push(text) };
  const rateLimited = new RateLimitedLog(clock, log, "refused a request");
  for (let second = 0; second < 6 * 3600; second++) {
    rateLimited.record(`at ${second}`);
    clock.advance(1000);
  }
  rateLimited.stop();
  assert(logged.length > 700 && logged.length < 760, `${logged.length} lines in six hours`);
  const more = logged.map((line) => Number(/and (\d+) more/.exec(line)?.[1] ?? 0));
  assertEquals(more.reduce((sum, n) => sum + n, logged.length), 6 * 3600);
  assert(logged.some((line) => / more in the last 30 s\)$/.test(line)), logged[100]);
});

Deno.test("a refusal is logged in one short line, whatever it contains", () => {
  const logged: string[] = [];
  const log = { ...quiet, warn: (text: string) => logged.push(text) };
  const rateLimited = new RateLimitedLog(new ManualClock(), log, "refused a request");
  rateLimited.record(`first\r\ndsmq: stopped\u2028${"x".repeat(100_000)}`);
  rateLimited.stop();
  assertEquals(logged.length, 1);
  assert(logged[0]!.startsWith("dsmq: refused a request: first dsmq: stopped xxx"), logged[0]);
  assert(logged[0]!.length < 500 && !/[\r\n\u2028]/.test(logged[0]!));
});
