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

const local = (...parts: [number, number, number, number?, number?]) => new Date(...parts);

Deno.test("a position is a word, a number, a time ago or an ISO 8601 date, in local time unless it has a zone", () => {
  const good: readonly (readonly [string, unknown])[] = [
    ["start", "start"],
    ["now", "now"],
    ["seq:0", 0],
    ["seq:42", 42],
    ["10m", { ago: 600_000 }],
    ["600", { ago: 600_000 }],
    ["0", { ago: 0 }],
    ["1.5s", { ago: 1500 }],
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
  const form = "--since must be start, now, seq:N, a time ago such as 10m, or a date such as " +
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
