/**
 * `--since`: dates are ISO 8601 only, and validated; a time ago uses the server's clock; a future time is reported.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { connect } from "@dsmq/server";
import { parseSince } from "../../cli/since.ts";
import { UsageError } from "../../cli/command.ts";
import { runCommands } from "../support/run_commands.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { openServer } from "../support/open_server.ts";
import { withTimeout } from "../support/with_timeout.ts";

const EPOCH = "9b2f4c3e-6a0d-4e0f-8f52-1d6a4b1c7e90";
const POSITION = `${EPOCH}:41`;

const local = (...parts: [number, number, number, number?, number?]) => new Date(...parts);

Deno.test("a position is a word, a number, a time ago or an ISO 8601 date, in local time unless it has a zone", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["start", "start"],
    ["now", "now"],
    ["seq:0", 0],
    ["seq:42", 42],
    [POSITION, POSITION],
    ["10m", { ago: 600_000 }],
    ["600", { ago: 600_000 }],
    ["0", { ago: 0 }],
    ["1.5s", { ago: 1500 }],
    ["1.1", { ago: 1100 }],
    ["0.001s", { ago: 1 }],
    [`1.${"0".repeat(30)}ms`, { ago: 1 }],
    ["99999d", { ago: 8_639_913_600_000 }],
    ["2026-11-25", local(2026, 10, 25)],
    ["2026-11-25T00:00", local(2026, 10, 25)],
    ["2026-11-25T13:37", local(2026, 10, 25, 13, 37)],
    ["2024-02-29T23:59:59Z", new Date(Date.UTC(2024, 1, 29, 23, 59, 59))],
    ["2026-11-25T12:00:30.5+01:00", new Date(Date.UTC(2026, 10, 25, 11, 0, 30, 500))],
    ["2026-11-25T12:00:30.123456Z", new Date(Date.UTC(2026, 10, 25, 12, 0, 30, 123))],
    ["2026-11-25T12:00-0800", new Date(Date.UTC(2026, 10, 25, 20))],
    ["1969-07-20T20:17Z", new Date(Date.UTC(1969, 6, 20, 20, 17))],
  ];
  for (const [text, expected] of good) assertEquals(parseSince(text), expected, text);
  const zone = Deno.env.get("TZ");
  try {
    Deno.env.set("TZ", "America/Los_Angeles");
    for (const text of ["2026-11-25", "2026-11-25T00:00"]) {
      assertEquals(parseSince(text), new Date(Date.UTC(2026, 10, 25, 8)));
    }
  } finally {
    if (zone === undefined) Deno.env.delete("TZ");
    else Deno.env.set("TZ", zone);
  }
});

Deno.test("an invalid position is reported, with a suggestion", () => {
  const form =
    "--since must be start, now, EPOCH:SEQ, seq:N, a time ago such as 10m, or a date such as " +
    "2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00Z, got ";
  const wrong: Readonly<Record<string, string>> = {
    "2026-02-30": ": there is no such day",
    "2023-02-29T12:00": ": there is no such day",
    "2026-04-31": ": there is no such day",
    "2026-13-01": ": there is no such day",
    "2026-00-10": ": there is no such day",
    "2026-01-00": ": there is no such day",
    "2026-11-25T24:00": ": there is no such time of day",
    "2026-11-25T12:60": ": there is no such time of day",
    "2026-11-25T12:00:60Z": ": there is no such time of day",
    "2026-11-25T12:00+25:00": ": there is no such time zone",
    "20261125": "; did you mean 2026-11-25?",
    "2026-1-5": "; did you mean 2026-01-05?",
    "2026/11/25": "; did you mean 2026-11-25?",
    "2026-11-25 00:00": "; did you mean 2026-11-25T00:00?",
    "2026-11-25 12:00:00 UTC": "; did you mean 2026-11-25T12:00:00Z?",
    "2026-11-25 12:00:00 +0100": "; did you mean 2026-11-25T12:00:00+0100?",
    "2026-11-25 12:00:00.5+00": "; did you mean 2026-11-25T12:00:00.5+00:00?",
    "20261125T120000Z": "; did you mean 2026-11-25T12:00:00Z?",
    "20261125T1200": "; did you mean 2026-11-25T12:00?",
    "1h30m": "; did you mean 90m?",
    "2026-11-25t12:00z": "; did you mean 2026-11-25T12:00Z?",
    "2026-11-25T12:00\n": "; did you mean 2026-11-25T12:00?",
    "2026": "; did you mean 2026s?",
    "1795000000": "; did you mean 2026-11-18T11:06:40.000Z?",
    "1795000000000": "; did you mean 2026-11-18T11:06:40.000Z?",
    "123456": "; did you mean 123456s?",
    "-10m": "; did you mean 10m?",
    "10 minutes ago": "; did you mean 10m?",
    "Start": "; did you mean start?",
    "2026-11": "",
    "epoch:5": "",
    "2026-11-25T1200-08:00": "",
    "2026-W48-3": "",
    "2026-11-25T12": "",
    "2026-11-25 (hello)": "",
    "2026-11-25T12:00Z and more": "",
    "25.11.2026": "",
    "11/25/2026": "",
    "Nov 25 2026": "",
    "yesterday": "",
    "1e3": "",
    "Infinity": "",
    "": "",
    " ": "",
  };
  for (const [text, reason] of Object.entries(wrong)) {
    const { message } = assertThrows(() => parseSince(text), UsageError);
    assertEquals(message, `${form}${JSON.stringify(text)}${reason}`);
  }
  for (const seq of ["seq:", "seq:x", "seq:-1", "seq:1.5", "seq:9007199254740992"]) {
    const { message } = assertThrows(() => parseSince(seq), UsageError);
    assert(message.startsWith("N in --since seq:N must be a whole number from 0 to "), message);
  }
  for (const text of [`${EPOCH}:`, `${EPOCH}:x`, `${EPOCH}:-1`, `${EPOCH}:9007199254740992`]) {
    const { message } = assertThrows(() => parseSince(text), UsageError);
    assertEquals(
      message,
      "--since must be a message's position (EPOCH:SEQ), whose number is whole, from 0 to " +
        `9007199254740991, got ${JSON.stringify(text)}`,
    );
  }
  for (const text of [` ${POSITION}`, `${EPOCH} :41`, `the first message of all:41`]) {
    const { message } = assertThrows(() => parseSince(text), UsageError);
    assertEquals(
      message,
      "--since must be a message's position (EPOCH:SEQ), whose epoch is 16 to 128 letters, digits, " +
        `- and _, got ${JSON.stringify(text)}`,
    );
  }
  assertThrows(() => parseSince(`${"9".repeat(400)}d`), UsageError, "--since must be");
});

Deno.test("a time ago uses the clock of the server, whatever the client's clock shows", async () => {
  // Years from this machine's time.
  const clock = new ManualClock();
  assert(Math.abs(clock.now() - Date.now()) > 86_400_000);
  await using server = await openServer({ clock });
  await using putter = await connect(server.url);
  await putter.put("t", "old");
  clock.advance(60_000);
  await putter.put("t", "new");
  clock.advance(30_000);
  const at = ["--url", server.url];
  const [new_, old, none] = await runCommands([
    ["get", "t", "--since", "1m", ...at],
    ["get", "t", "--since", "2m", ...at],
    ["get", "t", "--since", "10s", ...at],
  ]);
  assertEquals([new_!.stdout, old!.stdout, none!.code], ["new", "old", 3]);
  await using mq = await connect(server.url, { since: { ago: 60_000 } });
  assertEquals(await mq.get("t"), "new");
  for (const [ago, body] of [[60_000, "new"], [120_000, "old"]] as const) {
    await using stream = mq.subscribe("t", { since: { ago } });
    assertEquals((await withTimeout(stream.next())).value?.body, body);
  }
});

Deno.test("a time in the future is reported, by the clock of this machine", async () => {
  await using server = await openServer();
  await using putter = await connect(server.url);
  await putter.put("t", "before");
  const at = ["--url", server.url];
  const [get, tail, past] = await runCommands([
    ["get", "t", "--since", "9998-01-01", ...at],
    ["wait", "t", "--timeout", "0", "--since", "9998-01-01T00:00Z", ...at],
    ["get", "t", "--since", "2020-01-01", ...at],
  ]);
  const expected =
    /^dsmq: --since is in the future by the clock of this machine \(\d{4}-\S+Z\): no message stored so far is read$/;
  for (const { code, stdout, stderr } of [get!, tail!]) {
    assertEquals([code, stdout, expected.test(stderr)], [3, "", true], stderr);
  }
  assertEquals(past, { code: 0, stdout: "before", stderr: "" });
});

Deno.test("a position that --json prints is where the next command goes on, and a lost history is told", async () => {
  await using server = await openServer();
  await using putter = await connect(server.url);
  await putter.putMany("orders.eu", ["1", "2", "3"]);
  const at = ["--url", server.url];
  const [first] = await runCommands([["get", "orders.eu", "--json", ...at]]);
  const { position, ...message } = JSON.parse(first!.stdout);
  assertEquals(Object.keys(message), ["topic", "seq", "time", "body"]);
  assertEquals(position.split(":")[1], "1");
  const commands = (since: string) => [
    ["get", "orders.eu", "--since", since, ...at],
    ["wait", "orders.eu", "--since", since, ...at],
    ["latest", "orders.eu", "--since", since, ...at],
    ["tail", "orders.eu", "--count", "2", "--since", since, ...at],
    ["tail", "orders.*", "--count", "2", "--since", since, ...at],
  ];
  const streamed = "orders.eu: 2\norders.eu: 3";
  assertEquals((await runCommands(commands(position))).map(({ stdout }) => stdout), [
    "2",
    "2",
    "3",
    "2\n3",
    streamed,
  ]);
  // Of another server.
  const lost =
    "dsmq: messages were missed: Cannot read on from 41: the server does not have that " +
    "history: it has begun a new one, or the position is of another server";
  const [get, wait, latest, tail, prefix] = await runCommands(commands(POSITION));
  for (const refused of [get!, latest!]) {
    assertEquals([refused.code, refused.stdout], [1, ""]);
    assert(refused.stderr.includes("Cannot read on from 41"), refused.stderr);
  }
  assertEquals([wait!.stdout, wait!.stderr], ["1", lost]);
  assertEquals([tail!.stdout, tail!.stderr], ["1\n2", lost]);
  assertEquals([prefix!.stdout, prefix!.stderr], ["orders.eu: 1\norders.eu: 2", lost]);
});
