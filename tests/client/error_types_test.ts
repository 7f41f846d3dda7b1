/**
 * The types of errors: each code gives access to what it carries, and to nothing else. What must not compile is marked with
 * `@ts-expect-error`, so that this file does not compile if it does.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  type ConnectReason,
  DsmqError,
  type DsmqErrorOf,
  type GapHandler,
  isDsmqError,
  type PutOutcome,
} from "@dsmq/server";

/** What a program reads from an error, by its code. */
function read(error: unknown): unknown {
  if (isDsmqError(error, "too_large")) {
    const [limit, bytes, code]: [number, number | undefined, "too_large"] = [
      error.limit,
      error.bytes,
      error.code,
    ];
    const outcomes: readonly PutOutcome[] | undefined = error.outcomes;
    // @ts-expect-error: it is measured only by the client
    const measured: number = error.bytes;
    // @ts-expect-error: it has no floor
    return [limit, bytes, code, outcomes, measured, error.floor];
  }
  if (isDsmqError(error, "trimmed", "ahead", "epoch_changed")) {
    const gap: readonly number[] = [error.after, error.floor, error.last];
    const code: "trimmed" | "ahead" | "epoch_changed" = error.code;
    // @ts-expect-error: no put fails with it
    return [gap, code, error.outcomes];
  }
  if (isDsmqError(error, "unreachable")) {
    const reason: ConnectReason = error.reason;
    // @ts-expect-error: not without HTTP
    const status: number = error.status;
    return [reason, status];
  }
  if (isDsmqError(error, "full", "limit_exceeded")) {
    const limit: number | undefined = error.limit;
    // @ts-expect-error: a full disk has no limit that the server knows
    return [limit, error.limit.toFixed()];
  }
  if (isDsmqError(error, "busy", "behind")) {
    const code: "busy" | "behind" = error.code;
    // @ts-expect-error: it carries no limit
    return [code, error.outcomes, error.limit];
  }
  if (isDsmqError(error, "closed")) {
    const common: [string, boolean, string | undefined, unknown, string | undefined] = [
      error.message,
      error.retryable,
      error.topic,
      error.cause,
      error.stack,
    ];
    // @ts-expect-error: it carries no limit
    return [common, error.limit];
  }
  // @ts-expect-error: there is no such code
  if (isDsmqError(error, "too_big")) return error;
  // @ts-expect-error: it is not known to be one
  return error.code;
}

/** An error that is known to be one is narrowed by its code, too. */
function readByCode(error: unknown): unknown {
  if (!isDsmqError(error)) return undefined;
  const anyOne: DsmqError = error;
  switch (error.code) {
    case "too_large":
      return error.limit.toFixed();
    case "trimmed":
      return error.floor.toFixed() + error.last.toFixed();
    case "unreachable":
      return error.reason.length;
  }
  // @ts-expect-error: not all have it
  return [anyOne.code, anyOne.limit, error.limit.toFixed()];
}

/** A narrowed error is one, and can be narrowed where it was known to be one before. */
function narrowFurther(error: DsmqError): number | undefined {
  const anyOne: DsmqError | undefined = isDsmqError(error, "closed") ? error : undefined;
  // @ts-expect-error: it carries no limit
  if (isDsmqError(error, "closed")) return error.limit;
  return anyOne ? undefined : isDsmqError(error, "too_large") ? error.limit : undefined;
}

Deno.test("each code gives access to what it carries, and to nothing else", () => {
  const tooLarge = new DsmqError("too_large", "Cannot", { limit: 5, bytes: 9 });
  assertEquals(read(tooLarge), [5, 9, "too_large", undefined, 9, undefined]);
  assertEquals(readByCode(tooLarge), "5");
  assertEquals(narrowFurther(tooLarge), 5);
  const gap = { after: 1, floor: 2, last: 3 };
  assertEquals(read(new DsmqError("trimmed", "", gap)), [[1, 2, 3], "trimmed", undefined]);
  assertEquals(readByCode(new DsmqError("trimmed", "", gap)), "23");
  assertEquals(read(new DsmqError("busy", "")), ["busy", undefined, undefined]);
  assertEquals(readByCode(new TypeError("")), undefined);
});

Deno.test("the handler of a gap takes any error type that a gap has", () => {
  const handlers: GapHandler[] = [
    (gap: DsmqError) => gap.code === "ahead" ? undefined : "oldest",
    (gap) => isDsmqError(gap, "trimmed") && gap.last > 0 ? "now" : "oldest",
    (gap) => gap.code !== "refused" && gap.after < gap.floor ? "now" : "oldest",
    // @ts-expect-error: a message that cannot be received has no floor
    (gap) => gap.floor > 0 ? "now" : "oldest",
    // @ts-expect-error: a gap has another code
    (gap) => gap.code === "full" ? "now" : "oldest",
  ];
  const all: DsmqErrorOf[] = [];
  assertEquals([handlers.length, all.length], [5, 0]);
});
