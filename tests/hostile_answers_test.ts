/**
 * A client among servers that lie: each field of each answer, what is out of order, and what was never asked for.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type Connection, DsmqError, type MessageStream } from "@dsmq/server";
import { decodeAnswers } from "../protocol/decode_answers.ts";
import { largestAnswer, USUAL_LIMITS, WELCOME_BYTES } from "../protocol/limits.ts";
import { Scripted, WELCOME } from "./support/scripted.ts";
import { soon } from "./support/soon.ts";

/** Values as JSON that are no number of the wire. */
const NO_COUNT = [
  "-1",
  "0.5",
  "1e400",
  "-1e400",
  "9007199254740992",
  '"1"',
  "null",
  "true",
  "[1]",
  '{"toString":1,"valueOf":1}',
  '{"__proto__":5}',
];
const NO_TEXT = ["1", "null", "true", '["m"]', '{"toString":1,"length":1}', '{"then":1}'];
const NO_FLAG = ["1", "null", '"true"', "{}"];
const NO_LIST = ["1", "null", '"12"', "{}", '{"length":1,"0":1}'];

/** What each field may not be. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    [
      "seq",
      "time",
      "through",
      "sub",
      "prev",
      "bytes",
      "start",
      "last",
      "floor",
      "ahead",
      "answers",
      "heartbeat",
      "retention",
      "protocol",
    ].map((name) => [name, NO_COUNT]),
  ),
  // `null` stands for an id that was none.
  id: NO_COUNT.filter((value) => value !== "null"),
  message: NO_TEXT,
  epoch: [...NO_TEXT, JSON.stringify("e".repeat(5000))],
  store: NO_TEXT,
  server: NO_TEXT,
  kept: NO_TEXT,
  dup: NO_FLAG,
  more: NO_FLAG,
  recalled: NO_FLAG,
  seqs: [...NO_LIST, ...NO_COUNT.map((value) => `[1,${value}]`)],
  times: [...NO_LIST, ...NO_COUNT.map((value) => `[${value}]`)],
  messages: [...NO_LIST, ...NO_TEXT.map((value) => `[${value}]`)],
  topics: NO_LIST,
  limits: ["1", "null", '"x"'],
  error: [
    "1",
    "null",
    '"closed"',
    "[]",
    "{}",
    '{"code":"closed"}',
    '{"code":1,"message":"m"}',
    '{"code":"__proto__","message":"m"}',
    '{"code":"bad code","message":"m"}',
    '{"code":"full","message":null}',
    '{"code":"full","message":{"toString":1}}',
    // What a client finds by itself no server tells it.
    ...["closed", "replaced", "refused", "unreachable", "bad_answer"].map((code) =>
      `{"code":"${code}","message":"m"}`
    ),
    ...NO_COUNT.flatMap((value) =>
      ["limit", "position", "floor", "last"].map((name) =>
        `{"code":"full","message":"m","${name}":${value}}`
      )
    ),
    ...[...NO_LIST, "[null]", "[-1]", '[{"code":"full"}]'].map((value) =>
      `{"code":"full","message":"m","outcomes":${value}}`
    ),
  ],
};

/** Fields that are looked at only beside another. */
const BESIDE: Readonly<Record<string, string>> = {
  bytes: '"prev":0,"times":[1],"messages":["m"]',
  times: '"prev":0,"messages":["m"]',
  messages: '"prev":0,"times":[1]',
  ...Object.fromEntries(
    ["epoch", "store", "server", "kept", "recalled", "retention"].map((name) => [
      name,
      '"protocol":1,"limits":{}',
    ]),
  ),
  limits: '"protocol":1',
};

for (const [field, values] of Object.entries(FIELDS)) {
  Deno.test(`nothing of a frame counts whose ${field} is no ${field}`, () => {
    for (const value of values) {
      const frame = `{${BESIDE[field] ? `${BESIDE[field]},` : ""}"${field}":${value}}`;
      assertEquals(decodeAnswers(frame), undefined, frame);
      assertEquals(decodeAnswers(`[{"id":2,"seq":3},${frame}]`), undefined, frame);
      // Among the fields that most answers have.
      for (const beside of ['"id":2,"seq":3', '"id":2,"seq":3,"message":"","time":1,"through":3']) {
        const among = frame.replace("{", `{${beside},`);
        assertEquals(decodeAnswers(among), undefined, among);
      }
    }
  });
}

Deno.test("a field of an answer is its own: what objects inherit is no field, and what nobody knows is ignored", () => {
  const [answer] = decodeAnswers(
    '{"__proto__":{"seq":5,"id":2},"constructor":1,"then":2,"new":{}}',
  )!;
  assertEquals([answer!.seq, answer!.id], [undefined, undefined]);
});

Deno.test("a frame that is too large, nested too deep or holds too many values or names is not parsed", () => {
  const { parse } = JSON;
  let parsed = 0;
  JSON.parse = (text: string) => {
    parsed++;
    return parse(text);
  };
  try {
    const many = (item: string) => `[${`${item},`.repeat(600_000)}${item}]`;
    for (
      const frame of [
        "[".repeat(100_000),
        `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
        `{"error":${'{"a":'.repeat(100_000)}1${"}".repeat(100_001)}`,
        many("{}"),
        many("[]"),
        many("1"),
        `{"seqs":${many("1")}}`,
        `{${'"a":1,'.repeat(600_000)}"a":1}`,
        `{${Array.from({ length: 50_000 }, (_, i) => `"a${i}":1`)}}`,
        `[${Array.from({ length: 50_000 }, (_, i) => `{"a${i}":1}`)}]`,
      ]
    ) assert(decodeAnswers(frame) === undefined);
    assertEquals(decodeAnswers(`{"message":"${"x".repeat(1000)}"}`, 1000), undefined);
    assertEquals(parsed, 0);
    // What only looks like that is a message.
    const text = JSON.stringify("[".repeat(100_000) + ',"\\:'.repeat(600_000));
    assert(decodeAnswers(`{"message":${text}}`));
    // The largest that honest servers say.
    const refusal = '{"code":"full","message":"m"}';
    const outcomes = `[${`${refusal},`.repeat(21_800)}${refusal}]`;
    assert(decodeAnswers(`{"id":2,"error":{"code":"full","message":"","outcomes":${outcomes}}}`));
    assert(decodeAnswers(`[${'{"id":2,"seq":3},'.repeat(15_000)}{"id":2,"seq":3}]`));
    assertEquals(parsed, 3);
  } finally {
    JSON.parse = parse;
  }
});

/** A connection to a server in the hands of the test. */
async function joined() {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial });
  return { script, mq };
}

/** The connection has ended for good, and says why; nothing has come back. */
async function left({ script, mq }: { script: Scripted; mq: Connection }): Promise<void> {
  assertEquals([mq.state, script.dialled], ["closed", 1]);
  const error = await assertRejects(() => soon(mq.get("t")), DsmqError);
  assertEquals(error.code, "bad_answer");
  await mq.close();
}

const message = (id: number, seq: number, through = seq) => ({
  id,
  message: `m${seq}`,
  seq,
  time: 1,
  through,
});

for (
  const [what, ...answers] of [
    ["goes back", [5, 5], [4, 4]],
    ["is delivered twice", [5, 5], [5, 5]],
    ["is at or before the start of the connection", [3, 3]],
    ["has number 0", [0, 0]],
    ["is beyond what it says is read", [5, 4]],
    ["comes after it was said to be read", [5, 9], [7, 9]],
  ] as [string, ...[number, number][]][]
) {
  Deno.test(`a message that ${what} ends the connection`, async () => {
    const script = new Scripted();
    script.welcome = { ...WELCOME, start: 3, last: 3 };
    const mq = await connect({ dial: script.dial });
    for (const [i, [seq, through]] of answers.entries()) {
      const get = mq.get("t").catch(({ code }) => code);
      await script.say(message((await script.next()).id, seq, through));
      assertEquals(await soon(get), i === answers.length - 1 ? "bad_answer" : `m${seq}`);
    }
    await left({ script, mq });
  });
}

Deno.test("after a break a message that was delivered before it is not delivered again", async () => {
  const script = new Scripted();
  const mq = await connect({ dial: script.dial, reconnect: { firstPause: 0 } });
  const first = mq.get("t");
  await script.say(message((await script.next()).id, 5));
  assertEquals(await first, "m5");
  script.hangUp();
  const again = mq.get("t").catch(({ code }) => code);
  await script.say(message((await soon(script.next())).id, 5));
  assertEquals(await soon(again), "bad_answer");
  await mq.close();
});

for (
  const [what, ...seqs] of [["goes back", 5, 4], ["is given twice", 5, 5], [
    "was there before",
    3,
  ]] as [
    string,
    ...number[],
  ][]
) {
  Deno.test(`a put whose number ${what} ends the connection`, async () => {
    const script = new Scripted();
    script.welcome = { ...WELCOME, start: 3, last: 3 };
    const mq = await connect({ dial: script.dial });
    let last: unknown;
    for (const seq of seqs) {
      const put = mq.put("t", "m").catch(({ code }) => code);
      await script.say({ id: (await script.next()).id, seq });
      last = await soon(put);
    }
    assertEquals(last, "bad_answer");
    await left({ script, mq });
  });
}

for (
  const [what, say] of Object.entries<(script: Scripted, id: number) => Promise<void>>({
    "is answered twice": async (script, id) => {
      await script.say(message(id, 1));
      await script.say(message(id, 2));
    },
    "was never asked": (script, id) => script.say(message(id + 7, 1)),
    "is hello, which was answered": (script) => script.say({ ...WELCOME, id: 1 }),
    "is a stream that was never asked for": (script, id) => script.say({ sub: id + 7 }),
  })
) {
  Deno.test(`an answer to what ${what} ends the connection`, async () => {
    const { script, mq } = await joined();
    const get = mq.get("t").catch(() => {});
    await say(script, (await script.next()).id);
    await soon(get);
    await left({ script, mq });
  });
}

/** A stream that begins after 3. */
async function streamed(options: object = {}) {
  const { script, mq } = await joined();
  const stream = mq.subscribe("t", options);
  const asked = await script.next();
  await script.say({ id: asked.id, sub: asked.id, start: 3 });
  return { script, mq, stream, sub: asked.id, asked };
}

const frame = (sub: number, prev: number, seqs: readonly number[], bytes?: number) => ({
  sub,
  prev,
  bytes: bytes ?? seqs.length * 3,
  seqs,
  times: seqs.map(() => 1),
  messages: seqs.map(() => "m"),
});

async function ends(stream: MessageStream): Promise<string> {
  return (await assertRejects(() => soon(stream.next()), DsmqError)).code;
}

for (
  const [what, prev, seqs, bytes] of [
    ["goes back", 3, [5, 4]],
    ["repeats a message", 3, [4, 4]],
    ["begins before its start", 3, [3]],
    ["begins elsewhere", 2, [4]],
    ["is larger than it says", 3, [4, 5], 5],
    ["takes more bytes than were granted", 3, [4], 4 * 1024 * 1024 + 1],
    ["says the largest number of bytes", 3, [4], Number.MAX_SAFE_INTEGER],
    ["brings more messages than were granted", 3, Array.from({ length: 4097 }, (_, i) => i + 4)],
  ] as [string, number, number[], number?][]
) {
  Deno.test(`a stream that ${what} ends the connection`, async () => {
    const { script, mq, stream, sub } = await streamed();
    await script.say(frame(sub, prev, seqs, bytes));
    assertEquals(await ends(stream), "bad_answer");
    await left({ script, mq });
  });
}

Deno.test("what a stream is granted is granted once, however small the frames", async () => {
  const { script, mq, stream, sub } = await streamed();
  let prev = 3;
  for (let i = 0; i < 5000 && mq.state === "connected"; i += 100) {
    const seqs = Array.from({ length: 100 }, (_, i) => prev + 1 + i);
    await script.say(frame(sub, prev, seqs));
    prev += 100;
  }
  assertEquals(prev, 3 + 4100);
  // What was granted is delivered before the error.
  for (let i = 0; i < 4000; i++) assertEquals((await stream.next()).value!.seq, 4 + i);
  assertEquals(await ends(stream), "bad_answer");
  await left({ script, mq });
});

Deno.test("a stream before its answer ends the connection", async () => {
  const { script, mq } = await joined();
  const stream = mq.subscribe("t");
  const { id } = await script.next();
  await script.say(frame(id, 0, [1]));
  assertEquals(await ends(stream), "bad_answer");
  await left({ script, mq });
});

for (const onGap of [undefined, "oldest", "now", () => "oldest" as const] as const) {
  Deno.test(`after a break a stream does not begin again before what it has brought: onGap ${onGap}`, async () => {
    const script = new Scripted();
    const mq = await connect({ dial: script.dial, reconnect: { firstPause: 0 } });
    const stream = mq.subscribe("t", { since: "start", ...(onGap && { onGap }) });
    const { id } = await script.next();
    await script.say({ id, sub: id, start: 0 });
    await script.say(frame(id, 0, [5]));
    assertEquals((await stream.next()).value!.seq, 5);
    script.hangUp();
    const again = await soon(script.next());
    assertEquals(again.since, { after: 5, epoch: "e" });
    await script.say({ id: again.id, sub: again.id, start: 4 });
    assertEquals(await ends(stream), "bad_answer");
    await mq.close();
  });
}

Deno.test("a server that tells of gaps without end is not asked for ever", async () => {
  const { script, mq, stream, sub } = await streamed({ onGap: () => "oldest" });
  const next = stream.next().catch(({ code }) => code);
  const error = { code: "trimmed", message: "gone", position: 3, floor: 4, last: 9 };
  await script.say({ sub, error, through: 4 });
  let gaps = 1;
  for (; mq.state === "connected" && gaps < 2000; gaps++) {
    await script.say({ id: (await soon(script.next())).id, error, through: 4 });
  }
  assertEquals([await soon(next), gaps], ["bad_answer", 1001]);
  await mq.close();
});

Deno.test("an error of a server has known fields alone, and a sentence that is short and can be shown", async () => {
  const { script, mq } = await joined();
  const get = assertRejects(() => mq.get("t"), DsmqError);
  const { id } = await script.next();
  await script.say(
    `{"id":${id},"error":{"code":"full","message":"a\\u001b[2J\\u202eb\\n${
      "x".repeat(1_000_000)
    }",` +
      `"limit":5,"name":"TypeError","stack":"at home","cause":1,"toString":1,"topic":"other","retryable":true,` +
      `"status":200,"reason":"refused","__proto__":{"evil":1},"constructor":1}}`,
  );
  const error = await soon(get);
  assertEquals([error.code, error.topic, error.limit, error.name], ["full", "t", 5, "DsmqError"]);
  assert(error.message.startsWith("a\\u001b[2J\\u202eb\\u000axxx"), error.message.slice(0, 50));
  assert(error.message.length < 2100);
  assertEquals([error.cause, error.status, error.reason], [undefined, undefined, undefined]);
  assertEquals(Object.keys(error).sort(), ["code", "limit", "name", "topic"]);
  assert(
    !("evil" in error) && !("retryable" in error) &&
      Object.getPrototypeOf(error) === DsmqError.prototype,
  );
  assert(`${error}`.startsWith("DsmqError: a") && !error.stack!.includes("at home"));
  await mq.close();
});

Deno.test("a code that is not known yet is passed on", async () => {
  const { script, mq } = await joined();
  const get = assertRejects(() => mq.get("t"), DsmqError);
  await script.say({ id: (await script.next()).id, error: { code: "of_later", message: "no" } });
  assertEquals((await soon(get)).code as string, "of_later");
  await mq.close();
});

for (
  const [what, limits] of Object.entries<object>({
    "0": Object.fromEntries(Object.keys(USUAL_LIMITS).map((name) => [name, 0])),
    "1": Object.fromEntries(Object.keys(USUAL_LIMITS).map((name) => [name, 1])),
    negative: { messageBytes: 10, inFlight: -1, creditBytes: -5 },
    "what is no number": {
      messageBytes: 10,
      inFlight: "x",
      inFlightBytes: {},
      frameRequests: null,
    },
    "more than there can be": Object.fromEntries(
      Object.keys(USUAL_LIMITS).map((name) => [name, Number.MAX_SAFE_INTEGER]),
    ),
  })
) {
  Deno.test(`a client of a server with limits of ${what} sends what it is asked, and takes no more than it has room for`, async () => {
    const script = new Scripted();
    script.welcome = { ...WELCOME, limits };
    const mq = await connect({ dial: script.dial });
    // Where the limit is one byte, no message fits: then that is told.
    const topic = what === "1" ? "t" : "topic";
    const calls = [mq.get(topic), mq.get(topic)];
    for (let seq = 1; seq <= 2; seq++) {
      await script.say(message((await soon(script.next())).id, seq));
    }
    assertEquals(await soon(Promise.all(calls)), ["m1", "m2"]);
    const stream = mq.subscribe(topic);
    const { bytes, messages } = await soon(script.next());
    assert(bytes > 0 && bytes <= 64 * 1024 * 1024 && messages > 0 && messages <= 4096);
    script.hangUp(4401);
    await assertRejects(() => soon(stream.next()), DsmqError);
    await mq.close();
  });
}

for (
  const [what, welcome] of Object.entries<object | string>({
    "no start": { ...WELCOME, start: undefined },
    "a start before all": { ...WELCOME, start: -1 },
    "no limits": { ...WELCOME, limits: undefined },
    "limits of a list": { ...WELCOME, limits: [] },
    "an infinite limit of messages": { ...WELCOME, limits: { messageBytes: -1 } },
    "an epoch of 5,000 characters": { ...WELCOME, epoch: "e".repeat(5000) },
    "a retention of none": { ...WELCOME, retention: "long" },
    "more than 64 KiB": { ...WELCOME, more: "x".repeat(WELCOME_BYTES) },
    "a version of the prototype": { ...WELCOME, protocol: "1" },
  })
) {
  Deno.test(`a server whose welcome has ${what} is no server of dsmq, and is not asked again`, async () => {
    const script = new Scripted();
    script.welcome = welcome as object;
    const error = await assertRejects(() => soon(connect({ dial: script.dial })), DsmqError);
    assertEquals([error.code, error.reason, script.dialled], ["unreachable", "not_dsmq", 1]);
  });
}

Deno.test("a store's time that goes back or jumps changes nothing about what was told before", async () => {
  const script = new Scripted();
  script.welcome = { ...WELCOME, time: 5_000_000 };
  const mq = await connect({ dial: script.dial });
  for (const time of [1, 4_999_999, 0]) {
    await script.say({ heartbeat: 10_000, time, last: 0, floor: 0 });
  }
  // A message that arrived for one who has given up is kept by the clock of the store, and not longer.
  const abort = new AbortController();
  const wait = mq.getWait("t", { signal: abort.signal }).catch(() => {});
  let { id, action } = await script.next();
  while (action !== "get_wait") ({ id, action } = await script.next());
  abort.abort();
  await wait;
  await script.say({ id, message: "old", seq: 1, time: 4_000_000, through: 1 });
  const get = mq.get("t");
  while (action !== "get") ({ id, action } = await soon(script.next()));
  await script.say({
    id,
    message: "new",
    seq: 2,
    time: 4_900_000,
    through: 2,
  });
  assertEquals(await soon(get), "new");
  await mq.close();
});

Deno.test("a frame larger than any answer can be ends the connection, and is not parsed", async () => {
  const { script, mq } = await joined();
  const get = mq.get("t").catch(({ code }) => code);
  const { id } = await script.next();
  const large = "x".repeat(largestAnswer(USUAL_LIMITS));
  await script.say(`{"id":${id},"message":"${large}","seq":1,"time":1,"through":1}`);
  assertEquals(await soon(get), "bad_answer");
  await left({ script, mq });
});

Deno.test("what a socket says of its end is shown short, and without what a terminal would obey", async () => {
  const script = new Scripted();
  const mq = await connect({
    dial: () => {
      const socket = script.dial();
      setTimeout(() =>
        socket.onclose!.call(
          socket as WebSocket,
          new CloseEvent("close", { code: 1008, reason: `\u001b[31m\u202e${"x".repeat(9000)}` }),
        ), 20);
      return socket;
    },
  });
  const error = await assertRejects(() => soon(mq.getWait("t")), DsmqError, "\\u001b[31m\\u202ex");
  assert(error.message.length < 2200 && error.code === "closed");
  await mq.close();
});

Deno.test("a read whose answer served one who asked before it fails with the connection", async () => {
  const { script, mq } = await joined();
  const first = mq.getWait("t");
  const { id: wait } = await script.next();
  const second = mq.getWait("t").catch(({ code }) => code);
  const { id } = await script.next();
  await script.say(message(id, 1));
  assertEquals(await soon(first), "m1");
  await script.say({ id: wait, message: 5 });
  assertEquals(await soon(second), "bad_answer");
  await mq.close();
});
