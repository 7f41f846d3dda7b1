/**
 * Where a reader starts, and what it means if it cannot start there.
 *
 * A position is a number within an epoch, one opening of the store. If the store knows the epoch and the number is
 * within it, reading continues after it. If the number is beyond the end of the epoch, the tail of the history was
 * lost (`ahead`). An unknown epoch is another history (`epoch_changed`). And if the newest message of the topic
 * that is gone comes after the position, messages are missing (`trimmed`).
 *
 * Of a prefix, messages may be left before the newest one that is gone, because a purge removes those of one topic. They
 * are read first, and what is missing is told once none of them is left: so the gap passes over nothing that is there.
 *
 * @module
 */

import { afterNetworkPoll } from "../budgets/after_network_poll.ts";
import type { WireError } from "../protocol/errors.ts";
import type { TopicFilter, WirePosition, WireSince } from "../protocol/requests.ts";
import type { MessagePage, Store, TopicBounds } from "../stores/store.ts";
import {
  boundsOfPositions,
  type ReadSource,
  startsFromNow,
  toPosition,
} from "./position_bounds.ts";

/** What a reader gets once, in place of a message. */
export interface Gap {
  readonly error: WireError;
  /** Reading continues after this. */
  readonly through: number;
}

/** A position in the store, and whether messages after it are missing. */
export interface Position {
  /** Reading starts after this number. */
  readonly after: number;
  readonly gap: Gap | undefined;
}

/** Where a stream begins. */
export interface StreamBeginning extends Position {
  /** What was gone by this time after the position is no gap (ms, the store's). Default: everything is that is gone. */
  readonly began?: number | undefined;
}

/** Where a connection starts to read topics that it has not read before. */
export interface StartPosition extends Position {
  /** Messages that were gone by this time (ms, the store's) are no gap; `Infinity`: no gap at all. */
  readonly asOf: number;
}

/** A topic to be read, or a prefix, and from where. */
export type TopicSince = TopicFilter & { readonly since: WireSince };

/**
 * Finds the positions that a client asked for.
 *
 * @param source the store to be read
 * @param wanted topics, and from where
 * @returns the position of each; after a gap it is the nearest one from which reading can continue
 */
export async function locatePositions(
  source: ReadSource,
  wanted: readonly TopicSince[],
): Promise<Position[]> {
  const { store, fence } = source;
  const positions = wanted.map(({ since }) => toPosition(since));
  if (fence && wanted.some(({ since }) => startsFromNow(since))) await fence();
  const allBounds = await boundsOfPositions(
    store,
    () =>
      wanted.map(({ topic, prefix }, i) => {
        const { epoch, after } = positions[i] ?? {};
        return { topic, prefix, epoch, after, asOf: positions[i] && asOfIn(store, positions[i]!) };
      }),
    positions,
  );
  return await Promise.all(wanted.map(async (filter, i) => {
    const [position, bounds] = [positions[i], allBounds[i]!];
    if (!position) return await findPosition(store, filter.since, bounds);
    const isTopic = filter.prefix === undefined;
    return checkPosition(
      position,
      isTopic ? bounds : await afterLeft(store, filter, position, bounds),
    );
  }));
}

/**
 * Finds where the topics of a connection start.
 *
 * @param source the store to be read
 * @param since from where
 * @returns where they start; the gap of each topic is found by its first read
 */
export async function locateStart(
  { store, fence }: ReadSource,
  since: WireSince,
): Promise<StartPosition> {
  const position = toPosition(since);
  if (fence && startsFromNow(since)) await fence();
  const query = () => [{ epoch: position?.epoch }];
  const [bounds] = await boundsOfPositions(store, query, [position]) as [TopicBounds];
  if (!position) return { ...await findPosition(store, since, bounds), asOf: Infinity };
  return { ...checkPosition(position, bounds), asOf: asOfIn(store, position) };
}

/**
 * Finds where a group begins that is not there yet. If messages of a position are missing, it is the nearest one.
 *
 * @param source the store to be read
 * @param since from where
 * @returns it gets the messages after this number; `undefined`: all that are retained
 */
export async function locateGroupStart(
  source: ReadSource,
  since: WireSince | undefined,
): Promise<number | undefined> {
  if (since === undefined || since === "start") return undefined;
  const { after } = await locateStart(source, since);
  return after;
}

/**
 * Finds the positions of topics that a connection reads for the first time.
 *
 * @param store the store to be read
 * @param start where the connection starts
 * @param topics their names, or a prefix
 * @returns the position of each
 */
export async function locateFromStart(
  store: Store,
  start: StartPosition,
  topics: readonly TopicFilter[],
): Promise<Position[]> {
  // Mostly nothing can be missing, and the store need not be asked.
  const { after, asOf, gap } = start;
  if (!gap && asOf === Infinity) return topics.map(() => start);
  const counted = { after, asOf: gap ? undefined : asOf };
  const allBounds = await store.topicBounds(topics.map((filter) => ({ ...filter, ...counted })));
  return await Promise.all(allBounds.map(async (topicBounds, i) => {
    const [filter, position] = [topics[i]!, { after }];
    const bounds = filter.prefix === undefined
      ? topicBounds
      : await afterLeft(store, filter, position, topicBounds);
    if (!gap) return checkPosition(position, bounds);
    // What is gone behind the gap belongs to it, and is not told a second time.
    return gapAt(gap.error, Math.max(after, bounds.gone?.seq ?? 0));
  }));
}

/**
 * Finds where a stream of a topic, or of a prefix, begins. Messages that go from then on before they are sent are a gap.
 *
 * @param source the store to be read
 * @param filter what is streamed
 * @param since from where; a number is the cursor or the start of the connection, for which messages that are gone by now are no gap
 * @returns where it begins
 */
export async function locateStream(
  source: ReadSource,
  filter: TopicFilter,
  since: WireSince | number,
): Promise<StreamBeginning> {
  const { store } = source;
  if (typeof since === "object" && "after" in since) {
    // For a stream from a position all messages after it that are gone are missing, but for what was gone when it began.
    const { began } = since;
    const position = { ...since, asOf: began ?? 0 };
    const [found] = await locatePositions(source, [{ ...filter, since: position }]);
    return began === undefined ? found! : { ...found!, began: asOfIn(store, position) };
  }
  const after = typeof since === "number"
    ? since
    : (await locatePositions(source, [{ ...filter, since }]))[0]!.after;
  const [bounds] = await store.topicBounds([{ ...filter, after }]) as [TopicBounds];
  if (filter.prefix === undefined) {
    return { after: Math.max(after, bounds.gone?.seq ?? 0), gap: undefined };
  }
  const oldest = Math.max(after, bounds.floor);
  const { gone } = await afterLeft(store, filter, { after: oldest }, bounds);
  const isLater = gone === undefined && bounds.gone !== undefined && bounds.gone.seq > oldest;
  return {
    after: Math.max(oldest, gone?.seq ?? 0),
    gap: undefined,
    ...(isLater && { began: bounds.asOf }),
  };
}

/** The bounds for a position. While messages of a prefix are left before the newest one that is gone, nothing counts as gone. */
async function afterLeft(
  store: Store,
  { prefix = "" }: TopicFilter,
  { after }: WirePosition,
  bounds: TopicBounds,
): Promise<TopicBounds> {
  const { gone, end = 0 } = bounds;
  if (!gone) return bounds;
  let [position, more] = [Math.min(after, end), true];
  while (more && position < gone.seq) {
    const [page] = await store.read([{ prefix, after: position, count: 1, bytes: 1 }]);
    const [first] = page!.messages;
    if (first) return first.seq <= gone.seq ? { ...bounds, gone: undefined } : bounds;
    [position, more] = [page!.through, page!.more === true];
    // Others go first: the next page may take as long as this one.
    if (more) await new Promise<void>(afterNetworkPoll);
  }
  return bounds;
}

/**
 * What comes before a gap; `undefined` if the gap is next. In a topic the gap comes first. Of a prefix, messages of other
 * topics may be left before what was purged of one.
 */
export function leftBeforeGap(
  page: MessagePage,
  position: number,
  isPrefix: boolean,
): MessagePage | undefined {
  const { gone, messages, through, more } = page;
  if (!gone || gone.seq <= position) return page;
  if (!isPrefix) return undefined;
  const left = messages.filter(({ seq }) => seq <= gone.seq);
  if (left.length > 0) return { ...page, messages: left, through: left.at(-1)!.seq };
  return messages.length === 0 && more && through < gone.seq ? page : undefined;
}

/** The gap of messages that are gone after a number. */
export function trimmedGap(
  after: number,
  through: number,
  bounds: Pick<TopicBounds, "floor" | "last">,
): Gap {
  const { floor, last } = bounds;
  const message = `Cannot read on from ${after}: messages up to ${through} are gone`;
  return { error: { code: "trimmed", message, after, floor, last }, through };
}

/**
 * What was gone by this time is no gap. After a bare number every message that is gone is missing; after a position those that
 * went unnoticed are. Of another epoch that includes what went since the store was opened, though its time may have gone back.
 */
function asOfIn({ epoch: present, openedAt = Infinity }: Store, position: WirePosition): number {
  const { epoch = present, asOf = position.epoch === undefined ? NEVER : Infinity } = position;
  return epoch === present || asOf === Infinity ? asOf : Math.min(asOf, openedAt);
}

/** By this time nothing had gone. */
const NEVER = -1;

async function findPosition(
  store: Store,
  since: WireSince,
  { floor, last }: TopicBounds,
): Promise<Position> {
  if (since === "now") return { after: last, gap: undefined };
  const { time, ago } = Object(since) as { time?: number; ago?: number };
  const from = ago === undefined ? time : (await store.bounds()).time - ago;
  const retained = from === undefined ? floor : await store.seqBefore(from);
  return { after: Math.max(retained, floor), gap: undefined };
}

function checkPosition(position: WirePosition, bounds: TopicBounds): Position {
  const { after } = position;
  const { floor, last, end, gone } = bounds;
  if (end === undefined) {
    // The whole new history comes after a position in the old one.
    const message =
      `Cannot read on from ${after}: the server does not have that history: it has begun a new one, or the position is of another server`;
    return gapAt({ code: "epoch_changed", message, after, floor, last }, floor);
  }
  const { ahead = after } = position;
  const known = Math.min(after, end);
  if (ahead > known) {
    const verb = after > end ? "is" : "was";
    const message =
      `Cannot read on from ${ahead}: the last message of that history ${verb} ${known}`;
    const through = Math.max(known, gone?.seq ?? 0);
    return gapAt({ code: "ahead", message, after: ahead, floor, last }, through);
  }
  if (gone && gone.seq > after) {
    const gap = trimmedGap(after, gone.seq, bounds);
    return { after: gap.through, gap };
  }
  return { after, gap: undefined };
}

function gapAt(error: WireError, through: number): Position {
  return { after: through, gap: { error, through } };
}
