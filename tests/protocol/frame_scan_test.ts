/**
 * A scan sees the same in a frame as `JSON.parse`, however it is spelled.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { FrameScan } from "../../protocol/frame_scan.ts";
import { DEFAULT_LIMITS } from "../../protocol/limits.ts";
import type { WireRequest } from "../../protocol/requests.ts";
import { decodeFrame } from "../support/decode_frame.ts";
import { seeded } from "../../testing/seeded.ts";

const scanned = (text: string) => FrameScan.scan(text, Infinity);
const random = seeded(7);

/** What a scan sees that stops again and again, even within requests. */
function scannedInParts(text: string): FrameScan | undefined {
  const scan = new FrameScan(text, Infinity);
  while (scan.scanMore(1 + random(20)));
  return scan.isValid ? scan : undefined;
}

const oneOf = <T>(all: readonly T[]): T => all[random(all.length)]!;
const several = <T>(max: number, make: () => T): T[] =>
  Array.from({ length: random(max + 1) }, make);
const space = () => oneOf(["", "", "", " ", "\n\t", "\r\n  "]);

/** A string in one of its spellings. */
function escaped(text: string): string {
  return `"${
    [...text].map((letter) =>
      random(6) > 0 ? letter : `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`
    ).join("")
  }"`;
}

function text(): string {
  return oneOf([
    '""',
    '"a"',
    '"]"',
    '"\\""',
    '"\\\\"',
    '"{,:"',
    '"\\\\\\""',
    `"${"x".repeat(40)}\\"[${"\\\\".repeat(20)}"`,
  ]);
}

/** V8 may confuse two names of escaped quotes and backslashes: such names would prove nothing here. */
const name = () => oneOf(['""', '"a"', '"]"', '"{,:"', '"\\u0041"', `"${"x".repeat(40)}"`]);

function value(depth = 0): string {
  const kind = random(depth > 3 ? 4 : 6);
  if (kind < 2) return text();
  if (kind === 2) return oneOf(["1", "-2.50e3", "0", "9007199254740991", "1e400"]);
  if (kind === 3) return oneOf(["null", "true", "false"]);
  if (kind === 4) {
    return `[${space()}${
      several(3, () => value(depth + 1)).join(`${space()},${space()}`)
    }${space()}]`;
  }
  return `{${several(3, () => `${space()}${name()}${space()}:${value(depth + 1)}`)}${space()}}`;
}

function request(): string {
  if (random(8) === 0) return value();
  const field = (name: string, values: () => string) =>
    `${space()}${escaped(name)}${space()}:${space()}${values()}${space()}`;
  const actions = [
    "put",
    "get",
    "get_latest",
    "cancel",
    "close",
    "credit",
    "heartbeat",
    "unsubscribe",
    "topics",
    "hello",
    "puts",
  ];
  const fields = several(7, () =>
    oneOf([
      () => field("action", () => random(9) > 0 ? escaped(oneOf(actions)) : value()),
      () => field("id", () => random(3) > 0 ? `${random(100)}` : value()),
      () => field("sub", () => random(3) > 0 ? `${random(100)}` : value()),
      () => field(oneOf(["body", "message", "messages"]), value),
      () => field("bodies", () => random(2) > 0 ? `[${several(4, value)}]` : value()),
      () => field(oneOf(["topic", "i", "ids", "constructor", "__proto__"]), value),
    ])());
  return `{${fields}}`;
}

const CONTROLS = ["cancel", "credit", "unsubscribe", "heartbeat", "close"];

function kindOf(item: unknown): string {
  const isObject = item !== null && typeof item === "object" && !Array.isArray(item);
  const { action, id, bodies } = (isObject ? item : {}) as Record<string, unknown>;
  if (CONTROLS.includes(action as string)) return "control";
  if (action === "put" && id === undefined && !(Array.isArray(bodies) && bodies.length > 0)) {
    return "legacy put";
  }
  return (action === "get" || action === "get_latest") && id === undefined
    ? "legacy read"
    : "counted";
}

Deno.test("a scan finds each request of a frame, its id, its weight, and the stream of a credit without an id", () => {
  let streams = 0;
  for (let round = 0; round < 3000; round++) {
    const requests = several(5, request);
    const batched = requests.length !== 1 || random(2) > 0;
    const frame = batched
      ? `${space()}[${space()}${requests.join(`${space()},${space()}`)}${space()}]${space()}`
      : `${space()}${requests[0]}${space()}`;
    const parsed = JSON.parse(frame);
    const isList = Array.isArray(parsed);
    const items: unknown[] = isList ? parsed : [parsed];
    const scan = round % 2 === 0 ? scanned(frame)! : scannedInParts(frame)!;
    assertEquals([scan.batched, scan.length], [isList, items.length], frame);
    let counting = 0;
    items.forEach((item, i) => {
      assertEquals(JSON.parse(scan.sliceText(i, i + 1)), [item], frame);
      const kind = kindOf(item);
      const marks = scan.sliceText(i, i + 1).match(/[,:[{]/g)!.length;
      if (kind !== "control" || marks < 20) assertEquals(scan.kind(i), kind, frame);
      const { action, id, bodies, sub } = (typeof item === "object" && item ? item : {}) as Record<
        string,
        unknown
      >;
      if (kind !== "counted" || !Array.isArray(item)) {
        const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
        assertEquals(scan.id(i), id === undefined ? undefined : isCount(id) ? id : null, frame);
        const namesStream = action === "credit" && id === undefined && isCount(sub);
        if (namesStream) streams++;
        assertEquals(scan.creditStream(i), namesStream ? sub : undefined, frame);
      }
      if (scan.kind(i) === "counted" || scan.kind(i) === "legacy read") {
        counting += Math.max(1, Array.isArray(bodies) ? bodies.length : 1);
      }
      assertEquals(scan.countBefore(i + 1), counting, frame);
    });
    assertEquals(scan.countedRequests, counting);
    assertEquals(JSON.parse(scan.sliceText(0, scan.length)), items);
  }
  assert(streams > 20, `${streams}`);
});

Deno.test("if a frame is not JSON, only requests that are there as JSON are carried out", () => {
  const marks = ["{", "}", "[", "]", ",", ":", '"', "\\", "1", "x", " ", "\u0000"];
  // Whatever is written, a frame is read in parts if only white space follows.
  const padding = " ".repeat(100_000);
  for (let round = 0; round < 300; round++) {
    let frame = `[${several(5, request)}]`;
    for (let mistakes = 1 + random(2); mistakes > 0; mistakes--) {
      const at = random(frame.length);
      frame = frame.slice(0, at) + oneOf(marks) + frame.slice(at + random(2));
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(frame);
    } catch {
      parsed = undefined;
    }
    const { requests } = decodeFrame(frame + padding, DEFAULT_LIMITS);
    if (parsed === undefined) {
      const isRefused = (request: WireRequest) =>
        request.action === "refused" || (request.action === "credit" && request.refusal);
      assertEquals(requests.filter((request) => !isRefused(request)), [], frame);
    } else {
      const whole = decodeFrame(frame, DEFAULT_LIMITS);
      assertEquals(JSON.stringify(requests), JSON.stringify(whole.requests), frame);
    }
  }
});

Deno.test("a request that is nested too deep, or has too many fields, is refused alone and never parsed", () => {
  const good = '{"action":"get","id":1,"topic":"t"}';
  const deep = `{"action":"get","id":2,"topic":"t","more":${"[".repeat(50_000)}${
    "]".repeat(50_000)
  }}`;
  const wideCharacters = `{"action":"get","id":3,"topic":"t"${
    Array.from({ length: 10_000 }, (_, i) => `,"a${i}":0`).join("")
  }}`;
  const junk = `{"action":"put","id":4,"topic":"t","bodies":[${Array(10_000).fill("{}")}]}`;
  const { parse } = JSON;
  let longest = 0;
  JSON.parse = (text) => {
    longest = Math.max(longest, text.length);
    return parse(text);
  };
  try {
    const { requests } = decodeFrame(
      `[${[good, deep, wideCharacters, junk, good]}]`,
      DEFAULT_LIMITS,
    );
    assertEquals(
      requests.map((
        request,
      ) => [request.id, request.action === "refused" ? request.error.code : request.action]),
      [[1, "get"], [2, "bad_request"], [3, "limit_exceeded"], [4, "limit_exceeded"], [1, "get"]],
    );
  } finally {
    JSON.parse = parse;
  }
  assert(longest < 100, `${longest} characters are parsed at once`);
});

Deno.test("no more of the largest frame is parsed at once than takes some milliseconds", () => {
  const frames = [
    Array.from({ length: 16_000 }, (_, i) => `{"a${i}":{"b${i}":0}}`),
    Array.from({ length: 16_000 }, () => "[[[[[]]]]]"),
    Array.from(
      { length: 3 },
      (_, i) => `{"action":"put","id":${i},"topic":"t","bodies":[${Array(5000).fill('""')}]}`,
    ),
    Array.from(
      { length: 20 },
      (_, i) => `{"action":"put","id":${i},"topic":"t","body":"${"x".repeat(150_000)}"}`,
    ),
  ];
  const { parse } = JSON;
  const parts: string[] = [];
  JSON.parse = (text) => {
    parts.push(text);
    return parse(text);
  };
  try {
    for (const items of frames) decodeFrame(`[${items}]`, DEFAULT_LIMITS);
  } finally {
    JSON.parse = parse;
  }
  for (const part of parts) {
    const marks = part.match(/[,:[{]/g)!.length;
    assert(
      marks < 40_000 && part.length < 1_200_000,
      `${marks} marks in ${part.length} characters`,
    );
  }
  assert(parts.length > 8, `${parts.length} parts`);
});

Deno.test("a few names of unknown fields in many requests are read, and of many names only the first", () => {
  const frame = (name: (i: number) => string) =>
    `[${
      Array.from({ length: 5000 }, (_, id) =>
        `{"action":"get","id":${id},"topic":"t","${name(id)}":0}`)
    }]`;
  const done = (text: string) =>
    decodeFrame(text, DEFAULT_LIMITS).requests.filter(({ action }) => action === "get").length;
  assertEquals(done(frame((i) => `unknown${i % 200}`)), 5000);
  assertEquals(done(frame((i) => `unknown${i}`)), 256 - 3);
});

Deno.test("a frame that is scanned in parts gives the same as one that is scanned at once", () => {
  const good = JSON.stringify(Array.from({ length: 500 }, (_, id) => ({ action: "get", id })));
  for (const text of [good, good.slice(0, -1), `${good}x`, "[]", "[] x", '{"id":1}', "", "[1,"]) {
    const whole = FrameScan.scan(text, Infinity);
    const parts = new FrameScan(text, Infinity);
    let [count, max] = [1, 0];
    for (let before = 0; parts.scanMore(100); count++) {
      max = Math.max(max, parts.length - before);
      before = parts.length;
    }
    assertEquals(parts.isValid, whole !== undefined, text.slice(-9));
    assertEquals(count > 100, text.length > 1000);
    assert(max <= 5, `${max} requests in a part`);
    if (whole) {
      assertEquals([parts.length, parts.countedRequests], [whole.length, whole.countedRequests]);
    }
  }
});

Deno.test("one request is scanned in parts, too, and is refused or carried out as if it had been scanned at once", () => {
  const around = (inner: string) => `{"action":"put","id":7,"topic":"t",${inner}}`;
  for (
    const [text, tooMany, counts, id] of [
      [around(`"bodies":[${Array(16_000).fill('"bodies"')}]`), undefined, 16_000, 7],
      [around(`"body":${"[".repeat(50_000)}${"]".repeat(50_000)}`), "depth", 1, 7],
      [around(Array(20_000).fill('"id":8').join()), "fields", 1, 8],
      [`[${around('"body":"m"')},${around(`"l":[${Array(50_000).fill(0)}]`)}]`, "fields", 2, 7],
    ] as const
  ) {
    const scan = new FrameScan(text, Infinity);
    let parts = 1;
    for (; scan.scanMore(1000); parts++);
    assert(parts > text.length / 1100, `${parts} parts of ${text.length} characters`);
    const last = scan.length - 1;
    assertEquals([scan.isValid, scan.excess(last), scan.countedRequests], [true, tooMany, counts]);
    assertEquals([scan.kind(last), scan.id(last)], ["counted", id]);
  }
});
