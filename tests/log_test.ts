/**
 * The log of a server: whatever it does, the server goes on.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Complaints } from "../server/complaints.ts";
import { ManualClock } from "./support/manual_clock.ts";
import { openServer } from "./support/open_server.ts";
import { quiet } from "./support/open_server.ts";
import { Raw } from "./support/raw.ts";

const failing = {
  "throws": () => {
    throw new Error("no space left");
  },
  "rejects": () => Promise.reject(new Error("no space left")),
};

for (const [what, say] of Object.entries(failing)) {
  Deno.test(`a log that ${what} stalls nothing, and does not end the process`, async () => {
    let said = 0;
    const fail = () => (said++, say());
    const log = { info: fail, warn: fail, error: fail };
    await using server = await openServer({ log: log as typeof quiet });
    await using client = await Raw.open(server.url);
    client.send("{");
    assertEquals((await client.ask({ action: "get", id: 1, topic: "" })).error.code, "bad_topic");
    client.send({ action: "put", topic: "t", message: "m" });
    assertEquals(await client.ask({ action: "get", topic: "t" }), { message: "m" });
    assert(said > 0, "the log was used");
  });
}

Deno.test("refusals are told at most once a second, and the last of them when the server stops", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const complaints = new Complaints(
    clock,
    { ...quiet, warn: (text: string) => told.push(text) },
    "refused a request",
  );
  const note = (message: string) => complaints.note(message);
  for (const message of ["1", "2", "3"]) note(message);
  assertEquals(told.splice(0), ["dsmq: refused a request: 1"]);
  clock.advance(1000);
  assertEquals(told.splice(0), ["dsmq: refused a request: 3 (and 1 more in the last second)"]);
  note("4");
  complaints.stop();
  assertEquals(told.splice(0), ["dsmq: refused a request: 4"]);
  clock.advance(10_000);
  assertEquals([told, complaints.count], [[], 4]);
});

Deno.test("each kind of refusal has its line, also while another kind comes in a flood", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const log = { ...quiet, warn: (text: string) => told.push(text) };
  const complaints = new Complaints(clock, log, "refused a request");
  const flood = (second: number) => {
    for (let i = 0; i < 100; i++) complaints.note(`host "${second}.${i}" is none`, `10.0.0.${i}`);
  };
  flood(0);
  complaints.note("a token is needed", "192.0.2.1", "--token");
  complaints.note('origin "https://a" is none', "192.0.2.2");
  for (let second = 1; second < 4; second++) {
    clock.advance(1000);
    flood(second);
  }
  assertEquals(told, [
    'dsmq: refused a request from 10.0.0.0: host "0.0" is none',
    'dsmq: refused a request from 10.0.0.99: host "0.99" is none (and 98 more in the last second)',
    "dsmq: refused a request from 192.0.2.1: a token is needed; --token",
    'dsmq: refused a request from 192.0.2.2: origin "https://a" is none',
  ]);
  // Of any number of kinds a few wait.
  for (let i = 0; i < 100; i++) complaints.note("x".repeat(i));
  told.length = 0;
  complaints.stop();
  assertEquals([told.length, complaints.count], [9, 502]);
});

Deno.test("refusals that go on for hours are told less and less often, and none is forgotten", () => {
  const clock = new ManualClock();
  const told: string[] = [];
  const log = { ...quiet, warn: (text: string) => told.push(text) };
  const complaints = new Complaints(clock, log, "refused a request");
  for (let second = 0; second < 6 * 3600; second++) {
    complaints.note(`at ${second}`);
    clock.advance(1000);
  }
  complaints.stop();
  assert(told.length > 700 && told.length < 760, `${told.length} lines in six hours`);
  const more = told.map((line) => Number(/and (\d+) more/.exec(line)?.[1] ?? 0));
  assertEquals(more.reduce((sum, n) => sum + n, told.length), 6 * 3600);
  assert(told.some((line) => / more in the last 30 s\)$/.test(line)), told[100]);
});

Deno.test("a refusal is told in one short line, whatever is in it", () => {
  const told: string[] = [];
  const log = { ...quiet, warn: (text: string) => told.push(text) };
  const complaints = new Complaints(new ManualClock(), log, "refused a request");
  complaints.note(`first\r\ndsmq: stopped\u2028${"x".repeat(100_000)}`);
  complaints.stop();
  assertEquals(told.length, 1);
  assert(told[0]!.startsWith("dsmq: refused a request: first dsmq: stopped xxx"), told[0]);
  assert(told[0]!.length < 500 && !/[\r\n\u2028]/.test(told[0]!));
});
