/**
 * Requests of groups of workers: their defaults, and what each of their fields must be.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import { decodeFrame } from "../support/decode_frame.ts";

const worker = "w".repeat(22);
const mails = { topic: "mails", group: "g" };
const target = { ...mails, prefix: undefined };

/** The request of one object, as it is decoded. */
function decoded(request: object): Record<string, unknown> {
  const { requests } = decodeFrame(JSON.stringify(request), DEFAULT_LIMITS);
  return requests[0] as unknown as Record<string, unknown>;
}

/** The code and the sentence with which it is refused. */
function refusal(request: object): { readonly code: string; readonly message: string } {
  const { action, error } = decoded(request);
  assertEquals(action, "refused", JSON.stringify(request));
  return error as { code: string; message: string };
}

Deno.test("what a request of groups leaves out has its default", () => {
  assertEquals(decoded({ action: "work", id: 8, topic: "t", worker, credit: 3 }), {
    ...{ action: "work", id: 8, topic: "t", prefix: undefined, group: "default", worker },
    ...{ credit: 3, lease: 30_000, timeout: 600_000, attempts: 5, since: undefined, holding: [] },
  });
  assertEquals(decoded({ action: "finish", id: 9, prefix: "" }), {
    ...{ action: "finish", id: 9, topic: undefined, prefix: "", group: "default" },
    ...{ done: [], outcomes: [] },
  });
  assertEquals(decoded({ action: "extend", id: 10, ...mails }), {
    ...{ action: "extend", id: 10, ...target, worker: undefined, claims: [] },
  });
  assertEquals(decoded({ action: "groups", id: 11 }), {
    ...{ action: "groups", id: 11, filter: undefined, after: undefined, count: 250 },
  });
  assertEquals(decoded({ action: "dead", id: 12, ...mails, count: 1000 }), {
    ...{ action: "dead", id: 12, ...target, after: 0, count: 250 },
  });
  assertEquals(decoded({ action: "redrive", id: 13, ...mails }), {
    ...{ action: "redrive", id: 13, ...target, seq: undefined },
  });
  assertEquals(decoded({ action: "create_group", id: 14, ...mails }), {
    ...{ action: "create_group", id: 14, ...target, since: undefined },
  });
  assertEquals(decoded({ action: "delete_group", id: 15, ...mails }), {
    ...{ action: "delete_group", id: 15, ...target },
  });
});

Deno.test("what a request of groups has is taken, and unknown fields are ignored", () => {
  const work = {
    ...{ action: "work", id: 8, ...mails, worker, credit: 16_384, lease: 1000, timeout: 1 },
    ...{ attempts: 100, since: { after: 3, epoch: "e" }, holding: [7, 2 ** 53 - 1] },
  };
  assertEquals(decoded({ ...work, new: 1 }), { ...work, ...target });
  const outcomes = [
    { claim: 1, outcome: "retry", delay: 2_592_000_000, reason: "r" },
    { claim: 2, outcome: "dead" },
    { claim: 3, outcome: "release", new: 1 },
  ];
  assertEquals(decoded({ action: "finish", id: 9, ...mails, done: [4], outcomes }).outcomes, [
    outcomes[0],
    { claim: 2, outcome: "dead", delay: undefined, reason: undefined },
    { claim: 3, outcome: "release", delay: undefined, reason: undefined },
  ]);
  const groups = { action: "groups", id: 11, prefix: "m", after: { ...mails, new: 1 }, count: 2 };
  assertEquals(decoded(groups), {
    ...{ action: "groups", id: 11, count: 2, after: target },
    filter: { topic: undefined, prefix: "m" },
  });
});

Deno.test("a reason is cut where it is too long, and never holds half of a character", () => {
  const reasonOf = (reason: string) => {
    const outcomes = [{ claim: 1, outcome: "dead", reason }];
    const request = decoded({ action: "finish", id: 9, ...mails, outcomes });
    return (request.outcomes as { readonly reason: string }[])[0]!.reason;
  };
  assertEquals(reasonOf("r".repeat(1001)), "r".repeat(1000));
  assertEquals(reasonOf(`${"r".repeat(999)}😀`), `${"r".repeat(999)}\ufffd`);
});

const NO_COUNT = [-1, 0.5, 2 ** 53, "1", null, true, {}];
const NO_POSITIVE = [...NO_COUNT, 0];
const NO_CLAIMS = [1, null, "1", {}, ...NO_COUNT.map((value) => [1, value])];
const NO_GROUP = ["", 1, null, "a\n", "\ud800", "g".repeat(257)];
const NO_SINCE = [1, null, "end", { after: -1 }, { after: 1, time: 1 }, { after: 1, epoch: 1 }];
const NO_WORKER = [1, null, "short", "w".repeat(65), "w".repeat(20) + "ü"];

/** A valid request of each action, and values that each of its fields may not have. */
const ACTIONS: Readonly<
  Record<string, { valid: object; wrong: Record<string, readonly unknown[]> }>
> = {
  work: {
    valid: { ...mails, worker, credit: 1 },
    wrong: {
      worker: [...NO_WORKER, undefined],
      credit: [...NO_POSITIVE, undefined],
      lease: [...NO_COUNT, 999],
      timeout: NO_POSITIVE,
      attempts: NO_POSITIVE,
      since: NO_SINCE,
      holding: NO_CLAIMS,
    },
  },
  finish: {
    valid: mails,
    wrong: {
      done: NO_CLAIMS,
      outcomes: [
        ...[1, null, {}, [1], [null], [{}]],
        [{ claim: -1, outcome: "dead" }],
        [{ claim: 1 }],
        [{ claim: 1, outcome: "done" }],
        [{ claim: 1, outcome: "retry", delay: 2_592_000_001 }],
        [{ claim: 1, outcome: "retry", delay: -1 }],
        [{ claim: 1, outcome: "retry", reason: 1 }],
      ],
    },
  },
  extend: { valid: mails, wrong: { worker: NO_WORKER, claims: NO_CLAIMS } },
  dead: { valid: mails, wrong: { after: NO_COUNT, count: NO_POSITIVE } },
  redrive: { valid: mails, wrong: { seq: NO_COUNT } },
  create_group: { valid: mails, wrong: { since: NO_SINCE } },
  delete_group: { valid: mails, wrong: {} },
};

for (const [action, { valid, wrong }] of Object.entries(ACTIONS)) {
  Deno.test(`${action} is refused if one of its fields is not of its form`, () => {
    assertEquals(decoded({ action, id: 1, ...valid }).action, action);
    const all: Record<string, readonly unknown[]> = { ...wrong, group: NO_GROUP };
    for (const [name, values] of Object.entries(all)) {
      for (const value of values) {
        const { code, message } = refusal({ action, id: 1, ...valid, [name]: value });
        assertEquals(code, "bad_request", message);
        assertStringIncludes(message, name === "group" ? "group" : `"${name}`);
      }
    }
    // Who guesses names learns nothing of those that are nearly right.
    assert(!refusal({ action, id: 1, ...valid, group: 1 }).message.includes(worker));
    for (const value of ["", 1, "a\n", "t".repeat(5000)]) {
      assertEquals(refusal({ action, id: 1, ...valid, topic: value }).code, "bad_topic");
    }
    assertEquals(refusal({ action, id: 1, ...valid, prefix: "m" }).code, "bad_request");
    assertEquals(refusal({ action, id: 1, ...valid, topic: undefined }).code, "bad_request");
    assertEquals(refusal({ action, ...valid }).code, "bad_request");
  });
}

Deno.test("an error says which claim is none, and how a number must be", () => {
  const message = (fields: object) => refusal({ id: 1, ...mails, ...fields }).message;
  for (
    const [fields, expected] of [
      [
        { action: "finish", done: [1, -1] },
        '"done[]" must be a claim, which is a whole number, got -1',
      ],
      [{ action: "extend", claims: 5 }, '"claims" must be a list of claims, got 5'],
      [{ action: "work", worker, credit: 1.5 }, '"credit" must be a whole number from 1, got 1.5'],
    ] as const
  ) assertStringIncludes(message(fields), expected);
});

Deno.test("a list of groups is refused if what it is asked for is not of its form", () => {
  for (
    const [name, values] of Object.entries({
      after: [1, null, {}, { topic: "t" }, { group: "g" }, { ...mails, prefix: "m" }],
      count: NO_POSITIVE,
    })
  ) {
    for (const value of values) {
      assertEquals(refusal({ action: "groups", id: 1, [name]: value }).code, "bad_request");
    }
  }
  assertEquals(refusal({ action: "groups", id: 1, topic: "" }).code, "bad_topic");
  assertEquals(refusal({ action: "groups", id: 1, ...mails, prefix: "m" }).code, "bad_request");
});

Deno.test("a worker that asks for more than a limit is refused, and told the limit", () => {
  for (
    const [name, limit] of Object.entries({
      credit: DEFAULT_LIMITS.heldJobs,
      lease: DEFAULT_LIMITS.lease,
      timeout: DEFAULT_LIMITS.jobTimeout,
      attempts: DEFAULT_LIMITS.attempts,
    })
  ) {
    const request = { action: "work", id: 1, ...mails, worker, credit: 1 };
    assertEquals(decoded({ ...request, [name]: limit }).action, "work");
    const { error } = decoded({ ...request, [name]: limit + 1 });
    const { code, limit: told } = error as { code: string; limit: number };
    assertEquals([code, told], ["limit_exceeded", limit]);
  }
});

Deno.test("a request names as many jobs as a connection may hold, in a large frame, too, and no more", () => {
  const claims = (count: number) => Array.from({ length: count }, (_, i) => 2 ** 52 + i);
  const finish = (count: number) => ({ action: "finish", id: 9, ...mails, done: claims(count) });
  assertEquals((decoded(finish(16_384)).done as number[]).length, 16_384);
  const holding = { action: "work", id: 9, ...mails, worker, credit: 1, holding: claims(16_384) };
  assertEquals((decoded(holding).holding as number[]).length, 16_384);
  assertEquals(refusal(finish(16_385)).code, "bad_request");
  assertStringIncludes(
    refusal(finish(16_385)).message,
    '"done" must be at most 16384 claims, got 16385',
  );
  // Far more is not even read.
  assertEquals(refusal(finish(60_000)).code, "limit_exceeded");
  const outcomes = (count: number, done = 16_384) => ({
    ...finish(done),
    outcomes: Array.from(
      { length: count },
      (_, claim) => ({ claim, outcome: "retry", delay: 1, reason: "r".repeat(50) }),
    ),
  });
  assertEquals((decoded(outcomes(1024)).outcomes as object[]).length, 1024);
  assertEquals(refusal(outcomes(1025, 0)).code, "bad_request");
  assertEquals(refusal(outcomes(20_000)).code, "limit_exceeded");
});
