/**
 * Where a reader starts, and what it means that it cannot.
 *
 * A position is a number within an epoch, one opening of the store. If the store knows the epoch and the number is
 * within it, reading goes on after it. If the number is beyond the end of the epoch, the tail of the history was
 * lost (`ahead`). An unknown epoch is another history (`epoch_changed`). And if the newest message of the topic
 * that is gone comes after the position, messages are missing (`trimmed`).
 *
 * @module
 */

import type { WireError } from "../protocol/errors.ts";
import type { WirePosition, WireSince } from "../protocol/requests.ts";
import type { Store, TopicBounds } from "../stores/store.ts";

/** What a reader is told once, instead of a message. */
export interface Gap {
  readonly error: WireError;
  /** Reading goes on after this. */
  readonly through: number;
}

/** A position in the store, and whether messages that it promises are missing. */
export interface Position {
  /** Read what comes after. */
  readonly after: number;
  readonly gap: Gap | undefined;
}

/** Where the topics of a connection start that it has not read. */
export interface StartPosition extends Position {
  /** What was gone by this time (ms, the store's) is no gap; `Infinity`: nothing that is gone is one. */
  readonly asOf: number;
}

/** A topic to be read, and from where. */
export interface TopicSince {
  readonly topic: string;
  readonly since: WireSince;
}

/**
 * Finds the positions that a client asked for.
 *
 * @param store whose messages are to be read
 * @param wanted topics, and from where
 * @returns the position of each; with a gap it is the nearest one from which reading can go on
 */
export async function locatePositions(
  store: Store,
  wanted: readonly TopicSince[],
): Promise<Position[]> {
  const positions = wanted.map(({ since }) => toPosition(since));
  const allBounds = await store.topicBounds(
    wanted.map(({ topic }, i) => ({ topic, epoch: positions[i]?.epoch })),
  );
  return await Promise.all(wanted.map(({ since }, i) => {
    const [position, bounds] = [positions[i], allBounds[i]!];
    return position ? checkPosition(position, bounds) : findPosition(store, since, bounds);
  }));
}

/**
 * Finds where the topics of a connection start.
 *
 * @param store whose messages are to be read
 * @param since from where
 * @returns where they start; what each has lost is found when it is read first
 */
export async function locateStart(store: Store, since: WireSince): Promise<StartPosition> {
  const position = toPosition(since);
  const [bounds] = await store.topicBounds([{ epoch: position?.epoch }]) as [TopicBounds];
  if (!position) return { ...await findPosition(store, since, bounds), asOf: Infinity };
  return { ...checkPosition(position, bounds), asOf: resolveAsOf(position) };
}

/**
 * Finds the positions of topics that a connection reads first from where it starts.
 *
 * @param store whose messages are to be read
 * @param start where they start
 * @param topics their names
 * @returns the position of each
 */
export async function locateFromStart(
  store: Store,
  start: StartPosition,
  topics: readonly string[],
): Promise<Position[]> {
  // Mostly nothing can be missing, and nothing has to be asked.
  if (start.gap || start.asOf === Infinity) return topics.map(() => start);
  const allBounds = await store.topicBounds(topics.map((topic) => ({ topic })));
  return allBounds.map((bounds) => checkPosition({ after: start.after, asOf: start.asOf }, bounds));
}

/**
 * Finds where a stream of a topic begins. Whatever goes from then on that it has not been sent is missing to it.
 *
 * @param store whose messages are to be streamed
 * @param topic what is streamed
 * @param since from where; a number is the cursor of a connection, for which what is gone by now is no gap
 * @returns where it begins
 */
export async function locateStream(
  store: Store,
  topic: string,
  since: WireSince | number,
): Promise<Position> {
  if (typeof since === "object" && "after" in since) {
    // To a stream from a position everything after it is missing that is gone.
    const [position] = await locatePositions(store, [{ topic, since: { ...since, asOf: 0 } }]);
    return position!;
  }
  const after = typeof since === "number"
    ? since
    : (await locatePositions(store, [{ topic, since }]))[0]!.after;
  const [{ gone }] = await store.topicBounds([{ topic }]) as [TopicBounds];
  return { after: Math.max(after, gone?.seq ?? 0), gap: undefined };
}

/** Words the loss of messages after a position. */
export function trimmedGap(
  position: number,
  through: number,
  bounds: Pick<TopicBounds, "floor" | "last">,
): Gap {
  const { floor, last } = bounds;
  const message = `Cannot read on from ${position}: messages up to ${through} are gone`;
  return { error: { code: "trimmed", message, position, floor, last }, through };
}

/** A position of an epoch; `undefined` if it is named otherwise. */
function toPosition(since: WireSince): WirePosition | undefined {
  return typeof since === "object" && "after" in since ? since : undefined;
}

/** After a bare number all that is gone is missing; after a position, what went while nobody was there to hear of it. */
function resolveAsOf({ epoch, asOf = epoch === undefined ? 0 : Infinity }: WirePosition): number {
  return asOf;
}

async function findPosition(
  store: Store,
  since: WireSince,
  { floor, last }: TopicBounds,
): Promise<Position> {
  if (since === "now") return { after: last, gap: undefined };
  const { time, ago } = Object(since) as { time?: number; ago?: number };
  const from = ago === undefined ? time : (await store.bounds()).time - ago;
  const retained = from === undefined ? floor : await store.positionAt(from);
  return { after: Math.max(retained, floor), gap: undefined };
}

function checkPosition(position: WirePosition, bounds: TopicBounds): Position {
  const { after } = position;
  const { floor, last, end, gone } = bounds;
  if (end === undefined) {
    // All of the new history comes after the position in the old one.
    const message =
      `Cannot read on from ${after}: the server has lost that history and begun a new one`;
    return gapAt({ code: "epoch_changed", message, position: after, floor, last }, floor);
  }
  if (after > end) {
    const message = `Cannot read on from ${after}: the last message of that history is ${end}`;
    const through = Math.max(end, gone?.seq ?? 0);
    return gapAt({ code: "ahead", message, position: after, floor, last }, through);
  }
  if (gone && gone.seq > after && gone.at > resolveAsOf(position)) {
    const gap = trimmedGap(after, gone.seq, bounds);
    return { after: gap.through, gap };
  }
  return { after, gap: undefined };
}

function gapAt(error: WireError, through: number): Position {
  return { after: through, gap: { error, through } };
}
