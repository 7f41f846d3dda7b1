/**
 * Errors as a caller gets them: what tells them from others, what each code carries, and which calls may be repeated.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { runInNewContext } from "node:vm";
import { DsmqError, type DsmqErrorOf, type ErrorCode, isDsmqError } from "@dsmq/server";
import { decodeReplies } from "../../protocol/decode_replies.ts";
import { ERRORS } from "../../protocol/error_codes.ts";
import { as } from "../support/untyped.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];

/** An error that carries all that its code may carry. */
function example(code: ErrorCode): DsmqError {
  const values: Readonly<Record<string, unknown>> = {
    reason: "silent",
    outcomes: [{ code: "full", message: "no" }],
  };
  const fields = Object.keys(ERRORS[code].fields).map((name) => [name, values[name] ?? 7]);
  return new DsmqError(code, "Cannot", Object.fromEntries(fields));
}

Deno.test("an error of dsmq is told from everything else that may be caught", () => {
  for (const code of CODES) {
    assert(isDsmqError(example(code)) && isDsmqError(example(code), code), code);
  }
  class OfAProgram extends DsmqError {}
  assert(isDsmqError(new OfAProgram("full", "Cannot"), "full"));
  const others = [
    undefined,
    null,
    "full",
    () => {},
    new Error("full"),
    new TypeError("full"),
    new DOMException("full"),
    { code: "full", message: "Cannot", name: "DsmqError [full]" },
    Object.assign(new Error("Cannot"), { code: "full" }),
    JSON.parse(JSON.stringify(new DsmqError("full", "Cannot"))),
    structuredClone(new DsmqError("full", "Cannot")),
  ];
  for (const other of others) {
    assertEquals([isDsmqError(other), isDsmqError(other, "full")], [false, false], String(other));
  }
});

Deno.test("an error is known by its code, or by one of several", () => {
  const error = new DsmqError("full", "Cannot");
  assertEquals([isDsmqError(error, "full"), isDsmqError(error, "closed")], [true, false]);
  assert(isDsmqError(error, "closed", "full") && !isDsmqError(error, "closed", "ahead"));
  assert(isDsmqError(new DsmqError(as("of_later"), "Cannot")));
  assert(isDsmqError(new DsmqError(as("toString"), "Cannot"), as("toString")));
});

Deno.test("two copies of the package know each other's errors", async () => {
  const other: typeof import("../../protocol/errors.ts") = await import(
    `${import.meta.resolve("../../protocol/errors.ts")}?another-copy`
  );
  const [ours, theirs] = [new DsmqError("full", "Cannot"), new other.DsmqError("full", "Cannot")];
  assert(!(theirs instanceof DsmqError) && !(ours instanceof other.DsmqError));
  assert(isDsmqError(theirs, "full") && other.isDsmqError(ours, "full"));
});

Deno.test("an error of another realm is known, though it is no Error of this one", () => {
  const theirs = runInNewContext(`
    class DsmqError extends Error { code = "full"; }
    Object.defineProperty(DsmqError.prototype, Symbol.for("@dsmq/server DsmqError"), { value: true });
    new DsmqError("Cannot")`);
  assert(!(theirs instanceof Error) && isDsmqError(theirs, "full"));
});

Deno.test("an error is narrowed only to what it truly carries", () => {
  for (const code of CODES) {
    for (const [field, presence] of Object.entries(ERRORS[code].fields)) {
      const incomplete = new DsmqError(code, "Cannot", { ...example(code), [field]: undefined });
      assertEquals(isDsmqError(incomplete, code), presence === "sometimes", `${code}.${field}`);
      assert(isDsmqError(incomplete), code);
    }
  }
});

Deno.test("a server's error must carry what its code always carries", () => {
  const sent = CODES.filter((code) => ["request", "stream"].includes(ERRORS[code].scope));
  assert(sent.length > 10);
  for (const code of sent) {
    const { message, ...fields } = { ...example(code), message: "Cannot" };
    const decoded = (error: object) => decodeReplies(JSON.stringify({ id: 2, error }));
    assert(decoded({ message, ...fields }), code);
    for (const [field, presence] of Object.entries(ERRORS[code].fields)) {
      const reply = decoded({ message, ...fields, [field]: undefined });
      assertEquals(reply !== undefined, presence === "sometimes", `${code}.${field}`);
    }
  }
  const outcomes = (code: string) =>
    decodeReplies(JSON.stringify({
      id: 2,
      error: { code: "full", message: "Cannot", outcomes: [1, { code, message: "" }] },
    }));
  assert(outcomes("full") && outcomes("of_later"));
  // There is no room for the limit there.
  assertEquals(outcomes("too_large"), undefined);
});

Deno.test("a call is retryable if it had no effect, and what prevented it can pass by itself", () => {
  const retryable = CODES.filter((code) => new DsmqError(code, "Cannot").retryable);
  assertEquals(retryable, CODES.filter((code) => ERRORS[code].retryable));
  const passing = ["full", "limit_exceeded", "shutting_down", "unavailable", "busy", "behind"];
  for (const code of [...passing, "unreachable"]) {
    assert(retryable.includes(as(code)), code);
  }
  // It may be stored already; and a loss must be noticed.
  for (const code of ["unknown_outcome", "trimmed", "ahead", "epoch_changed", "closed"]) {
    assert(!retryable.includes(as(code)), code);
  }
  for (const code of ["of_later", "toString", "__proto__"]) {
    assertEquals(new DsmqError(as(code), "Cannot").retryable, false, code);
  }
});

Deno.test("a list is retryable only if none of its messages may be stored", () => {
  const full = { code: "full", message: "no" } as const;
  const retryable = (outcomes: DsmqErrorOf<"full">["outcomes"] & object) =>
    new DsmqError("full", "Cannot", { outcomes }).retryable;
  assert(retryable([full, { ...full, code: "unavailable" }]));
  assert(!retryable([1, full]));
  assert(!retryable([full, { ...full, code: "unknown_outcome" }]));
  assert(!retryable([full, { ...full, code: "too_large" }]));
});

Deno.test("an error carries what is given, its cause included, and prints no more", () => {
  const cause = new Error("no space left");
  const error = new DsmqError("full", "Cannot", { limit: 5, topic: "t", cause });
  assertEquals(error.cause, cause);
  assertEquals(Object.keys(error).sort(), ["code", "limit", "name", "topic"]);
  assert(Deno.inspect(error).includes("[cause]: Error: no space left"));
});
