/**
 * The records of a replicated store, as bytes.
 *
 * A record is UTF-8 text in three parts. The first line is its header, as JSON:
 *
 * ```json
 * {"v":1,"writer":"6f1c…","n":17,"t":1767225600000,"at":41,"digest":"9a3e…","control":{…},"continues":true}
 * ```
 *
 * `v` is the version of the state machine that it needs, `writer` and `n` name it, `t` is the time by its writer's clock, `at` and `digest` say what its writer had applied.
 * The second line is a JSON array of commands. Puts of one session into one topic share an entry,
 * `["put",topic,session,owner,identity,n,lengths,bytes]`: `n` is the number of the first, `lengths` those of the bodies in UTF-16 code
 * units, and `bytes` their sizes, if they differ. A put with attributes is
 * `["put+",topic,session,owner,identity,n,length,attributesLength,bytes]`. Other commands are objects. The rest is the bodies and
 * attributes, one behind the other, as they are: no text within a JSON text.
 *
 * @module
 */

import type { Command, Put } from "../commands.ts";
import type { ChainPoint, ControlCommand } from "./control_commands.ts";

/** What comes before the commands of a record. */
export interface RecordHeader {
  /** The version of the state machine that it needs. */
  readonly version: number;
  /** Who wrote it. */
  readonly writer: string;
  /** Its number: that of the record before it of this writer, and one. The first has 1. */
  readonly number: number;
  /** The time by its writer's clock, which does not jump while it runs, in milliseconds since 1970. */
  readonly clock: number;
  /** What its writer had applied when it wrote it. */
  readonly seen: ChainPoint;
  /** What it changes besides messages and groups. */
  readonly control?: ControlCommand | undefined;
  /** Its first commands belong to the same call as the last ones of the record before it of this writer. */
  readonly continues?: boolean | undefined;
}

/** Commands that are encoded, for one record or a part of one. */
export interface EncodedCommands {
  /** The entries, as JSON without the brackets of the array. */
  readonly entries: readonly string[];
  /** Bodies and attributes. */
  readonly texts: readonly string[];
  /** How many bytes they take at most. */
  readonly bytes: number;
}

/** Puts that share what is before their bodies. */
const PUTS = "put";
/** One put with attributes. */
const ATTRIBUTED_PUT = "put+";

/** A code unit takes at most so many bytes of UTF-8. */
const UNIT_BYTES = 3;

type PutsEntry = readonly [
  kind: typeof PUTS,
  topic: string,
  session: string | null,
  owner: string | null,
  identity: string | null,
  n: number | null,
  lengths: readonly number[],
  bytes?: readonly number[],
];

type AttributedEntry = readonly [
  kind: typeof ATTRIBUTED_PUT,
  topic: string,
  session: string | null,
  owner: string | null,
  identity: string | null,
  n: number | null,
  length: number,
  attributesLength: number,
  bytes: number,
];

/**
 * Encodes commands.
 *
 * @param commands in their order
 * @returns what {@linkcode encodeRecord} makes records of
 */
export function encodeCommands(commands: readonly Command[]): EncodedCommands {
  const entries: string[] = [];
  const texts: string[] = [];
  let size = 0;
  for (let i = 0; i < commands.length;) {
    const first = commands[i]!;
    if (first.type !== "put") {
      const entry = JSON.stringify(first);
      entries.push(entry);
      size += UNIT_BYTES * (entry.length + 1);
      i++;
      continue;
    }
    const { topic, session = null, owner = null, identity = null, n = null } = first;
    if (first.attributes !== undefined) {
      const { body, attributes, bytes } = first;
      const sizes = [body.length, attributes.length, bytes] as const;
      const head = [ATTRIBUTED_PUT, topic, session, owner, identity, n] as const;
      const entry = JSON.stringify([...head, ...sizes] satisfies AttributedEntry);
      entries.push(entry);
      texts.push(body, attributes);
      size += bytes + UNIT_BYTES * (entry.length + 1);
      i++;
      continue;
    }
    const lengths: number[] = [];
    const bytes: number[] = [];
    let isAscii = true;
    for (let next: Command | undefined = first; isNext(next, first, lengths.length);) {
      lengths.push(next.body.length);
      bytes.push(next.bytes);
      isAscii &&= next.body.length === next.bytes;
      texts.push(next.body);
      size += next.bytes;
      next = commands[++i];
    }
    const head = [PUTS, topic, session, owner, identity, n, lengths] as const;
    const entry = JSON.stringify((isAscii ? head : [...head, bytes]) satisfies PutsEntry);
    entries.push(entry);
    size += UNIT_BYTES * (entry.length + 1);
  }
  return { entries, texts, bytes: size };
}

/** Whether a command belongs to the puts that begin with another one; `count` of them are known. */
function isNext(command: Command | undefined, first: Put, count: number): command is Put {
  return command?.type === "put" && command.attributes === undefined &&
    command.topic === first.topic && command.session === first.session &&
    command.owner === first.owner && command.identity === first.identity &&
    command.n === (first.n === undefined ? undefined : first.n + count);
}

/**
 * Makes a record.
 *
 * @param header what comes first
 * @param commands what it does
 */
export function encodeRecord(
  { version, writer, number, clock, seen, control, continues }: RecordHeader,
  commands: readonly EncodedCommands[],
): Uint8Array<ArrayBuffer> {
  const { position: at, digest } = seen;
  const head = JSON.stringify({
    ...{ v: version, writer, n: number, t: clock, at, digest, control, continues },
  });
  const entries = commands.flatMap((one) => one.entries);
  const texts = commands.flatMap((one) => one.texts);
  return new TextEncoder().encode(`${head}\n[${entries.join()}]\n${texts.join("")}`);
}

/** A record whose commands are still text. */
export interface DecodedRecord extends RecordHeader {
  /** Decodes the commands; `undefined` if they are not those of a record. */
  commands(): Command[] | undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a record.
 *
 * @param record its bytes
 * @returns its header, and how to get its commands; `undefined` if somebody else has written it
 */
export function decodeRecord(record: Uint8Array): DecodedRecord | undefined {
  try {
    const headEnd = record.indexOf(NEW_LINE);
    const head = JSON.parse(decoder.decode(record.subarray(0, headEnd))) as Record<string, unknown>;
    const { v: version, writer, n: number, t: clock, at: position, digest } = head;
    const { control, continues } = head;
    if (!isCount(version) || !isCount(number) || !isCount(clock)) return undefined;
    if (position !== 0 && !isCount(position)) return undefined;
    if (typeof writer !== "string" || typeof digest !== "string") return undefined;
    return {
      ...{ version, writer, number, clock, seen: { position, digest } },
      ...(control !== undefined && { control: control as ControlCommand }),
      ...(continues === true && { continues }),
      commands: () => {
        try {
          return decodeCommands(decoder.decode(record.subarray(headEnd + 1)));
        } catch {
          return undefined;
        }
      },
    };
  } catch {
    return undefined;
  }
}

const NEW_LINE = 10;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Decodes what follows the header; throws, or returns nothing, if it is not whole. */
function decodeCommands(text: string): Command[] | undefined {
  const end = text.indexOf("\n");
  const entries = JSON.parse(text.slice(0, end)) as (PutsEntry | AttributedEntry | Command)[];
  const commands: Command[] = [];
  let from = end + 1;
  const next = (length: number) => text.slice(from, from += length);
  for (const entry of entries) {
    if (!Array.isArray(entry)) {
      if (typeof (entry as Command).type !== "string") return undefined;
      commands.push(entry as Command);
      continue;
    }
    const [kind, topic, session, owner, identity, n, length] = entry as PutsEntry | AttributedEntry;
    if (typeof topic !== "string" || (kind !== PUTS && kind !== ATTRIBUTED_PUT)) return undefined;
    const common = {
      ...{ type: "put" as const, topic },
      ...(session !== null && { session }),
      ...(owner !== null && { owner }),
      ...(identity !== null && { identity }),
    };
    if (kind === ATTRIBUTED_PUT) {
      const [attributesLength, bytes] = entry.slice(7) as [number, number];
      const texts = { body: next(length as number), attributes: next(attributesLength) };
      commands.push({ ...common, ...texts, bytes, ...(n !== null && { n }) });
      continue;
    }
    const lengths = length as readonly number[];
    const bytes = (entry[7] ?? lengths) as readonly number[];
    for (const [i, length] of lengths.entries()) {
      const put = { ...common, body: next(length), bytes: bytes[i]! };
      commands.push(n === null ? put : { ...put, n: n + i });
    }
  }
  return from === text.length ? commands : undefined;
}
