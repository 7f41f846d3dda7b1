/**
 * What servers say of groups of workers: each reply that is encoded is decoded as it was, and each wrong field is found.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { decodeReplies } from "../../protocol/decode_replies.ts";
import {
  claimsReply,
  deadReply,
  jobsFrame,
  jobsHead,
  workReply,
} from "../../protocol/encode_group_replies.ts";
import {
  streamEnd,
  streamError,
  streamHead,
  streamTopics,
  successReply,
} from "../../protocol/encode_replies.ts";

const decoded = (frame: string): unknown => decodeReplies(frame)?.[0];
const kindOf = (frame: string) => decodeReplies(frame)?.[0]?.kind;

/** An object without some of its members. */
const omit = (object: object, ...names: readonly string[]) =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

const group = {
  topic: "mails",
  group: "default",
  ...{ frontier: 44, depth: 3, ready: 1, delayed: 0, blocked: 2, held: 1, dead: 5 },
  oldest: 1767225600000,
  stalled: false,
  ...{ claimed: 9, done: 4, retried: 1, died: 5, givenUp: 0, workers: 1 },
};
const message = { seq: 42, time: 7, body: '"one"', topic: "mails" };
const deadJob = { message, attempt: 5, at: 9, reason: 'the "last" one' };
const shownDeadJob = {
  ...{ topic: "mails", seq: 42, time: 7, attempt: 5, at: 9, reason: 'the "last" one' },
  body: "one",
};

Deno.test("the answer to work names the claims that are lost, if there are some", () => {
  assertEquals(workReply(8, []), '{"id":8,"sub":8}');
  assertEquals(decoded(workReply(8, [])), { kind: "working", id: 8, lost: [] });
  assertEquals(decoded(workReply(8, [7, 9])), { kind: "working", id: 8, lost: [7, 9] });
});

Deno.test("the answers to finish and extend name what is lost, dead and ended, and nothing else", () => {
  assertEquals(claimsReply(9, { lost: [] }), '{"id":9}');
  const claims = { kind: "done", id: 9, lost: undefined, dead: undefined, ended: undefined };
  assertEquals(decoded(claimsReply(9, { lost: [], dead: [], ended: false })), claims);
  assertEquals(decoded(claimsReply(9, { lost: [1] })), { ...claims, lost: [1] });
  assertEquals(decoded(claimsReply(9, { lost: [], dead: [2] })), { ...claims, dead: [2] });
  assertEquals(decoded(claimsReply(9, { lost: [3], ended: true })), {
    ...{ ...claims, lost: [3] },
    ended: true,
  });
});

Deno.test("a frame of jobs has attempts only if one is not the first, topics only of a prefix, and attributes only if there are some", () => {
  const messages = [
    { seq: 45, time: 7, body: '"four"' },
    { seq: 41, time: 6, body: '"five"', attributes: '{"key":"a"}' },
  ];
  const one = jobsFrame(8, {
    messages: messages.slice(0, 1),
    ...{ claims: [9], attempts: [1], bytes: 6 },
  });
  const text = '{"sub":8,"claims":[9],"bytes":6,"seqs":[45],"times":[7],"bodies":["four"]}';
  assertEquals(one, text);
  assertEquals(decoded(one), {
    ...{ kind: "jobs", sub: 8, claims: [9], attempts: undefined, seqs: [45], times: [7] },
    ...{ bodies: ["four"], topics: undefined, attributes: undefined },
  });
  const topics = streamTopics([{ topic: "mails.eu" }, { topic: "mails.us" }]);
  const two = { messages, claims: [10, 3], attempts: [2, 1], bytes: 23, topics };
  assertEquals(decoded(jobsFrame(8, two)), {
    ...{ kind: "jobs", sub: 8, claims: [10, 3], attempts: [2, 1], seqs: [45, 41], times: [7, 6] },
    ...{ bodies: ["four", "five"], topics: ["mails.eu", "mails.us"] },
    attributes: [null, { key: "a" }],
  });
  // The same, made of its parts.
  const bodies = messages.map(({ body }) => body).join();
  assertEquals(
    jobsHead(8, [10, 3], [2, 1]) + streamHead(messages, 23, topics) + bodies + streamEnd(messages),
    jobsFrame(8, two),
  );
});

Deno.test("the end of a worker's stream has a code, that of a lost lease and of a newer worker among them", () => {
  for (const code of ["lease_lost", "session_taken_over", "not_found"] as const) {
    const frame = streamError(8, { code, message: "m" });
    assertEquals(kindOf(frame), "stream_error", code);
  }
});

Deno.test("lists of groups and of dead jobs are decoded as they were encoded", () => {
  const groups = [group, { ...omit(group, "topic", "oldest"), prefix: "mails." }];
  assertEquals(decoded(successReply(11, { groups, more: true })), {
    ...{ kind: "groups", id: 11, groups, more: true },
  });
  assertEquals(decoded(successReply(11, { groups: [], more: true })), {
    ...{ kind: "groups", id: 11, groups: [], more: false },
  });
  const attributes = '{"messageId":"m","key":"a"}';
  const later = { ...deadJob, message: { ...message, seq: 43, attributes }, reason: "" };
  assertEquals(decoded(deadReply(12, [deadJob, later], true)), {
    ...{ kind: "dead", id: 12, more: true },
    jobs: [shownDeadJob, { ...shownDeadJob, seq: 43, reason: "", messageId: "m", key: "a" }],
  });
  assertEquals(decoded(deadReply(12, [], false)), {
    ...{ kind: "dead", id: 12, jobs: [], more: false },
  });
});

Deno.test("what was redriven, created and deleted is told", () => {
  assertEquals(decoded('{"id":13,"redriven":3}'), { kind: "redriven", id: 13, redriven: 3 });
  assertEquals(decoded('{"id":14,"created":true}'), {
    ...{ kind: "group_changed", id: 14, changed: true },
  });
  assertEquals(decoded('{"id":15,"deleted":false}'), {
    ...{ kind: "group_changed", id: 15, changed: false },
  });
});

const NO_COUNT = ["-1", "0.5", "9007199254740992", '"1"', "null", "true", "{}"];
const NO_LIST = ["1", "null", '"1"', "{}"];

Deno.test("a frame with a field of groups that does not have its type is rejected as a whole", () => {
  const fields: Readonly<Record<string, readonly string[]>> = {
    claims: [...NO_LIST, ...NO_COUNT.map((value) => `[1,${value}]`)],
    attempts: [...NO_LIST, ...NO_COUNT.map((value) => `[1,${value}]`)],
    lost: [...NO_LIST, ...NO_COUNT.map((value) => `[1,${value}]`)],
    dead: NO_LIST,
    groups: NO_LIST,
    ended: ["1", "null", '"true"', "{}"],
    created: ["1", "null", '"true"', "{}"],
    deleted: ["1", "null", '"true"', "{}"],
    redriven: [...NO_COUNT, "[1]"],
  };
  for (const [field, values] of Object.entries(fields)) {
    for (const value of values) {
      const frame = `{"id":9,"${field}":${value}}`;
      assertEquals(decodeReplies(frame), undefined, frame);
      assertEquals(decodeReplies(`[{"id":2,"seq":3},${frame}]`), undefined, frame);
    }
  }
});

Deno.test("a reply whose fields do not fit together is malformed", () => {
  const jobs = (more: string) =>
    `{"sub":8,"claims":[1,2],"bytes":4,"seqs":[4,3],"times":[1,1],"bodies":["",""]${more}}`;
  assertEquals(kindOf(jobs("")), "jobs");
  for (
    const changed of [
      ',"claims":[1]',
      ',"attempts":[1]',
      ',"topics":["t"]',
      ',"attributes":[null]',
      ',"seqs":[4]',
      ',"times":[1]',
      ',"bytes":3',
      ',"bodies":["","m"]',
      ',"bodies":[""]',
      ',"bodies":[],"claims":[],"seqs":[],"times":[]',
      ',"prev":3',
    ]
  ) assertEquals(kindOf(jobs(changed)), "malformed", changed);
  for (const missing of ["bytes", "seqs", "times", "bodies", "claims"]) {
    const frame = JSON.stringify(omit(JSON.parse(jobs("")), missing));
    assertEquals(kindOf(frame), "malformed", frame);
  }
  for (const value of ["1.5", '"a"', "{}"]) {
    assertEquals(kindOf(`{"id":9,"lost":[1],"dead":[${value}]}`), "malformed", value);
  }
});

Deno.test("a group in a list has each of its fields, in its form", () => {
  const list = (entry: object) => JSON.stringify({ id: 11, groups: [group, entry], more: false });
  assertEquals(kindOf(list(group)), "groups");
  const wrong: Readonly<Record<string, readonly unknown[]>> = {
    topic: ["", 1, undefined, "a\n"],
    prefix: ["mails.", 1],
    group: ["", 1, undefined, "a\n", "g".repeat(257)],
    oldest: [-1, "1", 0.5],
    stalled: [1, undefined],
  };
  for (const name of Object.keys(group)) {
    const values = wrong[name] ?? [undefined, -1, 0.5, "1", null];
    for (const value of values) {
      const frame = list({ ...group, [name]: value });
      assertEquals(kindOf(frame), "malformed", frame);
    }
  }
  assertEquals(kindOf(JSON.stringify({ id: 11, groups: [1], more: false })), "malformed");
});

Deno.test("a dead job in a list has each of its fields, and comes after the one before it", () => {
  const list = (entry: object) =>
    JSON.stringify({ id: 12, dead: [shownDeadJob, entry], more: false });
  const next = { ...shownDeadJob, seq: 43 };
  assertEquals(kindOf(list(next)), "dead");
  assertEquals(kindOf(list(shownDeadJob)), "malformed");
  for (const name of Object.keys(shownDeadJob)) {
    for (const value of [undefined, null, -1.5, {}]) {
      const frame = list({ ...next, [name]: value });
      assertEquals(kindOf(frame), "malformed", frame);
    }
  }
  assertEquals(kindOf(list({ ...next, attributes: { key: 1 } })), "malformed");
  assertEquals(kindOf(JSON.stringify({ id: 12, dead: [null], more: false })), "malformed");
});
