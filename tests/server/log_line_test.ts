/**
 * Lines of the log: one for each event, whatever is in it.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { LogEvent } from "../../queue/log_event.ts";
import { jsonLine, logArguments } from "../../server/log_line.ts";
import { LogWriter } from "../../server/stderr.ts";

/** Texts that could end a line, or look like another one. */
const ODD = [
  "two\nlines\r\nand more",
  '{"level":"error"}\n{"level":"error"}',
  "\u2028\u2029\u0085\u001b[2J\0",
  "half \ud800 of a pair, and \udc00 another",
  "\u202etxet",
  '"\\',
  "x".repeat(100_000),
];

/** An event with a text wherever there can be one. */
function everywhere(text: string): LogEvent {
  return {
    event: "request_refused",
    message: text,
    reason: text,
    address: text,
    advice: text,
    fields: { topic: text, code: text },
  };
}

/** What a log with a style writes. */
async function written(format: "text" | "json", ...events: LogEvent[]): Promise<string> {
  let text = "";
  const log = new LogWriter((bytes) => {
    text += new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return Promise.resolve(bytes.length);
  });
  log.style = { format, level: "info" };
  for (const event of events) log.write(event);
  await log.flush();
  return text;
}

for (const format of ["text", "json"] as const) {
  Deno.test(`as ${format}, an event is one line, whatever texts are in it`, async () => {
    for (const text of ODD) {
      const line = await written(format, everywhere(text));
      assertEquals(line.slice(-1), "\n");
      const inside = line.slice(0, -1);
      // deno-lint-ignore no-control-regex -- it looks for control characters
      assert(!/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e\ufffd]/.test(inside), inside);
      assert(inside.length < 100_000, `${inside.length} characters`);
      if (format === "text") continue;
      const { level, event, topic } = JSON.parse(inside);
      assertEquals([level, event], ["warn", "request_refused"]);
      // Shortened, and otherwise exactly as it was.
      assertEquals(topic, text.length > 4096 ? `${text.slice(0, 4096)}…` : text);
    }
  });
}

Deno.test("as JSON, an error has its sentence, and its stack with its causes, in one line", async () => {
  const cause = new Error("the disk\nis gone");
  const reason = new TypeError("it failed", { cause });
  const line = await written("json", {
    event: "unexpected_error",
    message: "unexpected error",
    reason,
  });
  assertEquals(line.split("\n").length, 2);
  const { message, error, stack, reason: sentence } = JSON.parse(line);
  assertEquals([message, error], ["unexpected error: it failed", "it failed"]);
  assertEquals(sentence, undefined);
  assertStringIncludes(stack, "log_line_test.ts");
  assertStringIncludes(stack, "the disk\n  is gone");
});

Deno.test("what is thrown that is no error is logged, too", () => {
  for (const reason of [null, 5, { a: 1 }, Symbol("s"), 10n, ["x\ny"]]) {
    const event = { event: "request_failed", message: "a request failed", reason } as const;
    const { error, stack } = JSON.parse(jsonLine(event, 0));
    assertEquals([typeof error, stack], ["string", undefined]);
    assertEquals(logArguments(event)[1], reason);
  }
});

Deno.test("lines are those of a level and of what matters more; why a server does not start is always one", async () => {
  const events: LogEvent[] = [
    { event: "reloaded", message: "info" },
    { event: "peer_dropped", message: "warn" },
    { event: "reload_failed", message: "error" },
    { event: "serve_failed", message: "failed" },
  ];
  const expected = {
    info: ["info", "warn", "error", "failed"],
    warn: ["warn", "error", "failed"],
    error: ["error", "failed"],
    silent: ["failed"],
  };
  for (const [level, lines] of Object.entries(expected)) {
    let text = "";
    const log = new LogWriter((bytes) => {
      text += new TextDecoder().decode(bytes);
      return Promise.resolve(bytes.length);
    });
    log.style = { format: "text", level: level as keyof typeof expected };
    for (const event of events) log.write(event);
    log.writeLine("dsmq: info");
    await log.flush();
    const notice = level === "info" ? ["dsmq: info"] : [];
    assertEquals(text.trim().split("\n"), [...lines.map((line) => `dsmq: ${line}`), ...notice]);
  }
});

Deno.test("as JSON, lines that nobody reads are dropped and counted, and that is a line of JSON as well", async () => {
  let text = "";
  const { promise, resolve } = Promise.withResolvers<void>();
  const log = new LogWriter(async (bytes) => {
    await promise;
    text += new TextDecoder().decode(bytes);
    return bytes.length;
  });
  log.style = { format: "json", level: "info" };
  for (let i = 0; i < 5000; i++) log.write({ event: "notice", message: `${i}` });
  log.writeLine("dsmq: one that is no event");
  assert(log.dropped > 3000, `${log.dropped} lines`);
  resolve();
  await log.flush();
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { event, dropped } = lines.at(-1);
  assertEquals([event, dropped], ["lines_dropped", log.dropped]);
  assertEquals(lines.length - 1 + dropped, 5001);
  log.writeLine("dsmq: afterwards");
  await log.flush();
  const last = JSON.parse(text.trimEnd().split("\n").at(-1)!);
  assertEquals([last.event, last.message, last.level], ["notice", "afterwards", "info"]);
});
