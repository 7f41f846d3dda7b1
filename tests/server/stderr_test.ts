/**
 * The log on standard error, whatever reads it.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openLog, textSink } from "../../server/log.ts";
import { LogWriter, writeFully } from "../../server/stderr.ts";
import { ManualClock } from "../../testing/manual_clock.ts";
import { quiet } from "../support/open_server.ts";

/** A test's output. */
class Sink {
  text = "";
  /** What the next write does; by default it accepts everything. */
  next: (bytes: Uint8Array) => Promise<number> = (bytes) => this.take(bytes);

  readonly write = (bytes: Uint8Array) => this.next(bytes);

  take(bytes: Uint8Array): Promise<number> {
    this.text += new TextDecoder().decode(bytes);
    return Promise.resolve(bytes.length);
  }

  /** Blocks from now on; returns a function that ends it. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.next = (bytes) => promise.then(() => this.take(bytes));
    return resolve;
  }
}

const enospc = () => Promise.reject(new Error("No space left on device"));

Deno.test("a bounded part of an unread log is kept, and dropped lines are reported later", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  const unblock = sink.block();
  for (let i = 0; i < 100_000; i++) log.writeLine(`line ${i}`);
  await Promise.resolve();
  assertEquals(sink.text, "");
  unblock();
  await log.flush();
  const lines = sink.text.trimEnd().split("\n");
  assertEquals(lines.slice(0, 2), ["line 0", "line 1"]);
  assertEquals(lines.length, 1001);
  assertEquals(lines.at(-1), "dsmq: 99000 lines of the log were dropped");
  log.writeLine("more");
  await log.flush();
  assert(sink.text.endsWith("dropped\nmore\n"));
});

Deno.test("long lines are truncated, and many of them stay within the bound", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  const unblock = sink.block();
  for (let i = 0; i < 1000; i++) log.writeLine("x".repeat(100_000));
  unblock();
  await log.flush();
  assert(sink.text.length < 70_000, `${sink.text.length} characters`);
});

Deno.test("a full disk loses the lines of that time, and the log continues after it", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  log.writeLine("before");
  await log.flush();
  sink.next = enospc;
  for (const line of ["lost 1", "lost 2"]) {
    log.writeLine(line);
    await log.flush();
  }
  sink.next = (bytes) => sink.take(bytes);
  log.writeLine("after");
  await log.flush();
  assertEquals(sink.text, "before\nafter\ndsmq: 2 lines of the log were dropped\n");
});

Deno.test("a partly written line is not continued by the next", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  sink.next = (bytes) => {
    sink.next = enospc;
    return sink.take(bytes.subarray(0, 3));
  };
  log.writeLine("halved");
  await log.flush();
  sink.next = (bytes) => sink.take(bytes);
  log.writeLine("whole");
  await log.flush();
  assertEquals(sink.text, "hal\nwhole\ndsmq: 1 line of the log was dropped\n");
});

Deno.test("the end waits for an unread log, but not for long", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  const unblock = sink.block();
  log.writeLine("unread");
  const since = performance.now();
  await log.flush();
  const elapsed = performance.now() - since;
  assert(elapsed < 8000, `${elapsed} ms`);
  unblock();
});

Deno.test("a log contains no terminal commands: control characters are escaped", async () => {
  const sink = new Sink();
  const log = new LogWriter(sink.write);
  log.writeLine("\x1b[2Jone\r\u009b31m\ttwo\nthree\0");
  await log.flush();
  assertEquals(sink.text, "\\u001b[2Jone\\u000d\\u009b31m\ttwo\nthree\\u0000\n");
});

Deno.test("if a write does not wait for room, nothing is lost and nothing is written twice", async () => {
  let text = "";
  let turn = 0;
  const write = (bytes: Uint8Array) => {
    if (turn++ % 3 !== 2) return Promise.reject(new Deno.errors.WouldBlock("os error 11"));
    text += new TextDecoder().decode(bytes.subarray(0, 2));
    return Promise.resolve(Math.min(2, bytes.length));
  };
  await writeFully(write, new TextEncoder().encode("abcdefg"));
  assertEquals(text, "abcdefg");
  await assertRejects(() => writeFully(enospc, new Uint8Array(1)), Error, "No space");
});

Deno.test("an error that clients can cause at will makes few lines", async () => {
  const clock = new ManualClock();
  const logged: unknown[][] = [];
  const record = (...data: unknown[]) => void logged.push(data);
  const log = openLog(textSink({ ...quiet, warn: record, error: record }), clock);
  const error = new Error("defect");
  const defect = { event: "unexpected_error", message: "unexpected error", reason: error } as const;
  for (let second = 0; second < 3600; second++) {
    for (let i = 0; i < 5; i++) log.write(defect);
    log.write({ event: "peer_dropped", message: "another one", reason: "why" });
    clock.advance(1000);
  }
  const [defects, others] = ["unexpected error:", "another one:"].map((what) =>
    logged.filter(([text]) => (text as string).startsWith(`dsmq: ${what}`))
  );
  assertEquals(defects![0], ["dsmq: unexpected error:", error]);
  assertEquals(defects![1], ["dsmq: unexpected error:", error, "(and 3 more in the last second)"]);
  assertEquals(others![1], ["dsmq: another one: why"]);
  for (const lines of [defects!, others!]) {
    assert(lines.length > 100 && lines.length < 140, `${lines.length} lines in an hour`);
  }
  const before = logged.length;
  log.write(defect);
  await log.stop();
  assert(logged.length > before, "the last is told at the end");
  assertEquals([logged.length + log.suppressed, log.dropped], [6 * 3600 + 1, 0]);
});
