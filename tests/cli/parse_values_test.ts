/**
 * How values of the command line are parsed: numbers, times, words and topics.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  parseDuration,
  parseTopic,
  parseWholeNumber,
  parseWord,
  withUsageErrors,
} from "../../cli/values.ts";
import { UsageError } from "../../cli/command.ts";
import { LIMITS } from "../../protocol/limits.ts";

/** The error of a check. */
function messageOf(check: () => unknown): string {
  try {
    return `${check()}`;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

Deno.test("numbers, times and words are accepted within their bounds", () => {
  assertEquals(parseWholeNumber("--n", "0", { min: 0, max: 5 }), 0);
  assertEquals(parseWholeNumber("--n", "0005", { min: 0, max: 5 }), 5);
  assertEquals(
    parseWholeNumber("--n", "9007199254740991", { min: 0, max: Infinity }),
    Number.MAX_SAFE_INTEGER,
  );
  assertEquals(
    messageOf(() => parseWholeNumber("--n", "9007199254740992", { min: 0, max: Infinity })),
    '--n must be a whole number from 0 to 9007199254740991, got "9007199254740992"',
  );
  const any = { min: 0, max: 86_400_000 };
  const times = {
    "0": 0,
    "600": 600_000,
    "1.5": 1500,
    "250ms": 250,
    "90s": 90_000,
    "1.5m": 90_000,
    "2h": 7_200_000,
    "1d": 86_400_000,
  };
  for (const [text, ms] of Object.entries(times)) assertEquals(parseDuration("--t", text, any), ms);
  assertEquals(
    messageOf(() => parseDuration("--t", "25h", any)),
    '--t must be a duration such as 600, 90s, 10m or 2h, from 0 to 1d, got "25h"',
  );
  assertEquals(parseWord("--w", "b", ["a", "b"]), "b");
  assertEquals(parseTopic("t".repeat(LIMITS.topicBytes.max)).length, LIMITS.topicBytes.max);
});

Deno.test("only the library's errors about options are wrong usage: any other error stays what it is", () => {
  const other = new Error("other");
  let seen: unknown;
  try {
    withUsageErrors(() => {
      throw other;
    });
  } catch (error) {
    seen = error;
  }
  assertEquals(seen, other);
});
