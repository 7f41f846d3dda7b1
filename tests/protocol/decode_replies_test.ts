/**
 * Frames of servers that lie: each invalid field, and frames that are too large or too deep to be parsed.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { decodeReplies } from "../../protocol/decode_replies.ts";

/** Values in JSON that are not valid numbers of the protocol. */
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
  // `null` stands for an invalid id.
  id: NO_COUNT.filter((value) => value !== "null"),
  body: NO_TEXT,
  epoch: [...NO_TEXT, JSON.stringify("e".repeat(5000))],
  store: NO_TEXT,
  server: NO_TEXT,
  durability: NO_TEXT,
  dup: NO_FLAG,
  more: NO_FLAG,
  dedupComplete: NO_FLAG,
  seqs: [...NO_LIST, ...NO_COUNT.map((value) => `[1,${value}]`)],
  times: [...NO_LIST, ...NO_COUNT.map((value) => `[${value}]`)],
  bodies: [...NO_LIST, ...NO_TEXT.map((value) => `[${value}]`)],
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
    // No server sends the errors that a client finds by itself.
    ...["closed", "refused", "unreachable", "protocol_error"].map((code) =>
      `{"code":"${code}","message":"m"}`
    ),
    ...NO_COUNT.flatMap((value) =>
      ["limit", "after", "floor", "last"].map((name) =>
        `{"code":"full","message":"m","${name}":${value}}`
      )
    ),
    ...[...NO_LIST, "[null]", "[-1]", '[{"code":"full"}]'].map((value) =>
      `{"code":"full","message":"m","outcomes":${value}}`
    ),
  ],
};

/** Fields that are read only beside another. */
const OTHER_FIELDS: Readonly<Record<string, string>> = {
  bytes: '"prev":0,"times":[1],"bodies":["m"]',
  times: '"prev":0,"bodies":["m"]',
  bodies: '"prev":0,"times":[1]',
  ...Object.fromEntries(
    ["epoch", "store", "server", "durability", "dedupComplete", "retention"].map((name) => [
      name,
      '"protocol":1,"limits":{}',
    ]),
  ),
  limits: '"protocol":1',
};

for (const [field, values] of Object.entries(FIELDS)) {
  Deno.test(`a frame whose ${field} is not a valid ${field} is rejected as a whole`, () => {
    for (const value of values) {
      const frame = `{${OTHER_FIELDS[field] ? `${OTHER_FIELDS[field]},` : ""}"${field}":${value}}`;
      assertEquals(decodeReplies(frame), undefined, frame);
      assertEquals(decodeReplies(`[{"id":2,"seq":3},${frame}]`), undefined, frame);
      // Among the fields that most answers have.
      for (const others of ['"id":2,"seq":3', '"id":2,"seq":3,"body":"","time":1,"through":3']) {
        const among = frame.replace("{", `{${others},`);
        assertEquals(decodeReplies(among), undefined, among);
      }
    }
  });
}

/** A time may have a fraction. */
const NO_TIME = NO_COUNT.filter((value) => value !== "0.5");

/** What a server tells of a backup, with other fields. */
function backupInfo(fields = ',"retention":1000'): string {
  return `{"id":2,"backup":{"store":"s","epoch":"e","epochs":[],"last":4,"floor":2,"gone":2,"time":1${fields}}}`;
}

/** A page of a backup with two messages; later fields count. */
function backupPage(more = ',"identities":["",null]', changed = '"new":1'): string {
  const attributes = '"attributes":[{"messageId":"a"},null]';
  return `{"id":2,"through":4,"seqs":[3,4],"times":[1,1],"topics":["t","t"],"bodies":["",""],${attributes},${changed}${more}}`;
}

/** Each kind of reply, and frames that have only a part of its fields. */
const KINDS: Readonly<Record<string, { readonly good: string; readonly bad?: readonly string[] }>> =
  {
    stored: {
      good: '{"id":2,"seqs":[3,4]}',
      bad: ['{"id":2,"seqs":[]}', '{"id":2,"seqs":[4,4]}', '{"id":2,"seqs":[4,3]}'],
    },
    message: {
      good: '{"id":2,"body":"m","seq":3,"time":1,"through":4}',
      bad: [
        '{"id":2,"body":"m","seq":3,"time":1,"through":2}',
        '{"id":2,"body":"m","through":4}',
      ],
    },
    empty: { good: '{"id":2,"body":"","through":4}' },
    subscribed: { good: '{"id":2,"sub":2,"start":4,"through":4}' },
    topics: {
      good: '{"id":2,"topics":[{"topic":"t","messages":1,"seq":1,"time":1}],"more":false}',
      bad: [
        '{"id":2,"topics":[1]}',
        '{"id":2,"topics":[{"topic":"t","messages":1,"seq":1}]}',
        '{"id":2,"topics":[{"topic":"","messages":1,"seq":1,"time":1}]}',
        `{"id":2,"topics":[${
          ["b", "a"].map((topic) => JSON.stringify({ topic, messages: 1, seq: 1, time: 1 }))
        }]}`,
      ],
    },
    backup: {
      good: backupInfo(),
      bad: [
        ...NO_COUNT.filter((value) => value !== "1"),
        "0",
      ].map((value) => backupInfo(`,"retention":${value}`)).concat(
        backupInfo(',"last":1'),
        backupInfo(',"epochs":[{"epoch":"e"}]'),
      ),
    },
    backup_page: {
      good: backupPage(),
      bad: [
        backupPage("", '"seqs":[3]'),
        backupPage("", '"seqs":[4,3]'),
        backupPage("", '"topics":["t"]'),
        backupPage("", '"through":3'),
        ...['["",null,null]', '[""]', '["",""]', '["",1]', "[1,null]", "[[],null]", "{}", "null"]
          .map((identities) => backupPage(`,"identities":${identities}`)),
        backupPage(`,"identities":["${"i".repeat(5000)}",null]`),
        backupPage(',"identities":["",null]', '"attributes":[{"key":"a"},null]'),
        backupPage(',"identities":["",null]', '"new":1').replace('"attributes"', '"other"'),
      ],
    },
    backup_gone: {
      good:
        '{"id":2,"gone":[{"topic":"t","seq":1,"at":1.5},{"topic":"","seq":0}],"last":1,"at":2.25,"more":false}',
      bad: [
        ...["{}", '{"topic":1,"seq":1}', '{"topic":"t","seq":-1}', "null"],
        ...NO_TIME.map((value) => `{"topic":"t","seq":1,"at":${value}}`),
      ].map((entry) => `{"id":2,"gone":[{"topic":"s","seq":1},${entry}],"last":1}`).concat(
        NO_TIME.map((value) => `{"id":2,"gone":[],"last":1,"at":${value}}`),
      ),
    },
    done: { good: '{"id":2}' },
    error: { good: '{"id":2,"error":{"code":"full","message":"m"}}' },
    welcome: {
      good: '{"id":1,"protocol":1,"start":0,"limits":{"messageBytes":10}}',
      bad: [
        '{"id":1,"protocol":2,"start":0,"limits":{"messageBytes":10}}',
        '{"id":1,"protocol":1,"limits":{"messageBytes":10}}',
        '{"id":1,"protocol":1,"start":0,"limits":{}}',
      ],
    },
    messages: {
      good: '{"sub":2,"prev":3,"bytes":4,"seqs":[4,5],"times":[1,1],"bodies":["",""]}',
      bad: [
        '{"sub":2}',
        '{"sub":2,"prev":3,"bytes":4,"seqs":[4,5],"times":[1,1]}',
        '{"sub":2,"prev":3,"bytes":6,"seqs":[],"times":[],"bodies":[]}',
        '{"sub":2,"prev":3,"bytes":6,"seqs":[4],"times":[1,1],"bodies":["",""]}',
        '{"sub":2,"prev":3,"bytes":4,"seqs":[4,5],"times":[1],"bodies":["",""]}',
        '{"sub":2,"prev":3,"bytes":6,"seqs":[3,5],"times":[1,1],"bodies":["",""]}',
        '{"sub":2,"prev":3,"bytes":6,"seqs":[5,4],"times":[1,1],"bodies":["",""]}',
        '{"sub":2,"prev":3,"bytes":3,"seqs":[4,5],"times":[1,1],"bodies":["",""]}',
      ],
    },
    stream_error: {
      good:
        '{"sub":2,"error":{"code":"ahead","message":"m","after":9,"floor":0,"last":4},"through":4}',
    },
    heartbeat: { good: '{"heartbeat":1000,"time":1,"last":0,"floor":0}' },
    ahead: { good: '{"ahead":5000,"sub":2,"through":4}' },
    unknown: { good: '{"id":null,"error":{"code":"bad_request","message":"m"}}' },
  };

for (const [kind, { good, bad = [] }] of Object.entries(KINDS)) {
  Deno.test(`a reply of the kind ${kind} is recognised by its fields, and by all of them`, () => {
    assertEquals(decodeReplies(good)?.map((reply) => reply.kind), [kind]);
    for (const frame of bad) {
      assertEquals(decodeReplies(frame)?.map((reply) => reply.kind), ["malformed"], frame);
    }
  });
}

Deno.test("whose an id is may be unknown, and is absent where no message of a page has one", () => {
  const decode = (frame: string) =>
    (decodeReplies(frame)?.[0] as { readonly identities?: unknown }).identities;
  assertEquals(decode(backupPage(',"identities":["ann",null]')), ["ann", null]);
  assertEquals(decode(backupPage(',"identities":[null,null]')), [null, null]);
  assertEquals(decode(backupPage("")), undefined);
});

Deno.test("what an older server does not tell of a backup is not known", () => {
  const decode = (frame: string) => decodeReplies(frame)?.[0] as unknown;
  const gone = [{ topic: "t", seq: 1 }];
  assertEquals(
    decode('{"id":2,"gone":[{"topic":"t","seq":1}],"last":1,"more":false}'),
    { kind: "backup_gone", id: 2, gone, last: 1, at: undefined, more: false },
  );
  assertEquals("retention" in (decode(backupInfo("")) as { info: object }).info, false);
});

Deno.test("only an answer's own fields count: inherited ones are not fields, and unknown ones are ignored", () => {
  assertEquals(
    decodeReplies('{"__proto__":{"seq":5,"id":2},"constructor":1,"then":2,"new":{}}'),
    [{ kind: "unknown" }],
  );
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
    ) assert(decodeReplies(frame) === undefined);
    assertEquals(decodeReplies(`{"body":"${"x".repeat(1000)}"}`, 1000), undefined);
    assertEquals(parsed, 0);
    // What only looks like that is a message.
    const text = JSON.stringify("[".repeat(100_000) + ',"\\:'.repeat(600_000));
    assert(decodeReplies(`{"body":${text}}`));
    // The largest that correct servers send.
    const refusal = '{"code":"full","message":"m"}';
    const outcomes = `[${`${refusal},`.repeat(21_800)}${refusal}]`;
    assert(decodeReplies(`{"id":2,"error":{"code":"full","message":"","outcomes":${outcomes}}}`));
    assert(decodeReplies(`[${'{"id":2,"seq":3},'.repeat(15_000)}{"id":2,"seq":3}]`));
    assertEquals(parsed, 3);
  } finally {
    JSON.parse = parse;
  }
});
