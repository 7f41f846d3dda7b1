/**
 * Attributes of messages: their one encoding, what they may be, and how a client reads them.
 *
 * @module
 */

import { assertEquals, assertThrows } from "@std/assert";
import { runInNewContext } from "node:vm";
import {
  ATTRIBUTE_LIMITS,
  AttributesError,
  encodeAttributes,
  encodedMessageId,
} from "../../protocol/attributes.ts";
import { decodeReplies } from "../../protocol/decode_replies.ts";
import { decodeAttributes } from "../../protocol/decode_attributes.ts";

Deno.test("attributes have one encoding, whatever the order and the other fields of what was given", () => {
  const headers = { b: "2", a: "1" };
  const given = { delay: 0, other: [1], headers, key: "k", messageId: "m" };
  const encoded = encodeAttributes(given)!;
  const json = '{"messageId":"m","key":"k","headers":{"b":"2","a":"1"},"delay":0}';
  assertEquals(encoded, { json, bytes: json.length, fields: 6 });
  for (const none of [{}, { other: 1 }, { messageId: undefined }]) {
    assertEquals(encodeAttributes(none), undefined);
  }
  assertEquals(encodeAttributes({ headers: {} })!.json, '{"headers":{}}');
});

Deno.test("every text comes back exactly: lone surrogates, zeros, names of the prototype", () => {
  const odd = { ["__proto__"]: "p\0\ud800", constructor: "\udc00\u2028", toString: '"\\' };
  const given = { messageId: '\ud800"\\', key: "\0\u{1f995}", headers: odd };
  const { json, bytes } = encodeAttributes(given)!;
  assertEquals(bytes, new TextEncoder().encode(json).length);
  const decoded = decodeAttributes(JSON.parse(json))!;
  assertEquals(decoded.messageId, given.messageId);
  assertEquals(decoded.key, given.key);
  assertEquals(Object.entries(decoded.headers!), Object.entries(odd));
  assertEquals(Object.getPrototypeOf(decoded.headers), Object.prototype);
});

Deno.test("the id is found in the encoding, however it is spelled", () => {
  for (const messageId of ["m", '"', "\\", '\\"', "\ud800", '","key":"', "\n\u{1f995}"]) {
    const { json } = encodeAttributes({ messageId, key: '"' })!;
    assertEquals(JSON.parse(encodedMessageId(json)!), messageId);
  }
  assertEquals(
    encodedMessageId(encodeAttributes({ key: '{"messageId":"m"' })!.json),
    undefined,
  );
});

class Traced {
  get trace() {
    return "t";
  }
}

Deno.test("headers without a prototype, and those of another realm, are taken", () => {
  for (
    const headers of [
      Object.assign(Object.create(null), { a: "v" }),
      runInNewContext('({ a: "v" })'),
    ]
  ) {
    assertEquals(encodeAttributes({ headers })!.json, '{"headers":{"a":"v"}}');
  }
});

Deno.test("each attribute has its type and its limit, and the error says both", () => {
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`h${i}`, ""]));
  const wrong: [object, boolean, string][] = [
    [{ messageId: 1 }, true, "messageId must be a string, got a number"],
    [{ messageId: null }, true, "messageId must be a string, got null"],
    [{ messageId: "" }, false, "messageId must have at least one character"],
    [{ messageId: "é".repeat(129) }, false, "messageId must be at most 256 bytes, got 258"],
    [{ key: ["k"] }, true, "key must be a string, got an array"],
    [{ key: "\ud800".repeat(86) }, false, "key must be at most 256 bytes, got 258"],
    [{ headers: "a" }, true, 'headers must be an object of strings, got "a"'],
    [{ headers: [] }, true, "headers must be an object of strings, got an array"],
    [{ headers: null }, true, "headers must be an object of strings, got null"],
    [{ headers: new Map() }, true, "headers must be an object of strings, got a Map"],
    [{ headers: new Headers() }, true, "headers must be an object of strings, got a Headers"],
    // What they inherit would be lost.
    [
      { headers: new Traced() },
      true,
      "headers must be an object of strings, got an object of the class Traced",
    ],
    [
      { headers: Object.create({ a: "v" }) },
      true,
      "headers must be an object of strings, got an object with a prototype of its own",
    ],
    [{ headers: { "": "v" } }, false, "headers must have no empty name"],
    [
      { headers: { "a\n": "v" } },
      false,
      'headers must have names without control characters, got "a\\n"',
    ],
    [
      { headers: { ["n".repeat(129)]: "v" } },
      false,
      "headers must have names of at most 128 bytes, got 129",
    ],
    [{ headers: { a: 1 } }, true, 'headers must have strings as values, got a number for "a"'],
    [{ headers: many }, false, "headers must have at most 64 names, got 65"],
    [{ delay: "5" }, true, 'delay must be whole milliseconds from 0 to 2592000000, got "5"'],
    [{ delay: -1 }, false, "delay must be whole milliseconds from 0 to 2592000000, got -1"],
    [{ delay: 0.5 }, false, "delay must be whole milliseconds from 0 to 2592000000, got 0.5"],
    [{ delay: NaN }, false, "delay must be whole milliseconds from 0 to 2592000000, got NaN"],
    [{ delay: 2_592_000_001 }, false, "from 0 to 2592000000, got 2592000001"],
    [
      { headers: { a: "v".repeat(16 * 1024) } },
      false,
      "attributes must be at most 16384 bytes as JSON",
    ],
  ];
  for (const [given, isType, message] of wrong) {
    const error = assertThrows(() => encodeAttributes(given), AttributesError, message);
    assertEquals(error.isType, isType, message);
  }
  const { headers: _, json, ...most } = ATTRIBUTE_LIMITS;
  const largest = {
    messageId: "m".repeat(most.messageId),
    key: "k".repeat(most.key),
    headers: { ["n".repeat(most.headerName)]: "" },
    delay: most.delay,
  };
  const rest = json - encodeAttributes(largest)!.bytes;
  const full = { ...largest, headers: { ["n".repeat(most.headerName)]: "v".repeat(rest) } };
  assertEquals(encodeAttributes(full)!.bytes, json);
});

Deno.test("a client takes attributes with the right types, without those that it does not know", () => {
  assertEquals(decodeAttributes({ key: "k", later: { any: 1 } }), { key: "k" });
  assertEquals(decodeAttributes({}), {});
  const wrong = [
    ...[null, 1, "k", [], [{}]],
    ...[1, null, {}, ["m"]].flatMap((value) => [{ messageId: value }, { key: value }]),
    ...["h", null, [], { a: 1 }, { a: null }].map((headers) => ({ headers })),
    ...["1", -1, 0.5, null, 2 ** 53].map((delay) => ({ delay })),
  ];
  for (const value of wrong) {
    assertEquals(decodeAttributes(value), undefined, JSON.stringify(value));
  }
});

Deno.test("a frame of a stream has attributes for each message or for none, and counts them", () => {
  const frame = (bytes: number, attributes: unknown) => {
    const lists = { seqs: [1, 2], times: [1, 1], bodies: ["a", "b"], attributes };
    return decodeReplies(JSON.stringify({ sub: 1, prev: 0, bytes, ...lists }))?.[0];
  };
  const attributes = [null, { messageId: "m", headers: { a: "bc" } }];
  const least = 6 + '"m"'.length + '"a""bc"'.length;
  assertEquals(frame(least, attributes), {
    ...{ kind: "messages", sub: 1, prev: 0, bytes: least, seqs: [1, 2], times: [1, 1] },
    ...{ bodies: ["a", "b"], topics: undefined, attributes },
  });
  const wrong: [number, unknown][] = [
    [least - 1, attributes],
    [100, [null]],
    [100, [null, null, null]],
    [100, {}],
    [100, [null, { key: 5 }]],
    [100, [null, "k"]],
  ];
  for (const [bytes, list] of wrong) assertEquals(frame(bytes, list)?.kind, "malformed");
  const read = { id: 1, body: "a", seq: 1, time: 1, through: 1 };
  for (const attributes of [null, [], { headers: { a: 1 } }]) {
    assertEquals(decodeReplies(JSON.stringify({ ...read, attributes }))?.[0]?.kind, "malformed");
  }
});
