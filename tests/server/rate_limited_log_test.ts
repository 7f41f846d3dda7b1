/**
 * The log of a server: whatever happens to it, the server continues.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { textSink } from "../../server/log.ts";
import { ADMIN_PACE, CLIENT_PACE, RateLimitedLog } from "../../server/rate_limited_log.ts";
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

/** A log of refusals, and its lines. */
function refusals(clock: ManualClock, pace = CLIENT_PACE) {
  const lines: string[] = [];
  const write = textSink({ ...quiet, warn: (text: string) => void lines.push(text) });
  const limited = new RateLimitedLog(clock, { write }, pace);
  const record = (reason: string, address?: string, advice?: string) =>
    limited.write({
      event: "request_refused",
      message: "refused a request",
      ...{ reason, address, advice },
    });
  return { lines, record, stop: () => limited.stop() };
}

Deno.test("refusals are logged at most once a second, and the last when the server stops", () => {
  const clock = new ManualClock();
  const { lines: logged, record, stop } = refusals(clock);
  for (const message of ["1", "2", "3"]) record(message);
  assertEquals(logged.splice(0), ["dsmq: refused a request: 1"]);
  clock.advance(1000);
  assertEquals(logged.splice(0), ["dsmq: refused a request: 3 (and 1 more in the last second)"]);
  record("4");
  stop();
  assertEquals(logged.splice(0), ["dsmq: refused a request: 4"]);
  clock.advance(10_000);
  assertEquals(logged, []);
});

Deno.test("each kind of refusal has its line, even during a flood of another kind", () => {
  const clock = new ManualClock();
  const { lines: logged, record, stop } = refusals(clock);
  const flood = (second: number) => {
    for (let i = 0; i < 100; i++) {
      record(`host "${second}.${i}" is not allowed`, `10.0.0.${i}`);
    }
  };
  flood(0);
  record("a token is needed", "192.0.2.1", "--token");
  record('origin "https://a" is not allowed', "192.0.2.2");
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
  for (let i = 0; i < 100; i++) record("x".repeat(i));
  logged.length = 0;
  stop();
  assertEquals(logged.length, 9);
});

Deno.test("refusals that continue for hours are logged less and less often, and none is forgotten", () => {
  const clock = new ManualClock();
  const { lines: logged, record, stop } = refusals(clock);
  for (let second = 0; second < 6 * 3600; second++) {
    record(`at ${second}`);
    clock.advance(1000);
  }
  stop();
  assert(logged.length > 700 && logged.length < 760, `${logged.length} lines in six hours`);
  const more = logged.map((line) => Number(/and (\d+) more/.exec(line)?.[1] ?? 0));
  assertEquals(more.reduce((sum, n) => sum + n, logged.length), 6 * 3600);
  assert(logged.some((line) => / more in the last 30 s\)$/.test(line)), logged[100]);
});

Deno.test("a refusal is logged in one short line, whatever it contains", () => {
  const { lines: logged, record, stop } = refusals(new ManualClock());
  record(`first\r\ndsmq: stopped\u2028${"x".repeat(100_000)}`);
  stop();
  assertEquals(logged.length, 1);
  assert(logged[0]!.startsWith("dsmq: refused a request: first dsmq: stopped xxx"), logged[0]);
  assert(logged[0]!.length < 500 && !/[\r\n\u2028]/.test(logged[0]!));
});

Deno.test("what administrators do has a line for each act at once, and one a second if there is no end of it", () => {
  const clock = new ManualClock();
  const { lines, record, stop } = refusals(clock, ADMIN_PACE);
  for (let i = 0; i < 1000; i++) record(`purged "${i}"`);
  assertEquals(lines.length, 1000);
  assertEquals(lines.at(-1), 'dsmq: refused a request: purged "999"');
  for (let i = 0; i < 5; i++) record(`purged "${i}"`);
  assertEquals(lines.length, 1000);
  clock.advance(1000);
  assertEquals(lines.slice(1000), [
    'dsmq: refused a request: purged "4" (and 4 more in the last second)',
  ]);
  record("one more");
  stop();
  assertEquals(lines.length, 1002);
});

Deno.test("an event that stands for several counts as so many, in the time that it says", () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const write = textSink({ ...quiet, warn: (text: string) => void lines.push(text) });
  const limited = new RateLimitedLog(clock, { write });
  const dead = (count: number, within: number) =>
    limited.write({ event: "job_dead", message: "a job is dead", repeats: { count, within } });
  dead(1, 0);
  clock.advance(60_000);
  dead(5, 60_000);
  dead(2, 0);
  clock.advance(1000);
  assertEquals(lines, [
    "dsmq: a job is dead",
    "dsmq: a job is dead (and 4 more in the last 60 s)",
    "dsmq: a job is dead (and 1 more in the last second)",
  ]);
});
