/**
 * What arrived at the clients of a fuzzer: the checkers use it to know who knew what, and when.
 *
 * @module
 */

import type { FuzzConnection, FuzzNetwork } from "./fuzz_network.ts";

/** What one connection received for one topic, or for one stream. */
export interface TopicReads {
  readonly connection: FuzzConnection;
  readonly opening: number;
  /** When its first read was sent (ms). */
  readonly firstRequestAt: number;
  /** When the first of them was answered. */
  firstReplyAt: number;
}

/** A gap that was reported on the wire. */
export interface ReportedGap {
  readonly connection: FuzzConnection;
  readonly topic: string;
  readonly code: string;
  readonly after: number | undefined;
  /** After which number reading goes on. */
  readonly through: number | undefined;
  readonly at: number;
  /** The id of the subscription that was told; none if it was a read. */
  stream: number | undefined;
  /** By a stream that should begin at the connection's cursor. */
  cursor: boolean;
  taken: boolean;
}

/** A message that arrived. */
export interface Arrival {
  readonly opening: number;
  readonly at: number;
  readonly step: number;
  /** The id of the read that it answers; none if it came over a stream. */
  readonly id: number | undefined;
}

/** A request to subscribe that was sent. */
export interface SubscribeSent {
  readonly id: number;
  readonly opening: number;
  readonly step: number;
  /** When it was sent (ms). */
  readonly at: number;
  /** When the answer with its start came; never, if none came. */
  startedAt: number;
  /** After which number. */
  start: number;
}

/** What is known of one client. */
export interface ClientLog {
  /** Where it began: the opening, and the sequence number. */
  base: { readonly opening: number; readonly start: number } | undefined;
  /** The openings that have accepted it. */
  readonly openings: Set<number>;
  /** When it was accepted, and by which opening. */
  readonly hellos: { readonly at: number; readonly opening: number }[];
  /** Reads of a topic, connection by connection. */
  readonly readings: Map<string, TopicReads[]>;
  /** Messages, by their text; each time one came. */
  readonly arrivals: Map<string, Arrival[]>;
  readonly gaps: ReportedGap[];
  /** Requests to subscribe to a topic, in order. */
  readonly subscriptions: Map<string, SubscribeSent[]>;
  readonly lastTimes: Map<FuzzConnection, number>;
}

interface WireItem {
  readonly action?: string;
  readonly id?: number;
  readonly topic?: string;
  readonly prefix?: string;
  readonly since?: unknown;
  readonly sub?: number;
  readonly start?: number;
  readonly through?: number;
  readonly epoch?: string;
  readonly time?: number;
  readonly heartbeat?: number;
  readonly body?: string;
  readonly bodies?: readonly string[];
  readonly error?: { readonly code: string; readonly after?: number };
}

const READS = new Set(["get", "get_latest", "get_wait"]);

/** Whether a request finds the connection's cursor of a topic. */
function isAtCursor({ action = "", since }: WireItem): boolean {
  return READS.has(action) || action === "subscribe" && since === undefined;
}

/** What a request reads: a topic, or a prefix with a `*` behind it. */
function readerOf({ topic, prefix }: WireItem): string | undefined {
  return prefix === undefined ? topic : `${prefix}*`;
}

/** Listens to a network. */
export class WireLog {
  readonly clients: Map<string, ClientLog> = new Map();
  /** All frames, to look for the cause of a fault. */
  readonly lines: string[] = [];
  readonly #network: FuzzNetwork;
  readonly #requests = new Map<FuzzConnection, Map<number, WireItem>>();
  readonly #begin: number;

  /** Listens from now on; `keeps` all frames, too. */
  constructor(network: FuzzNetwork, keepLog = false) {
    this.#network = network;
    this.#begin = network.time.wall - Math.floor(network.time.now);
    const record = ({ client, number }: FuzzConnection, direction: string, what: string) => {
      if (!keepLog) return;
      const at = network.time.now.toFixed(2).padStart(9);
      this.lines.push(`${at} ${network.time.steps} ${client}#${number} ${direction} ${what}`);
    };
    network.observer = {
      sent: (connection, frame) => {
        record(connection, ">", frame);
        this.#sent(connection, frame);
      },
      arrived: (connection, frame) => {
        record(connection, "<", frame);
        this.#arrived(connection, frame);
      },
      happened: (connection, what) => record(connection, "-", what),
    };
  }

  /** What is known of a client. */
  of(name: string): ClientLog {
    let log = this.clients.get(name);
    if (!log) {
      log = {
        base: undefined,
        openings: new Set(),
        hellos: [],
        readings: new Map(),
        arrivals: new Map(),
        gaps: [],
        subscriptions: new Map(),
        lastTimes: new Map(),
      };
      this.clients.set(name, log);
    }
    return log;
  }

  /** The topic of a request. */
  topicOf(connection: FuzzConnection, id: number): string | undefined {
    return this.#requestsOn(connection).get(id)?.topic;
  }

  #sent(connection: FuzzConnection, frame: string): void {
    const requests = this.#requestsOn(connection);
    for (const item of [JSON.parse(frame)].flat() as WireItem[]) {
      if (item.id === undefined) continue;
      requests.set(item.id, item);
      if (item.action === "subscribe") this.#subscribed(connection, readerOf(item)!, item.id);
      if (item.topic === undefined || !isAtCursor(item)) continue;
      const { readings } = this.of(connection.client);
      let list = readings.get(item.topic);
      if (!list) readings.set(item.topic, list = []);
      if (list.at(-1)?.connection === connection) continue;
      const { now } = this.#network.time;
      list.push({
        connection,
        opening: connection.opening,
        firstRequestAt: now,
        firstReplyAt: Infinity,
      });
    }
  }

  #subscribed({ client, opening }: FuzzConnection, topic: string, id: number): void {
    const { subscriptions } = this.of(client);
    const { now: at, steps: step } = this.#network.time;
    const sent = { id, opening, step, at, startedAt: Infinity, start: 0 };
    const all = subscriptions.get(topic);
    if (all) all.push(sent);
    else subscriptions.set(topic, [sent]);
  }

  #requestsOn(connection: FuzzConnection): Map<number, WireItem> {
    let requests = this.#requests.get(connection);
    if (!requests) this.#requests.set(connection, requests = new Map());
    return requests;
  }

  #arrived(connection: FuzzConnection, frame: string): void {
    const log = this.of(connection.client);
    const requests = this.#requestsOn(connection);
    const { now: at, steps: step } = this.#network.time;
    const { opening } = connection;
    for (const item of [JSON.parse(frame)].flat() as WireItem[]) {
      const { id, sub, error, body, bodies } = item;
      const request = id === undefined ? undefined : requests.get(id);
      if (request?.action === "hello" && item.epoch !== undefined) {
        log.base ??= { opening, start: item.start ?? 0 };
        log.openings.add(opening);
        log.hellos.push({ at, opening });
        // A later hello only renews a token: no position counts from its time.
        if (!log.lastTimes.has(connection)) {
          log.lastTimes.set(connection, item.time === undefined ? at : item.time - this.#begin);
        }
      }
      if (item.heartbeat !== undefined && id === undefined && item.time !== undefined) {
        log.lastTimes.set(connection, item.time - this.#begin);
      }
      if (request?.topic !== undefined && isAtCursor(request)) {
        const reading = log.readings.get(request.topic)?.findLast((reading) =>
          reading.connection === connection
        );
        if (reading && reading.firstReplyAt === Infinity) reading.firstReplyAt = at;
      }
      if (sub !== undefined && sub === id && item.start !== undefined) {
        const sent = log.subscriptions.get(readerOf(request ?? {}) ?? "")?.findLast((one) =>
          one.id === id
        );
        if (sent && sent.startedAt === Infinity) {
          Object.assign(sent, { startedAt: at, start: item.start });
        }
      }
      // A page of a backup is nothing that a reader has got.
      const isCopy = request?.action === "backup";
      const texts = bodies ?? (body !== undefined ? [body] : []);
      for (const text of isCopy ? [] : texts) {
        const list = log.arrivals.get(text);
        if (list) list.push({ opening, at, step, id });
        else log.arrivals.set(text, [{ opening, at, step, id }]);
      }
      const asked = request ?? requests.get(sub ?? NaN);
      const topic = asked && readerOf(asked);
      // A purge or a put that is refused tells no reader of anything.
      const isReader = READS.has(asked?.action ?? "") || asked?.action === "subscribe";
      if (error && topic !== undefined && isReader) {
        const { code, after } = error;
        const stream = request?.action === "subscribe"
          ? id
          : request === undefined
          ? sub
          : undefined;
        const cursor = request?.action === "subscribe" && request.topic !== undefined &&
          request.since === undefined;
        log.gaps.push({
          connection,
          topic,
          code,
          after,
          through: item.through,
          at,
          stream,
          cursor,
          taken: false,
        });
      }
    }
  }
}
