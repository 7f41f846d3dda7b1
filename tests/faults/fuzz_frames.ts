/**
 * Frames that no sane client sends: random ones, and valid ones with a mistake.
 *
 * @module
 */

import type { Random } from "../../testing/seeded.ts";

/** A frame, as it goes over the wire. */
export interface FuzzFrame {
  /** Of RFC 6455: 1 for text, 2 for binary. */
  readonly opcode: 1 | 2;
  readonly payload: Uint8Array;
}

/** The topics to read and write; nobody else uses them. */
const TOPICS = ["a", "b", "é", "__proto__", "constructor", "toString"].map((name) => q(name));

const SINCE = ['"start"', '"now"', '{"after":1}', '{"time":1}', '{"after":3,"epoch":"e"}'];

const COUNTS = ["0", "1", "2", "7", "50", "100000000", "9007199254740991"];

const SESSION_IDS = Array.from({ length: 16 }, (_, i) => q(`fuzz-fuzz_fuzz-${i}`));

/** Of one message, or of two. */
const ATTRIBUTES = [
  "null",
  "{}",
  '{"messageId":"m"}',
  '{"messageId":"\\ud800","key":"k","headers":{"__proto__":"p","a":""},"delay":5,"new":1}',
  '[null,{"messageId":"m"}]',
  '[{"headers":{"constructor":"c"}},{"messageId":"m"}]',
  `{"headers":{${Array.from({ length: 64 }, (_, i) => `"h${i}":""`).join()}}}`,
  '{"messageId":5}',
  '{"headers":{"":1}}',
  '[{"delay":-1},5]',
];

const TEXTS = ['"m"', '""', '"\\ud800"', '"\\u0000"', '"é😀"'];

/** The fields of each action, and valid values for each, as JSON. Some of them exclude each other, on purpose. */
const ACTIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  hello: {
    protocol: ["1"],
    since: SINCE,
    session: SESSION_IDS,
    epoch: ['"e"', '""'],
    positions: ["{}", '{"a":1}', '{"__proto__":1,"constructor":2}', '{"a":9007199254740991}'],
    heartbeat: ["1000", "600000"],
    token: ['"secret"'],
    try: COUNTS,
    known: ['{"epoch":"e","seq":1}', "{}"],
    frameBytes: ["1", "1000", "100000"],
    progress: ["true", "false"],
  },
  put: {
    topic: TOPICS,
    body: TEXTS,
    // Without an id it is a put of dsmq 1.x; with one the field is unknown.
    message: [...TEXTS, "12.50"],
    n: COUNTS,
    attributes: ATTRIBUTES,
  },
  get: { topic: TOPICS },
  get_latest: { topic: TOPICS },
  get_wait: { topic: TOPICS, timeout: ["0", "1", "20", "2147483647"] },
  cancel: { wait: COUNTS },
  subscribe: {
    topic: TOPICS,
    prefix: ['""', ...TOPICS],
    messages: COUNTS,
    bytes: COUNTS,
    since: SINCE,
    cursor: SINCE,
    onGap: ['"oldest"', '"now"'],
  },
  credit: { sub: COUNTS, messages: COUNTS, bytes: COUNTS },
  unsubscribe: { sub: COUNTS },
  heartbeat: {},
  topics: { prefix: ['""', '"a"'], after: ['""', '"b"'], count: ["1", "1000"] },
  shutdown: { topic: ['""'] },
  purge: {
    topic: TOPICS,
    before: ['{"seq":1}', '{"seq":5,"epoch":"e"}', '{"time":1}', '{"ago":5}', '{"ago":0}'],
  },
  connections: { after: ['""', '"bcdf-1"'], count: COUNTS },
  disconnect: { connection: ['"bcdf-1"', '""'] },
  backup: { after: COUNTS, last: COUNTS, epoch: ['"e"'], topicsAfter: TOPICS },
};

const NAMES = Object.keys(ACTIONS);
const FIELDS = [...new Set(Object.values(ACTIONS).flatMap((fields) => Object.keys(fields)))];

const IDS = ["0", "1", "2", "7", "50", "9007199254740991"];
const BAD_IDS = ["-1", "1.5", "9007199254740992", "1e400", '"7"', "null", "true", "[]", "{}"];

/** Values that have the wrong type nearly everywhere, as JSON. */
const ODD_VALUES = [
  ...BAD_IDS,
  "-0",
  "1e-400",
  "-1e400",
  "1".repeat(400),
  "false",
  "[[]]",
  "[1,2]",
  '["a",5]',
  '{"__proto__":1}',
  '{"constructor":{"prototype":null}}',
  '{"after":-1}',
  '{"time":1e400}',
  '{"toJSON":1,"length":-1}',
  '"\\ud800"',
  '"\\udfff\\ud800"',
  '"\\u0000"',
  '"\\n"',
  '""',
  q("x".repeat(300)),
  q("é".repeat(300)),
  `${"[".repeat(60)}${"]".repeat(60)}`,
];

/** Makes the next frame. */
export function fuzzFrame(random: Random): FuzzFrame {
  const kind = random(1000);
  if (kind < 4) return text(huge(random));
  if (kind < 100) return randomBytes(random);
  if (kind < 350) return mutated(random, encode(anyFrame(random)));
  if (kind < 400) return { opcode: 2, payload: encode(anyFrame(random)) };
  return text(anyFrame(random));
}

/** One request or a few of them. */
function anyFrame(random: Random): string {
  if (random(4) > 0) return request(random);
  return `[${Array.from({ length: random(12) }, () => request(random)).join()}]`;
}

/** A request with up to three things wrong; or with none. */
function request(random: Random): string {
  if (random(50) === 0) return pick(random, ODD_VALUES);
  const action = pick(random, NAMES);
  const fields: [name: string, value: string][] = [["action", q(action)]];
  for (const [name, values] of Object.entries(ACTIONS[action]!)) {
    if (random(5) > 0) fields.push([name, pick(random, values)]);
  }
  if (action === "put" && random(4) === 0) fields.push(["bodies", '["one","two"]']);
  const idKind = random(20);
  if (idKind < 14) fields.push(["id", idKind < 8 ? `${random(100_000)}` : pick(random, IDS)]);
  else if (idKind < 17) fields.push(["id", pick(random, BAD_IDS)]);
  for (let wrongs = random(4); wrongs > 0; wrongs--) spoil(random, fields);
  return `{${fields.map(([name, value]) => `${q(name)}:${value}`).join()}}`;
}

function spoil(random: Random, fields: [name: string, value: string][]): void {
  const at = random(fields.length);
  switch (random(5)) {
    case 0:
      if (fields.length > 1) fields.splice(at, 1);
      break;
    case 1:
      // Two fields of one name: the last one counts.
      fields.push([fields[at]![0], pick(random, ODD_VALUES)]);
      break;
    case 2:
      fields.push([
        pick(random, ["__proto__", "constructor", "toString"]),
        pick(random, ODD_VALUES),
      ]);
      break;
    case 3:
      fields.push([pick(random, FIELDS), pick(random, ODD_VALUES)]);
      break;
    default:
      fields[at]![1] = pick(random, ODD_VALUES);
  }
}

/** Large frames: they take a server's time, and its memory for a while. */
function huge(random: Random): string {
  const deep = (inner: string) => `${"[".repeat(200_000)}${inner}${"]".repeat(200_000)}`;
  const deepObject = `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`;
  const id = random(100_000);
  const names = (count: number) =>
    Array.from({ length: count }, (_, i) => `"${i}-${id}":{"a":[]}`).join();
  switch (random(10)) {
    case 9:
      return `{"action":"put","id":${id},"topic":"a","body":"m","attributes":{${names(90_000)}}}`;
    case 0:
      return deep("");
    case 1:
      return "[".repeat(200_000);
    case 2:
      return `{"action":"put","id":${id},"topic":${deep("")},"body":"m"}`;
    case 3:
      return `{"action":"hello","id":${id},"positions":${deepObject}}`;
    case 4:
      return `[${Array.from({ length: 5000 }, () => request(random)).join()}]`;
    case 5:
      return `[${Array.from({ length: 100_000 }, () => "{}").join()}]`;
    case 6:
      return `{"action":"put","id":${id},"topic":"a","body":${q("x".repeat(1_500_000))}}`;
    case 7:
      return `{"action":${q("y".repeat(1_000_000))},"id":${id}}`;
    default:
      return `{"action":"put","topic":"a","id":${"9".repeat(200_000)},"body":${"8".repeat(9)}}`;
  }
}

function randomBytes(random: Random): FuzzFrame {
  const payload = Uint8Array.from({ length: random(200) }, () => random(256));
  return fitting(random, payload);
}

/** Changes, drops, duplicates and moves bytes. */
function mutated(random: Random, bytes: Uint8Array): FuzzFrame {
  const all = [...bytes];
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(all.length + 1);
    switch (random(4)) {
      case 0:
        all[at] = random(256);
        break;
      case 1:
        all.splice(at, 1 + random(8));
        break;
      case 2:
        all.splice(at, 0, ...all.slice(at, at + random(20)));
        break;
      default:
        all.splice(at, 0, pick(random, [34, 44, 58, 91, 93, 123, 125, 92, 48, 45]));
    }
  }
  return fitting(random, Uint8Array.from(all));
}

/** Bytes that are not text are mostly sent as binary: as text they end the connection, and test little else. */
function fitting(random: Random, payload: Uint8Array): FuzzFrame {
  return { opcode: decoded(payload) !== undefined || random(20) === 0 ? 1 : 2, payload };
}

/** The text of a payload; `undefined` if it is not UTF-8. */
export function decoded(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    return undefined;
  }
}

function text(json: string): FuzzFrame {
  return { opcode: 1, payload: encode(json) };
}

function encode(json: string): Uint8Array {
  return new TextEncoder().encode(json);
}

function q(value: string): string {
  return JSON.stringify(value);
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)]!;
}
